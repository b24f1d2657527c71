"""What is known of one use of a definition while its class is made, and of the class once it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.spelling import Spelling
from netdsl.codegen.python.strays import Strays
from netdsl.codegen.python.terms import Sized, Term
from netdsl.dims import Dim
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Block, Graph, Net, Node, State
from netdsl.ops.base import Op
from netdsl.text import syntax
from netdsl.text.written import Written


@dataclass(eq=False)
class Branches:
    """The layers of one `each` over a range."""

    each: syntax.Each
    word: str
    """The loop's variable in the source."""
    nodes: list[Node]
    first: int = 0
    """What the author's word is in the first turn."""
    own: set[Node] = field(init=False)
    count: Any = 1
    """How many turns, as the author wrote it; a plain number where no loop can be."""

    def __post_init__(self) -> None:
        self.own = set(self.nodes)

    @property
    def counted(self) -> Any:
        """The author's expression behind the count."""
        return self.each.items

    @property
    def turns(self) -> list[list[Node]]:
        size = len(self.nodes) // int(self.count)
        return [self.nodes[i : i + size] for i in range(0, len(self.nodes), size)]

    @property
    def ends(self) -> tuple[Value, ...]:
        """What the turns make, each by its last layer."""
        return tuple(turn[-1].results[0] for turn in self.turns)

    def follows(self) -> bool:
        return isinstance(self.count, Sized)


@dataclass(frozen=True, slots=True)
class ClassArgument:
    """A constructor argument of an emitted class."""

    name: str
    kind: str
    """`param` of the block, `axis` of an input, or `extra`: neither, but different between uses."""
    annotation: str
    default: Any = None
    optional: bool = False
    axis: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class LentLayer:
    """A layer that is shared at the top of a file, as it was spelt where it is used first."""

    use: BlockUse
    node: Node
    spelling: Spelling


@dataclass(eq=False)
class BlockUse:
    """A definition with one choice of settings and input types."""

    dialect: Dialect
    block: Block | None
    graph: Graph
    settings: dict[str, Any]
    written: Written
    """What the author wrote, by place."""
    definition: syntax.Definition | None
    env: dict[str, Any] = field(default_factory=dict)
    """What names mean here: settings, axes of inputs (`in_channels`), extra arguments."""
    axes: dict[str, tuple[int, int]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    """Settings and axes that are no arguments: something that they reach is a plain number."""
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Every axis of an input by its name, hidden ones too."""
    baked: set[str] = field(default_factory=set)
    """Vocabulary that were found to reach a plain number."""
    symbolic: dict[Dim, set[str]] = field(default_factory=dict)
    """Names that symbolic sizes follow: a stride, the factor of an enlargement."""
    reached: set[str] = field(default_factory=set)
    """Vocabulary behind the plain numbers of the class."""
    origins: dict[str, set[str]] = field(default_factory=dict)
    """The names behind each extra argument."""
    decisions: list[Term] = field(default_factory=list)
    """Conditions over names that must come out as they do here, for the layers to be these."""
    truths: list[Term] = field(default_factory=list)
    """Settings of layers that are true or false, as conditions over names: `bias=c > 8`."""
    ops: dict[Node, Op] = field(default_factory=dict)
    asked: dict[Any, Strays] = field(default_factory=dict)
    """Operations that were asked at other values, by all that decides over the answer."""
    types: dict[Value, TensorType] = field(default_factory=dict)
    spellings: dict[Node, Spelling] = field(default_factory=dict)
    calls: dict[Node, tuple[Built, BlockUse]] = field(default_factory=dict)
    """For nodes that apply a block: the class and the use behind it."""
    branches: list[Branches] = field(default_factory=list)
    """Rows of `each` that may be a loop; the words of these loops are in `env` while their turns are traced."""
    inputs: dict[Value, str] = field(default_factory=dict)
    """What the author calls each input."""
    borrowed: tuple[str, ...] = ()
    """Layers shared at the top of the file that it or a block in it applies, by key: they come as arguments."""
    common: dict[str, LentLayer] = field(default_factory=dict)
    """Of the net itself, how these layers are made."""
    numbering: frozenset[str] = frozenset()
    """Of what its class takes, the names by which there are more modules or fewer."""
    length: Any = None
    """How many steps a recurrent block takes that goes over no sequence."""

    @property
    def parameters(self) -> tuple[syntax.Parameter, ...]:
        """What the definition takes, as declared."""
        return self.definition.parameters if self.definition else ()

    @property
    def kept(self) -> tuple[State, ...]:
        """The states of a net, which go from call to call."""
        return self.graph.states if isinstance(self.graph, Net) else ()


@dataclass(eq=False)
class Built:
    """An emitted class."""

    name: str
    arguments: tuple[ClassArgument, ...] = ()
    lines: list[str] = field(default_factory=list)
    support: set[str] = field(default_factory=set)
    summary: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.arguments)

    @property
    def defaults(self) -> dict[str, Any]:
        return {a.name: a.default for a in self.arguments if a.optional}
