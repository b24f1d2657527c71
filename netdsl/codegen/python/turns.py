"""The turns of a loop over branches: how their modules are called, and the one step that they are together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from netdsl.codegen.python.authored import parts_of, rows_of
from netdsl.codegen.python.branches import are_alike, key_of, needs_two, numbered
from netdsl.codegen.python.spelling import Branched, Made, Raw, Turned
from netdsl.codegen.python.starts import begun, start_texts
from netdsl.codegen.python.steps import (
    ClassLayout,
    ForwardCall,
    applied,
    follows,
    owns_module,
    parameter,
)
from netdsl.codegen.python.uses import BlockUse, Branches
from netdsl.dims.tensors import Init, Value
from netdsl.graph import Block, Node
from netdsl.text import syntax


@dataclass(eq=False)
class LoopPlan:
    """Branches that are a loop, and how the modules of a turn are called."""

    branches: Branches
    table: str
    """The row whose table holds the modules, "" for the class itself."""
    keys: dict[Node, str]
    """The source of each module's name, by the layer of the first turn."""


def plans_of(use: BlockUse) -> Iterator[LoopPlan]:
    """The loops of a body."""
    for branches in use.branches:
        if branches.follows() and are_alike(use, branches, partial(_key, use, branches.word)):
            plan = _plan(use, branches)
            if plan:
                yield plan


def _key(use: BlockUse, word: str, node: Node) -> Any:
    """All that a layer does, numbers by their terms."""
    spelling = use.spellings[node]
    inits, sizes = _begun(use, node)
    shapes = [key_of(shape, word) for shape in sizes.values()] if spelling.parameter else []
    starts = start_texts(use.dialect, inits, sizes) if inits else ()
    return node.kind, key_of((spelling.module, spelling.call), word), spelling.use, spelling.parameter, shapes, starts


def _begun(use: BlockUse, node: Node) -> tuple[Mapping[str, Init], dict[str, Any]]:
    op = use.ops.get(node, node.op)
    return ({}, {}) if isinstance(op, Block) else begun(use.spellings[node], op)


def _plan(use: BlockUse, branches: Branches) -> LoopPlan | None:
    turns = branches.turns
    owners = [i for i, n in enumerate(turns[0]) if owns_module(use, n)]
    modules = [i for i in owners if not use.spellings[turns[0][i]].parameter]
    heads = {turn[i].name.partition(".")[0] if "." in turn[i].name else "" for turn in turns for i in modules}
    table = next(iter(heads), "")
    rests = [[turn[i].name[len(table) + 1 if table and i in modules else 0 :] for turn in turns] for i in owners]
    if any(use.spellings[n].buffer or n.frozen for n in turns[0]):
        return None
    if len(heads) > 1 or any("." in rest for found in rests for rest in found) or _crowded(use, branches, table):
        return None
    if table and not _is_never_alone(use, branches, [turns[0][i] for i in owners]):
        return None
    inside = f"{table}." if table and modules == owners else ""
    names = numbered(rests, _others(use, branches, inside))
    if names is None or any(
        not use.dialect.is_plain(r) or use.dialect.is_spoken_for(r) for found in rests for r in found
    ):
        return None
    keys = {turns[0][i]: 'f"' + name.replace("@", branches.word) + '"' for i, name in zip(owners, names, strict=True)}
    return LoopPlan(branches, table, keys)


def _crowded(use: BlockUse, branches: Branches, table: str) -> bool:
    """Whether the row has modules beside those of the branches."""
    row = [n for n in use.graph.nodes if n.name == table or n.name.startswith(f"{table}.")] if table else []
    return any(n not in branches.own and owns_module(use, n) for n in row) or table in use.graph.choices


def _is_never_alone(use: BlockUse, branches: Branches, owners: list[Node]) -> bool:
    """Whether no count leaves a row with one module, which would have the name of the row itself."""
    labelled = any(isinstance(p, syntax.LayerRow) and p.names for p in parts_of(branches.each.body))
    weighted = [n for n in owners if not use.spellings[n].parameter]
    return labelled or len(weighted) > 1 or needs_two(use, branches)


def _others(use: BlockUse, branches: Branches, inside: str) -> set[str]:
    """What else has a name beside the modules of the turns: in the table `inside`, or in the whole body."""
    names = [n.name for n in use.graph.nodes if n not in branches.own and n.name.startswith(inside)]
    body = branches.each.body if inside else rows_of(use)
    rows = [p for p in parts_of(body) if isinstance(p, syntax.LayerRow | syntax.OutputRow)]
    labels = {n.id for row in rows for n in row.names}
    found = {part for name in names for part in name.removeprefix(inside).split(".")} | labels
    return found if inside else found | set(use.settings) | set(use.inputs.values())


# ---------------------------------------------------------------- the step


def lay_branches(layout: ClassLayout, plan: LoopPlan) -> None:
    """The modules of every turn, and the step that gathers what the turns make."""
    use, branches = layout.use, plan.branches
    access = {n: _access(plan, use, n) for n in plan.keys}
    if plan.keys:
        items = tuple(_turned(use, n, plan, access[n]) for n in plan.keys)
        first = plan.table or next(iter(plan.keys)).name
        layout.attributes[first] = Branched(plan.table, branches.word, branches.count, items)
    turn = tuple(_step(use, node, access) for node in branches.turns[0])
    own = {v for n in branches.turns[0] for v in n.results}
    outer = tuple(dict.fromkeys(v for n in branches.turns[0] for v in n.inputs if v not in own))
    gathered = Value(plan.table or "branches", use.types[branches.ends[0]])
    layout.lists[branches.ends] = gathered
    layout.followed.add(id(branches.counted))
    places = {v: f"in{i}" for i, v in enumerate(outer)} | {
        v: f"{i}.{r}" for i, n in enumerate(branches.turns[0]) for r, v in enumerate(n.results)
    }
    wired = Raw(" ".join(",".join(places[v] for v in step.inputs) for step in turn))
    whole = Made("each", (wired, *(step.expression for step in turn)))
    use.types[gathered] = use.types[branches.ends[0]]
    row = tuple(branches.nodes)
    layout.steps.append(
        ForwardCall(row[-1], whole, outer, (gathered,), gathered.name, row=row, turn=turn, branches=branches)
    )


def _access(plan: LoopPlan, use: BlockUse, node: Node) -> str:
    key = plan.keys[node]
    if use.spellings[node].parameter or not plan.table:
        return f"getattr(self, {key})"
    return f"{use.dialect.attribute(plan.table)}[{key}]"


def _turned(use: BlockUse, node: Node, plan: LoopPlan, access: str) -> Turned:
    spelling = use.spellings[node]
    made = parameter(use, node) if spelling.parameter else spelling.module
    assert made is not None
    inits, shapes = _begun(use, node)
    starts = tuple(
        (f"{access}.{n}" if n and not spelling.parameter else access, i, shapes[n]) for n, i in inits.items()
    )
    return Turned(plan.keys[node], made, starts, spelling.parameter)


def _step(use: BlockUse, node: Node, access: dict[Node, str]) -> ForwardCall:
    called = use.spellings[node].call
    expression = applied(use, node, access[node]) if node in access else called
    assert expression is not None
    label = node.name.rpartition(".")[2]
    return ForwardCall(node, expression, node.inputs, node.results, label, follows=follows(node), row=(node,))
