"""The report as a page: what it holds, that no text of a net can change it, and its command."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from conftest import Golden
from drawn_nets import Drawing
from page_numbers import PageNumbers

import netdsl
from netdsl.analysis.columns import in_rows
from netdsl.cli.app import run
from netdsl.page.assemble import SCRIPTS, embedded
from netdsl.page.document import document
from netdsl.reports.folding import lines
from netdsl.text.diagnostics import NetError

SPECS = Path(__file__).parents[2] / "specs"


class Elements(HTMLParser):
    """The elements of a page in their order, and the texts of those that hold nothing else."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open = tag
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open][-1] += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def told(net: netdsl.Net) -> dict[str, Any]:
    """The data of a page at the sizes that a report chooses."""
    return dict(document(net, netdsl.analyze(net)))


def data_of(page: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Elements(page).texts["script"][0])
    return found


def test_the_data_of_lenet(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS.parent)
    data = data_of(netdsl.report(netdsl.load("specs/lenet.net"), format="html"))
    lists = {"rows", "schedule", "forms"}
    lines = [f"{json.dumps(key)}: {_lines(data[key]) if key in lists else _line(data[key])}" for key in data]
    golden("LeNet.page.json", "{\n" + ",\n".join(lines) + "\n}\n")


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(value: Any) -> str:
    if isinstance(value, dict):
        return "{\n" + ",\n".join(f" {json.dumps(k)}: {_lines(v)}" for k, v in value.items()) + "}"
    return "[\n" + ",\n".join("  " + _line(each) for each in value) + "]"


def test_a_page_is_the_same_to_the_byte() -> None:
    net = netdsl.load(SPECS / "unet.net")
    assert netdsl.report(net, format="html") == netdsl.report(netdsl.load(SPECS / "unet.net"), format="html")


def test_a_page_asks_no_network_for_anything() -> None:
    page = netdsl.report(netdsl.load(SPECS / "resnet.net", "ResNet152"), format="html")
    elements = Elements(page)
    assert {tag for tag, _ in elements.found} & {"link", "img", "iframe", "object", "embed", "base"} == set()
    assert [
        a for _, attributes in elements.found for a in attributes if a in ("src", "href", "style") or a[:2] == "on"
    ] == []
    (policy,) = (a["content"] or "" for a in elements.named("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    for word, text in (("script-src", elements.texts["script"][1]), ("style-src", elements.texts["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{word} 'sha256-{digest}'" in policy
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in page


def test_repeated_blocks_stand_there_once_with_their_count() -> None:
    data = told(netdsl.load(SPECS / "resnet.net", "ResNet152"))
    rows: Any = data["rows"]
    found = {row["name"]: row["copies"] for row in rows if row["copies"] > 1}
    assert found == {
        "stage1.bottleneck2…3": 2,
        "stage2.bottleneck2…8": 7,
        "stage3.bottleneck2…36": 35,
        "stage4.bottleneck2…3": 2,
    }
    paths = [path for row in rows for path in row.get("paths", [row["path"]])]
    report = netdsl.analyze(netdsl.load(SPECS / "resnet.net", "ResNet152"))
    assert sorted(paths) == sorted(row.path for row in report.rows)


HOSTILE = """# </script><script>alert(1)</script> & "quotes" 'more' <!-- <b>.
net Bad {
  input x [4]
  assert macs < 1K, "</script><img src=x onerror=alert(1)>"
  one: linear(4) -> relu
}
"""


@pytest.mark.parametrize(
    ("file", "name"), [("resnet", "ResNet50"), ("resnet", "ResNet152"), ("vit", None), ("gpt", None)]
)
def test_folded_rows_are_those_of_the_terminal(file: str, name: str | None) -> None:
    """Each number that a page shows of blocks that it shows once is that of the table of a report."""
    net = netdsl.load(SPECS / f"{file}.net", name)
    report, data = netdsl.analyze(net), told(net)
    numbers = PageNumbers(data, dict(report.at), 1).rows()
    drawn = {shown.row.path: shown for shown in lines(report.rows)}
    folded = 0
    for row, found in zip(data["rows"], numbers, strict=True):
        shown = drawn[row["path"]]
        assert (row["name"], row["copies"]) == (shown.name, shown.copies)
        folded += shown.copies > 1
        for column in in_rows():
            if column.number:
                assert found.get(column.name, 0) * row["copies"] == (getattr(shown.row, column.name) or 0), row["path"]
        seen, field = shown.row.receptive_field, row.get("field")
        assert (field is None) == (seen is None), row["path"]
        if seen is not None and field is not None:
            assert (field.get("size"), field.get("stride")) == (seen.size, seen.stride), row["path"]
    assert folded


def test_the_second_and_third_block_see_what_the_third_does() -> None:
    rows = {row["name"]: row for row in told(netdsl.load(SPECS / "resnet.net", "ResNet50"))["rows"]}
    folded = [row["field"]["size"][0] for name, row in rows.items() if "…" in name]
    assert folded == [35, 91, 267, 427]


def test_no_text_of_a_net_is_markup(tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=alert(1)>&.net"
    file.write_text(HOSTILE, encoding="utf-8")
    page = netdsl.report(netdsl.load(file), format="html")
    harmless = netdsl.load_text("# Words.\n" + HOSTILE.partition("\n")[2])
    elements, plain = Elements(page), Elements(netdsl.report(harmless, format="html"))
    assert [tag for tag, _ in elements.found] == [tag for tag, _ in plain.found]
    data = data_of(page)
    assert data["doc"].startswith("</script><script>alert(1)</script> & \"quotes\" 'more' <!-- <b>.")
    assert data["file"] == str(file)
    assert elements.texts["p"][0] == data["doc"]


def test_data_in_a_script_end_nothing() -> None:
    texts = ["</script>", "<!--<script>", "]]>", "\u2028", '"\\', "&lt;"]
    text = embedded({"a": texts})
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == {"a": texts}


def test_scripts_write_no_markup() -> None:
    """Texts of a net reach the page by `textContent` and `append` alone."""
    folder = Path(netdsl.__file__).parent / "page"
    text = "\n".join((folder / name).read_text("utf-8") for name in SCRIPTS)
    assert (
        re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(|import\(", text
        )
        == []
    )
    assert sorted(p.name for p in folder.glob("*.js")) == sorted(SCRIPTS)


# ---------------------------------------------------------------- sizes

QUICK = [
    ("lenet", None),
    ("unet", None),
    ("unet", "UNetSame"),
    ("resnet", "ResNet18"),
    ("char_rnn", "CharLSTM"),
    ("bert", None),
]


def settings(net: netdsl.Net) -> list[tuple[dict[str, int], int]]:
    """Sizes and batches of all kinds: those of the report, allowed ones, and some that the net may refuse."""
    drawn, first = random.Random(net.name), netdsl.analyze(net)
    tried = [(dict(first.at), 1), (dict(first.at), 7)]
    for batch in (1, 3, 64):
        tried.append(({s: drawn.randint(first.sizes[s].minimum or 1, 2 * first.at[s] + 9) for s in first.at}, batch))
    return tried


def hold(net: netdsl.Net, data: Mapping[str, Any], sizes: dict[str, int], batch: int) -> None:
    """The data say at some sizes what a report says there, row by row, and refuse the sizes that it refuses."""
    numbers = PageNumbers(dict(data), sizes, batch)
    try:
        report = netdsl.analyze(net, sizes=sizes, batch=batch)
    except NetError:
        assert not numbers.possible()
        return
    assert numbers.possible()
    rows, adding = {row.path: row for row in report.rows}, [c["name"] for c in data["columns"] if c["adds"]]
    for row, found in zip(data["rows"], numbers.rows(), strict=True):
        for path in row.get("paths", [row["path"]]):
            told = rows[path]
            assert {c: found.get(c, 0) for c in adding} == {c: getattr(told, c) or 0 for c in adding}, path
            assert tuple(tuple(numbers.forms[e] for e in shape) for shape in row.get("out", [])) == told.outputs
    totals = numbers.totals()
    assert {c: totals.get(c, 0) for c in adding} == {c: getattr(report.totals, c) for c in adding}
    assert numbers.peak() == report.totals.peak_inference_bytes


@pytest.mark.parametrize(("file", "name"), QUICK, ids=lambda part: part or "first")
def test_a_page_reckons_what_a_report_says(file: str, name: str | None) -> None:
    net = netdsl.load(SPECS / f"{file}.net", name)
    data = told(net)
    for sizes, batch in settings(net):
        hold(net, data, sizes, batch)


@pytest.mark.parametrize("seed", range(40))
def test_pages_of_drawn_nets_reckon_what_reports_say(seed: int) -> None:
    try:
        net = netdsl.load_text(Drawing(seed).text())
    except NetError:
        return
    data = told(net)
    for sizes, batch in settings(net)[::2]:
        hold(net, data, sizes, batch)


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SPECS.glob("*.net")), ids=lambda path: path.stem)
def test_pages_of_all_specs_reckon_what_reports_say(path: Path) -> None:
    from netdsl.program import load_file

    for name in load_file(path).names:
        net = netdsl.load(path, name)
        data = told(net)
        for sizes, batch in settings(net):
            hold(net, data, sizes, batch)


@pytest.mark.parametrize(("file", "name"), [("unet", "UNetSame"), ("resnet", "ResNet18"), ("vit", None)])
def test_a_field_that_is_the_same_at_all_sizes_is_so(file: str, name: str | None) -> None:
    net = netdsl.load(SPECS / f"{file}.net", name)
    rows: Any = told(net)["rows"]
    at = netdsl.analyze(net).at
    seen = {row.path: row.receptive_field for row in netdsl.analyze(net).rows}
    later = {row.path: row.receptive_field for row in netdsl.analyze(net, sizes={s: 2 * n for s, n in at.items()}).rows}
    for row in rows:
        one, other = seen[row["path"]], later[row["path"]]
        if one is not None and not one.whole and not row.get("loose"):
            assert one == other


def test_numbers_beyond_those_of_javascript_are_texts() -> None:
    net = netdsl.load_text("net Big {\n input x [1000000]\n linear(200000000) -> linear(3000000000)\n}")
    forms: Any = told(net)["forms"]
    assert "600000003000000000" in forms
    assert 600000003000000000 not in forms


# ---------------------------------------------------------------- the command


def test_the_command_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.html"
    assert (
        run(
            [
                "report",
                str(SPECS / "resnet.net"),
                "--format",
                "html",
                "--size",
                "H=64,W=64",
                "--batch",
                "2",
                "-o",
                str(file),
            ]
        )
        == 0
    )
    assert capsys.readouterr().out == f"ResNet18 → {file}\n"
    data = data_of(file.read_text("utf-8"))
    assert [(s["name"], s["at"]) for s in data["sizes"]] == [("H", 64), ("W", 64)]
    assert data["batch"] == 2
    assert [
        data["facts"][-1][0],
        data["facts"][-1][1][:40],
    ] == ["same file", "ResNet34, ResNet50, ResNet101, ResNet152"]


def test_every_format_can_be_written(tmp_path: Path) -> None:
    for format, word in (
        ("table", "parameters"),
        ("json", '"net"'),
        ("csv", "path,name"),
        ("markdown", "|"),
        ("html", "<!DOCTYPE"),
    ):
        file = tmp_path / f"report-{format}"
        assert run(["report", str(SPECS / "lenet.net"), "--format", format, "-o", str(file)]) == 0
        assert word in file.read_text("utf-8")


@pytest.mark.parametrize("option", [["--depth", "1"], ["--expand"], ["--width", "80"], ["--explain"]], ids=" ".join)
def test_what_is_about_tables_is_refused(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["report", str(SPECS / "lenet.net"), "--format", "html", *option])
    assert ended.value.code
    assert f"{option[0]} has no html (a page has every row" in capsys.readouterr().err
