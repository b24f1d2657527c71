"""How an operation is spelt in Python source: as data, so that constructor arguments can be made parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Raw:
    """Text that stands in the source as it is: `float("-inf")`."""

    text: str


@dataclass(frozen=True, slots=True)
class Operand:
    """The operation's input number `index`, or the rest of them as a list when `rest`."""

    index: int = 0
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """`function(*arguments, **keywords)`; arguments are plain values, `Raw`, `Operand` or other `Made`."""

    function: str
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    after: str = ""
    """What stands behind the call."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A tensor that the text says, kept as an attribute that no file of weights has."""

    made: Made | Infix


@dataclass(frozen=True, slots=True)
class Repeated:
    """`count` modules made alike, called `base` with a number from `start` on; `word` is the loop's variable."""

    item: Made
    base: str
    start: int
    count: Any
    word: str = "i"

    @property
    def name(self) -> str:
        """The source of a module's name: `f"block{i}"`."""
        return f'f"{self.base}{{{self.word}}}"'


@dataclass(frozen=True, slots=True)
class Either:
    """A row whose name is that of its only layer, where a count comes to `number`; else it holds several."""

    count: Any
    number: int
    alone: Made
    several: Made


@dataclass(frozen=True, slots=True)
class Turned:
    """A module, or a free parameter, of every turn of a loop; `key` is the source of its name."""

    key: str
    made: Made
    starts: tuple[Any, ...] = ()
    """How its weights start, as `starts.Start`."""
    free: bool = False


@dataclass(frozen=True, slots=True)
class Branched:
    """The modules that `count` turns have, in a table of the name `table` or, with none, in the class itself."""

    table: str
    word: str
    count: Any
    items: tuple[Turned, ...]


@dataclass(frozen=True, slots=True)
class Infix:
    """Source text with `{0}`, `{1}` for operands: `{0} + {1}`. `values` are the numbers it may use as `{v[0]}`."""

    template: str
    values: tuple[Any, ...] = ()
    tight: bool = False
    """True when it needs no brackets around it inside a larger expression."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """Both ways to write an operation.

    `module` is a module to construct in `__init__` and call with the operands: needed when it owns weights. `call` is
    an expression for `forward`. At least one of them is there; with both, a sequence of modules uses the module and
    `forward` the call. `support` names classes or functions of the dialect's that the file must contain.
    """

    module: Made | None = None
    call: Made | Infix | None = None
    support: tuple[str, ...] = ()
    parameter: bool = False
    """The node is a free parameter of the module itself."""
    buffer: Made | Infix | None = None
    """The node is this tensor, which the module keeps."""
    weight: str = ""
    """The node is the weight of this key of the layer whose weights it shares."""
    init: dict[str, Any] = field(default_factory=dict)
    """Weights whose initial value is not the module's own: name to `tensors.Init`."""
    use: str = ""
    """How `forward` calls the module when `{m}({0}, {1})` is not it: `{m}({0})[0]` for one whose result is a tuple.
    `{m}` is the module, `{0}` and `{1}` the operands. Such a module cannot stand in a sequence."""
    used: tuple[Any, ...] = ()
    """The numbers that `use` may have as `{v[0]}`."""
