"""What a trained net looks like inside: its filters, and for a sample what rows, scores and attention see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Net
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.runtime.engines.choice import ENGINES, no_engine
from netdsl.runtime.looking.attending import weights_of
from netdsl.runtime.looking.drawn import beside, filters, heated, planes
from netdsl.runtime.looking.inside import Inner, exposed, inner_nodes, row_called
from netdsl.runtime.predicting.models import Model
from netdsl.runtime.predicting.samples import AskedSample, Sample, SampleReader, data_used
from netdsl.runtime.runs.learned import learned, run_source
from netdsl.runtime.runs.tensorfile import NamedArrays
from netdsl.runtime.sessions.opening import open_net, run_once
from netdsl.weights.given import WeightSource

HEADS = 16
"""Heads of one row that are drawn."""


@dataclass
class Look:
    """A run opened to look into: its net, its weights, and a sample where there is one."""

    net: Net
    weights: NamedArrays
    engine: str = "torch"
    device: str | None = None
    row: str | None = None
    sample: Sample | None = None
    notes: tuple[str, ...] = ()
    """What is worth knowing of the weights."""

    def values(self, wanted: Sequence[tuple[Inner, Value]]) -> list[Array]:
        """Arrows inside the net for the sample, without the batch axis."""
        net, names = exposed(self.net, wanted)
        fields = self._fields()
        if self.engine == "onnx":
            found = run_once(open_net(net, self.weights, self.device), fields)
        else:
            import torch

            from netdsl.runtime.scoring.pytorch import as_array

            with torch.no_grad():
                found = {name: as_array(v) for name, v in self._outputs(net, fields, False).items()}
        return [found[name][0] for name in names]

    def _fields(self) -> dict[str, Array]:
        if self.sample is None:
            raise RunError("a sample is needed for that: name one by --sample, such as --sample 0")
        return {v.name: self.sample.fields[v.name] for v in self.net.inputs}

    def _outputs(self, net: Net, fields: dict[str, Array], sloped: bool) -> dict[str, Any]:
        """The outputs of a net through PyTorch, on the graph where slopes are asked for."""
        import torch

        from netdsl.runtime.engines.checkpoint import load_weights
        from netdsl.runtime.engines.device import choose_device
        from netdsl.runtime.scoring.pytorch import build_module, named, output_names

        module = build_module(net)
        load_weights(module, {k: torch.from_numpy(v) for k, v in self.weights.items()}, net.name)
        where = choose_device(self.device)
        self.given = [torch.from_numpy(fields[v.name]).to(where) for v in net.inputs]
        if sloped:
            for tensor in self.given:
                if tensor.is_floating_point():
                    tensor.requires_grad_(True)
        return named(module.to(where).eval()(*self.given), output_names(net, False))

    def slopes(self, inner: Inner | None) -> tuple[Array, Array, str]:
        """An arrow, or the input where it is None, and the slope along it of the score that is highest, with its name.

        Of a score for every pixel it is the class that most pixels have.
        """
        if self.engine != "torch":
            raise RunError("gradients are computed by PyTorch: leave --engine onnx out")
        import torch

        net, names = (self.net, []) if inner is None else exposed(self.net, [(inner, inner.node.results[-1])])
        found = self._outputs(net, self._fields(), True)
        score, told = _highest(found[self.net.answers[0].name][0])
        at = self.given[0] if inner is None else found[names[0]]
        if not at.requires_grad:
            raise RunError("no slope leads there: the score does not depend on it by real numbers")
        (slope,) = torch.autograd.grad(score, at, allow_unused=True)
        if slope is None:
            raise RunError(f"the scores do not depend on `{inner.path if inner is not None else 'the input'}`")
        return at.detach().cpu().numpy()[0], slope.cpu().numpy()[0], told


def _highest(scores: Any) -> tuple[Any, str]:  # noqa: ANN401  # tensors of PyTorch, which is loaded late
    if not scores.is_floating_point():
        raise RunError("the first output holds whole numbers, along which there is no slope")
    if scores.ndim == 1 and len(scores) > 1:
        best = int(scores.argmax())
        return scores[best], str(best)
    if scores.ndim == 3 and len(scores) > 1:
        best = int(scores.argmax(0).flatten().bincount().argmax())
        return scores[best].sum(), str(best)
    return scores.sum(), "the output"


def open_look(
    run: str | Path | Net,
    *,
    row: str | None = None,
    sample: AskedSample | None = None,
    split: str = "test",
    engine: str = "torch",
    device: str | None = None,
    weights: WeightSource | None = None,
) -> Look:
    """A run's folder with the best weights, or a net with these `weights`; and a sample as `predict` takes one."""
    if engine not in ENGINES:
        raise no_engine(engine)
    if not isinstance(run, Net) and Path(run).suffix == ".onnx":
        raise RunError(f"{run}: rows are known of a run's folder, not of an ONNX file")
    found = learned(run_source(run, weights))
    look = Look(found.net, found.weights, engine, device, row, notes=found.notes)
    if row is not None:
        row_called(found.net, row)
    if sample is not None:
        model = Model(found.net, lambda fields, seed: {}, found.facts, found.place)
        used, unfit = data_used(model)
        look.sample = SampleReader(model, used, split, unfit=unfit).read(sample)
    return look


DrawnPicture = tuple[str, Array]
"""The name of a file, without ending, and its picture."""


def draw_filters(look: Look) -> Iterator[DrawnPicture]:
    """The windows of every convolution that reads a picture or features in two axes, or of the row that is named."""
    found = 0
    for key, weight in look.weights.items():
        inside = look.row is None or key.startswith(f"{look.row}.")
        if inside and key.endswith("weight") and weight.ndim == 4 and weight.shape[2] * weight.shape[3] > 1:
            found += 1
            count, read, high, wide = weight.shape
            name = key.removesuffix(".weight")
            yield f"filters-{name}", beside([filters(weight)], f"{name}: {count} filters of {read}×{high}×{wide}")
    if not found:
        where = f"the row `{look.row}`" if look.row is not None else look.net.name
        raise RunError(f"{where} has no filters with a height and a width: a `conv` of 2 or more pixels has")


def draw_features(look: Look) -> Iterator[DrawnPicture]:
    """The planes of a row for the sample."""
    inner = _spatial(look)
    (maps,) = look.values([(inner, inner.node.results[-1])])
    title = f"{inner.path} {list(maps.shape)}"
    own = look.sample.shown if look.sample is not None else None
    yield (
        f"features-{inner.path}",
        beside([planes(maps)], title, *([look.sample.name] if own is not None and look.sample else [])),
    )


def _spatial(look: Look) -> Inner:
    """The row that is named, or the last that has a height and a width; `RunError` where it has none."""
    if look.row is None:
        sized = [inner for inner in inner_nodes(look.net) if _is_spatial(inner)]
        deep = [inner for inner in sized if inner.node.kind == "conv" or len(inner.trail) == 1]
        if not deep:
            raise RunError(f"{look.net.name} has no row with a height and a width")
        out = {o.value for o in look.net.outputs}
        return next((inner for inner in reversed(deep) if inner.node.results[-1] not in out), deep[-1])
    inner = row_called(look.net, look.row)
    if not _is_spatial(inner):
        raise RunError(f"`{look.row}` gives {inner.node.results[-1].type}, without a height and a width to draw")
    return inner


def _is_spatial(inner: Inner) -> bool:
    type = inner.node.results[-1].type
    return type.rank == 3 and type.dtype is DType.FLOAT and type.shape[1] != 1


def _named(look: Look, told: str) -> str:
    """The class of a score by its name, where the sample's data know it."""
    classes = look.sample.classes if look.sample is not None else ()
    return classes[int(told)] if told.isdecimal() and int(told) < len(classes) else told


def draw_saliency(look: Look) -> Iterator[DrawnPicture]:
    """How much each pixel moves the highest score (Simonyan, Vedaldi and Zisserman, 2014)."""
    at, slope, told = look.slopes(None)
    if at.ndim != 3:
        raise RunError(f"the input {look.net.fed[0]} is no picture, on which a saliency could lie")
    yield from _laid(look, "saliency", np.abs(slope).max(0), f"saliency of {_named(look, told)}")


def draw_cam(look: Look) -> Iterator[DrawnPicture]:
    """Where a row speaks for the highest score: Grad-CAM (Selvaraju et al., 2017)."""
    inner = _spatial(look)
    maps, slope, told = look.slopes(inner)
    heat = np.maximum((maps * slope.mean((1, 2), keepdims=True)).sum(0), 0)
    yield from _laid(look, f"cam-{inner.path}", heat, f"Grad-CAM of {_named(look, told)} at {inner.path}")


def _laid(look: Look, name: str, heat: Array, title: str) -> Iterator[DrawnPicture]:
    own = look.sample.shown if look.sample is not None else None
    shown = [own, heated(own, heat)] if own is not None else [heated(None, heat)]
    yield name, beside(shown, title, look.sample.name if look.sample is not None else "")


def draw_attention(look: Look) -> Iterator[DrawnPicture]:
    """What queries read of keys, a square for each head: queries from top to bottom, bright where much is read."""
    rows = [i for i in inner_nodes(look.net) if isinstance(i.node.op, Attention | MultiheadAttention)]
    if look.row is not None:
        rows = [i for i in rows if i.path == look.row or i.path.startswith(f"{look.row}.")]
    if not rows:
        where = f"the row `{look.row}`" if look.row is not None else look.net.name
        raise RunError(f"{where} has no `attention` and no `multihead_attention`, whose weights could be drawn")
    operands = look.values([(inner, value) for inner in rows for value in inner.node.inputs])
    for inner in rows:
        own, operands = operands[: len(inner.node.inputs)], operands[len(inner.node.inputs) :]
        path = ".".join(node.owner.name for node in inner.trail)
        weights = {k.removeprefix(f"{path}."): v for k, v in look.weights.items() if k.startswith(f"{path}.")}
        assert isinstance(inner.node.op, Attention | MultiheadAttention)
        heads = weights_of(inner.node.op, own, weights)
        title = f"{inner.path}: {len(heads)} heads, {heads.shape[1]} queries of {heads.shape[2]} keys"
        yield f"attention-{inner.path}", beside([planes(heads[:HEADS])], title)


DRAWS: dict[str, Callable[[Look], Iterator[DrawnPicture]]] = {
    "filters": draw_filters,
    "features": draw_features,
    "saliency": draw_saliency,
    "cam": draw_cam,
    "attention": draw_attention,
}
"""By word: what draws it."""
