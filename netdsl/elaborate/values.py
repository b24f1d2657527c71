"""What an expression can be while a graph is built: numbers, arrows, bundles of arrows, and layers not yet applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netdsl.base.record import entity, record
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Node
from netdsl.text.source import Span

if TYPE_CHECKING:
    from netdsl.elaborate.scope import Scope
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


@record
class Setting:
    """A setting's value with the place and the expression it was written as."""

    value: Any
    span: Span
    written: syntax.Expr | None = None


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
    """One set of weights, used wherever its name is applied in the body that declares it."""

    name: str
    layer: Layer
    graph: Graph
    span: Span
    first: Node | None = None

    @property
    def title(self) -> str:
        return self.name

    text = title


Layer = OpLayer | BlockLayer | Repeat | Chain | Shared
LAYERS = (OpLayer, BlockLayer, Repeat, Chain, Shared)
