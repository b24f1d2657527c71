"""Bodies that were built for other settings are used again, and nobody can tell: what is said and made is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import netdsl
from netdsl import program
from netdsl.base.recent import Recent, RecentOf
from netdsl.elaborate import blocks, earlier
from netdsl.reports.plain import render
from netdsl.text.diagnostics import NetError

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forgets what was read and built before."""

    def forget() -> None:
        monkeypatch.setattr(earlier, "KEPT", RecentOf(8))
        monkeypatch.setattr(program, "TREES", Recent(8))

    forget()
    return forget


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the blocks that are built, as they are."""
    names: list[str] = []
    build = blocks._build

    def told(site, layer, *given):  # type: ignore[no-untyped-def]
        names.append(layer.definition.name.id)
        return build(site, layer, *given)

    monkeypatch.setattr(blocks, "_build", told)
    return names


def facts(text: str, name: str | None = None, **settings: object) -> tuple[str, ...]:
    """All that is said and made of a net."""
    try:
        net = netdsl.load_text(text, name, **settings)  # type: ignore[arg-type]
    except NetError as error:
        return (render(error.diagnostics),)
    demands = [f"{d.condition} {d.source and d.source.span.text}" for d in net.domain.demands]
    wishes = [f"{d.condition} {d.source.span.text}" for d in net.domain.preferences]
    written = sorted((s.source.name, s.start) for s in net.written.expressions)
    used = [d.name.id for d in net.written.definitions.values()]
    report = repr(netdsl.analyze(net, explained=True))
    return str(net), report, netdsl.torch_source(net), repr((demands, wishes, written, used))


@pytest.mark.parametrize("name", ["unet", "llama", "translate", "erfnet"])
def test_nets_of_a_file_are_the_same_after_one_another(name: str, afresh: Callable[[], None]) -> None:
    text = (SPECS / f"{name}.net").read_text(encoding="utf-8")
    names = program.load_text(text).names[:2]
    together = [facts(text, each) for each in [*names, *names[::-1]]]
    for each, found in zip([*names, *names[::-1]], together, strict=True):
        afresh()
        assert facts(text, each) == found


def test_a_body_is_built_once_for_equal_settings(afresh: Callable[[], None], built: list[str]) -> None:
    counts = []
    for classes in (10, 20, 30):
        built.clear()
        netdsl.load(SPECS / "resnet.net", "ResNet50", classes=classes)
        counts.append(len(built))
    assert counts[0] > 8
    assert counts[1:] == [1, 1]  # the classifier


LETS = """let wide = 4
block grow { linear(wide) }
net N(depth = 1) { input x [8]; grow * depth -> linear(2) }"""


def test_what_stands_at_the_top_of_the_file_counts(afresh: Callable[[], None]) -> None:
    widths = [netdsl.analyze(netdsl.load_text(LETS, wide=n)).rows[1].outputs for n in (4, 6, 4)]
    assert widths == [((4,),), ((6,),), ((4,),)]


ORDERS = """block half { conv(4, 3, stride=2, pad=1) -> maxpool(2) }
net Wide { input x [4, H, W]; assert H % 4 == 0; half -> conv(2, 1) }
net Tied { input x [4, H, W]; assert H == 2 * W; half -> conv(2, 1) }
net Small { input x [4, H, W]; conv(4, 9) -> half -> conv(2, 1) }"""


def test_sizes_are_demanded_by_bodies_of_before(afresh: Callable[[], None]) -> None:
    names = ["Wide", "Tied", "Small", "Wide"]
    together = [facts(ORDERS, name) for name in names]
    for name, found in zip(names, together, strict=True):
        afresh()
        assert facts(ORDERS, name) == found
    assert netdsl.load_text(ORDERS, "Small").domain.smallest() == {"H": 11, "W": 11}


UNREAD = """block part(c) {
  input x, y
  set conv(bias=false)
  spare: x -> linear(c)
  x -> linear(c)
}
net N(c = 3) { input a [4], b [4]; (a, b) -> part(c) -> linear(c) }"""


def test_warnings_are_said_every_time(afresh: Callable[[], None]) -> None:
    said = [render(program.check_text(UNREAD)) for _ in range(3)]
    assert said[0].count("warning[") >= 3
    assert said[0] == said[1] == said[2]


DEEP = """block many(n, c) { for i in range(n) { linear(c) } }
net N(times = 100, n = 100) { input x [8]; many(n, 8) * times }"""


def test_limits_hold_for_bodies_of_before(afresh: Callable[[], None]) -> None:
    asked = [{"times": 1, "n": 301}, {"times": 100, "n": 301}, {"times": 1, "n": 301}]
    together = [facts(DEEP, **each) for each in asked]
    assert "too-many-layers" in together[1][0]
    for each, found in zip(asked, together, strict=True):
        afresh()
        assert facts(DEEP, **each) == found


def test_work_counts_for_bodies_of_before(afresh: Callable[[], None]) -> None:
    spent = []
    for _ in range(2):
        read = program.load_file(SPECS / "resnet.net")
        read.net("ResNet50")
        spent.append((read.library.effort, read.library.sizes.left))
    assert spent[0][0] == spent[1][0]


def test_a_neighbour_that_was_changed_is_read_anew(tmp_path: Path, afresh: Callable[[], None]) -> None:
    (tmp_path / "net.net").write_text('use "./parts.net" { part }\nnet N { input x [4]; part -> linear(2) }')
    shapes = []
    for width in (3, 5, 3):
        (tmp_path / "parts.net").write_text(f"let width = {width}\nblock part {{ linear(width) }}\n")
        shapes.append(netdsl.analyze(netdsl.load(tmp_path / "net.net")).rows[0].outputs)
    assert shapes == [((3,),), ((5,),), ((3,),)]


def test_no_more_is_kept_than_is_of_use(afresh: Callable[[], None]) -> None:
    for width in range(1, 40):
        netdsl.load_text(f"block b {{ linear({width}) }}\nnet N {{ input x [4]; b }}")
    assert len(earlier.KEPT._recent) <= 8
