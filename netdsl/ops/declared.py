"""Something with typed fields, read from its annotations: an operation, or a word of a recipe."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, dataclass_transform, get_args, get_origin

from netdsl.base.record import record
from netdsl.dims.tensors import Value
from netdsl.ops.fields import DERIVED, Kind, derived

Values = tuple[Value, ...]
"""The annotation of an input that takes a bundle of any number of arrows."""

MISSING: Any = object()


@record
class Field:
    """One declared setting (`kind` is set) or input (`kind` is None)."""

    name: str
    kind: Kind | None
    default: Any = MISSING
    many: bool = False
    optional: bool = False

    @property
    def required(self) -> bool:
        return self.default is MISSING


@dataclass_transform(field_specifiers=(derived,))
class Declared:
    """Something with typed fields: an operation, a data set, an optimizer, a schedule."""

    name: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    positional: ClassVar[int] = 0
    """How many settings a text may give by their place; all others are given by name."""
    derived: ClassVar[frozenset[str]] = frozenset()
    """The attributes that `prepare()` sets beside the settings."""
    _settings: ClassVar[tuple[Field, ...]] = ()
    _inputs: ClassVar[tuple[Field, ...]] = ()

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__()
        made = {n for n, value in vars(cls).items() if value is DERIVED}
        for name in made:
            delattr(cls, name)
        cls.derived = cls.derived | made
        given = {n: a for n, a in _annotations(cls).items() if get_origin(a) is not ClassVar and n not in made}
        own = tuple(_field(cls, n, a) for n, a in given.items())
        names = {f.name for f in own}
        cls.fields = tuple(f for f in cls.fields if f.name not in names) + own
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        cls._settings = tuple(f for f in cls.fields if f.kind is not None)
        cls._inputs = tuple(f for f in cls.fields if f.kind is None)

    def __init__(self, *given: Any, **named: Any) -> None:
        for declared, value in zip(self.fields, given, strict=False):
            named.setdefault(declared.name, value)
        for declared in self.fields:
            if declared.name not in named and declared.required:
                raise TypeError(f"{self.name} needs {declared.name}")
            setattr(self, declared.name, named.pop(declared.name, declared.default))
        if named:
            raise TypeError(f"{self.name} takes no {', '.join(named)}")
        self.prepare()

    def prepare(self) -> None:
        """Bring settings into their normal form once all are known; may raise `RuleError`."""

    @classmethod
    def settings(cls) -> tuple[Field, ...]:
        return cls._settings

    @classmethod
    def inputs(cls) -> tuple[Field, ...]:
        return cls._inputs

    def given(self) -> dict[str, Any]:
        """The settings that differ from their defaults, in declared order."""
        return {
            f.name: getattr(self, f.name) for f in self.settings() if f.required or getattr(self, f.name) != f.default
        }

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.given().items())})"


def _annotations(cls: type) -> Mapping[str, Any]:
    return cls.__annotations__ if "__annotations__" in cls.__dict__ or not hasattr(cls, "__mro__") else {}


def _field(cls: type, name: str, annotation: object) -> Field:
    default = cls.__dict__.get(name, MISSING)
    kind = _kind(annotation) or next(filter(None, map(_kind, get_args(annotation))), None)
    if kind is not None:
        return Field(name, kind, default)
    many = annotation == Values
    optional = type(None) in get_args(annotation)
    return Field(name, None, default, many, optional)


def _kind(annotation: object) -> Kind | None:
    """The kind that a setting is annotated with; None of an input."""
    parts = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((part for part in parts if isinstance(part, Kind)), None)
