"""The row of a recipe that names blocks which run again in the backward pass: `checkpoint (stem, trunk.stage2)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

import netdsl.elaborate.turns as turns
from netdsl.elaborate.context import Site
from netdsl.elaborate.measures import rows_of
from netdsl.elaborate.values import Failed
from netdsl.graph import Net, Recipe, Recurrent
from netdsl.graph.reruns import BlockPlace, blocks_in, blocks_of
from netdsl.recipe.steering import MOST
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span

WORD = "checkpoint"
Blocks = Mapping[str, BlockPlace]
SAID = 6
"""So many blocks a message names."""


def checkpoint_row(site: Site, recipe: Recipe, row: syntax.RecipeRow, net: Net, broken: bool) -> None:
    """Keep the rows that are named. Of a `broken` net blocks may be missing: they are not looked for."""
    blocks = blocks_of(net)
    found: list[str] = []
    places: dict[str, Span] = {}
    for item in _items(site, row, blocks):
        with suppress(Failed):
            path = turns.path_of(item)
            if path is None:
                _refuse(site, item.span, blocks)
            if not broken:
                _add(site, net, blocks, path, item.span, places)
            found.append(path)
        if site.errors.collector.full:
            break
    recipe.settings[WORD] = tuple(found)


def _items(site: Site, row: syntax.RecipeRow, blocks: Blocks) -> Sequence[syntax.Expr | syntax.Spread]:
    stage = row.value.stages[0]
    if row.label is not None or len(row.value.stages) > 1 or isinstance(stage, syntax.Claim):
        _refuse(site, row.value.span, blocks)
    if isinstance(stage, syntax.Name) and stage.id == "none" and "none" not in blocks:
        return ()  # what a command line says to leave a row of the text out
    items = stage.items if isinstance(stage, syntax.TupleOf) else (stage,)
    if not items or len(items) > MOST:
        message = "these brackets are empty" if not items else f"`{WORD}` names more than {MOST} rows"
        site.error("wrong-kind", message, stage.span, help=_example(blocks))
    return items


def _example(blocks: Blocks) -> str:
    first = next(iter(blocks), "stage1").partition(".")[0]
    return f"write `{WORD} {first}`; several stand in brackets"


def _refuse(site: Site, span: Span, blocks: Blocks) -> NoReturn:
    help = f"{_example(blocks)}; a run keeps its own checkpoint, with which `--resume` goes on"
    site.error("wrong-kind", f"`{WORD}` names blocks of the net, which run again in the backward pass", span, help=help)


def _add(site: Site, net: Net, blocks: Blocks, row: str, span: Span, places: dict[str, Span]) -> None:
    """Note the modules of a row, none of which the row has named already, or is in one that it has."""
    modules = [blocks[path].key for path in blocks_in(blocks, row)]
    if not modules:
        _refuse_row(site, net, blocks, row, span)
    for key in modules:
        other = next((o for o in places if key == o or key.startswith(f"{o}.") or o.startswith(f"{key}.")), None)
        if other is not None:
            message = f"`{row}` runs again already" if key == other else f"`{key}` and `{other}` are one in the other"
            label = Label(places[other], "by this")
            site.error("repeated-setting", message, span, label, help="name each block once, and none inside another")
    places |= dict.fromkeys(modules, span)


def _refuse_row(site: Site, net: Net, blocks: Blocks, row: str, span: Span) -> NoReturn:
    loops = [path for path, node in net.walk() if isinstance(node.op, Recurrent)]
    outer = list(dict.fromkeys(part for path in blocks for part in (path, path.partition(".")[0])))
    others = f"blocks are {', '.join(outer[:SAID])}{' …' * (len(outer) > SAID)}" if outer else "it has no blocks"
    loop = next((path for path in loops if row == path or row.startswith(f"{path}.")), None)
    if loop is not None:
        message = f"`{row}` is in the loop `{loop}`, of which no step can be run again"
        site.error("wrong-kind", message, span, help=others)
    if row in rows_of(net) or any(path == row for path, _ in net.walk()):
        site.error("wrong-kind", f"`{row}` is no block, which could run again as a whole", span, help=others)
    help = did_you_mean(row, outer) or others
    site.error("unknown-name", f"`{net.name}` has no block `{row}`", span, help=help)
