"""The public functions that are more than an import: load a net, check a file, print a report."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netdsl.dims.tensors import LARGEST
from netdsl.graph import Net
from netdsl.program import check_program, load_file, require_symbols
from netdsl.program import load_text as program_from_text
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
    **options: Any,
) -> str:
    """The layer-wise report of a net as a text: `table`, `json`, `csv`, `markdown` or `html`, a page for browsers.

    `sizes` gives its symbols numbers; `depth`, `width` and `expand` shape the table. With `backward` it is the lesson:
    how the net learns, row by row from the loss back; `at` gives it numbers as `gradients` takes. `conventions` are
    columns as other tools count: `thop`, `torchinfo` …
    """
    if format == "html":
        from netdsl.page.assemble import page

        return page(net, sizes=sizes, batch=batch, **options)
    from netdsl.analyzer import analyze
    from netdsl.reports import render

    at = options.pop("at", None)
    if options.pop("backward", False) or at is not None:
        from netdsl.lesson.reporting import taught

        return render(taught(net, sizes=sizes, batch=batch, at=at), format, **options)
    found = analyze(net, sizes=sizes, batch=batch)
    if conventions:
        from netdsl.base.record import changed
        from netdsl.conventions.counting import counted as counting

        found = changed(found, conventions=counting(net, conventions, found.at, batch))
    return render(found, format, **options)


def counted(net: Net, convention: str, *, sizes: Mapping[str, int] | None = None, batch: int = 1) -> ToolCount:
    """What another tool counts of a net: its total, and of each layer its number and why.

    `convention` is one of `netdsl report --convention`; `sizes` gives the symbols numbers. Raises `ValueError` for an
    unknown convention, and for a batch where the tool counts one sample.
    """
    from netdsl.analyzer import sizes_of
    from netdsl.conventions.counting import counted as counting

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
    net's recipe has it. Raises `RunError` for a word that nothing is called.
    """
    from netdsl.fitting.asked import asked
    from netdsl.fitting.fit import fit

    words = asked(
        net, training=training, batch=batch, precision=precision, optimizer=optimizer, device=device,
        checkpoint=checkpoint,
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
