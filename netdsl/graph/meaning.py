"""What the first output of a net is: scores of classes, a mask, a picture, or numbers that say nothing more.

The losses and metrics of a recipe say it, by what they hold the output against: scores of classes are what one of them
reads as such. Where there are none, as of an ONNX file of others or of a net that takes the weights of another one, its
shape does, with the names of the classes that are known.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Graph, Net, RecipeTerm
from netdsl.graph.chances import chances
from netdsl.ops.activation import LogSoftmax, Softmax
from netdsl.ops.base import Op
from netdsl.ops.loss import BinaryCrossEntropy, BinaryCrossEntropyWithLogits
from netdsl.ops.reduce import Argmax, OneHot

CLASSES = 256
"""Classes that a mask tells apart at most."""


class OutputKind(Enum):
    """What an output is."""

    SCORES = "scores of classes"
    LABELS = "classes of which several may hold"
    MASK = "scores of classes for every pixel"
    FIGURE = "whether a pixel belongs to a figure"
    NUMBERED = "the class of every pixel"
    PICTURE = "a picture"
    NUMBERS = "numbers"

    @property
    def pixelwise(self) -> bool:
        """Whether it says something of every pixel of a picture."""
        return self in (OutputKind.MASK, OutputKind.FIGURE, OutputKind.NUMBERED, OutputKind.PICTURE)

    @property
    def masks(self) -> bool:
        return self in (OutputKind.MASK, OutputKind.FIGURE, OutputKind.NUMBERED)


def answer(net: Net, facts: Mapping[str, Any]) -> dict[str, object]:
    """What an ONNX file says of its first output: its `kind`, whether scores that stand alone are `probabilities`, and
    whether its classes are `named` as those of the data, where they are not. Nothing of a net without losses.
    """
    recipe = net.recipe
    first = next(iter(net.main_answers), None)
    if first is None or recipe is None or not any(part.losses for part in recipe.turns):
        return {}
    kind = meaning(net, first.value.type, facts)
    told = chances_of(net) if kind in (OutputKind.LABELS, OutputKind.FIGURE) else None
    more: dict[str, object] = {"probabilities": told} if told is not None else {}
    return {"kind": kind.name.lower(), **more, **({} if of_label(net) else {"named": False})}


def meaning(net: Net, type: TensorType, facts: Mapping[str, Any]) -> OutputKind:
    """What the first output of a net is, which has this type; `facts` are what is known of the data."""
    if type.rank == 2 and type.dtype is DType.INT:
        return OutputKind.NUMBERED if len(_pixels(net)) == 2 else OutputKind.NUMBERS
    if type.dtype is not DType.FLOAT or type.rank not in (1, 2, 3):
        return OutputKind.NUMBERS
    told = next(_told(net, type), None)
    return _untold(net, facts, type) if told is None else told


def chances_of(net: Net) -> bool | None:
    """Whether the first output holds probabilities, each of a class by itself; None where nothing tells."""
    recipe, name = net.recipe, _first(net)
    return chances(net, [t.graph for t in (*recipe.losses, *recipe.metrics)] if recipe is not None else (), name)


def of_label(net: Net) -> bool:
    """Whether the classes of the first output are those of the data's `label`, as far as anything says."""
    terms = list(_readers(net))
    return not terms or any(value.name == "label" for term in terms for value in term.graph.inputs)


def _told(net: Net, type: TensorType) -> Iterator[OutputKind]:
    """What each loss or metric that reads the output says it is."""
    own = {v.name for v in net.fed}
    made = {o.name for o in net.outputs}
    for term in _readers(net):
        others = [v for v in term.graph.inputs if v.name not in made]
        yield from (m for v in others if (m := _against(term, v, type, v.name in own)) is not None)


def _first(net: Net) -> str:
    """What the first output is called."""
    return next((o.name for o in net.main_answers), "")


def _readers(net: Net) -> Iterator[RecipeTerm]:
    """The losses and metrics that read the first output."""
    recipe, name = net.recipe, _first(net)
    for term in (*recipe.losses, *recipe.metrics) if recipe is not None else ():
        if any(v.name == name for v in term.graph.inputs):
            yield term


def _against(term: RecipeTerm, field: Value, type: TensorType, input: bool) -> OutputKind | None:
    """What an output is that a term holds against a field of the data."""
    binary = _binary(term.graph)
    if field.type.dtype is DType.INT:
        found = _against_numbers(field.shape, type, binary)
        return None if found is OutputKind.SCORES and not _scored(term, type) else found
    if not _same(field.shape, type.shape):
        return None
    if binary and not input:
        return _figures(type)
    return OutputKind.PICTURE if _is_picture(type) else OutputKind.NUMBERS


def _against_numbers(shape: tuple[Extent, ...], type: TensorType, binary: bool) -> OutputKind | None:
    """What an output is that is held against class numbers of a shape."""
    if _same(shape, type.shape):
        return _figures(type)
    if not _same(shape, type.shape[1:]):
        return None
    if type.rank == 3:
        return OutputKind.FIGURE if type.shape[0] == 1 else OutputKind.MASK
    if type.rank == 2:
        return OutputKind.NUMBERS
    return OutputKind.LABELS if type.shape == (1,) and binary else OutputKind.SCORES


def _figures(type: TensorType) -> OutputKind:
    """What an output is of which each number holds or not."""
    if type.rank == 1:
        return OutputKind.LABELS
    return OutputKind.FIGURE if type.rank == 2 or type.shape[0] == 1 else OutputKind.NUMBERS


def _same(left: tuple[Extent, ...], right: tuple[Extent, ...]) -> bool:
    """Whether shapes agree in number of axes, and where both are numbers in size."""
    pairs = zip(left, right, strict=False)
    return len(left) == len(right) and all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def _binary(graph: Graph) -> bool:
    return any(isinstance(n.op, BinaryCrossEntropy | BinaryCrossEntropyWithLogits) for _, n in graph.walk())


def _scored(term: RecipeTerm, type: TensorType) -> bool:
    """Whether a term has classes, as many as an output has numbers: a distance or a likeness of vectors has none."""
    return any(count == type.shape[0] for _, node in term.graph.walk() for count in _classes(node.op))


def _classes(op: object) -> Iterator[Extent]:
    """How many classes an operation tells apart."""
    if isinstance(op, Softmax | LogSoftmax | Argmax):
        yield op.x.shape[op.along]
    elif isinstance(op, OneHot):
        yield op.classes
    elif isinstance(op, Op):
        yield from (numbering.count for numbering in op.numberings())


def _is_picture(type: TensorType) -> bool:
    return type.rank == 3 and type.shape[0] in (1, 3)


def _pixels(net: Net) -> tuple[Extent, ...]:
    """The height and width of the picture that a net reads; nothing where it reads none."""
    value = net.fed[0] if len(net.fed) == 1 else None
    return value.shape[1:] if value is not None and value.type.rank == 3 else ()


def _untold(net: Net, facts: Mapping[str, Any], type: TensorType) -> OutputKind:
    """What an output is that is held against no field of the data: with losses, classes only where they say so."""
    found = _plain(net, facts, type)
    classes = found in (OutputKind.SCORES, OutputKind.MASK)
    judged = net.recipe is not None and any(part.losses for part in net.recipe.turns)
    if not judged or not classes or any(_scored(term, type) for term in _readers(net)):
        return found
    return OutputKind.NUMBERS


def _plain(net: Net, facts: Mapping[str, Any], type: TensorType) -> OutputKind:
    """What an output is, by its shape and the names of classes alone."""
    names = facts.get("classes")
    known = len(names) if isinstance(names, list | tuple) else None
    if type.rank == 1:
        return OutputKind.SCORES
    if type.rank != 3:
        return OutputKind.NUMBERS
    if type.shape[0] == known and len(_pixels(net)) == 2:
        return OutputKind.MASK
    if _is_picture(type):
        return OutputKind.PICTURE
    few = isinstance(type.shape[0], int) and type.shape[0] <= CLASSES
    return OutputKind.MASK if known is None and few and len(_pixels(net)) == 2 else OutputKind.NUMBERS
