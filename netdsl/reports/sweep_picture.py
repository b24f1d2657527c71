"""Totals at many sizes drawn: a line over one range, lines of several colours over two, or squares for many of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from netdsl.analysis.quantities import PREFIXES
from netdsl.analysis.report import Totals
from netdsl.reports.sweep import fixed
from netdsl.sizing.sweep import SizeRange, Sweep, SweepPoint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 7
"""Lines of one panel that can be told apart."""
INK, GONE = "#1f3a5f", "#b04a3a"


class Panel(NamedTuple):
    """One quantity."""

    title: str
    number: Callable[[Totals], int]
    unit: str


PANELS = (
    Panel("multiply-accumulates", lambda t: t.macs, "MACs"),
    Panel("peak memory of inference", lambda t: t.peak_inference_bytes, "B"),
)


INCHES = 10.0, 4.2
"""Of the figure, wide and high."""


class SweepPictureError(Exception):
    """A sweep that no picture shows."""


def draw(figure: Figure, found: Sweep) -> None:
    """Fill an empty figure. Raises `SweepPictureError` for more than two ranges."""
    if len(found.axes) > 2:
        raise SweepPictureError("a picture shows one range or two: give other symbols a number by --size")
    panels = figure.subplots(1, len(PANELS), squeeze=False)[0]
    for axes, panel in zip(panels, PANELS, strict=True):
        if len(found.axes) == 2 and min(len(a.values) for a in found.axes) > MOST_LINES:
            _squares(figure, axes, panel, found)
        else:
            _lines(axes, panel, found)
        axes.set_title(panel.title, fontsize=10)
    named = ", ".join(filter(None, (found.net.name, fixed(found)))).replace("$", r"\$")
    figure.suptitle(named, fontsize=12)


def _scale(values: Sequence[int]) -> tuple[int, str]:
    """A power of 1000 that the largest value has a few of, and its prefix."""
    step = 0
    while max(values, default=0) >= 1000 ** (step + 1) and step < len(PREFIXES) - 1:
        step += 1
    return 1000**step, PREFIXES[step]


def _lines(axes: Axes, panel: Panel, found: Sweep) -> None:
    along, across = _by_length(found.axes)
    unit, prefix = _scale([panel.number(p.totals) for p in found.taken if p.totals])
    for value, colour in _colours(across):
        shown = [p for p in found.points if across is None or p.given[across.names[0]] == value]
        heights = [panel.number(p.totals) / unit if p.totals else float("nan") for p in shown]
        label = f"{across.title} = {value:,}" if across is not None else ""
        sizes = [p.given[along.names[0]] for p in shown]
        axes.plot(sizes, heights, color=colour, marker="o", markersize=3.5, linewidth=1.6, label=label or None)
    _frame(axes, along, f"{prefix}{panel.unit}")
    _refusals(axes, along, found)
    if across is not None or any(p.totals is None for p in found.points):
        axes.legend(fontsize=8, frameon=False)


def _by_length(axes: Sequence[SizeRange]) -> tuple[SizeRange, SizeRange | None]:
    """The range that runs along the picture, which is the longer one, and the one that has a line for each size."""
    ordered = sorted(axes, key=lambda axis: -len(axis.values))
    return ordered[0], ordered[1] if len(ordered) > 1 else None


def _colours(across: SizeRange | None) -> Iterator[tuple[int, Any]]:
    if across is None:
        yield 0, INK
        return
    from matplotlib import colormaps

    last = max(len(across.values) - 1, 1)
    yield from ((v, colormaps["viridis"](0.05 + 0.8 * i / last)) for i, v in enumerate(across.values))


def _frame(axes: Axes, along: SizeRange, unit: str) -> None:
    axes.set_xlabel(along.title)
    axes.set_ylabel(unit)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if along.factor:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(along.values, [f"{v:,}" for v in along.values])
        axes.minorticks_off()
    else:
        axes.set_ylim(bottom=0)


def _refusals(axes: Axes, along: SizeRange, found: Sweep) -> None:
    """A cross at the foot for each size of the range at which nothing can be counted."""
    name = along.names[0]
    counted = {p.given[name] for p in found.taken}
    gone = [v for v in along.values if v not in counted]
    if gone:
        low = axes.get_ylim()[0]
        axes.plot(gone, [low] * len(gone), "x", color=GONE, markersize=5, clip_on=False, label="not taken")


def _squares(figure: Figure, axes: Axes, panel: Panel, found: Sweep) -> None:
    across, along = found.axes
    unit, prefix = _scale([panel.number(p.totals) for p in found.taken if p.totals])
    known = {(p.given[across.names[0]], p.given[along.names[0]]): _height(p, panel, unit) for p in found.points}
    rows = [[known[a, b] for b in along.values] for a in across.values]
    shown = axes.imshow(rows, origin="lower", cmap="viridis", aspect="auto")
    for ticks, axis in ((axes.set_xticks, along), (axes.set_yticks, across)):
        every = max(1, len(axis.values) // 8)
        places = range(0, len(axis.values), every)
        ticks(list(places), [f"{axis.values[i]:,}" for i in places])
    gone = " (white: not taken)" if len(found.taken) < len(found.points) else ""
    axes.set(xlabel=along.title + gone, ylabel=across.title)
    figure.colorbar(shown, ax=axes, label=f"{prefix}{panel.unit}")


def _height(point: SweepPoint, panel: Panel, unit: int) -> float:
    return panel.number(point.totals) / unit if point.totals else float("nan")
