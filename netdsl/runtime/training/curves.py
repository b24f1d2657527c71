"""Loss and metrics over the epochs as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.runtime.pictures.figures import figure_of, write_figure
from netdsl.runtime.training.progress import losses_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_curves(path: Path, name: str, history: Sequence[Mapping[str, Any]]) -> None:
    """Write `curves.png`."""
    write_figure(path, curves_of(name, history))


def curves_of(name: str, history: Sequence[Mapping[str, Any]]) -> Figure:
    """The loss (of each part of the recipe), and a panel a metric, for training and validation."""
    from matplotlib.ticker import MaxNLocator

    parts = [p for p in (("train", "-"), ("validation", "--")) if history[-1][p[0]] is not None]
    shown = [*losses_of(history[-1], "train"), *history[-1][parts[-1][0]]["metrics"]]
    figure = figure_of(5 * len(shown), 3.6)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    epochs = [row["epoch"] for row in history]
    for panel, what in zip(panels, shown, strict=True):
        for part, style in parts:
            panel.plot(
                epochs, [_value(row, part, what) for row in history], style, marker="o", markersize=3, label=part
            )
        panel.set(title=f"{name}: {what}", xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        panel.legend()
    return figure


def _value(row: Mapping[str, Any], split: str, what: str) -> float | None:
    """A loss or a metric of one split of an epoch, where it was counted."""
    found = row[split]
    return None if found is None else {**found["metrics"], **losses_of(row, split)}.get(what)
