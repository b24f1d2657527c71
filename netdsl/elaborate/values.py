"""What an expression can be while a graph is built: numbers, arrows, bundles of arrows, and layers not yet applied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netdsl.base.record import anew, entity, record
from netdsl.dims import Condition
from netdsl.dims.tensors import Value
from netdsl.elaborate.scope import Scope, Setting
from netdsl.graph import Graph, Node
from netdsl.ops.fields import shown
from netdsl.text.source import Span

if TYPE_CHECKING:
    from netdsl.ops.base import Op
    from netdsl.text import syntax


class Failed(Exception):
    """A row that could not be built; what is wrong has been reported already."""


class Exhausted(Exception):
    """A limit that ends the whole build; it has been reported."""


class Unknown:
    """What a failed row's name stands for: everything that reads it stays silent."""


UNKNOWN = Unknown()


@record
class Bundle:
    """Several arrows side by side; `names` are those of a block's outputs."""

    items: tuple[Arrows, ...]
    names: tuple[str, ...] = ()

    def flat(self) -> Iterator[Value]:
        for item in self.items:
            yield from arrows(item)


Arrows = Value | Bundle


def arrows(value: Arrows) -> tuple[Value, ...]:
    """The single arrows of a value, nested bundles opened."""
    return tuple(value.flat()) if isinstance(value, Bundle) else (value,)


def mapped(value: Arrows, change: Callable[[Value], Value]) -> Arrows:
    """The value with each of its arrows changed, in the bundles that they stand in."""
    if isinstance(value, Bundle):
        return Bundle(tuple(mapped(item, change) for item in value.items), value.names)
    return change(value)


def written(span: Span) -> str:
    """What stands there, on one line."""
    return " ".join(span.text.split())


class Titled:
    """A layer as a value: what shows it shows its title."""

    @property
    def title(self) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.title


@record
class OpLayer(Titled):
    """`conv(64, 3)`: an operation with settings, waiting for its inputs."""

    op: type[Op]
    settings: Mapping[str, Setting]
    span: Span

    @property
    def title(self) -> str:
        return self.op.name

    @property
    def text(self) -> str:
        """The layer as its author wrote it."""
        return written(self.span) if self.settings else self.title


@record
class BlockLayer(Titled):
    """`bottleneck(64)`: a block, recurrent block or net used as a layer."""

    definition: syntax.Definition
    home: Scope
    """The file scope of its definition, where names in its body are looked up."""
    settings: Mapping[str, Setting]
    span: Span
    within: tuple[syntax.Definition, ...] = ()
    """The definitions at work where it is written: it may use none of them."""

    @property
    def title(self) -> str:
        return self.definition.name.id

    @property
    def text(self) -> str:
        """The layer as its author wrote it."""
        return written(self.span) if self.settings else self.title


@record
class Repeat(Titled):
    """`bottleneck(64) * 3`: copies one after the other, each with weights of its own."""

    layer: Layer
    count: int
    span: Span

    @property
    def title(self) -> str:
        return f"{self.layer.title} * {self.count}"

    @property
    def text(self) -> str:
        """The layer as its author would write it."""
        return f"{self.layer.text} * {self.count}"


@record
class Chain(Titled):
    """A pipeline of layers used as one: the value of a layer parameter, or of a `shared` row."""

    pipeline: syntax.Pipeline
    scope: Scope
    span: Span
    within: tuple[syntax.Definition, ...] = ()
    """The definitions at work where it is written."""

    @property
    def title(self) -> str:
        return written(self.span)

    text = title


@entity
class Shared(Titled):
    """One set of weights, used wherever its name is applied in the body that declares it.

    One that stands at the top of a file is used in all of its bodies, and has its name for a key in the net.
    """

    name: str
    layer: Layer
    graph: Graph | None
    span: Span
    first: Node | None = None
    frozen: bool = False
    weights: dict[tuple[int, str], Value] = anew(factory=dict)
    """Those that rows have read as arrows, by body and key."""
    at_work: bool = False
    """Whether it is being applied: what is inside it then must not apply it again."""

    @property
    def title(self) -> str:
        return self.name

    text = title

    @property
    def key(self) -> str | None:
        """Of one that stands at the top of a file, where its weights are."""
        return self.name if self.graph is None else None


Layer = OpLayer | BlockLayer | Repeat | Chain | Shared
LAYERS = (OpLayer, BlockLayer, Repeat, Chain, Shared)


NUMBERS = (int, float)
LONG = (list, tuple, str, Bundle)
"""Values that may be long: what is done with them takes time by their length."""


def describe(value: Any) -> str:
    """A value in an error message."""
    if isinstance(value, Value):
        return f"an arrow of shape {value.type}"
    if isinstance(value, Bundle):
        return f"a bundle of {len(value.items)} arrows"
    parts = (list, tuple, Condition, Value, Bundle, *LAYERS)
    if isinstance(value, list | tuple) and any(isinstance(v, parts) for v in value):
        return f"a list of {len(value)}"
    if isinstance(value, LAYERS):
        return f"the layer `{value.title}`"
    if isinstance(value, Condition):
        return f"the condition `{value}`"
    return shown(value)


SHAPE_ATTRIBUTES: dict[str, tuple[int, Callable[[Value], Any]]] = {
    "channels": (1, lambda v: v.shape[0]),
    "height": (2, lambda v: v.shape[-2]),
    "width": (2, lambda v: v.shape[-1]),
    "depth": (4, lambda v: v.shape[1]),
    "length": (1, lambda v: v.shape[0] if v.type.rank < 3 else v.shape[1]),
    "features": (1, lambda v: v.shape[-1]),
    "shape": (0, lambda v: list(v.shape)),
    "rank": (0, lambda v: v.type.rank),
    "elements": (0, lambda v: v.type.elements),
}


def holds(value: Any, kinds: tuple[type, ...]) -> bool:
    """True for something of these kinds, or a list with it somewhere inside."""
    return isinstance(value, kinds) or (isinstance(value, list | tuple) and any(holds(v, kinds) for v in value))


def counted(count: int, what: str) -> str:
    """`1 arrow`, `2 arrows`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
