"""The calls of a `forward`, the attributes that they call, and how both are reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from netdsl.codegen.python.authored import Vocabulary
from netdsl.codegen.python.freezing import is_frozen
from netdsl.codegen.python.handed import lent
from netdsl.codegen.python.spelling import Branched, Either, Infix, Kept, Made, Operand, Repeated, Spelling
from netdsl.codegen.python.uses import BlockUse, Branches
from netdsl.dims.tensors import Init, Value
from netdsl.graph import Block, Node
from netdsl.ops.base import Elementwise


@dataclass(eq=False)
class ForwardCall:
    """One call of `forward`."""

    node: Node
    """The last layer it runs."""
    expression: Made | Infix
    inputs: tuple[Value, ...]
    results: tuple[Value, ...]
    label: str
    attribute: str = ""
    """The attribute it calls, for a chain that is one module."""
    follows: bool = False
    """Whether it may be written around the step before: it works element by element, or has only a bias or scale."""
    row: tuple[Node, ...] = ()
    """The layers of a chain."""
    loop: Repeated | None = None
    """The modules that a loop calls one after the other."""
    turn: tuple[ForwardCall, ...] = ()
    """The calls of one turn, where the turns of a loop are gathered in a list."""
    branches: Branches | None = None
    sides: tuple[Any, ...] = ()
    """What training runs and what inference does, where this ends an `if training` (`Side`); both are in `turn`."""


@dataclass(eq=False)
class ClassLayout:
    """Attributes in order of definition, and steps in order of running."""

    use: BlockUse
    attributes: dict[str, Made | Repeated | Either | Branched | Kept] = field(default_factory=dict)
    inits: list[tuple[str, Init, Any]] = field(default_factory=list)
    """`(self.conv1.weight, how it starts, its shape)`."""
    steps: list[ForwardCall] = field(default_factory=list)
    access: dict[Node, str] = field(default_factory=dict)
    """How `forward` reaches a layer: `self.main["conv1"]`."""
    names: Vocabulary | None = None
    """What the author's words mean here."""
    lists: dict[tuple[Value, ...], Value] = field(default_factory=dict)
    """Branches that a loop gathers, with what stands for their list."""
    followed: set[int] = field(default_factory=set)
    """The author's counts that a loop has."""


def owns_module(use: BlockUse, node: Node) -> bool:
    """Whether a layer is constructed in `__init__`."""
    if node.shares is not None or node.keyed is not None or node not in use.spellings:
        return False
    spelling = use.spellings[node]
    return node.is_module() or spelling.call is None or spelling.parameter


def applied(use: BlockUse, node: Node, access: str) -> Made | Infix:
    """A module, called on its operands; a free parameter, a constant or a weight of a module stands for itself."""
    own = use.spellings.get(node)
    if own is not None and own.weight:
        return Infix(_escaped(use.dialect.inside(access, own.weight)), tight=True)
    spelling = use.spellings.get(node.owner, Spelling())
    if spelling.parameter or spelling.buffer:
        return Infix(_escaped(access), tight=True)
    if spelling.use:
        return Infix(spelling.use.replace("{m}", _escaped(access)), spelling.used, tight=not spelling.used)
    return Made(access, (*(Operand(i) for i in range(len(node.inputs))), *lent(use, node)))


def _escaped(access: str) -> str:
    """Source as it stands in a template."""
    return access.replace("{", "{{").replace("}", "}}")


def follows(node: Node) -> bool:
    if isinstance(node.op, Block) or len(node.inputs) != 1:
        return False
    thin = all(len(w.shape) <= 1 for w in node.op.weights())
    elementwise = isinstance(node.op, Elementwise) or (bool(node.op.weights()) and thin)
    return elementwise and len(node.results) == 1 and node.results[0].shape == node.inputs[0].shape


def parameter(use: BlockUse, node: Node) -> Made:
    """The free parameter that a layer is."""
    return use.dialect.free_parameter(tuple(use.ops[node].weights()[0].shape), is_frozen(use, node))
