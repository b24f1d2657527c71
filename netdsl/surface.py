"""The public functions that are more than an import: load a net, check a file, print a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netdsl.dims.tensors import LARGEST
from netdsl.graph import Net
from netdsl.program import check_program, load_file, require_symbols
from netdsl.program import load_text as program_from_text
from netdsl.reports import FORMATS as REPORTS
from netdsl.text.diagnostics import Diagnostic, Label, NetError
from netdsl.text.source import Source, Span

if TYPE_CHECKING:
    from netdsl.analysis.counted import ToolCount
    from netdsl.drawing import Diagram
    from netdsl.fitting.fit import MemoryFit


def load(path: str | os.PathLike[str], net: str | None = None, **settings: Any) -> Net:
    """A net of a `.net` file: the one called `net`, or the first. Settings replace the defaults of its parameters.

    Raises `NetError` with everything that is wrong, each mistake with its place; those of its `train` section are
    left to what trains.
    """
    return load_file(path, _written(settings)).net(net, trained=False)


def load_text(text: str, net: str | None = None, name: str = "text", **settings: Any) -> Net:
    """As `load`, from a text; `name` is what diagnostics call it."""
    return program_from_text(text, name, _written(settings)).net(net, trained=False)


def check(path: str | os.PathLike[str], *, sizes: Mapping[str, int] | None = None) -> list[Diagnostic]:
    """Everything there is to say about a file: errors and warnings of all its nets, budgets included.

    `sizes` are judged, too: of each net for the symbols that it has. `NetError` for a symbol that none of them has.
    """
    program = load_file(path)
    found = check_program(program, sizes)
    require_symbols([program], sizes or {})
    return found


def report(
    net: Net,
    *,
    sizes: Mapping[str, int] | None = None,
    batch: int = 1,
    format: str = "table",
    conventions: Sequence[str] = (),
    backward: bool = False,
    explain: bool = False,
    **options: Any,
) -> str:
    """The layer-wise report of a net as a text: `table`, `json`, `csv`, `markdown`, `latex` or `html`, a whole page.

    `sizes` gives its symbols numbers; `depth`, `width` and `expand` shape the table, `explain` adds the arithmetic of
    each row. With `backward` it is the lesson: how the net learns, row by row from the loss back; `at` gives it numbers
    as `gradients` takes. `conventions` are columns as other tools count: `thop`, `torchinfo` … Raises `ValueError` for
    what a format does not show.
    """
    asked = {"backward": backward, "explain": explain, "conventions": listed("conventions", conventions), **options}
    _refuse_strays(format, asked)
    if format == "html":
        from netdsl.page.assemble import page

        return page(net, sizes=sizes, batch=batch, others=options.get("others", ()))
    from netdsl.analyzer import analyze
    from netdsl.reports import render

    at = options.pop("at", None)
    if backward or at is not None:
        from netdsl.lesson.reporting import taught

        return render(taught(net, sizes=sizes, batch=batch, at=at), format, **options)
    found = analyze(net, sizes=sizes, batch=batch, explained=explain)
    if conventions:
        from netdsl.base.record import changed
        from netdsl.conventions.counting import counted as counting

        found = changed(found, conventions=counting(net, conventions, found.at, batch))
    return render(found, format, **options)


TABLES, DRAWN = ("table", "markdown", "latex"), ("table", "markdown", "json")
SHOWN: dict[str, tuple[str, ...]] = {
    "width": ("table",), "color": ("table",), "depth": TABLES, "expand": (*TABLES, "json", "csv"),
    "others": ("table", "markdown", "html"), "explain": DRAWN, "backward": DRAWN, "at": DRAWN,
    "conventions": (*DRAWN, "csv"),
}  # fmt: skip
"""What may be asked of a report, with the formats that show it."""


def _refuse_strays(format: str, asked: Mapping[str, Any]) -> None:
    """Raise `ValueError` where something would be left out in silence, `TypeError` for what a report has not."""
    formats = (*REPORTS, "html")
    if format not in formats:
        raise ValueError(f"no format is called {format}: {', '.join(formats)}")
    stray = next((name for name in asked if name not in SHOWN), None)
    if stray is not None:
        raise TypeError(f"a report has no option `{stray}`: it has {', '.join(SHOWN)}")
    said = [name for name, value in asked.items() if value is not None and value is not False and value != ()]
    unseen = next((name for name in said if format not in SHOWN[name]), None)
    if unseen is not None:
        whole = " (a page has every row, with its arithmetic)" if format == "html" else ""
        raise ValueError(f"`{unseen}` has no {format}{whole}: choose of {', '.join(SHOWN[unseen])}")
    lesson = next((name for name in ("backward", "at") if name in said), None)
    if lesson is not None and "conventions" in said:
        raise ValueError(f"`conventions` does not go with `{lesson}`: leave one of them out")


def listed(name: str, given: Sequence[str]) -> tuple[str, ...]:
    """Some words. Raises `TypeError` for one alone, whose letters would be taken for words."""
    if isinstance(given, str):
        raise TypeError(f'`{name}` takes a list: write {name}=["{given}"]')
    return tuple(given)


def counted(net: Net, convention: str, *, sizes: Mapping[str, int] | None = None, batch: int = 1) -> ToolCount:
    """What another tool counts of a net: its total, and of each layer its number and why.

    `convention` is one of `netdsl report --convention`; `sizes` gives the symbols numbers. Raises `ValueError` for an
    unknown convention, and for a batch where the tool counts one sample.
    """
    from netdsl.analyzer import require_batch, sizes_of
    from netdsl.conventions.counting import counted as counting

    require_batch(net, batch)
    return counting(net, [convention], sizes_of(net, sizes), batch)[0]


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
        checkpoint=None if checkpoint is None else listed("checkpoint", checkpoint),
    )  # fmt: skip
    return fit(net, words, sizes).fit


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


def _literal(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(name, v) for v in value) + "]"
    if isinstance(value, int | float) and not abs(value) < LARGEST:
        message = f"the setting `{name}` is no number that a net can have"
        raise NetError([Diagnostic("number-too-large", message, (Label(Span(Source(f"setting {name}", ""), 0, 0)),))])
    return str(value)
