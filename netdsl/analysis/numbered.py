"""An operation with numbers for symbols: its arithmetic is then reckoned in plain numbers, not in exact sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netdsl.base.record import contents
from netdsl.dims import Dim
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.base import Op


def numbered(op: Op, sizes: Mapping[str, int]) -> Op:
    """The same operation at some sizes: counts and windows agree, names and settings of the text are kept."""
    return _put_in(op, sizes, {}) if sizes else op


def _put_in(op: Op, sizes: Mapping[str, int], arrows: dict[Value, Value]) -> Op:
    made = object.__new__(type(op))
    made.__dict__.update({name: _at(thing, sizes, arrows) for name, thing in vars(op).items()})
    return made


def _at(thing: object, sizes: Mapping[str, int], arrows: dict[Value, Value]) -> Any:
    """A setting, operand or layer within with numbers; an arrow that comes in twice stays one."""
    if isinstance(thing, Dim):
        return thing.at(sizes)
    if type(thing) is tuple:
        return tuple([_at(each, sizes, arrows) for each in thing])
    if isinstance(thing, TensorType):
        return TensorType(**{name: _at(each, sizes, arrows) for name, each in contents(thing).items()})
    if isinstance(thing, Value):
        if thing not in arrows:
            arrows[thing] = Value(thing.name, _at(thing.type, sizes, arrows))
        return arrows[thing]
    if isinstance(thing, Op):
        return _put_in(thing, sizes, arrows)
    return thing
