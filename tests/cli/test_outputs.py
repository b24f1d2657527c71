"""Where commands write: the ending of a file says its format or is refused, and every `-o` makes its folders."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import pytest

from netdsl.cli import attempt
from netdsl.cli.app import COMMANDS, Parser, run

TEXT = "net Small {\n  input x [3]\n  hidden: linear(4) -> relu\n  output y: linear(2)\n}\n"
WRITTEN = {
    ("report", ".txt"): "parameters", ("report", ".json"): '{\n  "version"', ("report", ".csv"): "path,name,",
    ("report", ".md"): "## Small", ("report", ".tex"): r"\begin{table}", ("report", ".html"): "<!DOCTYPE html>",
    ("report", ".HTM"): "<!DOCTYPE html>", ("report", ""): "parameters", ("draw", ".svg"): "<svg",
    ("diff", ".md"): "## Small", ("diff", ".json"): '{\n  "version"', ("diff", ".txt"): "Small",
    ("check", ".json"): "[", ("check", ".sarif"): '{\n  "$schema"', ("check", ".txt"): "1 file: no mistakes found\n",
}  # fmt: skip
REFUSED = {
    ("report", ".sarif"): "no format ends in .sarif: files are .txt, .json",
    ("report", ".pdf"): "no format ends in .pdf",
    ("report", ".svg"): "draw the net by `netdsl draw`",
    ("report", ".md --format json"): "is no file of --format json: name it {}.json, or leave one out",
    ("draw", ".html"): "a picture is kept in an .svg or .png file; a page is written by `netdsl report",
    ("draw", ""): "a picture is kept in an .svg or .png file",
    ("diff", ".csv"): "no format ends in .csv: files are .txt, .md, .json",
    ("diff", ".md --format json"): "name it {}.json",
    ("check", ".html"): "no format ends in .html: files are .txt, .json, .sarif",
    ("check", ".sarif --format github"): "name it {}.txt",
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "small.net").write_text(TEXT)
    return tmp_path / "small.net"


def words(command: str, text: Path, ending: str) -> list[str]:
    """A command line that writes into a folder that is not there."""
    more = ["--new-set", "wide=5"] if command == "diff" else []
    ending, *options = ending.split(" ")
    return [command, str(text), *more, *options, "-o", f"{text.parent / 'new' / 'made' / command}{ending}"]


def test_the_ending_of_a_file_says_its_format(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text.write_text(TEXT.replace("Small {", "Small(wide = 4) {").replace("linear(4)", "linear(wide)"))
    for (command, ending), begins in WRITTEN.items():
        line = words(command, text, ending)
        assert attempt(line) == 0, capsys.readouterr().err
        assert begins in Path(line[-1]).read_text(encoding="utf-8"), line
        assert line[-1] in capsys.readouterr().out
    line = words("check", text, ".json --format sarif")
    assert attempt(line) == 0
    assert json.loads(Path(line[-1]).read_text())["version"] == "2.1.0"


def test_an_ending_of_something_else_is_refused(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for (command, ending), told in REFUSED.items():
        line = words(command, text, ending)
        with pytest.raises(SystemExit):
            run(line)
        said = capsys.readouterr().err
        assert said.startswith(f"netdsl {command}: error: ")
        assert told.format(Path(line[-1]).with_suffix("")) in said
        assert not (text.parent / "new").exists()


def test_a_text_that_is_read_is_not_written_over(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (["report", "--format", "csv"], ["check", "--format", "json"], ["diff", "HEAD", "--format", "json"]):
        other = [str(text)] if line[0] == "diff" else []
        assert attempt([line[0], str(text), *other, *line[-2:], "-o", str(text)]) == 1
        assert "made from" in capsys.readouterr().err
    assert text.read_text() == TEXT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_output_says_that_its_folder_is_made(name: str) -> None:
    parser: ArgumentParser = Parser(f"netdsl {name}")
    import_module(f"netdsl.cli.{name}").add_arguments(parser)
    for action in parser._actions:
        if "-o" in action.option_strings and action.dest != "folder":  # a run's folder is one
            assert "folders on the way are made" in str(action.help)


def test_bad_usage_is_told_in_two_lines(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in (["report"], ["report", str(text), "--depth", "x"], ["train", str(text), "--engine", "x"]):
        with pytest.raises(SystemExit) as ended:
            run(line)
        first, second = capsys.readouterr().err.splitlines()
        assert ended.value.code == 2
        assert first.startswith(f"netdsl {line[0]}: error: ")
        assert second == f"  try `netdsl {line[0]} --help`"
