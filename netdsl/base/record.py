"""Classes with fields, made in a twentieth of the time that a dataclass takes.

A command that prints a report lives for a fifth of a second; as dataclasses its hundred small classes would take a
third of it. Type checkers see dataclasses; at run time nothing guards the fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


class Fresh:
    """A default that every instance gets one of its own of."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def anew(*, factory: Callable[[], T]) -> T:
    """`rows: list[Row] = anew(factory=list)`: an empty list of its own for every instance."""
    return Fresh(factory)  # type: ignore[return-value]


class Later:
    """What a field holds in the place of a value that is made when it is first read."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


class Delayed:
    """The default of a field that may be given `later`."""

    def __init__(self, default: Any) -> None:
        self.default = default


def delayed(*, default: T) -> T:
    """`rows: tuple[Row, ...] = delayed(default=())`: a field that may be given a `later`."""
    return Delayed(default)  # type: ignore[return-value]


def later(make: Callable[[], T]) -> T:
    """For a field that is `delayed`: what makes its value, if anybody reads it."""
    return Later(make)  # type: ignore[return-value]


class DelayedField:
    """A slot whose value whoever reads it gets, made first where it is to be."""

    def __init__(self, slot: Any) -> None:
        self.slot = slot

    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        value = self.slot.__get__(owner, kind)
        if value.__class__ is Later:
            value = value.make()
            self.slot.__set__(owner, value)
        return value

    def __set__(self, owner: Any, value: Any) -> None:
        self.slot.__set__(owner, value)


@dataclass_transform(frozen_default=True, field_specifiers=(anew,))
def record(cls: type[T]) -> type[T]:
    """A class of values: the annotated names are its slots, in order; equality, hash and repr go by them."""
    return _of_values(cls, keywords=False)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(anew, delayed))
def keyed(cls: type[T]) -> type[T]:
    """A record whose fields are given by name only, so that one with a default may stand before one without."""
    return _of_values(cls, keywords=True)


def _of_values(cls: type[T], keywords: bool) -> type[T]:
    names, defaults = _fields(cls)
    own = tuple(n for n in names if n not in getattr(cls, "__match_args__", ()))
    space = {k: v for k, v in vars(cls).items() if k not in (*own, "__dict__", "__weakref__")}
    by_value = {"__eq__": equal, "__hash__": hashed, "__repr__": shown}
    fields = {"__slots__": own, "__match_args__": names, "_defaults": defaults}
    made: type[T] = type.__new__(type(cls), cls.__name__, cls.__bases__, {**by_value, **space, **fields})
    for name in own:
        if defaults.get(name).__class__ is Delayed:
            defaults[name] = defaults[name].default
            setattr(made, name, DelayedField(getattr(made, name)))
    return _initialised(made, keywords)


@dataclass_transform(eq_default=False, field_specifiers=(anew,))
def entity(cls: type[T]) -> type[T]:
    """A class of things with an identity of their own: fields may change, and equal means the same object."""
    names, defaults = _fields(cls)
    type.__setattr__(cls, "__match_args__", names)
    type.__setattr__(cls, "_defaults", defaults)
    return _initialised(cls, keywords=False)


def _fields(cls: type) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Names and defaults of all fields, those of the base class first."""
    inherited: tuple[str, ...] = getattr(cls, "__match_args__", ())
    own = tuple(n for n in vars(cls).get("__annotations__", ()) if n not in inherited)
    defaults: Mapping[str, Any] = getattr(cls, "_defaults", {})
    return inherited + own, {**defaults, **{n: vars(cls)[n] for n in own if n in vars(cls)}}


def _initialised(cls: type[T], keywords: bool) -> type[T]:
    """Give a class its `__init__`, written when the first object is made: most classes have none in most runs."""

    target: Any = cls

    def __init__(self: Any, *given: Any, **named: Any) -> None:
        target.__init__ = initialiser(target.__match_args__, target._defaults, keywords)
        target.__init__(self, *given, **named)

    target.__init__ = __init__
    return cls


def initialiser(names: tuple[str, ...], defaults: Mapping[str, Any], keywords: bool = False) -> Any:
    """An `__init__` that takes the fields by name or in order; the names are those of a class's own annotations."""
    fields = [f"{n}=_defaults[{n!r}]" if n in defaults else n for n in names]
    head = ", ".join(["self", *(["*"] if keywords and names else []), *fields])
    lines = [_assignment(n, defaults.get(n)) for n in names] or ["pass"]
    scope: dict[str, Any] = {"_defaults": defaults}
    exec(f"def __init__({head}):\n    " + "\n    ".join(lines), scope)
    return scope["__init__"]


def _assignment(name: str, default: Any) -> str:
    if isinstance(default, Fresh):
        return f"self.{name} = _defaults[{name!r}].make() if {name} is _defaults[{name!r}] else {name}"
    return f"self.{name} = {name}"


def contents(value: Any) -> dict[str, Any]:
    """Fields by name."""
    return {name: getattr(value, name) for name in value.__match_args__}


def values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__match_args__])


def equal(self: Any, other: object) -> bool:
    return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented


def hashed(self: Any) -> int:
    return hash((self.__class__, *values(self)))


def shown(self: Any) -> str:
    inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
    return f"{self.__class__.__qualname__}({inner})"


def changed(value: T, **fields: Any) -> T:
    """The same value with some fields replaced."""
    names: tuple[str, ...] = value.__match_args__  # type: ignore[attr-defined]
    return value.__class__(**{name: fields.get(name, getattr(value, name)) for name in names})
