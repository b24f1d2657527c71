"""Parts of a recipe, which take turns on each batch: what each moves, by which losses, and with which optimizer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NoReturn

import netdsl.elaborate.batches as batches
from netdsl.dims.tensors import TensorType
from netdsl.elaborate.context import Site
from netdsl.elaborate.declarations import declared_row, fill_defaults
from netdsl.elaborate.measures import rows_of, term_row
from netdsl.elaborate.values import Failed
from netdsl.graph import TERMS, Graph, Net, Part, Recipe, leading_to
from netdsl.graph.borrowed import borrowed
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, Severity, did_you_mean
from netdsl.text.source import Span

MOST = 100
"""Parts of a recipe."""
MOVES = "moves"
OWN = ("loss", "optimizer", "schedule", "clip")
"""What each part has for itself."""
WORDS = (MOVES, *OWN, "metric")
SAID = 3
"""So many rows a message names."""


def of_the_recipe(site: Site, section: syntax.Train, rows: Sequence[syntax.RecipeRow]) -> list[syntax.RecipeRow]:
    """The rows of a section that belong to the whole recipe; what belongs to its parts is refused."""
    own = {MOVES} if not section.parts else {MOVES, *OWN}
    for row in rows:
        if row.keyword.id == "part":
            help = f"write `part {row.value.span.text} {{ … }}` with rows of its own, the first of them `moves …`"
            site.errors.report("missing-braces", "a part of a recipe has braces", row.span, help=help)
        elif row.keyword.id == MOVES and not section.parts:
            message = "`moves` says what a part of a recipe changes; a recipe without parts changes everything"
            help = "leave it out, or put `frozen` in front of the rows of the net that shall stay as they are"
            site.errors.report("misplaced-row", message, row.keyword.span, help=help)
        elif row.keyword.id in own:
            part = section.parts[0].name
            message = f"each part of the recipe has its own `{row.keyword.id}`"
            help = f"write it into the braces of `part {part.id}` and of the others"
            site.errors.report("misplaced-row", message, row.keyword.span, Label(part.span, "a part"), help=help)
    return [r for r in rows if r.keyword.id not in (*own, "part")]


def resolve(
    site: Site, section: syntax.Train, net: Net, recipe: Recipe, fields: dict[str, TensorType] | None, broken: bool
) -> None:  # fmt: skip
    """Add the parts of a section to its recipe; without `fields` nothing is known of what losses read.

    Of a `broken` net rows may be missing: what parts say of them is not looked at.
    """
    if len(section.parts) > MOST:
        message = f"a recipe has more than {MOST} parts"
        site.error("file-too-long", message, section.parts[MOST].name.span, help="move more weights in each of them")
    if not section.parts:
        return
    movable, before = movable_of(net, broken), site.errors.failures
    seen: dict[str, Span] = {}
    moved: dict[str, syntax.RecipePart] = {}
    for written in section.parts:
        name = written.name
        if name.id in seen:
            first = Label(seen[name.id], "first here")
            site.errors.report("duplicate-name", f"two parts are called `{name.id}`", name.span, first)
        seen.setdefault(name.id, name.span)
        part = _part(site, written, movable, recipe, fields)
        _refuse_shared(site, written, part, moved)
        moved.update(dict.fromkeys(part.moves or (), written))
        recipe.parts.append(part)
    for number, part in enumerate(recipe.parts):
        recipe.losses += part.losses
        own = part.metrics
        part.metrics = [*recipe.metrics, *own] if not number else own
    recipe.metrics = [m for part in recipe.parts for m in part.metrics] or recipe.metrics
    whole = site.errors.failures == before and not broken and not site.library.damaged_within(section.span)
    if all(part.moves for part in recipe.parts) and whole:
        _warn_of_rest(site, section, movable, moved)


def _part(
    site: Site, written: syntax.RecipePart, movable: Movable, recipe: Recipe, fields: dict[str, TensorType] | None
) -> Part:  # fmt: skip
    """A part of a recipe, as far as nothing is wrong with it."""
    name, rows, net = written.name.id, written.rows, movable.net
    own = Recipe(written.span, name, recipe.data)
    check_repeats(site, rows, TERMS)
    for inner in written.parts:
        message = f"a part stands in a recipe, not in the part `{name}`"
        site.errors.report("misplaced-row", message, inner.name.span, help="close the braces of the one before it")
    moves = None
    for row in rows:
        with suppress(Failed):
            if row.keyword.id == MOVES and movable.broken:
                continue
            if row.keyword.id == MOVES:
                moves = _moves(site, row, movable)
            elif row.keyword.id not in TERMS:
                _declared(site, own, row, rows, net)
    if fields is not None:
        measure(site, net, own, fields, rows)
    unread = site.library.damaged_within(written.span) or any(_unknown(r.keyword.id) for r in rows)
    if not any(r.keyword.id == MOVES for r in rows) and not unread:
        help = f"say which rows it changes, as in `moves {movable.first}`"
        site.errors.report("missing-setting", f"the part `{name}` moves nothing", written.name.span, help=help)
    if not site.library.damaged_within(written.span):
        require_loss(site, rows, f"part `{name}`", net, written.name.span)
    for term in (*own.losses, *own.metrics):
        term.name = f"{name}.{term.name}"
    fill_defaults(own)
    assert own.optimizer is not None
    assert own.schedule is not None
    part = Part(name, written.span, moves or frozenset(), own.losses, own.metrics, own.optimizer, own.schedule,
                own.settings["clip"])  # fmt: skip
    if moves and own.losses:
        _require_way(site, written, net, part)
    return part


def _unknown(word: str) -> bool:
    """Whether a word begins no row of a recipe, here or elsewhere."""
    from netdsl.recipe import SETTINGS

    return word not in (*WORDS, "data", "augment", "weights", *SETTINGS)


def _declared(
    site: Site, own: Recipe, row: syntax.RecipeRow, rows: Sequence[syntax.RecipeRow], net: Net
) -> None:  # fmt: skip
    """A row of a part that is no loss and no metric."""
    word = row.keyword.id
    if word not in WORDS and not _unknown(word):
        message = f"`{word}` is of the whole recipe, not of a part"
        site.error("misplaced-row", message, row.keyword.span, help="write it beside the parts, in the outer braces")
    if word in OWN:
        declared_row(site, own, row, rows, scored(net))
        return
    from netdsl.elaborate.recipe_words import row_of  # late: right texts need none

    help = did_you_mean(word, WORDS) or row_of(site, rows, row, scored(net))
    help = help or f"rows of a part are {', '.join(WORDS)}"
    site.error("unknown-setting", f"a part has no `{word}`", row.keyword.span, help=help)


# ---------------------------------------------------------------- what a part moves


class Movable:
    """The weights of a net that can be learned, by the rows that own them, and by the paths inside those."""

    def __init__(self, net: Net, broken: bool) -> None:
        self.net = net
        self.broken = broken
        self.trained: dict[str, list[str]] = {}
        """The keys of trained weights by path: `critic`, `critic.conv1`, and the key itself."""
        self.frozen: set[str] = set()
        self.weights = tuple(k for k, w in net.weights() if w.trainable and not w.buffer)
        """The keys of all that are trained."""
        for key, weight in net.weights():
            for path in paths(key) if not weight.buffer else ():
                if weight.trainable:
                    self.trained.setdefault(path, []).append(key)
                else:
                    self.frozen.add(path)
        rows = dict.fromkeys([*(n.name.partition(".")[0] for n in net.nodes if n.shares is None), *net.common])
        self.owners = [row for row in rows if row in self.trained]

    @property
    def first(self) -> str:
        return next(iter(self.owners), "stem")

    def keys(self, site: Site, item: syntax.Expr | syntax.Spread) -> list[str]:
        """The trained weights of one row, or of one inside a block."""
        path = path_of(item)
        if path is None:
            help = f"write `moves {self.first}`, or several in brackets: `moves (stem, head)`"
            site.error("wrong-kind", "`moves` takes names of rows", item.span, help=help)
        if path not in self.trained:
            self.refuse(site, item.span, path)
        return self.trained[path]

    def refuse(self, site: Site, span: Span, path: str, word: str = MOVES) -> NoReturn:
        """Say why a path has nothing to be moved, or what else a row of this word does with weights."""
        if path in self.frozen:
            help = "leave out `frozen` in front of its row, or this"
            site.error("nothing-to-move", f"all weights of `{path}` are frozen", span, help=help)
        help = f"rows with weights are {_few(self.owners)}" if self.owners else "no row has weights that are trained"
        if path in rows_of(self.net) or path in {v.name for v in self.net.inputs}:
            what = {MOVES: "moved", "freeze": "frozen"}.get(word, "trained")
            site.error("nothing-to-move", f"`{path}` has no weights that could be {what}", span, help=help)
        help = did_you_mean(path, self.owners) or help
        site.error("unknown-name", f"`{self.net.name}` has no row `{path}`", span, help=help)


@lru_cache(maxsize=1)
def movable_of(net: Net, broken: bool) -> Movable:
    """Of a net with many recipes this is worked out once."""
    return Movable(net, broken)


def _moves(site: Site, row: syntax.RecipeRow, movable: Movable) -> frozenset[str]:
    """The keys of the weights that a `moves` row names by their rows."""
    keys: dict[str, Span] = {}
    stage = row.value.stages[0]
    if row.label is not None or len(row.value.stages) > 1 or isinstance(stage, syntax.Claim):
        message = "`moves` names rows of the net, and is no pipeline"
        site.error("wrong-kind", message, row.value.span, help=f"write `moves {movable.first}`")
    for item in stage.items if isinstance(stage, syntax.TupleOf) else (stage,):
        with suppress(Failed):
            found = movable.keys(site, item)
            twice = next((key for key in found if key in keys), None)
            if twice is not None:
                site.error("repeated-setting", f"`{item.span.text}` is moved already", item.span,
                           Label(keys[twice], "by this"))  # fmt: skip
            keys |= dict.fromkeys(found, item.span)
        if site.errors.collector.full:
            break
    if not keys and isinstance(stage, syntax.TupleOf) and not stage.items:
        help = f"say which rows it changes, as in `moves {movable.first}`"
        site.error("nothing-to-move", "these brackets are empty", stage.span, help=help)
    if not keys:
        raise Failed
    return frozenset(keys)


def paths(key: str) -> list[str]:
    """`critic`, `critic.conv1` and `critic.conv1.weight`."""
    words = key.split(".")
    return [".".join(words[:n]) for n in range(1, len(words) + 1)]


def path_of(item: object) -> str | None:
    """`critic.conv1` as it is written; None for what names nothing."""
    if isinstance(item, syntax.Attribute):
        before = path_of(item.value)
        return before and f"{before}.{item.name.id}"
    return item.id if isinstance(item, syntax.Name) else None


def _few(names: Sequence[str]) -> str:
    shown = [f"`{n}`" for n in names[:SAID]]
    return ", ".join(shown) + (" …" if len(names) > SAID else "")


def _refuse_shared(
    site: Site, written: syntax.RecipePart, part: Part, moved: dict[str, syntax.RecipePart]
) -> None:  # fmt: skip
    """A weight has one optimizer, so one part moves it."""
    key = next((k for k in sorted(part.moves or ()) if k in moved), None)
    if key is None:
        return
    before, here = (_moving(p) for p in (moved[key], written))
    message = f"`{key}` is moved by the part `{moved[key].name.id}` already"
    help = "a weight is changed by one optimizer: name the rows of each part apart"
    site.errors.report("moved-twice", message, here, Label(before, "here"), help=help)


def _moving(written: syntax.RecipePart) -> Span:
    return next((r.value.span for r in written.rows if r.keyword.id == MOVES), written.name.span)


def _warn_of_rest(site: Site, section: syntax.Train, movable: Movable, moved: Collection[str]) -> None:
    owners = [n for n in movable.owners if any(key not in moved for key in movable.trained[n])]
    if not owners:
        return
    message = f"no part moves {_few(owners)}: {'its' if len(owners) == 1 else 'their'} weights stay as they begin"
    help = "name it in the `moves` of a part, or put `frozen` in front of its row"
    site.errors.report("never-moved", message, section.net.span, help=help, severity=Severity.WARNING)


def _require_way(site: Site, written: syntax.RecipePart, net: Net, part: Part) -> None:
    """Some way must lead from what a part moves to what its losses read, past no `detach`."""
    behind = _behind(net, frozenset(v.name for term in part.losses for v in term.graph.inputs))
    if any(path in behind for key in part.moves or () for path in paths(key)):
        return
    message = f"no loss of the part `{part.name}` depends on what it moves"
    help = "let its `loss` read an output behind these rows, before any `detach`"
    label = Label(_moving(written), "moved here")
    site.errors.report("nothing-to-learn", message, part.losses[0].span, label, help=help)


@lru_cache(maxsize=8)
def _behind(net: Net, read: frozenset[str]) -> frozenset[str]:
    """The rows that some outputs come from, past no `detach`, and those shared at the top of the file."""
    wanted = {o.value for o in net.outputs if o.name in read}
    nodes = leading_to([n for n in net.nodes if n.kind != "detach"], wanted)
    return frozenset(n.owner.name for n in nodes).union(borrowed(Graph(net.name, nodes=nodes)))


# ---------------------------------------------------------------- rows, of a recipe or a part


def measure(
    site: Site, net: Net, recipe: Recipe, fields: dict[str, TensorType], rows: Sequence[syntax.RecipeRow]
) -> None:  # fmt: skip
    """Add what the rows of losses and metrics say."""
    for row in rows:
        if row.keyword.id in TERMS:
            with suppress(Failed), batches.within_term(site, row.keyword.id):  # one bad row does not silence the others
                term_row(site, net, recipe, fields, row)


def check_repeats(site: Site, rows: Sequence[syntax.RecipeRow], several: Collection[str]) -> None:
    """Only losses and metrics may be several."""
    first: dict[str, syntax.RecipeRow] = {}
    for row in rows:
        keyword = row.keyword.id
        if keyword in first and keyword not in several:
            label = Label(first[keyword].keyword.span, "first here")
            named = keyword in (MOVES, "checkpoint")
            help = f"several stand in brackets: `{keyword} (stem, head)`" if named else None
            if keyword == "augment":
                both = f"{first[keyword].value.span.text} -> {row.value.span.text}"
                help = f"stages follow one another in one row: `augment {both}`"
            site.errors.report("repeated-setting", f"`{keyword}` is given twice", row.keyword.span, label, help=help)
        first.setdefault(keyword, row)


def require_loss(site: Site, rows: Sequence[syntax.RecipeRow], what: str, net: Net, place: Span) -> None:
    """Say that a recipe, or a part of one, has no loss among its rows."""
    if any(r.keyword.id == "loss" for r in rows) or any(map(_means_loss, rows)):
        return
    help = "add a row such as `loss (logits, label) -> cross_entropy`"
    site.errors.report("missing-loss", f"the {what} of `{net.name}` has no `loss`", place, help=help)


def _means_loss(row: syntax.RecipeRow) -> bool:
    """`criterion`, which is told to be a `loss`."""
    from netdsl.text import foreign  # late: right texts need none

    return (foreign.row(row.keyword.id) or "").startswith("loss ")


def scored(net: Net) -> str:
    """The output that losses look at, most likely."""
    return next((o.name for o in net.main_answers), net.outputs[0].name if net.outputs else "logits")
