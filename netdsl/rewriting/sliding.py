"""Which layers of a classifier of patches become which others, so that the net slides over an image of any size.

Every arrow holds one of a few things, seen from one patch: a map, what `flatten` makes of one, or numbers of the whole
patch. On a larger image a map is larger, and numbers of the patch stand at every place of its window. A layer that is
not the same at every place, or that would mix the two, is refused where it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum

from netdsl.base.record import entity, record
from netdsl.dims import at
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Block, Graph, Net, Node, Recurrent
from netdsl.graph.trail import Around, trail_of
from netdsl.ops.activation import Activation, Detach, Identity, Normalised, PRelu
from netdsl.ops.arithmetic import Abs, Clamp, Function, Neg, Pairwise, Variadic
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv
from netdsl.ops.dropout import Dropout
from netdsl.ops.linear import Linear
from netdsl.ops.normalize import Batchnorm, Lrn
from netdsl.ops.pool import Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.shape import Concat, Flatten
from netdsl.ops.value import ByPhase
from netdsl.ops.whole import To
from netdsl.text.diagnostics import Diagnostic, Label, NetError
from netdsl.text.source import Span

CODE = "not-convolutional"
WindowSize = tuple[int, int]
"""Height and width."""


class Held(Enum):
    """What an arrow holds of one patch."""

    MAP = "a map"
    FLAT = "a map in a row"
    WHOLE = "numbers of the whole patch"
    FIXED = "numbers that are the same for all samples"


@record
class Content:
    """What an arrow holds, and of what was flattened how high and wide it was."""

    held: Held
    window: WindowSize = (1, 1)


MAP, WHOLE, FIXED = Content(Held.MAP), Content(Held.WHOLE), Content(Held.FIXED)


@entity
class Replacement:
    """A layer that becomes another one: a `window` that sees what it saw, or nothing, where it only put in a row."""

    node: Node
    chain: Around
    path: str
    window: WindowSize | None


@entity
class SlidingPlan:
    """What becomes of a net."""

    net: Net
    sizes: Mapping[str, int]
    """Numbers for the symbols of the patch."""
    patch: WindowSize
    changes: list[Replacement]
    scored: int
    """Which of the outputs says something of the whole patch: the first one that is not for training alone."""
    padded: list[Node]
    """Layers whose windows go beyond the border of the patch, each place of the text once."""


def plan_of(net: Net) -> SlidingPlan:
    """What becomes of each layer; `NetError` at the layer where the net is no classifier that could slide."""
    known = dict(net.defaults)
    value = _patch(net, known)
    high, wide = (at(extent, known) for extent in value.shape[1:])
    if not any(isinstance(node.op, Linear | GlobalAvgpool | GlobalMaxpool) for _, node in net.walk()):
        message = f"{net.name} has no layer that sees the whole of a patch: nothing is to be made convolutional"
        raise refusal(message, head(net), help="`netdsl predict --own-size` computes larger pictures with it")
    sliding = Sliding(known)
    made = sliding.graph(net, [MAP], (), "")
    scored = _scored(net, made)
    return SlidingPlan(net, known, (high, wide), list(sliding.changes.values()), scored, sliding.padded)


def refusal(message: str, span: Span, help: str | None = None, notes: Iterable[str] = ()) -> NetError:
    return NetError([Diagnostic(CODE, message, (Label(span),), notes=tuple(notes), help=help)])


def _patch(net: Net, sizes: Mapping[str, int]) -> Value:
    """The input that is a patch."""
    span = head(net)
    if len(net.inputs) != 1 or net.inputs[0].type.rank != 3 or net.inputs[0].type.dtype is not DType.FLOAT:
        given = ", ".join(str(value) for value in net.inputs)
        picture = "one picture [channels, height, width] of real numbers"
        message = f"{net.name} takes {given}: {picture} slides, and nothing beside it"
        raise refusal(message, span)
    value = net.inputs[0]
    missing = next((s for s in net.symbols if s not in sizes), None)
    if missing is not None:
        message = f"nothing says how large the patch of {net.name} is: {value} leaves {missing} open"
        raise refusal(
            message, span, help=f"write a number into the text, as in `[{value.shape[0]}, {missing} = 32, …]`"
        )
    return value


def head(net: Net) -> Span:
    return net.span or net.nodes[0].span


def _scored(net: Net, made: Sequence[Content]) -> int:
    """Which output says something of the whole patch; `NetError` where none does, or where one is a map in a row."""
    for output, seen in zip(net.outputs, made, strict=True):
        if seen.held is Held.FLAT:
            message = f"the output `{output.name}` is a map in a row, which is longer for a larger image"
            raise refusal(message, output.span, help="let a `linear` follow, or leave `flatten` out")
    whole = [place for place, seen in enumerate(made) if seen.held is Held.WHOLE]
    if not whole:
        raise refusal(f"no output of {net.name} says anything of the whole patch", head(net))
    return next((place for place in whole if not net.outputs[place].aux), whole[0])


class Sliding:
    """Goes through the graph of one net, and through bodies of blocks once for each use."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.changes: dict[Span, Replacement] = {}
        """By the place of the layer."""
        self.padded: list[Node] = []

    def graph(self, graph: Graph, inputs: Sequence[Content], around: Around, path: str) -> list[Content]:
        """What its outputs hold where its inputs hold these."""
        seen = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            here = f"{path}.{node.name}" if path else node.name
            own = [seen[value] for value in node.inputs]
            made = self.node(node, own, around, here)
            seen.update(zip(node.results, made, strict=True))
        return [seen[output.value] for output in graph.outputs]

    def node(self, node: Node, inputs: list[Content], around: Around, path: str) -> Sequence[Content]:
        if all(i.held is Held.FIXED for i in inputs):
            return [FIXED] * len(node.results)
        if isinstance(node.op, Block):
            if isinstance(node.op, Recurrent):
                raise self.refused(node, around, f"`{node.op.name}` goes over a sequence, which a patch is not")
            return self.graph(node.op.body, inputs, (*around, node), path)
        use = LayerAtWork(self, node, node.op, inputs, around, path)
        rule = next((rule for kinds, rule in RULES if isinstance(node.op, kinds)), _unknown)
        return [rule(use)] * len(node.results)

    def refused(self, node: Node, around: Around, message: str, help: str | None = None) -> NetError:
        where = trail_of(node, around)
        return refusal(message, where.span, help, where.notes())


@record
class LayerAtWork:
    """One layer at work on one path through the net."""

    within: Sliding
    node: Node
    op: Op
    inputs: list[Content]
    around: Around
    path: str

    @property
    def first(self) -> Content:
        return self.inputs[0]

    def refused(self, message: str, help: str | None = None) -> NetError:
        return self.within.refused(self.node, self.around, message, help)

    def change(self, window: WindowSize | None) -> None:
        """Note what becomes of the layer; it stands at one place of the text, so it becomes one thing."""
        span = self.node.span
        earlier = self.within.changes.setdefault(span, Replacement(self.node, self.around, self.path, window))
        if earlier.window != window:
            first, other = (shown(w or (1, 1)) for w in (earlier.window, window))
            message = f"`{span.text}` stands for several layers, whose windows are {first} and {other}"
            raise self.refused(message, "write the first of them as a row of its own")

    def spatial(self) -> WindowSize:
        """The height and width of the map that comes in."""
        high, wide = (at(extent, self.within.sizes) for extent in self.node.inputs[0].shape[1:])
        return high, wide


SlidingRule = Callable[[LayerAtWork], Content]


def shown(window: WindowSize) -> str:
    return f"{window[0]}×{window[1]}"


def _linear(use: LayerAtWork) -> Content:
    if use.first.held is Held.MAP:
        raise use.refused("this `linear` sums over the width of a map, which is another for a larger image")
    use.change(use.first.window)
    return WHOLE


def _flatten(use: LayerAtWork) -> Content:
    use.change(None)
    return Content(Held.FLAT, use.spatial()) if use.first.held is Held.MAP else use.first


def _global(use: LayerAtWork) -> Content:
    if use.first.held is Held.WHOLE:
        raise use.refused("this pools what is one number a patch already", "leave it out")
    use.change(use.spatial())
    return WHOLE


def _window(use: LayerAtWork) -> Content:
    """Windows that slide do so over a larger map as well."""
    op = use.op
    assert isinstance(op, Conv | Maxpool | Avgpool)
    outside = any(pad != (0, 0) for pad in op.pads) or bool(getattr(op, "ceil", False))
    if use.first.held is Held.WHOLE and (outside or any(k != 1 for k in op.kernels)):
        raise use.refused("a window slides over what is one number a patch, and would see those of other patches")
    if outside and all(node.span != use.node.span for node in use.within.padded):
        use.within.padded.append(use.node)
    return use.first


def _channels(use: LayerAtWork) -> Content:
    """What has numbers of its own for each channel."""
    if use.first.held is Held.FLAT:
        message = f"`{use.op.name}` has numbers for every place of the map that stands in a row here"
        raise use.refused(message, f"put `{use.op.name}` before `flatten`, or behind the `linear` that follows")
    return use.first


def _distribution(use: LayerAtWork) -> Content:
    op = use.op
    assert isinstance(op, Normalised)
    if use.first.held is Held.FLAT or op.along != 0 or op.axis not in (None, 0):
        raise use.refused(f"this `{op.name}` is not over the channels", "write it over axis 0, behind a `linear`")
    return use.first


def _meeting(use: LayerAtWork) -> Content:
    """Numbers that meet element by element."""
    kinds = {seen for seen in use.inputs if seen.held is not Held.FIXED}
    if len(kinds) > 1:
        raise use.refused("a map meets numbers of the whole patch, of which a larger image has one a window")
    found = kinds.pop()
    for value, seen in zip(use.node.inputs, use.inputs, strict=True):
        if seen.held is Held.FIXED and not _everywhere(value, found.held):
            raise use.refused(_nowhere(value, found.held))
    return found


def _everywhere(value: Value, meets: Held) -> bool:
    """Whether what is the same for all samples is also the same at all places that it meets."""
    if value.type.rank == 0:
        return True
    return meets is Held.MAP and value.type.rank == 3 and value.shape[1:] == (1, 1)


def _nowhere(value: Value, meets: Held) -> str:
    if meets is Held.WHOLE and value.type.rank == 1:
        return f"{value.type} meets numbers along the last axis, which on a larger image is its width"
    return f"{value.type} has a number for each place of the patch, and no other places"


def _concat(use: LayerAtWork) -> Content:
    op = use.op
    assert isinstance(op, Concat)
    if op.along != 0 or len(set(use.inputs)) > 1:
        raise use.refused("this `concat` joins what is not alike on a larger image", "join channels of equal maps")
    return use.first


def _phases(use: LayerAtWork) -> Content:
    op = use.op
    assert isinstance(op, ByPhase)
    if len(set(use.inputs)) > 1:
        raise use.refused("training and inference give what is not alike on a larger image")
    return use.first


def _same(use: LayerAtWork) -> Content:
    return use.first


def _unknown(use: LayerAtWork) -> Content:
    name = use.op.name if use.op.name in use.node.span.text else use.node.span.text  # what is put in between has none
    raise use.refused(f"`{name}` is not the same at every place of a larger image", WAYS.get(use.op.name))


WAYS = {
    "adaptive_avgpool": "`avgpool` with a window and a stride slides",
    "adaptive_maxpool": "`maxpool` with a window and a stride slides",
    "reshape": "`flatten` puts a map in a row",
    "groupnorm": "it counts over the whole map: `batchnorm` does not",
    "instancenorm": "it counts over the whole map: `batchnorm` does not",
    "layernorm": "it counts over the whole row: `batchnorm` does not",
}
"""What slides in the place of a layer that does not."""

RULES: tuple[tuple[tuple[type[Op], ...], SlidingRule], ...] = (
    ((Linear,), _linear),
    ((Flatten,), _flatten),
    ((GlobalAvgpool, GlobalMaxpool), _global),
    ((Conv, Maxpool, Avgpool), _window),
    ((Batchnorm, Lrn, PRelu), _channels),
    ((Normalised,), _distribution),
    ((Variadic, Pairwise), _meeting),
    ((Concat,), _concat),
    ((ByPhase,), _phases),
    ((Activation, Function, Abs, Neg, Clamp, Identity, Detach, Dropout, To), _same),
)
"""By kind of layer what it gives; the first kind that fits counts."""
