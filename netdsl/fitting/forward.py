"""The forward pass of a graph, row by row, as PyTorch runs the source that is emitted for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import netdsl.fitting.rules  # noqa: F401  (fills the table)
from netdsl.analysis.drafts import Nesting
from netdsl.analysis.known import AtSizes
from netdsl.analysis.products import gradient_macs
from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.fitting.again import checkpointed
from netdsl.fitting.ledger import NOTHING, Growing, plus, times
from netdsl.fitting.rules.table import RULES, OpUse, count_of, product_of, width_of
from netdsl.fitting.tape import FULL, Edge, GradTape, Lying, Recorded, Tensor
from netdsl.graph import Block, Graph, Node, Recurrent, joined
from netdsl.graph.loops import parted
from netdsl.ops.base import Op
from netdsl.ops.const import Const
from netdsl.ops.value import Constant, FreeParam, WeightOf

TensorsOf = dict[Value, Tensor]


class ForwardPass:
    """What is alive while a graph runs. `weights` are those of the model, by key."""

    def __init__(
        self, tape: GradTape, sizes: Mapping[str, int], weights: Mapping[str, Tensor], phase: str,
        again: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.tape = tape
        self.known = AtSizes(sizes)
        self.weights = weights
        self.phase = phase
        self.again = again
        """Paths of blocks of which nothing is kept, and which run again in the backward pass."""
        self.grads: dict[str, Tensor] | None = None
        """Gradients of weights in the backward pass, for blocks that run again."""
        self.guessed: set[str] = set()
        """Operations without a rule."""

    def graph(self, graph: Graph, values: TensorsOf, place: Nesting, wanted: Iterable[Value] = ()) -> TensorsOf:
        """Run the nodes on what comes in; the results that are `wanted`, outputs by default."""
        ends = list(wanted) or [o.value for o in graph.outputs]
        last = _last_uses(graph.nodes, ends)
        for index, node in enumerate(graph.nodes):
            self.tape.ledger.at(self.phase, place.of(node.name))
            made = self.node(node, [self.value(values, v) for v in node.inputs], place)
            values.update(zip(node.results, made, strict=False))
            del made
            for value in [v for v in (*node.inputs, *node.results) if last.get(v, index) <= index]:
                values.pop(value, None)
        return {v: self.value(values, v) for v in ends}

    def value(self, values: TensorsOf, value: Value) -> Tensor:
        return values[value]

    def node(self, node: Node, xs: list[Tensor], place: Nesting) -> Sequence[Tensor]:
        if isinstance(node.op, Recurrent):
            return self.recurrent(node, node.op, xs, place)
        if place.of(node.name) in self.again and self.tape.records:
            return checkpointed(self, node, xs, place)
        if isinstance(node.op, Block):
            inside = Nesting(place.of(node.name), place.depth + 1, place.steps, place.owner(node))
            values = dict(zip(node.op.body.inputs, xs, strict=True))
            xs.clear()
            found = self.graph(node.op.body, values, inside)
            return [found[o.value] for o in node.op.body.outputs]
        return self.layer(node, node.op, xs, place)

    def node_again(self, node: Node, xs: list[Tensor], place: Nesting) -> Sequence[Tensor]:
        """Run a checkpointed block with a record of all that is in it."""
        outer, self.again = self.again, ()
        made = self.node(node, xs, place)
        self.again = outer
        return made

    def layer(self, node: Node, op: Op, xs: list[Tensor], place: Nesting) -> Sequence[Tensor]:
        types = [self.plain(r.type) for r in node.results]
        if isinstance(op, Constant):
            return [Tensor(None, count_of(types[0]), width_of(types[0]), types[0].dtype.value == "float")]
        owner = node.keyed or place.owner(node)
        if isinstance(op, FreeParam | WeightOf):
            return [self.weights[joined(owner, op.key) if isinstance(op, WeightOf) else owner]]
        if isinstance(op, Const):
            return [self.constant(node, owner, types[0])]
        weights = {w.name: self.weights[joined(owner, w.name)] for w in node.weights()}
        use = OpUse(self.tape, self.known.op(op).op, xs, weights, types)
        back = self.multiply(use, place.of(node.name))
        rule = RULES.get(type(op))
        if rule is None:
            self.guessed.add(op.name)
            return [_guess(use, t) for t in types]
        found = rule(use)
        results = [found] if isinstance(found, Tensor) else found
        if back != NOTHING and results[0].made is not None:
            results[0].made.macs = back
        return results

    def multiply(self, use: OpUse[Op], path: str) -> Growing:
        """Count multiply-accumulates; those of the gradients, which count when gradients come there."""
        try:
            macs = use.op.macs()
            back = gradient_macs(use.op, [x.learns and x.real for x in use.xs], any(w.learns for w in use.trained()))
        except NotImplementedError:
            return NOTHING
        many, learned = (self.often(each, use.types[0]) for each in (macs, back))
        if many != NOTHING:
            self.tape.traffic.multiply(self.tape.phase, path, many)
        return learned if self.tape.records else NOTHING

    def often(self, macs: Extent, type_: TensorType) -> Growing:
        """A number of one run for all runs that make a result."""
        many = product_of((macs, *type_.folded)) * self.tape.scale
        return (0, many) if type_.per_sample else (many, 0)

    def constant(self, node: Node, owner: str, type_: TensorType) -> Tensor:
        """A tensor of the text: a buffer where its size is a number, else made at each call."""
        kept = next((self.weights.get(joined(owner, w.name)) for w in self.known.node(node).kept), None)
        if kept is not None:
            return kept
        return self.tape.unlearned(
            Tensor(None, NOTHING, FULL), count_of(type_), width_of(type_), type_.dtype is DType.FLOAT
        )

    def plain(self, type_: TensorType) -> TensorType:
        """A type with numbers for its symbols."""
        return type_.at(self.known.sizes) if self.known.sizes else type_

    # ------------------------------------------------------------ loops

    def recurrent(self, node: Node, op: Recurrent, xs: list[Tensor], place: Nesting) -> Sequence[Tensor]:
        """One step is run, the last; what all others keep beside it stands in one lump."""
        tape, ledger, parts = self.tape, self.tape.ledger, parted(op)
        inside = Nesting(place.of(node.name), place.depth + 1, place.steps, place.owner(node))
        steps = self.known.type(node.results[0].type).shape[0]
        sequences, given = xs[: len(op.sequences)], xs[len(op.sequences) : len(op.sequences) + len(op.given)]
        initial = iter(xs[len(op.sequences) + len(op.given) :])
        xs.clear()
        once: TensorsOf = dict(zip(op.given, given, strict=True))
        once.update(self.graph(parts.before(op), once, inside, parts.kept))
        ledger.at(self.phase, inside.path)
        starts = [next(initial) if isinstance(s.initial, Value) else self.start(s.current) for s in op.states]
        step, entry = self.enter(op, sequences, starts)
        states = dict(zip((s.following for s in op.states), (start.storage for start in starts), strict=True))
        del starts, sequences, given
        step.update({v: once[v] for v in parts.kept})
        outer, tape.first = tape.first, entry
        before, first, known = ledger.now, len(ledger.moments), set(tape.casts)
        tape.scale *= steps
        noted, tape.saved = tape.saved, set()
        ends = list(dict.fromkeys([*(o.value for o in op.body.outputs), *(s.following for s in op.states)]))
        made = self.graph(parts.within(op), step, inside, ends)
        tape.scale //= steps
        del step
        ledger.at(self.phase, inside.path)
        listed = {v: made[v] for v in dict.fromkeys(o.value for o in op.body.outputs)}
        later = carried_back(entry, list(listed.values()), [made[s.following] for s in op.states], len(op.sequences))
        handed = [made[v] for v, start in states.items() if id(start) in tape.saved]  # the next step keeps it as well
        tape.saved |= noted
        del made, states
        before = plus(before, *(t.size for key, t in tape.casts.items() if key not in known))  # made once for all steps
        others = times(_less(ledger.now, before), steps - 1)
        ledger.lift(first, others)
        lump = tape.bytes(others)
        stacked = {v: self.stack(t, steps) for v, t in listed.items()}
        back = next((t.made for t in stacked.values() if t.made is not None), None)
        if back is not None:
            back.edges += later
        del listed, later
        saved = times(_less(_less(ledger.now, before), plus(others, *(t.size for t in stacked.values()))), steps - 1)
        del lump, handed
        entry, tape.first = tape.first, outer or tape.first
        if entry is not None and tape.records:  # the last one that goes back
            entry.saved.append(tape.bytes((max(saved[0], 0), max(saved[1], 0))))
            for made_of in stacked.values():
                if made_of.made is not None:
                    made_of.made.until = entry
        return [stacked[o.value] for o in op.body.outputs]

    def start(self, state: Value) -> Tensor:
        type_ = self.plain(state.type)
        return self.tape.new(count_of(type_), width_of(type_), type_.dtype.value == "float")

    def enter(
        self, op: Recurrent, sequences: Sequence[Tensor], starts: Sequence[Tensor]
    ) -> tuple[TensorsOf, Recorded | None]:
        """What the first step sees, all of it leading back through one call: its gradients are joined at the end."""
        types = [self.plain(v.type) for v in (*op.sequences, *(s.current for s in op.states))]
        parts = [
            Tensor(x.storage, count_of(t), x.width, x.real, Lying.CUT if i < len(sequences) else x.layout)
            for i, (x, t) in enumerate(zip((*sequences, *starts), types, strict=True))
        ]
        self.tape.record([*sequences, *starts], parts, [])
        entry = next((p.made for p in parts if p.made is not None), None)
        if self.tape.records and any(w.trainable and not w.buffer for _, n in op.body.walk() for w in n.weights()):
            entry = entry or self.tape.entry([])
            for part in parts[len(sequences) :]:
                part.made = part.made or (entry if part.real else None)  # what the step before learned
        for place, part in enumerate(parts):
            part.place = place
        return dict(zip((*op.sequences, *(s.current for s in op.states)), parts, strict=True)), entry

    def stack(self, x: Tensor, steps: int) -> Tensor:
        """One tensor of what the steps gave; gradients are parts of its own."""
        if not x.real:
            return self.tape.unlearned(x, times(x.count, steps), x.width)
        result = self.tape.new(times(x.count, steps), x.width)
        self.tape.record([x], [result], [])
        if result.made is not None:
            result.made.edges = [edge._replace(shares=True) for edge in result.made.edges]
        return result


def carried_back(entry: Recorded | None, outputs: Sequence[Tensor], states: Sequence[Tensor], first: int) -> list[Edge]:
    """Where gradients of a step go that come from the next one alone: into states that no output of theirs reads.

    `states` are those that a step hands on, and stand from `first` on in what it gets from `entry`.
    """
    found: list[Edge] = []
    if entry is None:
        return found
    reached, read = _leads_to(entry, outputs)
    while True:
        more = [
            t for i, t in enumerate(states)
            if t.made is not None and t.made is not entry and t.made not in reached and first + i in read
        ]  # fmt: skip
        if not more:
            return found
        found += [Edge(t.made, t.place, None, t.count, t.width, False) for t in more]
        further, reads = _leads_to(entry, more)
        reached, read = reached | further, read | reads


def _leads_to(entry: Recorded, tensors: Iterable[Tensor]) -> tuple[set[Recorded], set[int]]:
    """The calls after `entry` that some tensors come from, and the places of its results that they read."""
    reached: set[Recorded] = set()
    read = {t.place for t in tensors if t.made is entry}
    waiting = [t.made for t in tensors if t.made is not None]
    while waiting:
        call = waiting.pop()
        if call in reached or call.number <= entry.number:
            continue
        reached.add(call)
        read.update(edge.place for edge in call.edges if edge.entry is entry)
        waiting += [edge.entry for edge in call.edges if edge.entry is not None]
    return reached, read


def _less(size: Growing, other: Growing) -> Growing:
    return size[0] - other[0], size[1] - other[1]


def _guess(use: OpUse[Op], type_: TensorType) -> Tensor:
    """Of an operation without a rule: its operands and its result are kept."""
    if type_.dtype.value != "float":
        return use.tape.unlearned(use.x, count_of(type_), type_.dtype.size)
    return use.tape.call(*use.xs, *use.trained(), count=count_of(type_), saves=use.xs, saves_result=True)


def _last_uses(nodes: Sequence[Node], ends: Iterable[Value]) -> dict[Value, int]:
    """The number of the node that reads each value last; beyond all for what is wanted at the end."""
    found = {v: index for index, node in enumerate(nodes) for v in node.inputs}
    found.update(dict.fromkeys(ends, len(nodes)))
    return found
