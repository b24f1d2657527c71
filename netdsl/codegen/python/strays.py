"""Where an operation does not follow its traced numbers: its rules are asked again at other values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.spelling import Infix, Made, Spelling
from netdsl.codegen.python.starts import begun, start_texts
from netdsl.codegen.python.terms import Scaled, Sized, is_unsaid, names_in, plain, traced
from netdsl.codegen.target import Unsupported
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import result_types
from netdsl.ops.base import Op, Requirement, RuleError

SpeltAt = tuple[tuple[TensorType, ...], Spelling]


@dataclass
class Strays:
    """Names whose numbers the operation's spelling has not, and for each size of a result those it has not."""

    names: set[str] = field(default_factory=set)
    sizes: list[list[set[str]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What names mean where the rules are asked again."""

    env: Mapping[str, Any]
    dialect: Dialect


def spelt(dialect: Dialect, op: Op) -> Spelling:
    """What the operation's rule gives. Raises `Unsupported` where it has none, or its weights cannot start so.

    A setting that the author wrote in words is said even where its value is the target's default: `stride=stride`.
    """
    spelling: Spelling = dialect.rules.rule(op)(op)
    _starts(dialect, op, spelling)
    signature = dialect.signature(spelling.module.function) if spelling.module else None
    if spelling.module is None or signature is None:
        return spelling
    written = {dialect.keywords.get(f.name, f.name): getattr(op, f.name) for f in op.settings()}
    given = spelling.module.keywords
    more = {
        k: v for k, v in written.items() if k not in given and isinstance(v, Sized) and signature.defaults.get(k) == v
    }
    return replace(spelling, module=replace(spelling.module, keywords={**given, **more})) if more else spelling


def names_in_fields(fields: Mapping[str, Any]) -> set[str]:
    """The names that settings and inputs of an operation follow."""
    return {n for v in fields.values() for n in names_in(_shown(v))}


def _shown(value: Any) -> Any:
    if isinstance(value, Value):
        return value.shape
    return tuple(_shown(v) for v in value) if isinstance(value, tuple | list) else value


def asked(value: Any) -> Any:
    """A field as part of a key: numbers with their terms."""
    if isinstance(value, Value):
        return value.type.dtype, value.type.batched, asked(value.shape)
    if isinstance(value, tuple | list):
        return tuple(asked(v) for v in value)
    return (value.term, plain(value)) if isinstance(value, Sized | Scaled) else (type(value), value)


def strays(op: Op, fields: Mapping[str, Any], found: SpeltAt, dialect: Dialect, env: Mapping[str, Any]) -> Strays:
    """What does not follow: terms at other values of a name, against what the rules say there.

    Values at which the operation cannot be are passed over.
    """
    result = Strays(sizes=[[set() for _ in t.shape] for t in found[0]])
    for name in sorted(n for n in names_in_fields(fields) if n in env):
        for value in _others(env[name]):
            there = Elsewhere({**env, name: value}, dialect)
            try:
                again = type(op)(**{k: _at(v, there.env) for k, v in fields.items()})
                known = result_types(again), spelt(dialect, again)
            except (Unsupported, RuleError, TypeError, ValueError, ArithmeticError, KeyError):
                continue
            starts = _starts(dialect, op, found[1]) == _starts(dialect, again, known[1])
            if (starts and _same(found, known, there)) or not all(map(_met, again.requirements())):
                continue
            _note(result, name, found, known, there)
            if not starts:
                result.names.add(name)
    return result


def _starts(dialect: Dialect, op: Op, spelling: Spelling) -> tuple[str, ...]:
    """How its weights start: some ways count the numbers that come in."""
    return start_texts(dialect, *begun(spelling, op))


def _same(found: SpeltAt, known: SpeltAt, there: Elsewhere) -> bool:
    ours, theirs = ([t.shape for t in types] for types, _ in (found, known))
    return _agree(_parts(found[1]), _parts(known[1]), there) and _agree(ours, theirs, there)


def _note(result: Strays, name: str, found: SpeltAt, known: SpeltAt, there: Elsewhere) -> None:
    if len(found[0]) != len(known[0]):  # as many parts as a setting says
        result.names.add(name)
        return
    for row, ours, theirs in zip(result.sizes, found[0], known[0], strict=True):
        for i, extent in enumerate(ours.shape):
            if i >= theirs.rank or not _agree(extent, theirs.shape[i], there):
                row[i].add(name)
    if not _agree(_parts(found[1]), _parts(known[1]), there):
        result.names.add(name)


def _met(requirement: Requirement) -> bool:
    """Whether a requirement holds, as far as numbers tell."""
    left, right = requirement.left, requirement.right
    if not isinstance(left, int) or not isinstance(right, int):
        return True
    return left == right if requirement.relation == "==" else left >= right


def _others(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, float):
        return [value / 2 + 0.0625, 2 * value + 1]
    if isinstance(value, int):
        around = (value + 1, value - 1, 3 * value + 1, 4 * value, value // 2)
        return [v for v in dict.fromkeys(around) if v >= 0 and v != value]
    return []


def _at(value: Any, env: Mapping[str, Any]) -> Any:
    """A traced value where names mean something else; what follows names in a way not told stays."""
    if isinstance(value, Value):
        return Value(value.name, value.type.with_shape(*(_at(e, env) for e in value.shape)))
    if isinstance(value, tuple | list):
        return type(value)(_at(v, env) for v in value)
    if isinstance(value, Sized | Scaled):
        return plain(value) if is_unsaid(value.term) else traced(value.term.value(env), value.term)
    return value


def _parts(spelling: Spelling) -> Any:
    return spelling.module, spelling.call, spelling.use, spelling.used


def _agree(ours: Any, theirs: Any, there: Elsewhere) -> bool:
    """Whether an expression comes to another one, its terms taken at `env`."""
    if isinstance(ours, Made) and isinstance(theirs, Made):
        return _same_call(ours, theirs, there)
    if isinstance(ours, Infix) and isinstance(theirs, Infix):
        return ours.template == theirs.template and _agree(ours.values, theirs.values, there)
    if isinstance(ours, tuple | list) and isinstance(theirs, tuple | list):
        return len(ours) == len(theirs) and all(_agree(a, b, there) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, Sized | Scaled):
        return is_unsaid(ours.term) or ours.term.holds(theirs, there.env)
    return bool(ours == theirs)


def _same_call(ours: Made, theirs: Made, there: Elsewhere) -> bool:
    """Keywords left out have the target's default."""
    defaults = there.dialect.defaults(ours.function)
    words = sorted({*ours.keywords, *theirs.keywords})
    first, second = (tuple(m.keywords.get(w, defaults.get(w)) for w in words) for m in (ours, theirs))
    called = ours.function == theirs.function and _agree(ours.arguments, theirs.arguments, there)
    return called and _agree(first, second, there)
