"""Rows of a recipe that say something of some weights: `freeze (trunk, stem(epochs=5))`, `rate head(10)`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NoReturn

import netdsl.elaborate.core as core
import netdsl.elaborate.turns as turns
from netdsl.elaborate.context import Site
from netdsl.elaborate.turns import Movable
from netdsl.elaborate.values import Failed
from netdsl.graph import Net, Part, Recipe
from netdsl.recipe.steering import LONGEST, MOST, SIGNS, Aim, AimsKind, Steering, steering_of
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span

EXAMPLES = {
    "freeze": "freeze {0}` for the whole run, or `freeze {0}(epochs=5)",
    "rate": "rate {0}(10)",
    "decay": "decay {0}(0)",
}
"""A row of each kind, for the name of a row of the net."""


def aims_row(site: Site, recipe: Recipe, row: syntax.RecipeRow, movable: Movable) -> None:
    """Keep what a row says of some weights."""
    word, found, places = row.keyword.id, list[Aim](), dict[str, Span]()
    for item in _items(site, row, movable):
        with suppress(Failed):
            aim = _aim(site, word, item, movable)
            if not movable.broken:
                places |= dict.fromkeys(_fitting(site, word, aim, item, movable, places), item.span)
            found.append(aim)
        if site.errors.collector.full:
            break
    recipe.settings[word] = tuple(found)


def _items(site: Site, row: syntax.RecipeRow, movable: Movable) -> Sequence[syntax.Expr | syntax.Spread]:
    """What stands in the row, one by one."""
    word, stage = row.keyword.id, row.value.stages[0]
    if row.label is not None or len(row.value.stages) > 1 or isinstance(stage, syntax.Claim):
        message = f"`{word}` names rows of the net, and is no pipeline"
        site.error("wrong-kind", message, row.value.span, help=_example(word, movable))
    if isinstance(stage, syntax.Name) and stage.id == "none" and "none" not in movable.trained:
        return ()  # what a command line says to leave a row of the text out
    items = stage.items if isinstance(stage, syntax.TupleOf) else (stage,)
    if not items or len(items) > MOST:
        message = "these brackets are empty" if not items else f"`{word}` names more than {MOST} rows"
        site.error("wrong-kind", message, stage.span, help=_example(word, movable))
    return items


def _example(word: str, movable: Movable) -> str:
    return f"write `{EXAMPLES[word].format(movable.first)}`; several stand in brackets"


def _aim(site: Site, word: str, item: syntax.Expr | syntax.Spread, movable: Movable) -> Aim:
    """`stem`, `stem(epochs=5)`, `head.linear1(10)` or `"*.bias"(2)`."""
    target = item.function if isinstance(item, syntax.Call) else item
    given = item.arguments if isinstance(item, syntax.Call) else ()
    kind = _kind(word)
    text = target.value if isinstance(target, syntax.Literal) and isinstance(target.value, str) else None
    where = turns.path_of(target) if text is None else text
    if where is None:
        _refuse(site, word, item.span, "names rows of the net, or patterns of their weights in quotes", movable)
    if not 0 < len(where) <= LONGEST or (text is not None and not SIGNS & set(where)):
        message = f"a pattern has a `*` for what may stand there, and at most {LONGEST} letters"
        site.error("wrong-kind", message, target.span, help='as in `"*.bias"`; a row is named without quotes')
    if not given and not kind.epochs:
        _refuse(site, word, item.span, f"needs a factor for `{where}`", movable)
    if not given:
        return Aim(where)
    number = core.evaluate_setting(site, given[0].value)
    named = given[0].name.id if given[0].name is not None else "epochs" if kind.epochs else "factor"
    if len(given) > 1 or named != ("epochs" if kind.epochs else "factor") or not kind.counts(number):
        takes = "a whole number of epochs from 1" if kind.epochs else "one factor from 0 to a million"
        _refuse(site, word, given[-1].span, f"takes {takes} in these brackets", movable)
    return Aim(where, number)


def _kind(word: str) -> AimsKind:
    from netdsl.recipe import SETTINGS

    kind = SETTINGS[word].kind
    assert isinstance(kind, AimsKind)
    return kind


def _refuse(site: Site, word: str, span: Span, why: str, movable: Movable) -> NoReturn:
    site.error("wrong-kind", f"`{word}` {why}", span, help=_example(word, movable))


def _fitting(
    site: Site, word: str, aim: Aim, item: syntax.Expr | syntax.Spread, movable: Movable, before: dict[str, Span]
) -> Sequence[str]:  # fmt: skip
    """The trained weights that are meant, none of which the row has named already."""
    target = item.function if isinstance(item, syntax.Call) else item
    keys = [key for key in movable.weights if aim.fits(key)]
    if not keys and isinstance(target, syntax.Literal):
        help = f"keys are as in `{next(iter(movable.weights), 'stem.weight')}`, and `*` stands for any letters"
        site.error("unknown-name", f"no weight that is trained fits `{aim.where}`", target.span, help=help)
    if not keys:
        movable.refuse(site, target.span, aim.where, word)
    twice = next((key for key in keys if key in before), None)
    if twice is not None:
        message = f"`{twice}` has its `{word}` already"
        help = "name rows that have no weight in common"
        site.error("repeated-setting", message, item.span, Label(before[twice], "by this"), help=help)
    return keys


def require_trained(site: Site, recipe: Recipe, net: Net, rows: Iterable[syntax.RecipeRow]) -> None:
    """Some weight must be trained from the first epoch on, in each part of the recipe of a net that is whole."""
    row = next((r for r in rows if r.keyword.id == "freeze"), None)
    if row is None:
        return
    steering, movable = steering_of(recipe.settings), turns.movable_of(net, broken=False)
    for part in recipe.turns:
        if _all_frozen(steering, part, movable):
            of = f" that the part `{part.name}` moves" * bool(part.name)
            rest = " in the first epochs" if len(steering.stages) > 1 else ""
            message = f"`freeze` leaves no weight{of} to be trained{rest}"
            site.error("nothing-to-learn", message, row.value.span, help="leave something out of it, such as the head")


def _all_frozen(steering: Steering, part: Part, movable: Movable) -> bool:
    keys = movable.weights if part.moves is None else part.moves
    return all(steering.thaws(key) != 0 for key in keys)
