"""Labels by class as bars, on a logarithmic axis, classes of one group together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.base.errors import RunError
from netdsl.runtime.pictures.colours import COLOURS, palette
from netdsl.runtime.pictures.figures import figure_of, name_on, write_figure
from netdsl.runtime.survey.found import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

SHADES = {"train": 1.0, "validation": 0.6, "test": 0.3}
"""How strongly the bars of a split are painted."""
WIDTH, APART = 0.85, 0.6
"""Of a class's place the share that its bars take, and the room between groups."""
MOST = 400
"""Classes that a picture has room for."""
LETTERS = 28


def draw_bars(path: Path, found: Survey) -> None:
    """A PNG file of the labels of each class and split; `RunError` where nothing is counted."""
    splits = [name for name, own in found.splits.items() if own.samples and own.counts]
    if not found.unit or not splits:
        raise RunError("there are no classes to draw: nothing of this data is counted")
    if len(found.classes) > MOST:
        raise RunError(f"{len(found.classes):,} classes are too many for a picture, which has room for {MOST}")
    places = positions(found.groups or ("",) * len(found.classes))
    figure = figure_of(max(5.0, 1.6 + 0.32 * places[-1]), 4.2)
    axes = figure.subplots()
    _bars(axes, found, splits, places)
    _groups(axes, found.groups, places)
    if len(splits) > 1:
        figure.legend(handles=_legend(splits), fontsize=8, ncols=len(splits), loc="outside upper right")
    names = [name_on(name, LETTERS) for name in found.classes]
    axes.set_xticks(places, names, rotation=90, fontsize=8)
    axes.set_yscale("log")
    axes.set_ylabel(f"number of {found.unit}")
    axes.set_xlim(-1, places[-1] + 1)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    write_figure(path, figure)


def positions(groups: Sequence[str]) -> list[float]:
    """Where each class stands: room between those of different groups."""
    found, at = [], 0.0
    for number, group in enumerate(groups):
        at += APART if number and group != groups[number - 1] else 0.0
        found.append(at)
        at += 1
    return found


def _bars(axes: Axes, found: Survey, splits: Sequence[str], places: Sequence[float]) -> None:
    colours = palette(found.classes, dict(enumerate(found.colours))).colours / 255
    wide = WIDTH / len(splits)
    for number, split in enumerate(splits):
        left = (number - (len(splits) - 1) / 2) * wide
        shade = SHADES.get(split, 0.5)
        axes.bar(
            [place + left for place in places], found.splits[split].counts, wide,
            color=[1 - shade * (1 - colours[n % COLOURS]) for n in range(len(places))], edgecolor="0.25", linewidth=0.5,
        )  # fmt: skip


def _legend(splits: Sequence[str]) -> list[Patch]:
    from matplotlib.patches import Patch

    return [Patch(facecolor=str(1 - SHADES.get(s, 0.5)), edgecolor="0.25", label=s) for s in splits]


def _groups(axes: Axes, groups: Sequence[str], places: Sequence[float]) -> None:
    """The name of each group over its classes."""
    if not any(groups):
        return
    starts = [n for n, group in enumerate(groups) if not n or group != groups[n - 1]]
    for first, after in zip(starts, [*starts[1:], len(groups)], strict=True):
        middle = (places[first] + places[after - 1]) / 2
        axes.text(
            middle,
            1.01,
            name_on(groups[first], LETTERS),
            transform=axes.get_xaxis_transform(),
            ha="center",
            fontsize=8,
        )
