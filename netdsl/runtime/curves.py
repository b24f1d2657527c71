"""Loss and metrics over the epochs as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from netdsl.runtime.runs.folder import replace_file


def draw_curves(path: Path, name: str, history: Sequence[Mapping[str, Any]]) -> None:
    """Write `curves.png`: the loss, and a panel a metric, for training and validation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    parts = [p for p in (("train", "-"), ("validation", "--")) if history[-1][p[0]] is not None]
    metrics = list(history[-1][parts[-1][0]]["metrics"])
    figure = Figure(figsize=(5 * (1 + len(metrics)), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 1 + len(metrics), squeeze=False)[0]
    epochs = [row["epoch"] for row in history]
    for panel, what in zip(panels, ["loss", *metrics], strict=True):
        for part, style in parts:
            panel.plot(
                epochs, [_value(row[part], what) for row in history], style, marker="o", markersize=3, label=part
            )
        panel.set(title=f"{name}: {what}", xlabel="epoch")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
        panel.legend()
    replace_file(path, lambda new: figure.savefig(new, dpi=120, format="png"))


def _value(found: Mapping[str, Any] | None, what: str) -> float | None:
    """The loss or a metric of one part of an epoch, where it was counted."""
    if found is None:
        return None
    value: float | None = found["loss"] if what == "loss" else found["metrics"].get(what)
    return value
