"""What the first output of a model is: what is asked for, what its file says, or what its net does."""

from __future__ import annotations

from netdsl.dims.tensors import DType, TensorType
from netdsl.graph.meaning import OutputKind, chances_of, meaning, of_label
from netdsl.runtime.predicting.models import Model


def meaning_of(model: Model, masks: bool | None = None) -> OutputKind:
    """What the first output of a model is; `masks` says where a person wants it taken as a mask, or as a picture."""
    type = model.first.type
    if masks is not None and type.rank in (2, 3):
        return _asked(type, masks)
    return _said(model) or meaning(model.net, type, model.facts)


def probabilities_in(model: Model) -> bool | None:
    """Whether the first output holds probabilities, each of a class by itself; None where nothing tells."""
    if not model.bare:
        return chances_of(model.net)
    told = _answer(model).get("probabilities")
    return told if isinstance(told, bool) else None


def is_named(model: Model) -> bool:
    """Whether the classes of the first output have the names and colours of the data's."""
    return _answer(model).get("named") is not False if model.bare else of_label(model.net)


def _answer(model: Model) -> dict[object, object]:
    """What a file says of its first output."""
    found = model.facts.get("answer")
    return found if model.bare and isinstance(found, dict) else {}


def _said(model: Model) -> OutputKind | None:
    """What a file says that its first output is, where its type is one of such; None where it says nothing."""
    type, name = model.first.type, _answer(model).get("kind")
    kind = next((kind for kind in OutputKind if kind.name.lower() == name), None)
    return kind if kind is not None and _can_be(type, kind) else None


def _can_be(type: TensorType, kind: OutputKind) -> bool:
    if kind is OutputKind.NUMBERED:
        return type.dtype is DType.INT and type.rank == 2
    if kind is OutputKind.FIGURE and type.rank == 3 and type.shape[0] != 1:
        return False
    ranks = {
        OutputKind.SCORES: (1,),
        OutputKind.LABELS: (1,),
        OutputKind.MASK: (3,),
        OutputKind.FIGURE: (2, 3),
        OutputKind.PICTURE: (2, 3),
    }
    return kind is OutputKind.NUMBERS or (type.dtype is DType.FLOAT and type.rank in ranks[kind])


def _asked(type: TensorType, masks: bool) -> OutputKind:
    if not masks:
        return OutputKind.PICTURE if type.dtype is DType.FLOAT else OutputKind.NUMBERS
    if type.dtype is DType.INT:
        return OutputKind.NUMBERED if type.rank == 2 else OutputKind.NUMBERS
    return OutputKind.FIGURE if type.rank == 2 or type.shape[0] == 1 else OutputKind.MASK
