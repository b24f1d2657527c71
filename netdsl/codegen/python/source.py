"""A net as Python source: one file that needs nothing but its target's library, as a person would have written it.

One class a block, its settings as constructor arguments; attributes and state-dict keys are the names of the graph.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from netdsl.codegen.python.authored import baked_settings
from netdsl.codegen.python.classes import ClassWriter
from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.families import Family, settle_results, split
from netdsl.codegen.python.keeping import is_open, pinned
from netdsl.codegen.python.layout import ClassLayout, lay_out
from netdsl.codegen.python.rerunning import numbering
from netdsl.codegen.python.text import clean, docstring
from netdsl.codegen.python.tracing import carried_sizes, new_use, trace
from netdsl.codegen.python.uses import BlockUse, Built, LentLayer
from netdsl.codegen.target import Refusals, Unsupported
from netdsl.graph import Block, Graph, Net, Node
from netdsl.graph.reruns import blocks_of, modules_named
from netdsl.graph.trail import chains, trail_to
from netdsl.ops.base import RuleError

IMPORTS = {"math": "import math", "OrderedDict": "from collections import OrderedDict"}
"""What a source may name of Python itself, with the line that brings it."""


def python_source(net: Net, dialect: Dialect) -> str:
    """The source of a file with the net's class last, named by `net_class_name`.

    The method that runs the net returns a tensor, or a dict by name where there are several outputs; outputs marked
    `aux` are there only while training. Raises `NetError` (`not-supported-by-target`) for what the target cannot say.
    """
    return _File(net, dialect).text()


def held_nodes(net: Net, dialect: Dialect) -> frozenset[Node]:
    """The nodes that its source has a module for; all others are calls of functions. Raises as `python_source` does."""
    made = _File(net, dialect)
    made.text()
    return frozenset(made.held)


def numbered_by_reruns(net: Net, dialect: Dialect) -> list[str]:
    """Settings that are no arguments of the net's class for the recipe's row alone that lets blocks run again."""
    if not _again(net):
        return []
    made = _File(net, dialect)
    made.text()
    return [word for word in net.settings if dialect.identifier(word) in made.standing]


def net_class_name(net: Net, dialect: Dialect) -> str:
    """The name of the net's own class in its source, whatever else a file may need."""
    made = dialect.class_name(net.name)
    return f"{made}Net" if made in dialect.support else made


class _File:
    """The classes of one net, made from the innermost blocks outwards."""

    def __init__(self, net: Net, dialect: Dialect) -> None:
        self.net = net
        self.dialect = dialect
        self.name = net_class_name(net, dialect)
        self.refusals = Refusals()
        self.again = _again(net)
        self.words = set(map(dialect.identifier, _settings(net)))
        self.classes: dict[str, Built] = {}
        self.common: dict[str, LentLayer] = {}
        self.of_block: dict[Block, tuple[Built, BlockUse]] = {}
        self.held: set[Node] = set()
        self.standing: set[str] = set()
        """Arguments that are left out for what runs again, and for nothing else."""

    def text(self) -> str:
        for blocks in _by_height(self.net):
            for definition in _by_definition(blocks):
                self._define(definition)
        self._write_net()
        self.refusals.check()
        return self._assembled()

    def _define(self, blocks: list[Block]) -> None:
        """The classes of a definition, once nothing is an argument that reaches a plain number."""
        hidden = dict.fromkeys(blocks, frozenset[str]())
        while True:
            layouts = [self._layout(b, hidden[b]) for b in blocks]
            if self.refusals.failed:
                for block, layout in zip(blocks, layouts, strict=True):
                    self.of_block[block] = (Built(block.name), layout.use)
                return
            families = split(layouts)
            found = [self._unkept(family) for family in families]
            if not any(found):
                break
            for family, names in zip(families, found, strict=True):
                for layout in family.layouts:
                    hidden[layout.use.block] |= names  # type: ignore[index]
        for family in families:
            self._write(family, blocks[0].name + family.suffix)

    def _unkept(self, family: Family) -> frozenset[str]:
        """What must not be an argument of a family's class; a name that differs between its uses has to be one."""
        uses = [layout.use for layout in family.layouts]
        if not uses[0].env:
            return frozenset()
        known = [dict(use.env) for use in uses]
        writer = ClassWriter("_", family, self.classes)
        try:
            writer.write()
        except ValueError:  # said where the class is written
            return frozenset()
        for use, env in zip(uses, known, strict=True):
            use.env = env
        names = [layout.names for layout in family.layouts if layout.names]
        found = {self.dialect.identifier(w) for w in baked_settings(uses[0].definition, names)}
        found |= writer.parameters.baked.union(*(use.baked for use in uses))
        found |= pinned(family)
        return frozenset(n for n in found if is_open(n, uses))

    def _layout(self, block: Block | None, hidden: frozenset[str]) -> ClassLayout:
        use = new_use(self.net, block, self.dialect, hidden)
        names = trace(use, self.of_block.__getitem__, self._refuse)
        if carried := carried_sizes(use):
            use = new_use(self.net, block, self.dialect, hidden)
            names = trace(use, self.of_block.__getitem__, self._refuse, carried)
        self._note_common(use)
        return ClassLayout(use, names=names) if self.refusals.failed else lay_out(use, names)

    def _note_common(self, use: BlockUse) -> None:
        """Keep how layers are spelt that are shared at the top of the file: the net makes them."""
        for node in use.graph.nodes if use.borrowed else ():
            spelling = use.spellings.get(node)
            if node.keyed is not None and spelling is not None and (spelling.module or spelling.parameter):
                self.common.setdefault(node.keyed, LentLayer(use, node, spelling))
        use.common = {k: self.common[k] for k in self.net.common if k in self.common} if use.block is None else {}

    def _write(self, family: Family, name: str) -> Built:
        made = self.dialect.class_name(name, {*self.classes, self.name, *self.dialect.support, *self.words})
        return self._record(family, ClassWriter(made, family, self.classes))

    def _record(self, family: Family, writer: ClassWriter) -> Built:
        try:
            built = writer.write()
        except ValueError as error:
            self._refuse_use(family.layouts[0].use, f"{self.dialect.title}: {error}")
            built = Built(writer.name)
        self.classes[built.name] = built
        if family.conditions:
            settle_results(family)
        for layout in family.layouts:
            self.held.update(layout.access)
            if layout.use.block is not None:
                layout.use.numbering = numbering(layout) if self.again else frozenset()
                self.of_block[layout.use.block] = (built, layout.use)
        return built

    def _refuse(self, problem: Unsupported | RuleError, node: Node) -> None:
        """Report a node on every way to it: its class is one, the rows that are to be mended may be several."""
        if not self.refusals.full:
            for chain in (c for c, n in chains(self.net) if n is node):
                self.refusals.add(problem, node, chain)

    def _refuse_use(self, use: BlockUse, message: str) -> None:
        """Report a whole block, or the net."""
        if use.block is None:
            self.refusals.report(message, trail_to(self.net.span or self.net.nodes[0].span, ()))
        for chain, node in chains(self.net):
            if use.block is node.op:
                self.refusals.report(message, trail_to(use.block.span, (*chain, node)))

    def _write_net(self) -> None:
        hidden = frozenset[str]()
        while True:
            layout = self._layout(None, hidden)
            if self.refusals.failed:
                return
            family = Family([layout])
            unkept, fixed = self._unkept(family), self._fixed(layout)
            self.standing |= fixed - unkept
            if not unkept | fixed:
                break
            hidden |= unkept | fixed
        self._record(family, ClassWriter(self.name, family, self.classes, self.again))

    def _fixed(self, layout: ClassLayout) -> set[str]:
        """Arguments that change which blocks there are, where the class names some that run again."""
        return {n for n in numbering(layout, self.again) if is_open(n, [layout.use])} if self.again else set()

    def _assembled(self) -> str:
        parts = [*self._support(), *("\n".join(built.lines) for built in self.classes.values())]
        body = "\n\n\n".join(parts)
        return "\n".join([*docstring(_title(self.net)), "", *self._imports(body), "", "", body, ""])

    def _support(self) -> list[str]:
        """Snippets that the classes need, each with those that it needs itself."""
        known = {**self.dialect.support, **self.dialect.start_support}
        wanted: list[str] = []
        for built in self.classes.values():
            for name in sorted(built.support | self._own_words(built)):
                _want(name, known, wanted)
        return [known[name] for name in wanted]

    def _own_words(self, built: Built) -> set[str]:
        """The dialect's words for containers and the like in a class, where a file has to bring them along."""
        words = {self.dialect.module, self.dialect.sequence, self.dialect.table, self.dialect.identity}
        brought = words.intersection(self.dialect.support)
        return brought & _names("\n".join(built.lines)) if brought else set()

    def _imports(self, body: str) -> list[str]:
        """Import lines for the names that occur, in the order that sorters expect."""
        code = re.sub(r'"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#.*', "", body)
        used = set(re.findall(r"(?<![\w.])[A-Za-z]+\b(?! ?=[^=])", code))
        standard = [line for name, line in IMPORTS.items() if name in used]
        return [*standard, *([""] if standard else []), *self.dialect.header(used)]


def _again(net: Net) -> tuple[str, ...]:
    """The keys of modules that the recipe in force lets run again in the backward pass."""
    rows = net.recipe.settings.get("checkpoint", ()) if net.recipe is not None else ()
    return modules_named(blocks_of(net), rows) if rows else ()


def _settings(net: Net) -> set[str]:
    """The settings of all that is in a file: as constructor arguments none of them may hide a class."""
    heights: dict[Block, int] = {}
    _measure(net, heights)
    return {word for settings in (net.settings, *(b.settings for b in heights)) for word in settings}


def _title(net: Net) -> list[str]:
    """What is said of the net, with its name."""
    doc = clean(net.doc)
    if net.name not in doc.split("\n")[0]:
        doc = f"{clean(net.name)}: {doc}" if doc else f"{clean(net.name)}."
    return [doc]


def _want(name: str, known: dict[str, str], wanted: list[str]) -> None:
    if name in wanted:
        return
    for other in sorted(_names(known[name]) & set(known) - {name}):
        _want(other, known, wanted)
    wanted.append(name)


def _names(source: str) -> set[str]:
    return {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}


def _by_height(graph: Graph) -> list[list[Block]]:
    """Blocks that own their weights, innermost first; each once."""
    heights: dict[Block, int] = {}
    _measure(graph, heights)
    levels: dict[int, list[Block]] = {}
    for block, height in heights.items():
        levels.setdefault(height, []).append(block)
    return [levels[h] for h in sorted(levels)]


def _measure(graph: Graph, heights: dict[Block, int]) -> int:
    tallest = 0
    for node in graph.nodes:
        if isinstance(node.op, Block) and node.shares is None:
            if node.op not in heights:
                heights[node.op] = 1 + _measure(node.op.body, heights)
            tallest = max(tallest, heights[node.op])
    return tallest


def _by_definition(blocks: Iterable[Block]) -> list[list[Block]]:
    """Uses of one definition together."""
    groups: dict[tuple[str, str, int], list[Block]] = {}
    for block in blocks:
        groups.setdefault((block.name, block.origin, block.span.start), []).append(block)
    return list(groups.values())
