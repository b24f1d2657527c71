"""What became of each row of a net in another one."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeVar

from netdsl.analysis.columns import in_totals
from netdsl.analysis.report import Port, Report, Shape
from netdsl.analysis.settings import layer_text, value_text
from netdsl.analyzer import analyze, sizes_of
from netdsl.base.asking import public
from netdsl.base.record import anew, entity, keyed
from netdsl.comparison.alignment import RowPair, RowTree, aligned, items
from netdsl.comparison.signature import Interning, common_symbols, equal, plain
from netdsl.comparison.wiring import Wiring
from netdsl.graph import Block, Net, Output, Recurrent
from netdsl.text.diagnostics import NetError

VERSION = 1
"""Of the document's form: it grows when a key changes its meaning or goes."""


@keyed
class RowSide:
    """A row in one of the two nets."""

    path: str
    layer: str
    """As its author would write it."""
    line: int
    outputs: tuple[Shape, ...] = ()
    params: int = 0
    macs: int | None = 0
    """None where its operation does not state them."""
    activation_bytes: int = 0
    frozen: bool = False
    shared: bool = False
    """Whether it uses the weights of another row."""
    receptive_field: tuple[int, ...] = ()
    """The largest over the phases, along each axis; () where it is not known."""


@keyed
class RowDifference:
    """A row that was added, removed or changed, or that has other numbers because of those before it."""

    status: str
    """`added`, `removed`, `changed` or `affected`."""
    depth: int
    old: RowSide | None
    new: RowSide | None
    what: tuple[str, ...] = ()
    """In which way it was changed: `settings`, `inputs`, `frozen`, `weights`; of a block `inside` and `outputs`, and of
    one that runs step by step `states` and `steps`."""
    like: str = ""
    """The path of an earlier block that was changed in the same way; its rows are not told of again."""


@keyed
class NetDifference:
    """All that is not the same in two nets."""

    version: int = VERSION
    old: str
    new: str
    equal: bool
    """Whether the graphs are equal, up to the names in them and to what is written as a block."""
    batch: int = 1
    at: dict[str, int] = anew(factory=dict)
    """The numbers that stand for the symbols of either in every count."""
    totals: dict[str, tuple[Any, Any]] = anew(factory=dict)
    """Old and new number by the name of each total."""
    rows: tuple[RowDifference, ...] = ()
    """In the order in which they run; none where the graphs are equal."""
    ports: tuple[str, ...] = ()
    """What is another one about inputs and outputs."""

    def counted(self, status: str) -> int:
        """How many rows have a status: blocks that were changed inside left out, those like another with their rows."""
        inside = {r.new.path: i for i, r in enumerate(self.rows) if r.new is not None}
        return sum(self._counted(i, status, inside) for i in range(len(self.rows)))

    def _counted(self, place: int, status: str, inside: Mapping[str, int]) -> int:
        """Of one row; of a block like another the rows in that one, which are not told of again."""
        row = self.rows[place]
        if not row.like:
            return row.status == status and row.what != ("inside",)
        first = inside[row.like]
        depth, places = self.rows[first].depth, range(first + 1, len(self.rows))
        within = takewhile(lambda i: self.rows[i].depth > depth, places)
        return sum(self._counted(i, status, inside) for i in within)


@public()
def difference(old: Net, new: Net, *, sizes: Mapping[str, int] | None = None, batch: int = 1) -> NetDifference:
    """Compare two nets, at the same sizes where both take them. Raises `NetError` for sizes that one cannot take."""
    known = sizes_of_both(old, new, sizes or {})
    before, after = (analyze(net, sizes=at, batch=batch) for net, at in zip((old, new), known, strict=True))
    return compared(old, new, before, after)


def sizes_of_both(old: Net, new: Net, given: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """Numbers for the symbols of two nets: those of the first, by their order, are for the second as well.

    Raises `NetError` for given sizes that neither has, or that one of them cannot take.
    """
    known = {*old.symbols, *new.symbols}
    asked = [{s: n for s, n in given.items() if s in net.symbols or s not in known} for net in (old, new)]
    before = sizes_of(old, asked[0])
    alike = dict(zip(new.symbols, (before[s] for s in old.symbols), strict=False))
    try:
        return before, sizes_of(new, alike | asked[1])
    except NetError:
        return before, sizes_of(new, asked[1])


def compared(old: Net, new: Net, before: Report, after: Report) -> NetDifference:
    """Two nets with their reports."""
    return Comparing(old, new, before, after).made()


@entity
class Comparing:
    """Two nets with their reports."""

    old: Net
    new: Net
    before: Report
    after: Report
    shown: dict[tuple[int, int], str] = anew(factory=dict)
    """The bodies of blocks that were told of, with the path where."""

    def made(self) -> NetDifference:
        totals = {
            c.name: (getattr(self.before.totals, c.name), getattr(self.after.totals, c.name)) for c in in_totals()
        }
        names, at = _titles(self.before, self.after), {**self.before.at, **self.after.at}
        counts: dict[str, Any] = {"totals": totals, "batch": self.after.batch, "at": at}
        if equal(self.old, self.new):
            return NetDifference(old=names[0], new=names[1], equal=True, **counts)
        interning = Interning()
        one, other = (
            items(net, {r.path: r for r in report.rows}, interning, common_symbols(net))
            for net, report in ((self.old, self.before), (self.new, self.after))
        )
        pairs = aligned(one, other)
        wiring = Wiring(self.old, self.new, pairs)
        rows = tuple(self.rows(pairs, wiring, 0))
        ports = tuple(self.ports(wiring))
        return NetDifference(old=names[0], new=names[1], equal=False, rows=rows, ports=ports, **counts)

    # ------------------------------------------------------------ rows

    def rows(self, pairs: Sequence[RowPair], wiring: Wiring, depth: int) -> Iterator[RowDifference]:
        """The differences of two bodies."""
        for pair in pairs:
            yield from self.row(pair, wiring, depth)

    def row(self, pair: RowPair, wiring: Wiring, depth: int) -> Iterator[RowDifference]:
        old, new = pair
        sides: dict[str, Any] = {"depth": depth, "old": old and self.side(old, self.old)}
        sides["new"] = new and self.side(new, self.new)
        if old is None or new is None:
            yield RowDifference(status="added" if old is None else "removed", **sides)
            return
        ways = [*_ways(old, new), *_wired(old, new, wiring)]
        like = self.shown.get(_bodies(old, new), "") if old.inside else ""
        inside, inner = self.inside(old, new, depth) if old.inside and new.inside and not like else ([], [])
        ways += ["inside"] * (any(r.status != "affected" for r in inside) or bool(like)) + inner
        if ways:
            yield RowDifference(status="changed", what=tuple(ways), like=like, **sides)
        elif _numbers(sides["old"]) != _numbers(sides["new"]):
            yield RowDifference(status="affected", **sides)
        if ("inside" in ways or inner) and not like:
            self.shown[_bodies(old, new)] = new.path
        yield from inside

    def inside(self, old: RowTree, new: RowTree, depth: int) -> tuple[list[RowDifference], list[str]]:
        """What differs in two blocks: in their rows, and in what they give and keep."""
        assert isinstance(old.node.op, Block)
        assert isinstance(new.node.op, Block)
        pairs = aligned(old.inside, new.inside)
        wiring = Wiring(old.node.op.body, new.node.op.body, pairs)
        return list(self.rows(pairs, wiring, depth + 1)), list(_ends(old.node.op, new.node.op, wiring))

    def side(self, item: RowTree, net: Net) -> RowSide:
        node, row = item.node, item.row
        text, line, shared = layer_text(node, net.written), node.span.line, node.shares is not None
        if row is None:
            return RowSide(path=item.path, layer=text, line=line, frozen=node.frozen, shared=shared)
        seen = row.receptive_field
        return RowSide(
            path=item.path, layer=text, line=line, outputs=row.outputs, params=row.params, macs=row.macs,
            activation_bytes=row.activation_bytes, receptive_field=seen.size if seen else (),
            frozen=node.frozen, shared=shared,
        )  # fmt: skip

    # ------------------------------------------------------------ inputs and outputs

    def ports(self, wiring: Wiring) -> Iterator[str]:
        """What is said of inputs, outputs and states."""
        yield from _of_ports("input", self.before.inputs, self.after.inputs, ())
        outputs = self.before.outputs, self.after.outputs
        yield from _of_ports("output", *outputs, {o.name for o in (*self.old.outputs, *self.new.outputs) if o.aux})
        shapes = [[plain(v.shape, common_symbols(net)) for v in net.inputs] for net in (self.old, self.new)]
        for one, other, old, new in zip(self.before.inputs, self.after.inputs, *shapes, strict=False):
            if old != new and one.shape == other.shape:
                said = [port.symbolic or shape for port, shape in ((one, list(one.shape)), (other, list(other.shape)))]
                yield f"input `{one.name}` {said[0]} is `{other.name}` {said[1]} now"
        for one, other in _by_name(self.old.outputs, self.new.outputs):
            if not wiring.alike(one.value, other.value):
                yield f"output `{other.name}` comes from another row"
            if one.aux != other.aux:
                yield f"output `{other.name}` is {'for training alone' if other.aux else 'not for training alone'} now"
        for old, new in zip(self.old.states, self.new.states, strict=False):
            if old.initial != new.initial:
                yield f"state `{new.name}` starts as {new.initial} now"


def _titles(old: Report, new: Report) -> tuple[str, str]:
    """What the two nets are called, with the settings in which they differ."""
    found = []
    for one, other in ((old, new), (new, old)):
        own = [f"{k}={value_text(v)}" for k, v in one.settings.items() if other.settings.get(k) != v]
        found.append(f"{one.net}({', '.join(own)})" if own and old.net == new.net else one.net)
    return found[0], found[1]


P = TypeVar("P", Port, Output)


def _of_ports(what: str, old: Sequence[Port], new: Sequence[Port], told: Container[str]) -> Iterator[str]:
    """What is said of inputs or outputs; of those that are `told` of otherwise only what changed about them."""
    pairs = list(_by_name(old, new))
    for one, other in pairs:
        if (one.shape, one.numbers) != (other.shape, other.numbers):
            yield f"{what} {_port(one)} is {_port(other)} now"
    kept = {id(port) for pair in pairs for port in pair}
    gone = [port for port in old if id(port) not in kept and port.name not in told]
    come = [port for port in new if id(port) not in kept and port.name not in told]
    yield from (f"{what} {_port(port)} is gone" for port in gone)
    yield from (f"{what} {_port(port)} is new" for port in come)


def _by_name(old: Sequence[P], new: Sequence[P]) -> Iterator[tuple[P, P]]:
    """Those of one name in pairs, then the others by their place."""
    names = {p.name for p in old} & {p.name for p in new}
    found = {p.name: p for p in new}
    yield from ((p, found[p.name]) for p in old if p.name in names)
    rest = ([p for p in side if p.name not in names] for side in (old, new))
    yield from zip(*rest, strict=False)


def _wired(old: RowTree, new: RowTree, wiring: Wiring) -> Iterator[str]:
    if not wiring.reads_alike(old.node, new.node):
        yield "inputs"
    if not wiring.shares_alike(old.node, new.node):
        yield "weights"


def _ends(old: Block, new: Block, wiring: Wiring) -> Iterator[str]:
    """In which ways two blocks differ beside their rows."""
    given = [o.value for o in old.body.outputs], [o.value for o in new.body.outputs]
    if len(given[0]) != len(given[1]) or not all(map(wiring.alike, *given)):
        yield "outputs"
    if not isinstance(old, Recurrent) or not isinstance(new, Recurrent):
        return
    starts = [[s.initial if isinstance(s.initial, float | int) else None for s in b.states] for b in (old, new)]
    following = [s.following for s in old.states], [s.following for s in new.states]
    if starts[0] != starts[1] or not all(map(wiring.alike, *following)):
        yield "states"
    if (old.length, old.reverse, len(old.sequences)) != (new.length, new.reverse, len(new.sequences)):
        yield "steps"


def _ways(old: RowTree, new: RowTree) -> Iterator[str]:
    """In which ways a layer itself was changed."""
    if not old.inside and old.number != new.number and (old.node.frozen, old.node.shares is None) == (
        new.node.frozen, new.node.shares is None
    ):  # fmt: skip
        yield "settings"
    if old.node.frozen != new.node.frozen:
        yield "frozen"


def _bodies(old: RowTree, new: RowTree) -> tuple[int, int]:
    assert isinstance(old.node.op, Block)
    assert isinstance(new.node.op, Block)
    return id(old.node.op.body), id(new.node.op.body)


def _numbers(side: RowSide) -> tuple[object, ...]:
    return side.outputs, side.params, side.macs, side.activation_bytes, side.receptive_field


def _port(port: Port) -> str:
    numbers = "" if port.numbers == "float" else f"{port.numbers} "
    return f"`{port.name}` {numbers}[{', '.join(map(str, port.shape))}]"
