"""What is said of points of a line and of a plane, as charts."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from netdsl.base.arrays import Array
from netdsl.runtime.pictures.figures import figure_of
from netdsl.runtime.predicting.answers import Prediction
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.history import read_history
from netdsl.runtime.training.curves import curves_of
from netdsl.zoo.showing import Exhibit, Showing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS = 80
"""Pixels of a chart for an inch."""
GRID = 72
"""Places along each side of a plane at which a net is asked."""
POINTS = 60
"""Samples of the test split that are shown."""


def pixels(figure: Figure) -> Array:
    """A chart as a picture of bytes `[h, w, 3]`."""
    from PIL import Image

    buffer = BytesIO()
    figure.savefig(buffer, dpi=DOTS, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def curve(showing: Showing) -> Exhibit:
    """Points that the net has not seen, and the curve that it has found."""
    seen = showing.answers(POINTS)
    x, y = (np.array([_number(one, name) for one in seen]) for name in ("x", "label"))
    line = np.linspace(x.min(), x.max(), 100, dtype=np.float32)
    found = showing.answers([np.array([place]) for place in line], batch=128)
    figure = figure_of(3.6, 2.6)
    axes = figure.subplots()
    axes.plot(x, y, ".", color="#88bbdd", label="test points")
    axes.plot(line, [one.first.item() for one in found], color="#223355", label="fitted")
    axes.set(xlabel="x", ylabel="y")
    axes.legend(fontsize=8)
    return Exhibit(pixels(figure))


def _number(found: Prediction, name: str) -> float:
    assert found.sample is not None
    return float(found.sample.fields[name].item())


def plane(showing: Showing) -> Exhibit:
    """Points of classes that the net has not seen, over what it says of each place of the plane."""
    seen = showing.answers(POINTS)
    points, labels = _points(seen), np.array([int(_number(one, "label")) for one in seen])
    reach = float(np.abs(points).max()) * 1.1
    ticks = np.linspace(-reach, reach, GRID, dtype=np.float32)
    places = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
    said = np.array([_class(one) for one in showing.answers(list(places), batch=1024)]).reshape(GRID, GRID)
    figure = figure_of(3.2, 3.0)
    axes = figure.subplots()
    axes.imshow(said, origin="lower", extent=(-reach, reach, -reach, reach), cmap="Pastel1", vmin=0, vmax=8)
    axes.scatter(
        points[:, 0], points[:, 1], c=labels, cmap="Set1", vmin=0, vmax=8, s=14, edgecolors="black", linewidths=0.5
    )
    return Exhibit(pixels(figure))


def _points(seen: Sequence[Prediction]) -> Array:
    return np.stack([one.sample.fields["point"][0] for one in seen if one.sample is not None])


def _class(found: Prediction) -> int:
    """The class of a row of scores, or of one score by its sign."""
    return int(found.first.argmax()) if found.first.size > 1 else int(found.first.item() > 0)


def parting(showing: Showing) -> Exhibit:
    """The curves of training and validation, epoch by epoch."""
    return Exhibit(pixels(curves_of(showing.lesson.net, read_history(RunFolder(showing.run).metrics))))


def places(showing: Showing) -> Exhibit:
    """Where the net puts samples in a plane, each as its class."""
    seen = showing.answers(150)
    where = np.stack([one.first.reshape(-1)[:2] for one in seen])
    labels = [int(_number(one, "label")) for one in seen]
    figure = figure_of(4.0, 3.4)
    axes = figure.subplots()
    axes.scatter(where[:, 0], where[:, 1], s=0)
    for (x, y), label in zip(where, labels, strict=True):
        axes.text(x, y, str(label), color=f"C{label}", fontsize=8, ha="center", va="center")
    return Exhibit(pixels(figure))
