"""Figures of matplotlib that need no screen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.base.files import replace_file
from netdsl.base.terminal import shorter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure_of(width: float, height: float) -> Figure:
    """An empty figure, so many inches wide and high."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def name_on(name: str, most: int) -> str:
    """A name of at most so many letters, without what a figure would read as mathematics."""
    return shorter(name, most).replace("$", r"\$")


def write_figure(path: Path, figure: Figure, said: Mapping[str, str] | None = None) -> None:
    """Replace a PNG file by a figure; `said` is what its head says beside."""
    replace_file(path, lambda new: figure.savefig(new, dpi=120, format="png", metadata=said))
