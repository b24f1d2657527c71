"""From a text to nets: the front door that every command goes through. Imports neither torch nor onnx."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from netdsl.base.collector import collector_paused
from netdsl.base.recent import Recent
from netdsl.base.record import anew, entity
from netdsl.elaborate import Library, Module, elaborate
from netdsl.elaborate.given import BesideText
from netdsl.elaborate.recipes import read_data as read_data
from netdsl.graph import TERMS, Net
from netdsl.graph.invariants import problems, watched
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError, did_you_mean
from netdsl.text.limits import MISTAKES
from netdsl.text.parser import parse, parse_row, parse_value, read_source
from netdsl.text.source import Source, Span, as_source

GivenRows = Mapping[str, str | Sequence[str]]
"""Rows of a recipe by keyword, in the language's own syntax; there may be several losses and metrics."""
TREES: Recent[syntax.File] = Recent(16)
"""Trees of the texts that were read last."""
SHOWN = 10
"""So many of the nets of a file a message names."""


@entity
class Program:
    """A parsed file whose nets are built when they are asked for."""

    source: Source
    file: syntax.File
    module: Module
    library: Library
    collector: Collector
    settings: Mapping[str, str] = anew(factory=dict)
    recipe: GivenRows = anew(factory=dict)
    by: str | None = None
    """The name of the recipe that is asked for; None for the one without a name."""
    prefix: str = "--"
    """What stands before the keyword of a row of `recipe` where messages name it."""
    fields: tuple[str, ...] = ()
    """The fields of samples that are handed over."""
    options: Mapping[str, str] = anew(factory=dict)
    """What gave a setting, where that is not `--set`."""
    built: dict[str, Net | None] = anew(factory=dict)

    @property
    def names(self) -> list[str]:
        """The nets of the file, in order."""
        return [i.name.id for i in self.file.items if isinstance(i, syntax.Definition) and i.keyword == "net"]

    def net(self, name: str | None = None, trained: bool = True) -> Net:
        """A net by name, or the first of the file. Raises `NetError` with everything that is wrong with it.

        One that is not to be `trained` may have a faulty `train` section, and has no recipe then; nor has one whose
        recipes all have names, of which none was asked for.
        """
        chosen = self._choose(name)
        if chosen.name.id not in self.built:
            self.collector.check()
            self.built[chosen.name.id] = self._build(chosen)
        net = self.built[chosen.name.id]
        self.collector.check()
        if net is None:
            raise NetError(self.collector.found)
        if self.by is not None or (trained and "" in net.sections):
            net = net.by(self.by or "")
        if net.faults and trained:
            raise NetError([*self.collector.found, *net.faults])
        return net

    def parameters(self, name: str) -> tuple[str, ...]:
        """The settings of a net by name, and the `let` rows of its file. Raises `NetError` where there is none."""
        return (*(p.name.id for p in self._choose(name).parameters), *self.module.let_names)

    def _choose(self, name: str | None) -> syntax.Definition:
        if not self.names:
            self.collector.check()
            span = Span(self.source, 0, 0)
            message = f"{self.source.name} has no `net`"
            raise NetError([Diagnostic("no-net", message, (Label(span),), help="write `net Name { … }`")])
        wanted = name or self.names[0]
        definition = self.module.own.get(wanted)
        if definition is None or wanted not in self.names:
            self.collector.check()
            span = Span(self.source, 0, 0)
            help = did_you_mean(wanted, self.names) or f"its nets are {', '.join(self.names)}"
            raise NetError([Diagnostic("unknown-net", f"there is no net called `{wanted}`", (Label(span),), help=help)])
        return definition

    @collector_paused()
    def _build(self, definition: syntax.Definition) -> Net | None:
        settings = {
            n: _parsed(t, self.collector, f"{self.options.get(n, '--set')} {n}") for n, t in self.settings.items()
        }
        outside = BesideText(self._rows(), self.fields)
        self.collector.check()
        return self._watched(
            elaborate(self.library, self.module, definition, self.collector, settings, outside, self.by or "")
        )

    def _rows(self) -> dict[str, list[syntax.RecipeRow]]:
        """The rows that are given beside the text."""
        found: dict[str, list[syntax.RecipeRow]] = {}
        for keyword, texts in self.recipe.items():
            for text in [texts] if isinstance(texts, str) else texts:
                row = parse_row(keyword, text, self.collector, f"{self.prefix}{keyword}", keyword in TERMS)
                found.setdefault(keyword, []).extend([row] if row is not None else [])
        return found

    def _watched(self, net: Net | None) -> Net | None:
        if net is not None and not net.broken:  # of one with mistakes rows are missing
            watched("elaborate", partial(problems, net))
        return net

    def check(self) -> list[Diagnostic]:
        """Everything that can be said about the file: all nets are built."""
        nets = [i for i in self.file.items if isinstance(i, syntax.Definition) and i.keyword == "net"]
        faults = 0
        for definition in nets:
            if self.library.exhausted or self.collector.full or faults > MISTAKES:
                break
            if definition.name.id not in self.built and self.module.own.get(definition.name.id) is definition:
                self.built[definition.name.id] = net = self._build_safely(definition)
                faults += sum(len(s.faults) for s in net.sections.values()) if net is not None else 0
        self._judge_recipes()
        self._check_trains()
        if not self.file.items and not self.collector.failed:
            span = Span(self.source, 0, 0)
            self.collector.report("empty-file", "there is nothing in this file", span, help="write `net Name { … }`")
        return self.collector.sorted()

    def _judge_recipes(self) -> None:
        """What is said of all recipes: warnings of those in force are told of already."""
        for net in filter(None, self.built.values()):
            for section in net.sections.values():
                doubts = section.doubts if section.recipe is not net.recipe else ()
                for found in (*section.faults, *doubts):
                    self.collector.add(found)

    @collector_paused()
    def _build_safely(self, definition: syntax.Definition) -> Net | None:
        try:
            return self._watched(elaborate(self.library, self.module, definition, self.collector))
        except NetError as error:
            self.collector.extend(error.diagnostics)
            return None

    def _check_trains(self) -> None:
        known = {*self.names, *self.module.broken}
        for item in self.file.items:
            if self.collector.full:
                return
            if isinstance(item, syntax.Train) and item.net.id not in known:
                self._report_train(item)

    def _report_train(self, item: syntax.Train) -> None:
        """A `train` section of a net that is not there."""
        names = self.names[:SHOWN]
        near = did_you_mean(item.net.id, self.names)
        help = near or self._of_nets(item, names)
        defined = (i for i in self.file.items if isinstance(i, syntax.Definition))
        labels = [Label(i.name.span, "named here") for i in defined if f"`{i.name.id}`" in (help or "")]
        message = f"there is no net called `{item.net.id}`"
        self.collector.report("unknown-net", message, item.net.span, *labels, help=help)

    def _of_nets(self, item: syntax.Train, names: list[str]) -> str | None:
        """Help for a section that may have the name of a recipe where that of its net has to stand."""
        if item.name is not None and item.name.id in self.names:
            return f"the recipe's name stands first: write `train {item.net.id} of {item.name.id} {{ … }}`"
        if not names:
            return None
        named = f"`train {item.net.id} of {names[0]} {{ … }}`"
        recipe = f"; a recipe that is called so is written {named}" if item.name is None else ""
        return f"the nets here are {', '.join(f'`{n}`' for n in names)}{recipe}"


def _parsed(text: str, collector: Collector, name: str) -> syntax.Expr:
    expr = parse_value(text, collector, name)
    collector.check()
    assert expr is not None
    return expr


def load_source(
    source: Source,
    settings: Mapping[str, str] | None = None,
    recipe: GivenRows | None = None,
    by: str | None = None,
    prefix: str = "--",
    fields: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
) -> Program:
    """Parse a source. `settings` and `recipe` hold values in the language's own syntax; `by` names a recipe.

    Settings are named behind `--set` where they are wrong, or behind their own of the `options`. Rows of `recipe` are
    named by keyword behind a `prefix`, and `fields` are those of samples that a program hands over.
    """
    collector = Collector()
    file = _tree(source, collector)
    library = Library(_tree, read_source, collector)
    module = library.open(file)
    return Program(
        file.source,
        file,
        module,
        library,
        collector,
        settings or {},
        recipe or {},
        by,
        prefix,
        tuple(fields),
        options or {},
    )


def _tree(source: Source, collector: Collector) -> syntax.File:
    """The tree of a text: the one there is, where the same text was read a short while ago and has no mistakes.

    A program that tries settings, or draws a report again, reads one text many times.
    """
    key = (source.name, source.text, source.path, source.ends, source.mark)
    known = TREES.get(key)
    if known is not None:
        return known
    file = parse(source, collector)
    return file if collector.found else TREES.keep(key, file)


def load_text(
    text: str,
    name: str = "text",
    settings: Mapping[str, str] | None = None,
    recipe: GivenRows | None = None,
    options: Mapping[str, str] | None = None,
) -> Program:
    """A program from a text."""
    return load_source(as_source(name, text), settings, recipe, options=options)


def load_file(
    path: str | os.PathLike[str],
    settings: Mapping[str, str] | None = None,
    recipe: GivenRows | None = None,
    by: str | None = None,
    prefix: str = "--",
    options: Mapping[str, str] | None = None,
) -> Program:
    """A program from a file; raises `NetError` when it cannot be read as UTF-8 text."""
    return load_source(read_source(Path(path)), settings, recipe, by, prefix, options=options)


def check_text(text: str, name: str = "text") -> list[Diagnostic]:
    """All diagnostics of a text, every net built and held to its budgets."""
    return check_program(load_text(text, name))


def check_program(program: Program, sizes: Mapping[str, int] | None = None) -> list[Diagnostic]:
    """All diagnostics of a program, budgets and lost pixels included: at these `sizes`, of those that a net has."""
    program.check()
    for net in program.built.values():
        if net is not None and not net.broken:
            try:
                _examine(net, program.collector, {s: n for s, n in (sizes or {}).items() if s in net.symbols})
            except NetError as error:
                program.collector.extend(error.diagnostics)
    return program.collector.sorted()


def require_symbols(programs: Sequence[Program], sizes: Mapping[str, int]) -> None:
    """Raises `NetError` for a size of a symbol that no net of some checked programs has, where all could be built."""
    built = [net for program in programs for net in program.built.values()]
    nets = [net for net in built if net is not None]
    if not nets or len(nets) < len(built):
        return
    symbols = list(dict.fromkeys(s for net in nets for s in net.symbols))
    unknown = next((name for name in sizes if name not in symbols), None)
    if unknown is not None:
        from netdsl.analyzer import no_symbol

        raise no_symbol(nets, unknown, symbols)


def _examine(net: Net, collector: Collector, sizes: Mapping[str, int]) -> None:
    """What only the numbers of a net can show. Only a budget asks for all of them."""
    from netdsl.analyzer import analyze, check_budgets, survey

    if net.budgets:
        check_budgets(net, analyze(net, sizes=sizes, collector=collector, listed=False), collector)
    else:
        survey(net, collector, sizes)


def row_shapes(source: Source) -> dict[int, str]:
    """The shape at the end of each row of the file's nets, by the row's offset.

    Rows inside blocks have a shape for every use, so only those of nets are given.
    """
    program = load_source(source)
    found: dict[int, str] = {}
    for name in program.names:
        found.update(program.net(name).written.shapes)
    return found
