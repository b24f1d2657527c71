"""Diagnostics as SARIF and as workflow commands: places are those of the text, and what was written can be read back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

import netdsl
from netdsl.cli import main
from netdsl.program import check_text
from netdsl.reports.annotations import to_github, to_sarif
from netdsl.text.diagnostics import Diagnostic, Label
from netdsl.text.source import Source, Span

TEXT = """net N {
  input image [3, 32, 32]
  cnov(8, 3)
  image -> maxpol(2)
}
"""
COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def made(message: str, name: str = "a.net", help: str | None = None) -> Diagnostic:
    return Diagnostic("some-code", message, (Label(Span(Source(name, "α β\nγ δ\n"), 2, 5)),), help=help)


def read(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as its runner reads it: https://github.com/actions/toolkit, of which the order is kept here."""
    found = COMMAND.fullmatch(line)
    assert found is not None, line
    given = dict(part.split("=", 1) for part in found[2].split(","))

    def plain(text: str) -> str:
        return (
            text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%25", "%")
        )

    return found[1], {name: plain(value) for name, value in given.items()}, plain(found[3])


def test_sarif_points_where_the_text_is_wrong() -> None:
    found = check_text(TEXT, "nets/some file.net")
    log = to_sarif(found, "1.2")
    run = log["runs"][0]
    assert (log["version"], run["columnKind"]) == ("2.1.0", "unicodeCodePoints")
    assert run["tool"]["driver"]["version"] == "1.2"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert len(run["results"]) == len(found) == 2
    for d, result in zip(found, run["results"], strict=True):
        assert (rules[result["ruleIndex"]], result["ruleId"], result["level"]) == (d.code, d.code, d.severity.value)
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "nets/some%20file.net"}
        region = place["region"]
        line = TEXT.splitlines()[region["startLine"] - 1]
        assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == d.span.text
        assert d.message in result["message"]["text"]
    fix = run["results"][0].get("fixes")
    assert fix is None or fix[0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"] == "conv"


def test_sarif_keeps_what_means_something_there() -> None:
    """Braces are doubled, and brackets before a parenthesis, which would be a link, have backslashes (3.11.5, 3.11.6)."""
    text = to_sarif([made("write `{ x }`", help="not [a](b)")], "1")["runs"][0]["results"][0]["message"]["text"]
    assert text == "write `{{ x }}`\nhelp: not \\[a\\](b)"


def test_places_of_files_are_addresses(tmp_path: Path) -> None:
    path = tmp_path / "a #1.net"
    uri = to_sarif([made("x", str(path))], "1")["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert unquote(urlparse(uri["artifactLocation"]["uri"]).path) == str(path)


def test_commands_of_a_workflow_can_be_read_back() -> None:
    d = made("100% wrong: a, b\nand\r%0A more", "a,b: 100%.net", help="so::help")
    (line,) = to_github([d]).splitlines()
    kind, given, message = read(line)
    assert kind == "error"
    assert given == {
        "file": "a,b: 100%.net", "line": "1", "endLine": "2", "col": "3", "endColumn": "2", "title": "some-code",
    }  # fmt: skip
    assert message == "100% wrong: a, b\nand\r%0A more\nhelp: so::help"


@pytest.mark.parametrize("format", ["sarif", "github"])
@pytest.mark.parametrize("wrong", [True, False])
def test_check_writes_both_of_several_files(
    format: str, wrong: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.net", "b.net"):
        (tmp_path / name).write_text(TEXT if wrong else "net N { input x [3]\n linear(2) }\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["netdsl", "check", str(tmp_path), "--format", format])
    with pytest.raises(SystemExit) as ended:
        main()
    out = capsys.readouterr().out
    assert ended.value.code == int(wrong)
    if format == "sarif":
        run = json.loads(out)["runs"][0]
        assert len(run["results"]) == 4 * wrong
        assert run["tool"]["driver"]["version"] == netdsl.__version__
    else:
        *commands, summary = out.splitlines()
        assert [Path(read(c)[1]["file"]).name for c in commands] == ["a.net", "a.net", "b.net", "b.net"] * wrong
        assert summary == ("2 files: 4 errors, 0 warnings" if wrong else "2 files: no mistakes found")
