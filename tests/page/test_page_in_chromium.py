"""Pages as a person uses them: folding, sorting, light, search, keys, sliders, colours; and nothing in the console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Tab, chromium
from page_numbers import PageNumbers
from test_page import HOSTILE, settings, told

import netdsl
from netdsl.analysis.quantities import byte_size, grouped

pytestmark = pytest.mark.slow

SPECS = Path(__file__).parents[2] / "specs"
DOWN, UP, LEFT, RIGHT, ENTER, ESCAPE, END, HOME = (
    "\ue015", "\ue013", "\ue012", "\ue014", "\ue007", "\ue00c", "\ue010", "\ue011",
)  # fmt: skip


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with chromium() as found:
        yield found


@pytest.fixture(autouse=True)
def silent(tab: Tab) -> Iterator[None]:
    yield
    assert tab.said() == []


def opened(tab: Tab, tmp_path: Path, file: str, name: str | None = None, **how: object) -> netdsl.Net:
    net = netdsl.load(SPECS / file, name)
    page = tmp_path / "page.html"
    page.write_text(netdsl.report(net, format="html"), encoding="utf-8")
    tab.open(page, **how)  # type: ignore[arg-type]
    return net


def names(tab: Tab) -> list[str]:
    return tab.texts("tbody tr .label")


def here(tab: Tab) -> str:
    return str(tab.run("return document.activeElement.querySelector('.label').textContent"))


def cards(tab: Tab) -> dict[str, str]:
    return dict(zip(tab.texts(".card .word"), tab.texts(".card strong"), strict=True))


def test_rows_are_those_of_the_report(tab: Tab, tmp_path: Path) -> None:
    net = opened(tab, tmp_path, "lenet.net")
    report = netdsl.analyze(net)
    assert names(tab) == [row.name for row in report.rows]
    assert tab.texts("td.macs") == [grouped(row.macs) if row.macs else "–" for row in report.rows]
    assert tab.texts("td.activation_bytes") == [
        byte_size(r.activation_bytes) if r.activation_bytes else "–" for r in report.rows
    ]
    assert tab.texts("td.receptive_field")[:4] == ["5 (1)", "5 (1)", "6 (2)", "14 (2)"]
    assert cards(tab)["MACs"] == "416,520"


def test_blocks_fold(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "resnet.net", "ResNet152")
    folded = names(tab)
    assert folded == [
        "stem", "stage1.bottleneck1", "stage1.bottleneck2…3", "stage2.bottleneck1", "stage2.bottleneck2…8",
        "stage3.bottleneck1", "stage3.bottleneck2…36", "stage4.bottleneck1", "stage4.bottleneck2…3", "logits",
    ]  # fmt: skip
    assert tab.text("tbody tr:nth-child(7) td.layer") == "bottleneck(256) × 35"
    tab.click("tbody tr:nth-child(7) .folder")
    assert len(names(tab)) > len(folded)
    assert tab.run("return document.querySelector('tbody tr:nth-child(7)').getAttribute('aria-expanded')") == "true"
    assert tab.run("return document.querySelector('tbody tr:nth-child(8)').getAttribute('aria-level')") == "2"
    tab.click("#unfold")
    assert len(names(tab)) == tab.run("return JSON.parse(document.getElementById('data').textContent).rows.length")
    tab.click("#fold")
    assert names(tab) == folded


def test_columns_sort_within_blocks_and_flat(tab: Tab, tmp_path: Path) -> None:
    net = opened(tab, tmp_path, "resnet.net", "ResNet18")
    tab.click("th.macs button")
    assert tab.find("th.macs").get_attribute("aria-sort") == "descending"
    numbers = [int(text.replace(",", "")) for text in tab.texts("tbody tr[aria-level='1'] td.macs")]
    assert numbers == sorted(numbers, reverse=True)
    tab.click("#flat")
    leaves = sorted((row for row in netdsl.analyze(net).leaves()), key=lambda row: -(row.macs or 0))
    assert tab.texts("tbody td.macs")[:5] == [grouped(row.macs or 0) for row in leaves[:5]]
    assert "." in names(tab)[0], "a row that stands alone is called by its path"
    tab.click("th.macs button")
    assert tab.find("th.macs").get_attribute("aria-sort") == "ascending"
    tab.click("th.macs button")
    tab.click("#flat")
    assert names(tab)[0] == "stem"
    tab.click("th.receptive_field button")
    assert tab.texts("td.receptive_field")[0] == "all"


def test_search(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "resnet.net", "ResNet152")
    tab.keys("/")
    tab.keys("skip", " batchnorm")
    assert tab.text("#found").startswith("4 of ")
    assert [name for name in names(tab) if "batchnorm" in name] == ["skip.batchnorm1"] * 4
    assert tab.texts("mark")[0] == "skip"
    tab.keys(ENTER)
    assert here(tab) == "skip.batchnorm1"
    tab.keys(ESCAPE)
    assert tab.text("#found") == ""
    assert len(names(tab)) == 10


def test_keys(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "resnet.net", "ResNet152")
    tab.run("document.querySelector('tbody tr').focus()")
    tab.keys(DOWN, DOWN)
    assert here(tab) == "stage1.bottleneck2…3"
    tab.keys(ENTER)
    assert len(names(tab)) > 10
    tab.keys(RIGHT)
    assert here(tab) not in ("stage1.bottleneck2…3", "stage2.bottleneck1")
    tab.keys(LEFT, LEFT)
    assert len(names(tab)) == 10
    assert here(tab) == "stage1.bottleneck2…3"
    tab.keys(END)
    assert here(tab) == "logits"
    tab.keys(HOME, " ")
    assert tab.run("return document.activeElement.getAttribute('aria-selected')") == "true"
    tab.keys(ESCAPE)
    assert tab.run("return document.activeElement.getAttribute('aria-selected')") is None
    assert tab.run("return document.querySelectorAll('tbody tr[tabindex=\"0\"]').length") == 1


def test_a_row_lights_what_belongs_to_it(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "lenet.net")
    tab.point("tbody tr:nth-child(4) td.layer")
    assert tab.text("#row h2") == "conv2"
    assert "14 × 14 pixels, 2 from one to the next; here 25.0 %" in tab.text("#field .says")
    assert tab.run("return document.querySelectorAll('#memory rect.lit').length") == 1
    assert "25.9" not in tab.text("#memory .says")
    assert "alive in this step" in tab.text("#memory .says")
    tab.point("#memory svg")
    assert tab.run("return document.querySelectorAll('tr.lit').length") == 1
    tab.point("h1")
    assert tab.run("return document.querySelectorAll('tr.lit').length") == 0


def lit_boxes(tab: Tab) -> list[str]:
    return list(tab.run("return [...document.querySelectorAll('#drawing .lit')].map((box) => box.dataset.path)"))


def test_drawing_and_table_light_each_other(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "resnet.net", "ResNet152")
    tab.point("tbody tr:nth-child(7) td.layer")
    assert lit_boxes(tab) == ["stage3.bottleneck2"]
    tab.click("tbody tr:nth-child(7) .folder")
    tab.point("tbody tr:nth-child(9) td.layer")
    assert lit_boxes(tab) == ["stage3.bottleneck2"], "a row inside a folded box lights the box"
    tab.point("#drawing [data-path='stage1.bottleneck1'] .frame")
    assert tab.texts("tr.lit .label") == ["stage1.bottleneck1"]
    assert lit_boxes(tab) == ["stage1.bottleneck1"]
    tab.click("#drawing [data-path='stage1.bottleneck1'] .title")
    tab.point("h1")
    assert tab.texts("tr.held .label") == ["stage1.bottleneck1"]
    assert lit_boxes(tab) == ["stage1.bottleneck1"]
    tab.keys(ESCAPE)
    assert lit_boxes(tab) == []


def test_shapes_on_the_arrows_follow_the_sliders(tab: Tab, tmp_path: Path) -> None:
    net = opened(tab, tmp_path, "unet.net", "UNet")
    assert tab.texts("#drawing .shape")[:2] == ["1×572×572", "64×568×568"]
    tab.click("#together")
    tab.put("[aria-label='W as a number']", 700)
    assert tab.texts("#drawing .shape")[:2] == ["1×572×700", "64×568×696"]
    assert tab.texts("#drawing .shape.stale") == []
    shapes = {"×".join(map(str, row.outputs[0])) for row in netdsl.analyze(net, sizes={"H": 572, "W": 700}).rows}
    assert set(tab.texts("#drawing .shape")) <= {*shapes, "1×572×700"}
    tab.click("#reset")
    assert tab.texts("#drawing .shape")[:2] == ["1×572×572", "64×568×568"]


def test_a_step_reveals_a_row_that_is_folded(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "swin.net", "SwinT")
    rows = len(names(tab))
    tab.click("#memory svg")
    assert len(names(tab)) > rows
    assert len(tab.texts("tr.held")) == 1


@pytest.mark.parametrize(("file", "name", "sizes", "batch"), [
    ("unet.net", "UNet", {"H": 700, "W": 700}, 3), ("resnet.net", "ResNet50", {"H": 225, "W": 225}, 64),
    ("char_rnn.net", "CharLSTM", {"T": 17}, 5),
], ids=lambda part: part if isinstance(part, str) else "")  # fmt: skip
def test_sliders_say_what_a_report_says(
    tab: Tab, tmp_path: Path, file: str, name: str, sizes: dict[str, int], batch: int
) -> None:
    net = opened(tab, tmp_path, file, name)
    tab.put(f"[aria-label='{next(iter(sizes))} as a number']", next(iter(sizes.values())))
    tab.put("[aria-label='batch']", batch)
    tab.click("#unfold")
    report = netdsl.analyze(net, sizes=sizes, batch=batch)
    totals = report.totals
    assert cards(tab) == {
        "parameters": grouped(totals.params), "MACs": grouped(totals.macs), "FLOPs": grouped(totals.flops_core),
        "model size": byte_size(totals.model_bytes), "activations": byte_size(totals.activation_bytes),
        "peak memory": byte_size(totals.peak_inference_bytes),
    }  # fmt: skip
    assert f"{grouped(totals.peak_inference_bytes)} bytes" in tab.text(".card:last-child .more")
    top = [row for row in report.rows if row.depth == 0 and row.kind == "layer"]
    shown = dict(zip(names(tab), zip(tab.texts("td.macs"), tab.texts("td.shape"), strict=True), strict=True))
    for row in top:
        assert shown[row.name] == (grouped(row.macs) if row.macs else "–", " ".join(str(list(s)) for s in row.outputs))
    tab.click("#reset")
    assert cards(tab)["MACs"] == grouped(netdsl.analyze(net).totals.macs)


def test_sizes_that_cannot_be_are_told_with_their_line(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "unet.net", "UNet")
    tab.put("[aria-label='H as a number']", 100)
    assert "H = 100 is none that the net takes: line 13, otherwise a window of 3 does not fit" in tab.text(
        "#sizes .says"
    )
    assert tab.run("return document.querySelector(\"[aria-label='H as a number']\").value") == "188"
    tab.put("[aria-label='H as a number']", 190)
    assert "windows drop pixels" in tab.text("#sizes .says")


TIED = """
net Pair {
  input image [3, H, W]
  input mask [3, H, V]
  both: image + mask
  conv(4, 3, stride=2)
}
"""


def test_sizes_that_are_tied_move_together(tab: Tab, tmp_path: Path) -> None:
    net = netdsl.load_text(TIED)
    page = tmp_path / "page.html"
    page.write_text(netdsl.report(net, format="html", sizes={"H": 40, "W": 60}), encoding="utf-8")
    tab.open(page)
    tab.put("[aria-label='W as a number']", 81)
    value = "return document.querySelector(arguments[0]).value"
    assert [tab.run(value, f"[aria-label='{symbol} as a number']") for symbol in "HWV"] == ["40", "81", "81"]
    assert cards(tab)["MACs"] == grouped(netdsl.analyze(net, sizes={"H": 40, "W": 81}).totals.macs)


def test_a_field_of_other_sizes_is_crossed_out(tab: Tab, tmp_path: Path) -> None:
    opened(tab, tmp_path, "unet.net", "UNet")
    assert tab.texts("td.stale") == []
    tab.put("[aria-label='H as a number']", 190)
    assert tab.texts("td.stale") == ["172 (8)", "188 (4)", "188–204 (2)", "188–204 (1)", "188–204 (1)"]
    tab.point("tbody tr:last-child td.layer")
    assert tab.text("#field .says").endswith("(at H = 572, W = 572).")


def test_dark_and_light(tab: Tab, tmp_path: Path) -> None:
    back = "return getComputedStyle(document.body).backgroundColor"
    opened(tab, tmp_path, "lenet.net")
    light = tab.run(back)
    opened(tab, tmp_path, "lenet.net", dark=True)
    dark = tab.run(back)
    tab.printed()
    assert tab.run(back) == "rgb(255, 255, 255)"
    opened(tab, tmp_path, "lenet.net", dark=True)
    assert light != dark
    tab.click("#theme")
    assert tab.run(back) == light
    tab.click("#theme")
    assert tab.run(back) == dark
    tab.printed()
    assert tab.run(back) == "rgb(255, 255, 255)"


def test_a_hostile_file_is_text(tab: Tab, tmp_path: Path) -> None:
    net = netdsl.load_text(HOSTILE, name="<img src=x onerror=alert(1)>")
    page = tmp_path / "page.html"
    page.write_text(netdsl.report(net, format="html"), encoding="utf-8")
    tab.open(page)
    tab.run("document.querySelector('tbody tr').focus()")
    assert tab.run("return document.querySelectorAll('img, b, script:not([id])').length") == 1, "the page's own script"
    assert tab.text("#row dl").endswith("of <img src=x onerror=alert(1)>")


@pytest.mark.parametrize(("file", "name"), [("resnet.net", "ResNet152"), ("swin.net", "SwinT")])
def test_large_nets_stay_fluid(tab: Tab, tmp_path: Path, file: str, name: str) -> None:
    """All rows unfolded: few elements while folded, all when asked for, and light that touches no other row."""
    opened(tab, tmp_path, file, name)
    assert tab.run("return document.querySelectorAll('tbody tr').length") < 40
    tab.click("#unfold")
    rows = tab.run("return document.querySelectorAll('tbody tr').length")
    assert rows == tab.run("return JSON.parse(document.getElementById('data').textContent).rows.length") > 90
    touched = tab.run(
        "const seen = new Set(); const watch = new MutationObserver((all) => all.forEach((m) => seen.add(m.target)));"
        "watch.observe(document.querySelector('tbody'), {subtree: true, attributes: true, childList: true});"
        "document.querySelectorAll('tbody tr')[50].dispatchEvent(new MouseEvent('mouseover', {bubbles: true}));"
        "watch.takeRecords().forEach((m) => seen.add(m.target)); return seen.size"
    )
    assert touched <= 3


EVALUATOR = """
const [text, data, sizes, batch] = arguments;
const { Evaluated, nested } = new Function(`${text}; return { Evaluated, nested };`)();
const found = new Evaluated(nested(data), sizes, batch);
const columns = data.columns.filter((column) => column.adds).map((column) => column.name);
const plain = (numbers) => Object.fromEntries(Object.entries(numbers).map(([k, v]) => [k, v === null ? null : String(v)]));
const rows = found.rows(columns);
return [rows.map(plain), plain(found.totals(rows, columns)), String(found.peak().bytes), found.unmet(data.demands).length];
"""


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.net")), ids=lambda path: path.stem)
def test_the_script_reckons_what_reports_say(tab: Tab, path: Path) -> None:
    """The first net of each file, at sizes of all kinds: whole numbers of any length, for browsers have no others."""
    text = (Path(netdsl.__file__).parent / "page" / "sizes.js").read_text("utf-8")
    net = netdsl.load(path)
    data = told(net)
    tab.driver.get("about:blank")
    for sizes, batch in settings(net):
        rows, totals, peak, unmet = tab.run(EVALUATOR, text, data, [sizes[s] for s in net.symbols], batch)
        expected = PageNumbers(data, sizes, batch)
        assert (unmet == 0) == expected.possible()
        if unmet:
            continue
        for row, found, numbers in zip(data["rows"], rows, expected.rows(), strict=True):
            silent = {name for name, place in row.get("numbers", {}).items() if place is None}
            wanted = {name: numbers.get(name, 0) * row["copies"] for name in found}
            assert found == {n: None if n in silent else str(number) for n, number in wanted.items()}, row["path"]
        assert totals == {name: str(expected.totals().get(name, 0)) for name in totals}
        assert peak == str(expected.peak())
