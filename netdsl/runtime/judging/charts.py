"""Charts of an evaluation: which class is taken for which, and how well each is told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from netdsl.base.arrays import Array
from netdsl.runtime.judging.byclass import ClassScore
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.pictures.colours import name_of
from netdsl.runtime.pictures.figures import figure_of, name_on, write_figure
from netdsl.runtime.runs.evaluations import SOFTWARE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BarOf = Literal["iou", "precision", "recall", "f1"]
NUMBERED = 24
"""Up to so many classes the cells of a confusion matrix have numbers."""
NAMED = 64
"""Up to so many have names beside it."""
BARS = 48
"""Classes that a chart has bars for: the worst, where there are more."""
LETTERS = 24
"""Letters of a name."""


def draw_confusion(path: Path, made: Judgement) -> bool:
    """Rows are labels, columns predictions, colours shares of a row. Nothing where it was not counted."""
    if "confusion" not in made.counts or len(made.counts["confusion"]) < 2:
        return False
    confusion = made.counts["confusion"]
    count = len(confusion)
    side = min(14.0, max(4.0, 1.6 + 0.42 * min(count, NUMBERED) + 0.12 * max(0, min(count, NAMED) - NUMBERED)))
    figure = figure_of(side + 1, side)
    axes = figure.subplots()
    sums = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, sums, out=np.zeros(confusion.shape), where=sums > 0)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the label")
    if count <= NUMBERED:
        _numbers(axes, confusion, shares)
    if count <= NAMED:
        names = [name_on(name_of(n, made.classes), LETTERS) for n in range(count)]
        turned = max(map(len, names)) > 3
        axes.set_xticks(range(count), names, rotation=90 if turned else 0, fontsize=_size(count))
        axes.set_yticks(range(count), names, fontsize=_size(count))
    numbers = " (%)" if count <= NUMBERED and _long(confusion) else ""
    axes.set(xlabel="predicted", ylabel="labelled", title=_title(made, f"labels and predictions{numbers}"))
    return _write(path, figure)


def _numbers(axes: Axes, confusion: Array, shares: Array) -> None:
    """Counts, or where these are long shares in per cent."""
    long = _long(confusion)
    for row, column in zip(*np.nonzero(confusion), strict=True):
        share = shares[row, column]
        text = f"{100 * share:.0f}" if long else f"{confusion[row, column]}"
        if long and share < 0.005:
            continue
        colour = "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=_size(len(confusion)) - 1)


def _long(confusion: Array) -> bool:
    """Whether counts are too long for their cells."""
    return bool(confusion.max() > 9999)


def _size(count: int) -> float:
    return 9 if count <= 12 else 8 if count <= NUMBERED else 6


def draw_classes(path: Path, made: Judgement) -> bool:
    """Bars of each class: IoU of pixels, else precision, recall and F1; at most the worst few dozen."""
    scored: list[ClassScore] = [s for s in made.found.get("by_class", ()) if s["iou"] is not None]
    if len(scored) < 2 or made.watch is None:
        return False
    parts: tuple[BarOf, ...] = ("iou",) if made.watch.pixels else ("precision", "recall", "f1")
    main = parts[-1]
    shown = sorted(scored, key=lambda s: s[main] or 0.0)[:BARS] if len(scored) > BARS else scored
    figure = figure_of(7.0, 1.4 + (0.24 if len(parts) == 1 else 0.42) * len(shown))
    axes = figure.subplots()
    high = 0.8 / len(parts)
    for place, part in enumerate(parts):
        ends = np.arange(len(shown)) + (place - (len(parts) - 1) / 2) * high
        bars = axes.barh(ends, [s[part] or 0.0 for s in shown], high, label=WORDS[part], color=COLOURS[part])
        if len(parts) == 1:
            axes.bar_label(bars, [f" {s[part]:.3f}" for s in shown], fontsize=8)
    left = f", the {BARS} worst of {len(scored)}" if len(scored) > BARS else ""
    axes.set_yticks(
        range(len(shown)), [f"{name_on(s['name'], LETTERS)}  ({s['labelled']:,})" for s in shown], fontsize=8
    )
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlim(0, 1.1 if len(parts) == 1 else 1.0)
    axes.set_title(_title(made, f"classes ({made.watch.unit} labelled){left}"))
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    if len(parts) > 1:
        figure.legend(loc="outside lower center", ncols=len(parts), fontsize=8)
    else:
        axes.set_xlabel(WORDS[main])
    return _write(path, figure)


WORDS: dict[BarOf, str] = {"iou": "IoU", "precision": "precision", "recall": "recall", "f1": "F1"}
COLOURS: dict[BarOf, str] = {"iou": "#4477aa", "precision": "#88bbdd", "recall": "#4477aa", "f1": "#223355"}


def _title(made: Judgement, what: str) -> str:
    return f"{made.found['split']} split: {what}"


def _write(path: Path, figure: Figure) -> bool:
    write_figure(path, figure, {"Software": SOFTWARE})
    return True
