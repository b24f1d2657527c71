"""The public functions that are more than an import: load a net, check a file, print a report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netdsl.base.asking import named, public, unknown_word
from netdsl.base.errors import ArgumentError
from netdsl.dims.tensors import LARGEST
from netdsl.graph import Net
from netdsl.program import check_program, load_file, require_symbols
from netdsl.program import load_text as program_from_text
from netdsl.reports import FORMATS as REPORTS
from netdsl.text.diagnostics import Diagnostic, Label, NetError
from netdsl.text.source import Source, Span

if TYPE_CHECKING:
    from netdsl.analysis.counted import ToolCount
    from netdsl.analysis.report import Report
    from netdsl.drawing import Diagram
    from netdsl.fitting.fit import MemoryFit


@public()
def load(path: str | os.PathLike[str], net: str | None = None, **settings: Any) -> Net:
    """A net of a `.net` file: the one called `net`, or the first. Settings replace the defaults of its parameters.

    Raises `NetError` with everything that is wrong, each mistake with its place; those of its `train` section are
    left to what trains.
    """
    return load_file(path, _written(settings), options=_named(settings)).net(net, trained=False)


@public()
def load_text(text: str, net: str | None = None, name: str = "text", **settings: Any) -> Net:
    """As `load`, from a text; `name` is what diagnostics call it."""
    return program_from_text(text, name, _written(settings), options=_named(settings)).net(net, trained=False)


@public()
def check(
    path: str | os.PathLike[str], *, sizes: Mapping[str, int] | None = None, strict: bool = False
) -> list[Diagnostic]:
    """Everything there is to say about a file: errors and warnings of all its nets, budgets included.

    `sizes` are judged, too: of each net for the symbols that it has. Where it is `strict`, warnings and what is
    not counted are errors. `NetError` for a file that cannot be read, and for a symbol that no net has.
    """
    program = load_file(path)
    found = check_program(program, sizes)
    require_symbols([program], sizes or {})
    if strict:
        from netdsl.strictness import strictly

        found = strictly(program, found, sizes or {})
    return found


@public(
    least={"depth": 0, "width": 1},
    elsewhere={
        "formulas": "netdsl.formulas(net) gives them",
        "training": "netdsl.fit(net) says what training takes, report(net, backward=True) how the net learns",
        "device": "netdsl.fit(net, device=…) says whether a net fits",
        "checkpoint": "netdsl.fit(net, checkpoint=[…]) says what that saves",
        "sweep": 'netdsl.sweep(net, "H=160..640:32") counts at many sizes',
        "convention": 'write conventions=["thop"]',
        "size": 'write sizes={"H": 224}',
    },
)
def report(
    net: Net,
    *,
    sizes: Mapping[str, int] | None = None,
    batch: int | None = None,
    format: str = "table",
    conventions: Sequence[str] = (),
    backward: bool = False,
    explain: bool = False,
    at: Mapping[str, object] | None = None,
    depth: int | None = None,
    width: int | None = None,
    expand: bool = False,
    color: bool = False,
    others: Sequence[str] = (),
) -> str:
    """The layer-wise report of a net as a text: `table`, `json`, `csv`, `markdown`, `latex` or `html`, a whole page.

    `sizes` gives its symbols numbers; `depth`, `width` and `expand` shape the table, `color` and `others` (further nets
    of the file) are for it, too; `explain` adds the arithmetic of each row. With `backward` it is the lesson: how the
    net learns, row by row from the loss back; `at` gives it numbers as `gradients` takes, and the batch is that of the
    numbers. `conventions` are columns as other tools count: `thop`, `torchinfo` … Raises `ArgumentError` for what a
    format does not show.
    """
    asked = {
        "backward": backward, "at": at, "explain": explain, "conventions": conventions, "depth": depth, "width": width,
        "expand": expand, "color": color, "others": others,
    }  # fmt: skip
    _refuse_strays(format, asked)
    if format == "html":
        from netdsl.page.assemble import page

        return page(net, sizes=sizes, batch=1 if batch is None else batch, others=tuple(others))
    from netdsl.reports import render

    found = _reported(net, sizes, batch, asked)
    return render(found, format, width=width, depth=depth, expand=expand, color=color, others=tuple(others))


def _reported(net: Net, sizes: Mapping[str, int] | None, batch: int | None, asked: Mapping[str, Any]) -> Report:
    """What a report tells, the lesson where that is asked for."""
    if asked["backward"]:
        from netdsl.lesson.reporting import taught

        return taught(net, sizes=sizes, batch=batch, at=asked["at"])
    from netdsl.analyzer import analyze

    samples = 1 if batch is None else batch
    found = analyze(net, sizes=sizes, batch=samples, explained=asked["explain"])
    if asked["conventions"]:
        from netdsl.base.record import changed
        from netdsl.conventions.counting import counted

        found = changed(found, conventions=counted(net, tuple(asked["conventions"]), found.at, samples))
    return found


TABLES, DRAWN = ("table", "markdown", "latex"), ("table", "markdown", "json")
SHOWN: dict[str, tuple[str, ...]] = {
    "width": ("table",), "color": ("table",), "depth": TABLES, "expand": TABLES,
    "others": ("table", "markdown", "html"), "explain": DRAWN, "backward": DRAWN, "at": DRAWN,
    "conventions": (*DRAWN, "csv"),
}  # fmt: skip
"""What may be asked of a report, with the formats that show it."""
WHOLE = {
    "html": " (a page has every row, with its arithmetic)",
    "json": " (it has every row)",
    "csv": " (it has every row)",
}


def _refuse_strays(format: str, asked: Mapping[str, Any]) -> None:
    """Raise `ArgumentError` where something would be left out in silence."""
    formats = (*REPORTS, "html")
    if format not in formats:
        raise unknown_word("format", format, formats)
    said = [name for name, value in asked.items() if value is not None and value is not False and value != ()]
    unseen = next((name for name in said if format not in SHOWN[name]), None)
    if unseen is not None:
        whole = WHOLE.get(format, "") if unseen in ("depth", "expand", "explain") else ""
        raise ArgumentError(unseen, f"`{unseen}` has no {format}{whole}: choose of {', '.join(SHOWN[unseen])}")
    if "at" in said and not asked["backward"]:
        raise ArgumentError("at", "`at` is about how a net learns: say backward=True, too")
    if asked["backward"] and asked["conventions"]:
        raise ArgumentError("conventions", "`conventions` does not go with `backward`: leave one of them out")


@public()
def counted(net: Net, convention: str, *, sizes: Mapping[str, int] | None = None, batch: int = 1) -> ToolCount:
    """What another tool counts of a net: its total, and of each layer its number and why.

    `convention` is one of `netdsl report --convention`; `sizes` gives the symbols numbers. Raises `ArgumentError` for
    an unknown convention, and for a batch where the tool counts one sample.
    """
    from netdsl.analyzer import require_batch, sizes_of
    from netdsl.conventions.counting import counted as counting

    require_batch(net, batch)
    return counting(net, [convention], sizes_of(net, sizes), batch)[0]


@public(least={"batch": 1})
def fit(
    net: Net,
    *,
    sizes: Mapping[str, int] | None = None,
    batch: int | None = None,
    training: bool = True,
    precision: str | None = None,
    optimizer: str | None = None,
    device: str | None = None,
    checkpoint: Sequence[str] | None = None,
) -> MemoryFit:
    """What a training step takes in memory, or without `training` a call; on a `device`, whether it fits.

    `checkpoint` names rows whose blocks keep nothing and run again in the backward pass. What is left out is as the
    net's recipe has it. Raises `RunError` for a word that nothing is called, and without `training` for what only that
    has.
    """
    from netdsl.fitting.asked import asked
    from netdsl.fitting.fit import fit

    words = asked(
        net, training=training, batch=batch, precision=precision, optimizer=optimizer, device=device,
        checkpoint=checkpoint,
    )  # fmt: skip
    return fit(net, words, sizes).fit


@public(least={"depth": 1, "unroll": 1})
def draw(
    net: Net,
    *,
    sizes: Mapping[str, int] | None = None,
    depth: int | None = None,
    style: str = "layers",
    unroll: int | None = None,
    expand: bool = False,
) -> Diagram:
    """A picture of a net, whose `svg()` is a text and whose `png()` are bytes.

    `sizes` gives its symbols numbers; `depth` is how many levels of nesting are shown, 1 folding every block (default:
    what stays readable); `style` "u" draws a U-Net as a U; `unroll` is how many steps of a recurrent net stand side by
    side; `expand` draws repeated blocks and small layers one by one. Raises a `RunError` where that cannot be drawn.
    """
    from netdsl.analyzer import analyze
    from netdsl.drawing import draw as drawn

    return drawn(net, analyze(net, sizes=sizes), depth=depth, style=style, unroll=unroll, expand=expand)


def _written(settings: Mapping[str, object]) -> dict[str, str]:
    """Python values in the language's own syntax."""
    return {name: _literal(name, value) for name, value in settings.items()}


def _named(settings: Iterable[str]) -> dict[str, str]:
    """What messages call what gave the settings."""
    return dict.fromkeys(settings, "argument")


def _literal(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(name, v) for v in value) + "]"
    if isinstance(value, int | float) and not abs(value) < LARGEST:
        message = f"the setting `{name}` is no number that a net can have"
        raise NetError([Diagnostic("number-too-large", message, (Label(Span(Source(f"argument {name}", ""), 0, 0)),))])
    if not (isinstance(value, str) or hasattr(value, "__float__")):  # numbers of numpy are such
        takes = f"a number, a word or a list of these, not {named(value)}"
        raise ArgumentError(name, f"the setting `{name}` takes {takes}: write {name}=1, or leave it out")
    return str(value)
