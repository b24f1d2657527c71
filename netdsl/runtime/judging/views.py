"""An answer from several views of a picture, averaged: at several sizes, mirrored, and window by window.

Scores of classes (what `cross_entropy` or `nll` reads) are averaged as probabilities, as papers on segmentation do, and
are their logarithms from then on; other outputs are averaged as they are. Maps are brought back to the size that they
have without views, bilinear between pixel centres.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims import Dim, at
from netdsl.dims.tensors import DType, TensorType
from netdsl.graph import Net
from netdsl.graph.classes import readers
from netdsl.ops.loss import CrossEntropy, Nll
from netdsl.runtime.pictures.picture import resize
from netdsl.runtime.pictures.tiling import places
from netdsl.runtime.runs.recipes import Plan

ViewAnswers = Callable[[Array], Mapping[str, Array]]
"""Outputs by name of pictures `[N, C, h, w]`, of any size that the net takes."""

FAR = 4096
"""How far from the wanted side one is looked for that a net takes."""
SIDE = 2**14
"""The longest side of a view in pixels."""
LEAST = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Views:
    """How often a picture is looked at."""

    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    """Each view mirrored too."""
    window: int | None = None
    """The side of windows that each view is looked at through."""
    stride: int | None = None
    """Pixels from one window to the next: two thirds of a window where nothing is said."""

    @property
    def step(self) -> int:
        assert self.window is not None
        return self.stride or max(1, 2 * self.window // 3)

    def __str__(self) -> str:
        said = [f"{len(self.scales)} sizes ({', '.join(f'{s:g}' for s in self.scales)})"] * (self.scales != (1.0,))
        said += ["both ways round"] * self.flip
        said += [f"windows of {self.window} every {self.step}"] if self.window else []
        return f"averaged over {', '.join(said)}"


@dataclass
class SeenOutput:
    """An output that is averaged."""

    type: TensorType
    classes: int | None
    """The axis of class scores, whose probabilities are averaged; None of other numbers."""
    size: tuple[int, int] | None = None
    """The height and width of a map; None of what has no places."""


class Viewer:
    """What averages the outputs of a net, of those that its losses and metrics read."""

    def __init__(self, net: Net, plan: Plan, views: Views, sizes: Mapping[str, int]) -> None:
        self.net, self.views, self.sizes = net, views, sizes
        inputs = {value.name: value.type for value in net.fed}
        self.name = plan.data.input_name(inputs)
        self.type = inputs[self.name]
        if net.inputs != net.fed:
            raise RunError(f"{net.name} keeps states from sample to sample: there is one view of each")
        if len(inputs) > 1 or self.type.rank != 3 or not plan.data.moved(inputs)[0]:
            raise RunError(f"{net.name} reads no picture [C, H, W] alone, of which there could be several views")
        _, height, width = (at(extent, self.sizes) for extent in self.type.shape)
        self.side = (height, width)
        self.outputs = {name: self._output(name, plan) for name in self._read(plan)}
        self.shapes = [self._shape(scale) for scale in views.scales]
        self._check_window()

    # ------------------------------------------------------------ what there is

    def _read(self, plan: Plan) -> list[str]:
        wanted = {v.name for t in (*plan.losses, *plan.metrics) for v in t.graph.inputs}
        return [o.name for o in self.net.outputs if o.name in wanted and not o.aux]

    def _output(self, name: str, plan: Plan) -> SeenOutput:
        type = next(o.value.type for o in self.net.outputs if o.name == name)
        if type.dtype is not DType.FLOAT:
            raise RunError(f"`{name}` of {self.net.name} is {type}, of which there is no average")
        if type.rank not in (0, 1, 3):
            raise RunError(f"`{name}` of {self.net.name} is {type}: of a map [C, H, W] or a vector there is an average")
        graphs = [t.graph for t in (*plan.losses, *plan.metrics)]
        reading = [(graph, value) for graph in graphs for value in graph.inputs if value.name == name]
        ops = [node.op for graph, value in reading for node in readers(graph, value)]
        axis = next((op.along for op in ops if isinstance(op, CrossEntropy | Nll)), None)
        size = tuple(at(extent, self.sizes) for extent in type.shape[1:]) if type.rank == 3 else None
        return SeenOutput(type, axis, size)  # type: ignore[arg-type]

    def _shape(self, scale: float) -> tuple[int, int]:
        """The height and width of a view: those that the net takes and that are nearest to what is asked for."""
        wanted = [max(1, round(side * scale)) for side in self.side]
        if max(wanted) > SIDE:
            raise RunError(f"at {scale:g} a view has a side of {max(wanted):,} pixels: {SIDE:,} are the most")
        if self.views.window is not None or scale == 1:
            return wanted[0], wanted[1]
        axes = self.type.shape[1:]
        if not all(isinstance(axis, Dim) for axis in axes):
            high, wide = self.side
            window = f": look through windows of that size, --window {high}" if high == wide else ""
            raise RunError(f"{self.net.name} takes pictures of {high}×{wide} alone, not at {scale:g} of it{window}")
        found = [self._near(str(axis), side) for axis, side in zip(axes, wanted, strict=True)]
        self._check_sizes(dict(zip(map(str, axes), found, strict=True)))
        return found[0], found[1]

    def _near(self, symbol: str, wanted: int) -> int:
        allowed = self.net.domain.sizes(symbol)
        for away in range(FAR):
            for side in (wanted + away, wanted - away):
                if side > 0 and side in allowed:
                    return side
        raise RunError(f"{self.net.name} takes no {symbol} near {wanted}: it needs {allowed.describe(symbol)}")

    def _check_sizes(self, sizes: Mapping[str, int]) -> None:
        for symbol, size in sizes.items():
            if size not in (allowed := self.net.domain.sizes(symbol)):
                raise RunError(f"{self.net.name} takes no {symbol} = {size}: it needs {allowed.describe(symbol)}")
        for demand in self.net.domain.unmet(sizes):
            given = ", ".join(f"{symbol} = {size}" for symbol, size in sizes.items())
            raise RunError(f"{self.net.name} cannot take {given}: {demand.source.message}")

    def _check_window(self) -> None:
        window, axes = self.views.window, self.type.shape[1:]
        if window is None:
            return
        if self.views.step > window:
            gap = f"windows of {window} every {self.views.step} pixels leave places unseen"
            raise RunError(f"{gap}: say a smaller stride")
        fixed = [axis for axis in axes if isinstance(axis, int) and axis != window]
        if fixed:
            raise RunError(f"{self.net.name} takes pictures of {self.side[0]}×{self.side[1]}, not windows of {window}")
        sizes = {str(axis): window for axis in axes if isinstance(axis, Dim)}
        self._check_sizes(sizes)
        for name, output in self.outputs.items():
            made = [at(extent, {**self.sizes, **sizes}) for extent in output.type.shape[1:]]
            if output.size is not None and made != [window, window]:
                size = "×".join(map(str, made))
                raise RunError(f"`{name}` is {size} for a window of {window}: windows need a map as large as they are")

    # ------------------------------------------------------------ looking

    def __call__(self, pictures: Array, forward: ViewAnswers) -> dict[str, Array]:
        """The outputs that are read, averaged over all views of `[N, C, H, W]`."""
        totals = {name: np.zeros(1, np.float32) for name in self.outputs}
        ways = (False, True) if self.views.flip else (False,)
        for shape, mirrored in product(self.shapes, ways):
            view = resize(pictures, *shape).astype(np.float32)
            found = self._seen(view[..., ::-1] if mirrored else view, forward)
            for name, output in self.outputs.items():
                made = found[name][..., ::-1] if mirrored and output.size is not None else found[name]
                totals[name] = totals[name] + (made if output.size is None else resize(made, *output.size))
        many = len(self.shapes) * len(ways)
        return {name: self._finished(self.outputs[name], total / many) for name, total in totals.items()}

    def _finished(self, output: SeenOutput, mean: Array) -> Array:
        found = mean if output.classes is None else np.log(np.maximum(mean, LEAST))
        return np.ascontiguousarray(found, np.float32)

    def _seen(self, view: Array, forward: ViewAnswers) -> dict[str, Array]:
        """What comes of one view: at once, or window by window."""
        if self.views.window is None:
            return self._answers(view, forward)
        window, (high, wide) = self.views.window, view.shape[2:]
        room = [(0, 0), (0, 0), (0, max(0, window - high)), (0, max(0, window - wide))]
        padded = np.pad(view, room)
        totals = {name: self._nothing(output, padded) for name, output in self.outputs.items()}
        seen = np.zeros(padded.shape[2:], np.float32)
        windows = places(padded.shape[2], padded.shape[3], window, window - self.views.step)
        for top, left in windows:
            place = (..., slice(top, top + window), slice(left, left + window))
            seen[place] += 1
            for name, found in self._answers(padded[place], forward).items():
                totals[name][place if self.outputs[name].size is not None else ...] += found
        means = {n: total / (len(windows) if self.outputs[n].size is None else seen) for n, total in totals.items()}
        return {n: mean if self.outputs[n].size is None else mean[..., :high, :wide] for n, mean in means.items()}

    def _nothing(self, output: SeenOutput, view: Array) -> Array:
        shape = [at(extent, self.sizes) for extent in output.type.shape]
        shape[1:] = view.shape[2:] if output.size is not None else shape[1:]
        return np.zeros((len(view), *shape), np.float32)

    def _answers(self, view: Array, forward: ViewAnswers) -> dict[str, Array]:
        found = forward(np.ascontiguousarray(view))
        return {
            name: found[name] if output.classes is None else softmax(found[name], output.classes + 1)
            for name, output in self.outputs.items()
        }


def softmax(scores: Array, axis: int) -> Array:
    found = np.exp(scores - scores.max(axis, keepdims=True))
    return np.asarray(found / found.sum(axis, keepdims=True), np.float32)
