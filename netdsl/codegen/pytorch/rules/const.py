"""PyTorch spellings of tensors that the text says: buffers, or what is made of the size at hand."""

from __future__ import annotations

from typing import Any

from netdsl.codegen.python.spelling import Infix, Made, Raw, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.codegen.target import Unsupported
from netdsl.dims.tensors import DType
from netdsl.ops.const import Const, ConstStart

TYPES = {"float": "torch.float32", "int": "torch.int64", "bool": "torch.bool"}
FEW = 6
"""Numbers of a list that stands in one line, with its shape behind it."""


@rules.lowers(Const)
def const(op: Const) -> Spelling:
    if not op.is_open:
        return Spelling(buffer=_fixed(op))
    if op.like is None:
        raise Unsupported("the size of a `const` that is open is that of an input, and nothing comes in here")
    words = {"arange": _counted, "eye": _eye}
    made = words[op.start](op) if isinstance(op.start, str) else _filled(op)
    return _real(op, made) if _is_untold(op) else Spelling(call=made)


# ---------------------------------------------------------------- kept with the module


def _fixed(op: Const) -> Made | Infix:
    if op.start == "arange":
        shape = op.shape if len(op.shape) > 1 else ()
        made = f"torch.arange({{v[0]}}{_typed(op, 'int')})"
        return Infix(made + _sizes(".reshape", len(shape), 1), (op.count, *shape), tight=True)
    if op.start == "eye":
        square = op.shape[0] == op.shape[1]
        return Made("torch.eye", op.shape[:1] if square else op.shape, _type(op, "float"))
    if not isinstance(op.start, tuple):
        return _full(op, op.start)
    return _listed(op, op.start)


def _full(op: Const, number: ConstStart) -> Made:
    if not op.shape:
        return Made("torch.tensor", (number,), {} if type(number) in (float, bool) else _type(op))
    if type(number) in (float, int) and number in (0, 1):
        return Made(f"torch.{'ones' if number else 'zeros'}", op.shape, _type(op, "float"))
    return Made("torch.full", (op.shape, number), {} if type(number) in (float, bool) else _type(op))


def _listed(op: Const, start: tuple[Any, ...]) -> Made | Infix:
    depth, plain = _depth(start), any(type(v) in (float, bool) for v in _leaves(start))
    rest, kind = op.shape[depth:], {} if plain else _type(op)
    if depth == 1 and rest and set(rest) == {1} and len(start) <= FEW and not kind:
        numbers = ", ".join(f"{{v[{i}]}}" for i in range(len(start)))
        view = _sizes(".view", len(op.shape), len(start))
        return Infix(f"torch.tensor([{numbers}]){view}", (*start, *op.shape), tight=True)
    made = Made("torch.tensor", (_nested(start, len(rest)),), kind)
    return Made("torch.broadcast_to", (made, op.shape)) if set(rest) - {1} else made


def _nested(value: ConstStart, more: int) -> Made | ConstStart:
    """Lists as they stand in source, with `more` of one item around each number."""
    if isinstance(value, tuple):
        return Made("[]", tuple(_nested(item, more) for item in value))
    return value if not more else Made("[]", (_nested(value, more - 1),))


def _depth(value: ConstStart) -> int:
    return 1 + _depth(value[0]) if isinstance(value, tuple) else 0


def _leaves(value: ConstStart) -> list[ConstStart]:
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, tuple) else [value]


def _type(op: Const, usual: str = "") -> dict[str, Any]:
    """The keyword that says the type, unless it is the usual one."""
    return {} if op.dtype == usual else {"dtype": Raw(TYPES[op.dtype])}


def _typed(op: Const, usual: str = "") -> str:
    return "" if op.dtype == usual else f", dtype={TYPES[op.dtype]}"


def _sizes(method: str, count: int, first: int) -> str:
    """`.view({v[3]}, {v[4]})`; nothing where there are no sizes."""
    return f"{method}({', '.join(f'{{v[{first + i}]}}' for i in range(count))})" if count else ""


# ---------------------------------------------------------------- made of the size at hand


def _counted(op: Const) -> Infix:
    shape = op.shape if len(op.shape) > 1 else ()
    made = f"torch.arange({{v[0]}}{_like(op)})" + _sizes(".reshape", len(shape), 1)
    return Infix(made, (op.count, *shape), tight=True)


def _eye(op: Const) -> Infix:
    return Infix(f"torch.eye({{v[0]}}, {{v[1]}}{_like(op)})", op.shape, tight=True)


def _filled(op: Const) -> Infix:
    assert op.like is not None
    sizes = _sizes("", len(op.shape), 0)
    if isinstance(op.start, tuple):
        numbers = _source(op.start, len(op.shape))
        return Infix(f"torch.tensor({numbers}{_like(op)}).expand{sizes}", op.shape, tight=True)
    same = op.like.type.dtype is DType(op.dtype) or _is_untold(op)
    kind = "" if same else f", dtype={TYPES[op.dtype]}"
    if _is_untold(op) or (op.start in (0, 1) and not isinstance(op.start, bool)):
        return Infix(f"{{0}}.new_{'ones' if op.start else 'zeros'}({sizes}{kind})", op.shape, tight=True)
    number = len(op.shape)
    sizes = "({v[0]},)" if number == 1 else sizes
    return Infix(f"{{0}}.new_full({sizes}, {{v[{number}]}}{kind})", (*op.shape, op.start), tight=True)


def _real(op: Const, made: Infix) -> Spelling:
    """Made of the kind that the module is: of one number as ones times it, for its last bits."""
    times = "" if isinstance(op.start, tuple | str) or op.start in (0, 1) else f" * {{v[{len(op.shape)}]}}"
    numbers = (*made.values, op.start) if times else made.values
    return Spelling(module=Made("Real"), support=("Real",), use=f"{{m}}({made.template}){times}", used=numbers)


def _is_untold(op: Const) -> bool:
    """Whether no input says of which kind its real numbers are."""
    return op.dtype == "float" and op.like is not None and op.like.type.dtype is not DType.FLOAT


def _like(op: Const) -> str:
    """Where a new tensor lies and of which type it is: those of an input as far as that tells."""
    assert op.like is not None
    if _is_untold(op):
        return ", device={0}.device"
    if op.dtype == "int":
        return ", dtype=torch.int64, device={0}.device"
    kind = "{0}.dtype" if op.like.type.dtype is DType(op.dtype) else TYPES[op.dtype]
    return f", dtype={kind}, device={{0}}.device"


def _source(value: ConstStart, rank: int) -> str:
    """Nested lists with an axis of one for each that they leave out."""
    if isinstance(value, tuple):
        return f"[{', '.join(_source(item, rank - 1) for item in value)}]"
    return "[" * rank + repr(value) + "]" * rank
