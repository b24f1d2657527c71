"""The text of a net that slides: that of a classifier of patches, its fully connected layers made convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from netdsl.base.record import changed, entity
from netdsl.dims import at
from netdsl.graph import Net
from netdsl.program import Program, load_source
from netdsl.rewriting.edits import Edit, all_of, edited, end_claim, without_item, without_stages, words
from netdsl.rewriting.layers import rewritten
from netdsl.rewriting.sliding import Replacement, SlidingPlan, WindowSize, head, plan_of, refusal, shown
from netdsl.text import syntax
from netdsl.text.diagnostics import NetError
from netdsl.text.formatter import formatted
from netdsl.text.source import Source, Span

FARTHEST = 4096
"""Pixels between the windows of a net at most."""


@entity
class Convolutional:
    """What a classifier of patches became."""

    plan: SlidingPlan
    text: str
    net: Net
    """Of that text."""
    layers: list[tuple[str, str, str]]
    """By layer its path, what it was and what it is."""
    stride: WindowSize
    """The pixels from one window to the next."""


def convolutional(program: Program, net: Net, path: Path) -> Convolutional:
    """The text of a net of a program as one that slides, to be written to `path`.

    Raises `NetError` at the layer that cannot, and where the text has one in a place that cannot be rewritten.
    """
    plan = plan_of(net)
    writing = Writing(program, plan)
    try:
        text, made = writing.made(path, bold=True)
    except NetError:  # of claims that held for the patch alone
        text, made = _tried(writing, path)
    text = formatted(Source(str(path), text, path), lambda source: writing.shapes(made))
    made = load_source(Source(str(path), text, path)).net(net.name, trained=False)
    _check_open(net, made, plan)
    return Convolutional(plan, text, made, writing.layers, stride_of(made, plan))


def _tried(writing: Writing, path: Path) -> tuple[str, Net]:
    """A text and its net; a `NetError` shows what would have been written, and says so."""
    try:
        return writing.made(path, bold=False)
    except NetError as error:
        note = f"so the text would read that slides; nothing was written to {path}"
        told = [changed(found, notes=(*found.notes, note)) for found in error.diagnostics]
        raise NetError(told) from None


def _check_open(old: Net, made: Net, plan: SlidingPlan) -> None:
    """Refuse a net whose rows, or a net that it uses, leave no size but that of the patch."""
    for name, size in zip(_axes(made), plan.patch, strict=True):
        taken = made.domain.sizes(name)
        if taken.maximum is None or taken.smallest_from(size + 1) is not None:
            continue
        larger = {**dict(zip(_axes(made), plan.patch, strict=True)), name: size + 1}
        why = dict.fromkeys(demand.source.message for demand in made.domain.unmet(larger))
        message = f"{old.name} takes no patch larger than {shown(plan.patch)}, so that it cannot slide"
        raise refusal(message, head(old), "let the size be open there: a contract or another net asks for it", why)


def _axes(net: Net) -> list[str]:
    """The symbols of a picture's height and width."""
    return [str(extent) for extent in net.inputs[0].shape[1:]]


def stride_of(net: Net, plan: SlidingPlan) -> WindowSize:
    """How many pixels larger an image has one place more, down and across."""
    first, names = net.outputs[plan.scored].value, _axes(net)
    here = dict(zip(names, plan.patch, strict=True))
    found = []
    for axis, (name, size) in enumerate(zip(names, plan.patch, strict=True), 1):
        least = at(first.shape[axis], here)
        grown = [n for n in range(1, FARTHEST) if at(first.shape[axis], {**here, name: size + n}) <= least + 1]
        kept = [n for n in grown if at(first.shape[axis], {**here, name: size + n}) == least]
        found.append(len(grown) - len(kept))
    return found[0], found[1]


class Writing:
    """One text at work."""

    def __init__(self, program: Program, plan: SlidingPlan) -> None:
        self.program, self.plan = program, plan
        self.source, self.file = program.source, program.file
        self.layers: list[tuple[str, str, str]] = []
        defined = {i.name.id: i for i in self.file.items if isinstance(i, syntax.Definition)}
        self.definition = defined[plan.net.name]
        self.kept = _reached(self.definition, defined)
        self.gone = {c.node.span for c in plan.changes if c.window is None}
        self.edits = [
            *self._layers(), *self._inputs(), *self._settings(), *self._items(), self._said(),
        ]  # fmt: skip

    def made(self, path: Path, bold: bool) -> tuple[str, Net]:
        """The text and its net; `bold` leaves the claims of blocks that name sizes rather than count them."""
        own = [c for d in self.kept for c in all_of(d, syntax.Claim)]
        mine = self.definition.span
        left = {c.span for c in own if bold and _speaks(c) and not mine.start <= c.span.start < mine.end}
        gone = self.gone | {c.span for c in own if c.span not in left}
        pipelines = [p for d in self.kept for p in all_of(d, syntax.Pipeline)]
        stages = [e for p in pipelines for e in without_stages([s.span for s in p.stages], gone)]
        text = edited(self.source.text, [*self.edits, *stages])
        return text, load_source(Source(str(path), text, path)).net(self.plan.net.name, trained=False)

    def shapes(self, made: Net) -> dict[int, str]:
        """What the rows claim that claimed something, by where they begin in the new text."""
        definition = next(d for d in made.written.definitions.values() if d.name.id == made.name and d.keyword == "net")
        found = dict[int, str]()
        for old, new in zip(self.definition.body.rows, definition.body.rows, strict=True):
            claim, shape = end_claim(old), made.written.shapes.get(new.span.start)
            if claim is not None and shape is not None and claim.dims:
                found[new.span.start] = f"[{claim.dims[0].span.text},{shape.partition(',')[2]}"
        return found

    # ------------------------------------------------ what is changed

    def _layers(self) -> Iterator[Edit]:
        for change in self.plan.changes:
            span = self._written(change)
            if change.window is not None:
                text = rewritten(change, change.window, self.file)
                self.layers.append((change.path, span.text, text))
                yield Edit(span.start, span.end, text)

    def _written(self, change: Replacement) -> Span:
        """Where a layer stands in the text. `NetError` where that is another file."""
        span = change.node.span
        if span.source is not self.source:
            message = f"`{change.node.op.name}` has to become another layer, but stands in {span.source.name}"
            chain = [node.span for node in change.chain if node.span.source is self.source]
            raise refusal(message, chain[-1] if chain else self.definition.name.span, "write its rows into the net")
        return span

    def _inputs(self) -> Iterator[Edit]:
        """The height and width of the patch as sizes that can be others."""
        items = [i for r in self.definition.body.rows if isinstance(r, syntax.InputRow) for i in r.items]
        dims = items[0].dims or ()
        for name, size, dim in zip("HW", self.plan.patch, dims[1:], strict=True):
            open_ = (
                isinstance(dim, syntax.SizedSymbol)
                or str(self.plan.net.inputs[0].shape["HW".index(name) + 1]).isalpha()
            )
            if not open_:
                free = name if name not in words(self.source.text) else self.source.unused(name)
                text = dim.span.text if isinstance(dim, syntax.Literal) else str(size)
                yield Edit(dim.span.start, dim.span.end, f"{free} = {text}")

    def _settings(self) -> Iterator[Edit]:
        """Settings that were given beside the text, as its defaults."""
        given = self.program.settings
        for parameter in self.definition.parameters:
            if parameter.name.id in given:
                old = parameter.default
                start, end = (old.span.start, old.span.end) if old is not None else (parameter.span.end,) * 2
                yield Edit(
                    start, end, given[parameter.name.id] if old is not None else f" = {given[parameter.name.id]}"
                )
        for item in self.file.items:
            if isinstance(item, syntax.LetRow) and item.name.id in given:
                yield Edit(item.value.span.start, item.value.span.end, given[item.name.id])

    def _items(self) -> Iterator[Edit]:
        """Take out the other nets, blocks that this one has no use for, and all recipes."""
        read = words("".join(d.span.text for d in self.kept))
        for item in self.file.items:
            if isinstance(item, syntax.Use):
                read_names = [n.id for n in item.names if n.id in read]
                if not read_names:
                    yield without_item(item.span)
                elif len(read_names) < len(item.names):
                    yield Edit(item.names[0].span.start, item.names[-1].span.end, ", ".join(read_names))
            elif isinstance(item, syntax.Train) or (isinstance(item, syntax.Definition) and item not in self.kept):
                yield without_item(item.span)

    def _said(self) -> Edit:
        """A comment that says what was made."""
        start = self.definition.span.start
        patch = shown(self.plan.patch)
        by = "made to slide over images of any size by `netdsl convolutionize`"
        return Edit(start, start, f"# A classifier of patches of {patch} pixels, {by}.\n")


def _reached(definition: syntax.Definition, defined: Mapping[str, syntax.Definition]) -> list[syntax.Definition]:
    """A definition with all that its text names, and what these name."""
    found, left = [definition], [definition]
    while left:
        named = words(left.pop().span.text)
        new = [d for name, d in defined.items() if name in named and d not in found]
        found += new
        left += new
    return found


def _speaks(claim: syntax.Claim) -> bool:
    """Whether a claim names the sizes of a map, and counts none."""
    return len(claim.dims) == 3 and not any(all_of(d, syntax.Literal) for d in claim.dims[1:])
