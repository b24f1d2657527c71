"""Bodies that were built for other settings of a net: what did not change is not built again.

Beside its graph a body leaves traces in the elaboration: sizes that it demands, rows that were read, work that it cost.
They are kept with it, so that a net is told of the same way whether its bodies were built for it or earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from netdsl.base.recent import Recent, RecentOf
from netdsl.base.record import entity, record
from netdsl.dims.domain import Limitation, SizesLeft
from netdsl.elaborate.bounds import EFFORT
from netdsl.elaborate.context import Context, Site
from netdsl.elaborate.files import Library, Module
from netdsl.graph import Block, Recurrent
from netdsl.text.source import is_library
from netdsl.text.written import Written

BODIES = 256
"""So many are kept of a file."""
KEPT: RecentOf[Recent[Any]] = RecentOf(8)
"""By the tree of a file."""


@entity
class Traces:
    """What is noted by place while a body is built; the context has those of the body at work."""

    rows: dict[Any, bool]
    inputs: dict[Any, tuple[str, bool]]
    sets: dict[Any, Any]
    reached: set[Any]
    written: Written


@record
class EarlierBody:
    """A body with everything that building it did besides."""

    block: Block
    files: tuple[object, ...]
    """The trees that it was built from, which the key names by identity."""
    left: SizesLeft
    """What it left of the sizes."""
    demands: tuple[Limitation, ...]
    preferences: tuple[Limitation, ...]
    contracts: tuple[Any, ...]
    bodies: tuple[tuple[Any, Any], ...]
    """The bodies inside it."""
    traces: Traces
    effort: int
    account: int
    """What was spent on following sizes."""


def of_file(library: Library, module: Module) -> Recent[Any] | None:
    """What was built of a file; None where what stands outside a body may be another one every time."""
    if library.damage or any(other.shared for other in library.modules.values()):
        return None
    return KEPT.get(module.file, lambda _: Recent(BODIES))


def built(site: Site, key: Hashable, build: Callable[[], Block]) -> Block:
    """A body that is the same wherever `key` is: an earlier one, or one that is built now and kept."""
    earlier: Recent[EarlierBody] | None = site.context.earlier
    place = _place(site, key) if earlier is not None else None
    if place is None or earlier is None:
        return build()
    found = earlier.get(place)
    if found is not None and _fits(site, found):
        _repeat(site, found)
        return found.block
    return _record(site, earlier, place, build)


def _place(site: Site, key: Hashable) -> Hashable:
    """All that a body may depend on; None where that cannot be told."""
    context, sizes = site.context, site.sizes
    if key is None or context.suspects or context.term or sizes.rewrites or sizes.samples:
        return None
    left = sizes.domain.narrowed
    given = tuple((name, str(value)) for m in site.library.modules.values() for name, value in m.given.items())
    depth = site.limits.multiplicity, len(site.errors.frames)
    return None if left is None else (key, left, given, depth, tuple(map(id, _files(site))))


def _files(site: Site) -> tuple[object, ...]:
    """The trees of the author's files."""
    return tuple(m.file for m in site.library.modules.values() if not is_library(m.file.source.name))


def _fits(site: Site, kept: EarlierBody) -> bool:
    """Whether enough is left of what a file may cost."""
    return site.library.effort + kept.effort <= EFFORT and kept.account <= site.library.sizes.left


def _repeat(site: Site, kept: EarlierBody) -> None:
    """Do what building a body did besides."""
    site.library.effort += kept.effort
    site.library.sizes.left -= kept.account
    site.sizes.domain.narrow(kept.left, kept.demands, kept.preferences)
    site.sizes.contracts.extend(kept.contracts)
    site.context.bodies.update(kept.bodies)
    _note(site.context, kept.traces)


def _record(site: Site, earlier: Recent[EarlierBody], place: Hashable, build: Callable[[], Block]) -> Block:
    """Build a body, and keep it where nothing was said and no sizes were tied together."""
    domain, sizes, said = site.sizes.domain, site.sizes, len(site.errors.collector.found)
    demands, preferences, contracts = len(domain.demands), len(domain.preferences), len(sizes.contracts)
    bodies, effort, account = len(site.context.bodies), site.library.effort, site.library.sizes.left
    with _traced(site.context) as traces:
        block = build()
    left = domain.narrowed
    if left is None or sizes.rewrites or site.context.suspects or len(site.errors.collector.found) > said:
        return block
    if not isinstance(block, Recurrent):
        kept = EarlierBody(
            block, _files(site), left, tuple(domain.demands[demands:]), tuple(domain.preferences[preferences:]),
            tuple(sizes.contracts[contracts:]), tuple(islice(site.context.bodies.items(), bodies, None)), traces,
            site.library.effort - effort, account - site.library.sizes.left,
        )  # fmt: skip
        earlier.keep(place, kept)
    return block


@contextmanager
def _traced(context: Context) -> Iterator[Traces]:
    """What is noted meanwhile, apart; it is noted in the context afterwards, whatever happens."""
    before = context.rows_seen, context.inputs_seen, context.sets, context.reached, context.written
    traces = Traces({}, {}, {}, set(), Written())
    context.rows_seen, context.inputs_seen, context.sets = traces.rows, traces.inputs, traces.sets
    context.reached, context.written = traces.reached, traces.written
    try:
        yield traces
    finally:
        context.rows_seen, context.inputs_seen, context.sets, context.reached, context.written = before
        _note(context, traces)


def _note(context: Context, traces: Traces) -> None:
    for span, read in traces.rows.items():
        context.rows_seen[span] = context.rows_seen.get(span, False) or read
    for span, (title, read) in traces.inputs.items():
        context.inputs_seen[span] = title, read or context.inputs_seen.get(span, (title, False))[1]
    for span, row in traces.sets.items():
        context.sets.setdefault(span, row)
    context.reached |= traces.reached
    context.written.expressions.update(traces.written.expressions)
    context.written.definitions.update(traces.written.definitions)
