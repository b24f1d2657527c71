"""`if training`: rows of the training graph, or of the inference graph, which are built side by side.

Both branches are built. What they name is one arrow in the graph of training and another in that of inference: a
`TwoSided` value, which becomes an arrow of both graphs where a row below reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import netdsl.elaborate.nodes as nodes
from netdsl.base.record import anew, entity
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.outline import labels_of, names_in
from netdsl.elaborate.scope import Binding, RowValue, mark_used
from netdsl.elaborate.values import LAYERS, UNKNOWN, Arrows, Bundle, Failed, arrows, describe
from netdsl.graph import Graph, Net, Node
from netdsl.graph.phases import untrained
from netdsl.ops.base import RuleError
from netdsl.ops.value import ByPhase
from netdsl.text import syntax
from netdsl.text.source import Span

WORD = "training"
"""The word of conditions, where nothing else is called so."""
SIDES = {True: "training", False: "inference"}
OTHER_WORDS = {
    "not training": "eval inference testing predict prediction predicting infer serving deploy",
    "training": "train is_training train_mode in_training trained mode phase",
}
"""What else an author may call it, by what to write."""


@entity
class Joint:
    """The end of an `if training`: where arrows of both branches become one."""

    span: Span
    after: Node | None
    """The last node of both branches."""
    node: Node | None = None
    joined: dict[tuple[Value, Value], Value] = anew(factory=dict)


@entity
class TwoSided:
    """What a name means below an `if training`: one thing in training, and another at inference or none."""

    joint: Joint
    sides: Mapping[bool, Any]
    """By whether it is training: a binding or the value of a row; None where that graph has none."""


# ---------------------------------------------------------------- conditions


def decided(site: Site, condition: syntax.Expr, truth: Callable[[Site, syntax.Expr], bool]) -> dict[bool, bool]:
    """Whether a condition holds in training, and at inference."""
    if not any(name.id == WORD and not site.scope.find(WORD) for name in names_in(condition)):
        _refuse_other_words(site, condition)
        return dict.fromkeys((True, False), truth(site, condition))
    build = site.build
    held, found = build.asked, dict[bool, bool]()
    try:
        for training in (True, False) if build.phase is None else (build.phase,):
            build.asked = training
            found[training] = truth(site, condition)
    finally:
        build.asked = held
    return found if len(found) == 2 else dict.fromkeys((True, False), found[build.phase is True])


def word(site: Site, name: syntax.Name) -> bool:
    """What `training` is worth, in a condition that asks for it."""
    if site.build.asked is None:
        message = "`training` is asked for by the condition of an `if`, and is no number"
        help = "write `if training { … } else { … }` around rows, or in place of an arrow"
        site.error("training-outside-if", message, name.span, help=help)
    return site.build.asked


def _refuse_other_words(site: Site, condition: syntax.Expr) -> None:
    """`if is_training`, `if training()`, `if self.training`, `if eval`."""
    text = condition.span.text
    plain = text.removeprefix("not ").replace("()", "")
    owner, _, last = plain.rpartition(".")
    root = plain.split(".")[0]
    if not root.isidentifier() or site.scope.find(root):
        return
    known = {w: says for says, words in OTHER_WORDS.items() for w in words.split()}
    says = WORD if last == WORD and (owner or "(" in text) else known.get(last if owner else plain)
    if says is not None:
        if text.startswith("not "):
            says = WORD if says.startswith("not ") else f"not {says}"
        site.error("unknown-name", f"nothing is called `{root}`", condition.span, help=f"write `if {says}`")


# ---------------------------------------------------------------- rows


@contextmanager
def phase(site: Site, training: bool) -> Iterator[None]:
    """While rows are built that one of the two graphs has."""
    held, site.build.phase = site.build.phase, training
    try:
        yield
    finally:
        site.build.phase = held


@contextmanager
def training_only(site: Site, names: Sequence[syntax.Name]) -> Iterator[None]:
    """While an `aux` output is built; its labels are of the training graph where what it reads is."""
    build = site.build
    held, build.sided = build.sided, False
    with phase(site, True):
        yield
    bound = build.scope.names
    for name in names if build.sided else ():
        if name.id in bound and not isinstance(bound[name.id].value, TwoSided):
            joint = Joint(name.span, None)
            bound[name.id] = Binding(TwoSided(joint, {True: bound[name.id], False: None}), name.span)
    build.sided = held


def run(site: Site, row: syntax.If, taken: Mapping[bool, bool], rule: Callable[[Site, syntax.Body], None]) -> None:
    """Both branches of a row, one behind the other, each with the names that stand above."""
    build, names = site.build, site.build.scope.names
    before, previous, twice = dict(names), build.previous, build.twice
    bodies = {training: row.then if taken[training] else row.otherwise for training in (True, False)}
    labels = [frozenset(labels_of(body)) for body in bodies.values() if body is not None]
    if len(labels) == 2:
        build.twice = twice | (labels[0] & labels[1])
    found: dict[bool, dict[str, Binding]] = {}
    ends: dict[bool, RowValue | None] = {}
    try:
        for training in sorted(bodies, key=lambda side: not taken[side]):  # as they stand in the text
            body = bodies[training]
            build.previous = previous
            if body is not None:
                with phase(site, training):
                    rule(site.inner(), body)
            found[training], ends[training] = dict(names), build.previous
            names.clear()
            names.update(before)
    finally:
        build.twice = twice
    joint = Joint(row.span, build.graph.nodes[-1] if build.graph.nodes else None)
    names.update(_merged(before, found, joint))
    build.previous = ends[True] if ends[True] is ends[False] else _previous(row, ends, joint)


def _merged(
    before: Mapping[str, Binding], found: Mapping[bool, dict[str, Binding]], joint: Joint
) -> dict[str, Binding]:
    """What names mean below both branches."""
    merged: dict[str, Binding] = {}
    for name in dict.fromkeys((*found[True], *found[False])):
        sides = {side: found[side].get(name) for side in (True, False)}
        some = sides[True] or sides[False]
        if some is None or (sides[True] is sides[False] and before.get(name) is some):
            continue
        unknown = any(b is not None and b.value is UNKNOWN for b in sides.values())
        merged[name] = Binding(UNKNOWN if unknown else TwoSided(joint, sides), some.span)
    return merged


def _previous(row: syntax.If, ends: Mapping[bool, RowValue | None], joint: Joint) -> RowValue:
    """The row before, for what follows: the last one of either branch."""
    if any(end is not None and end.value is UNKNOWN for end in ends.values()):
        return RowValue(row.span, UNKNOWN, used=True)
    return RowValue(row.span, TwoSided(joint, dict(ends)))


def value(site: Site, expr: syntax.If, taken: Mapping[bool, bool], rule: Callable[[Site, bool], Any]) -> Arrows:
    """Both branches of a value, as an arrow of both graphs."""
    found: dict[bool, Any] = {}
    for training in sorted(taken, key=lambda side: not taken[side]):
        with phase(site, training):
            found[training] = rule(site, taken[training])
    for given in found.values():
        if not isinstance(given, Value | Bundle):
            help = "settings are the same in both graphs: put a row with the layer into each branch"
            message = f"`if training` chooses between arrows, and {describe(given)} is none"
            site.error("training-outside-if", message, expr.span, help=help)
    nodes_ = site.build.graph.nodes
    return _join(site, Joint(expr.span, nodes_[-1] if nodes_ else None), found, expr.span, "")


def refuse_in_term(site: Site, graph: Graph) -> None:
    """A loss or a metric is counted alike in both graphs."""
    for _, node in graph.walk():
        if isinstance(node.op, ByPhase):
            message = "a row of a recipe is counted alike in training and at inference"
            help = "put what differs into the net, behind an `output`"
            site.error("training-outside-if", message, node.span, help=help)


def refuse_one_sided(site: Site, span: Span, what: str, help: str) -> None:
    """A row that both graphs have alike, in a branch that one of them takes."""
    if site.build.phase is not None:
        site.error("one-sided", f"{what} is for both graphs, and stands in a branch of `if training`", span, help=help)


def warn_untrained(site: Site, net: Net) -> None:
    """Weights that only inference has stay as they started."""
    if net.broken:
        return
    found = {node.span: path for path, node in untrained(net).items()}
    for span, path in found.items():
        message = f"the weights of `{path}` are there at inference only, so that nothing trains them"
        help = "use one `shared` layer in both branches, or write `frozen` in front of weights that come from elsewhere"
        site.errors.collector.warn("untrained-weights", message, span, help=help)


# ---------------------------------------------------------------- reading below


def settled(site: Site, found: Any, span: Span, name: str = "") -> Any:
    """What a name, or the row before, means where it is read."""
    return _resolved(site, found, name, span) if isinstance(found, TwoSided) else found


def _resolved(site: Site, found: TwoSided, name: str, span: Span) -> Any:
    phase_here = site.build.phase
    if phase_here is not None:
        return _of_side(site, found, phase_here, name, span)
    sides = {side: _of_side(site, found, side, name, span) for side in (True, False)}
    if sides[True] is sides[False]:
        return sides[True]
    if any(isinstance(v, LAYERS) or not isinstance(v, Value | Bundle) for v in sides.values()):
        message = f"`{name}` is something else in training than at inference, and no arrow"
        site.error("training-outside-if", message, span, help="name it above the `if`, for both branches")
    return _join(site, found.joint, sides, span, name)


def _of_side(site: Site, found: TwoSided, side: bool, name: str, span: Span) -> Any:
    given = found.sides[side]
    site.build.sided = True
    if given is None:
        _refuse_missing(site, found, side, name, span)
    if isinstance(given, Binding):
        mark_used(given.row)
    elif isinstance(given, RowValue):
        given.used = True
    if given.value is UNKNOWN:
        raise Failed
    return settled(site, given.value, span, name)


def _refuse_missing(site: Site, found: TwoSided, side: bool, name: str, span: Span) -> NoReturn:
    here, there = ("in training", "at inference")[:: 1 if side else -1]
    what = f"`{name}`" if name else "the row before"
    ways = (
        f"give it in both branches of the `if`, or read it in `if {'training' if not side else 'not training'} {{ … }}`"
    )
    if not side:
        ways += " or an `output aux` row"
    message = f"{what} is there {there} only, but is read {here}"
    site.error("one-sided", message, span, help=ways)


def _join(site: Site, joint: Joint, sides: Mapping[bool, Arrows], span: Span, name: str) -> Arrows:
    """Arrows of both graphs, from those of each."""
    one, other = sides[True], sides[False]
    flat = [arrows(one), arrows(other)]
    if isinstance(one, Bundle) != isinstance(other, Bundle) or len(flat[0]) != len(flat[1]):
        counts = " and ".join(f"{SIDES[s]} {describe(v)}" for s, v in sides.items())
        message = f"training and inference give different numbers of arrows: {counts}"
        site.error("wrong-bundle", message, span, help="give as many in both branches of the `if`")
    made = iter([_arrow(site, joint, a, b, span, name) for a, b in zip(*flat, strict=True)])
    return _filled(one, made)


def _filled(like: Arrows, made: Iterator[Value]) -> Arrows:
    if isinstance(like, Bundle):
        return Bundle(tuple(_filled(item, made) for item in like.items), like.names)
    return next(made)


def _arrow(site: Site, joint: Joint, one: Value, other: Value, span: Span, name: str) -> Value:
    if one is other:
        return one
    if (one, other) not in joint.joined:
        joint.joined[one, other] = _appended(site, joint, one, other, span, name)
    return joint.joined[one, other]


def _appended(site: Site, joint: Joint, one: Value, other: Value, span: Span, name: str) -> Value:
    """The arrow that is one in training and the other at inference: a result of the node at the end of the `if`."""
    pair = _alike(site, joint, one, other, span)
    try:
        op = ByPhase((pair[0],), (pair[1],))
    except RuleError as error:
        nodes.refuse(site, error, {}, span, Bundle((one, other)))
    (made,) = arrows(nodes.add(site, op, span, {}))
    node = site.build.graph.nodes.pop()
    made.name = name or made.name
    if name or joint.node is not None:
        site.build.fresh.remove(node)
        node.name = site.build.names.number(node.name)
    if joint.node is None:
        _place(site, joint, node)
        return made
    old = joint.node.op
    assert isinstance(old, ByPhase)
    joint.node.op = ByPhase((*old.trained, pair[0]), (*old.run, pair[1]))
    joint.node.inputs = tuple(joint.node.op.operands())
    joint.node.results = (*joint.node.results, made)
    return made


def _place(site: Site, joint: Joint, node: Node) -> None:
    """Put the node where the branches end, which may be some rows above."""
    site.build.graph.nodes.insert(_end(site, joint), node)
    joint.node = node


def _end(site: Site, joint: Joint) -> int:
    """The place behind the last node of both branches."""
    return 0 if joint.after is None else site.build.graph.nodes.index(joint.after) + 1


def _alike(site: Site, joint: Joint, one: Value, other: Value, span: Span) -> tuple[Value, Value]:
    """Both with a batch where one has it."""
    if one.type.batched == other.type.batched:
        return one, other
    like = one if one.type.batched else other
    free = other if one.type.batched else one
    made = nodes.repeated(site, free, like, span)
    node = site.build.graph.nodes.pop()
    found = site.build.graph.nodes
    before = joint.node if joint.node is not None else None
    place = found.index(before) if before is not None else _end(site, joint)
    found.insert(place, node)
    joint.after = node if before is None else joint.after
    return (one, made) if like is one else (made, other)
