"""One class of emitted source: constructor, forward, docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.python.families import Family
from netdsl.codegen.python.forward import ForwardWriter, commented
from netdsl.codegen.python.layout import ForwardCall, called_in_order
from netdsl.codegen.python.parameters import Parameters
from netdsl.codegen.python.recurrence import recurrent_lines
from netdsl.codegen.python.running import standing_lines
from netdsl.codegen.python.spelling import Branched, Either, Kept, Made, Repeated
from netdsl.codegen.python.starting import Starting
from netdsl.codegen.python.starts import start_functions, start_lines
from netdsl.codegen.python.terms import Term, negated
from netdsl.codegen.python.text import (
    INDENT,
    WIDTH,
    Atom,
    Called,
    clean,
    docstring,
    heading,
    lay,
    listed,
    literal,
    looped,
)
from netdsl.codegen.python.uses import BlockUse, Built, ClassArgument
from netdsl.dims.tensors import Value
from netdsl.graph import Node, Output, Recurrent, State, restrict


class ClassWriter:
    """Writes the class that the uses of a family share."""

    def __init__(self, name: str, family: Family, classes: dict[str, Built], again: Sequence[str] = ()) -> None:
        self.name = name
        self.again = again
        """The keys of modules that run again in the backward pass."""
        self.family = family
        self.layouts = layouts = list(family.layouts)
        self.conditions = family.conditions
        """When a row is there at all."""
        self.parameters = Parameters(layouts, classes)
        self.uses: list[BlockUse] = [layout.use for layout in layouts]
        self.main = max(layouts, key=lambda layout: len(layout.steps))
        self.dialect = self.main.use.dialect
        self.taken = {*classes, name, *self.dialect.support}

    def write(self) -> Built:
        built = Built(self.name)
        constructed = self._attributes()
        guards = [line for term, truth in self.family.guards for line in self._guard(term, truth)]
        starts = start_lines(self.dialect, [s for s in self._all_starts() if not self._is_optional(s[0])], 2)
        forward = ForwardWriter(self.parameters, self.layouts, frozenset(self.conditions), self.taken)
        running = self._recurrent(forward) if isinstance(self.main.use.block, Recurrent) else self._forward(forward)
        standing = standing_lines(self.name, self.parameters, self.main, self.layouts)
        built.arguments = self.parameters.arguments()
        stored = sorted(self.parameters.stored)
        kept = [line for n in stored for line in lay(Atom(n), f"{self.parameters.attribute(n)} = ", depth=2)]
        kept += [line for made in forward.buffers.values() for line in lay(made, depth=2)]
        summary, description = self._docstring(forward)
        built.summary = summary
        said = docstring(description, 1)
        built.lines = [f"class {self.name}({self.dialect.module}):", *said, *([""] if said else [])]
        if constructed or kept:
            opening = [f"{INDENT * 2}{self.dialect.opening}"] if self.dialect.opening else []
            body = [*opening, *guards, *kept, *constructed, *starts, *self._rerun(), *self._settled(standing)]
            built.lines += [*self._signature(built.arguments), *body, "", *standing]
        built.lines += running
        built.support = self._support(standing)
        return built

    # ------------------------------------------------------------ constructor

    def _signature(self, arguments: Sequence[ClassArgument]) -> list[str]:
        return heading("__init__", ["self", *map(_declared, arguments)], ["None"])

    def _rerun(self) -> list[str]:
        """The lines that let blocks run again."""
        rerunning = self.dialect.rerunning
        return rerunning.statements(self.again) if rerunning and self.again else []

    def _settled(self, standing: list[str]) -> list[str]:
        """The line that lets running statistics stand from the first on."""
        return [f"{INDENT * 2}{self.dialect.freezing.settle}"] if standing and self.dialect.freezing else []

    def _attributes(self) -> list[str]:
        lines: list[str] = []
        for attribute in self._order():
            if attribute in self.conditions:
                lines += self._optional(attribute)
            else:
                lines += self._defined(attribute, [layout.attributes[attribute] for layout in self.layouts])
        return lines

    def _defined(self, attribute: str, made: Sequence[Any]) -> list[str]:
        """The definition of an attribute, or of several that a count numbers."""
        if isinstance(made[0], Either):
            count = self.parameters.value([m.count for m in made], self.uses, "count").text
            alone, several = ([getattr(m, side) for m in made] for side in ("alone", "several"))
            first, second = (self.parameters.write(side, self.uses, attribute) for side in (alone, several))
            head = lay(Atom(f"{count} == {made[0].number}"), "if ", ":", 2)
            before = self._assigned(attribute)
            return [*head, *lay(first, before, "", 3), f"{INDENT * 2}else:", *lay(second, before, "", 3)]
        if isinstance(made[0], Branched):
            return self._branched(made)
        if isinstance(made[0], Kept):
            doc = self.parameters.write([m.made for m in made], self.uses, attribute)
            return lay(self.dialect.kept(attribute, doc), depth=2)
        if isinstance(made[0], Repeated):
            item = self.parameters.write([m.item for m in made], self.uses, made[0].base)
            call = self.dialect.registered(made[0].name, item, False)
            turns = self.parameters.turns(made, self.uses)
            return [*looped([made[0].word], turns, 2), *lay(call, depth=3)]
        return lay(self.parameters.write(made, self.uses, attribute), self._assigned(attribute), "", 2)

    def _branched(self, made: Sequence[Branched]) -> list[str]:
        """A loop that makes the modules of every turn."""
        first = made[0]
        table = self.dialect.attribute(first.table) if first.table else ""
        count = self.parameters.value([m.count for m in made], self.uses, "count").text
        lines = [f"{INDENT * 2}{table} = {self.dialect.table}()"] if table else []
        lines += looped([first.word], f"range({count})", 2)
        with self.parameters.turning(first.word):
            for i, item in enumerate(first.items):
                doc = self.parameters.write([m.items[i].made for m in made], self.uses, first.table)
                call = self.dialect.registered(item.key, doc, item.free)
                kept = lay(doc, f"{table}[{item.key}] = ", "", 3) if table and not item.free else lay(call, depth=3)
                lines += [*kept, *start_lines(self.dialect, item.starts, 3)]
        return lines

    def _guard(self, term: Term, truth: bool) -> list[str]:
        """A class has the layers of one side of an `if`: arguments that lead to the other are refused."""
        refused, needed = (negated(term), term) if truth else (term, negated(term))
        met = Atom(self.parameters.condition(refused))
        raised = Called("ValueError", (("", Atom(literal(f"{self.name} needs {needed.text()}"))),))
        return [*lay(met, "if ", ":", 2), *lay(raised, "raise ", depth=3)]

    def _order(self) -> list[str]:
        return list(dict.fromkeys(a for layout in (self.main, *self.layouts) for a in layout.attributes))

    def _assigned(self, attribute: str) -> str:
        """The left side of an attribute's definition."""
        made = self.main.attributes.get(attribute)
        free = isinstance(made, Made) and made.function == self.dialect.parameter
        return f"{self.dialect.attribute(attribute, free)} = "

    def _optional(self, attribute: str) -> list[str]:
        """A row that some uses have: its module under the author's condition, else what the others have."""
        term, path = self.conditions[attribute], self.dialect.attribute(attribute)
        lines: list[str] = []
        for taken in (True, False):
            some = [layout for layout in self.layouts if layout.use.graph.choices[attribute].taken is taken]
            made = [layout.attributes.get(attribute, Made(self.dialect.identity)) for layout in some]
            doc = self.parameters.write(made, [layout.use for layout in some], attribute)
            met = Atom(self.parameters.condition(term))
            head = lay(met, "if ", ":", 2) if taken else [f"{INDENT * 2}else:"]
            starts = [s for s in some[0].inits if s[0].startswith(f"{path}.")]
            lines += [*head, *lay(doc, f"{path} = ", "", 3), *start_lines(self.dialect, starts, 3)]
        return lines

    def _all_starts(self, turns: bool = False) -> list[Any]:
        made = [a for layout in self.layouts for a in layout.attributes.values() if isinstance(a, Branched)]
        turned = [s for branched in made for item in branched.items for s in item.starts]
        own = [s for layout in (self.main, *self.layouts) for s in layout.inits]
        return list({s[0]: s for s in ([*own, *turned] if turns else own)}.values())

    def _is_optional(self, path: str) -> bool:
        rows = map(self.dialect.attribute, self.conditions)
        return any(path.startswith(f"{row}.") or path == row for row in rows)

    # ------------------------------------------------------------ forward

    def _forward(self, forward: ForwardWriter) -> list[str]:
        graph = self.main.use.graph
        live = set(restrict(graph, graph.outputs).nodes)
        steps = [s for s in self.main.steps if live.intersection(s.row)]
        aux = [o for o in graph.outputs if o.aux] if self.main.use.block is None else []
        plain = [o for o in graph.outputs if o not in aux]
        head, starts = self._head(forward), self._starts(forward)
        if aux:
            body = self._with_aux(forward, steps, plain, aux)
            return [*head, *forward.sized(), *starts, *body]
        forward.run(steps, [o.value for o in plain])
        return [*head, *forward.sized(), *starts, *forward.lines, *self._returned(forward, plain)]

    def _starts(self, forward: ForwardWriter) -> list[str]:
        """What the states of a net are at the first call, where they are left out."""
        use = self.main.use
        if not use.kept:
            return []
        if self.dialect.unrolling is None:
            raise ValueError("a state cannot be said")
        own, kept = {*self.main.attributes, *use.env}, {state.current for state in use.kept}
        entering = [(forward.names[v], v) for v in use.graph.inputs if v not in kept]
        forward.measured = [v for _, v in entering]
        starting = Starting(
            self.parameters, forward, self.dialect.unrolling, self.uses, entering, f"{entering[0][0]}.shape[0]",
            forward.size, own,
        )  # fmt: skip
        lines: list[str] = []
        for state in use.kept:
            name, shape = forward.names[state.current], use.types[state.current].shape
            lines += [f"{INDENT * 2}if {name} is None:", *starting.lines(state, name, [shape], 3)]
        return lines

    def _with_aux(
        self, forward: ForwardWriter, steps: Sequence[ForwardCall], plain: list[Output], aux: list[Output]
    ) -> list[str]:
        """Outputs of training come last, behind `if self.training`."""
        graph = self.main.use.graph
        needed = self._early(steps, plain)
        early = [s for s in steps if needed.intersection(s.row)]
        late = [s for s in steps if s not in early]
        read = [v for s in late for v in s.inputs]
        forward.run(early, [o.value for o in plain], [*read, *(o.value for o in graph.outputs)])
        ends = self._returned(forward, plain)
        forward.depth, start = 3, len(forward.lines)
        forward.run(late, [o.value for o in aux], [o.value for o in plain])
        extra = forward.lines[start:]
        everything = self._table(forward, [*plain, *aux], 3)
        return [*forward.lines[:start], f"{INDENT * 2}if {self.dialect.training}:", *extra, *everything, *ends]

    def _early(self, steps: Sequence[ForwardCall], plain: list[Output]) -> set[Node]:
        """What runs at inference as well: what `plain` needs, and what has to be counted before something of that."""
        use, again = self.main.use, False
        needed = set(restrict(use.graph, plain).nodes)
        for step in reversed(steps):
            counts = called_in_order(use, step)
            if counts and again:
                ends = [Output(v.name, v, False, step.node.span) for v in step.results]
                needed |= set(restrict(use.graph, ends).nodes)
            again |= counts and not needed.isdisjoint(step.row)
        return needed

    def _returned(self, forward: ForwardWriter, outputs: Sequence[Output]) -> list[str]:
        if len(outputs) == 1:
            doc, comment = forward.returned(outputs[0].value)
            return commented(doc, "return ", comment, 2)
        if self.main.use.block is None:
            return self._table(forward, outputs, 2)
        names = [forward.returned(o.value)[0] for o in outputs]
        return listed([d.text for d in names if isinstance(d, Atom)], "return ", 2)

    def _table(self, forward: ForwardWriter, outputs: Sequence[Output], depth: int) -> list[str]:
        items = tuple((f"{literal(o.name)}: ", forward.returned(o.value)[0]) for o in outputs)
        return lay(Called("", items, "{}"), "return ", "", depth)

    def _head(self, forward: ForwardWriter) -> list[str]:
        graph, tensor = self.main.use.graph, self.dialect.tensor
        kept = {state.current for state in self.main.use.kept}
        items = [f"{forward.names[v]}: {tensor}{' | None = None' if v in kept else ''}" for v in graph.inputs]
        items = ["self", *items]
        items += [f"{name}: {self.dialect.module}" for name in forward.modules]
        results = [tensor] * len(graph.outputs) if self.main.use.block else [_net_result(graph.outputs, tensor)]
        return heading(self.dialect.forward, items, results)

    def _recurrent(self, forward: ForwardWriter) -> list[str]:
        return recurrent_lines(self.parameters, self.main, self.layouts, forward)

    # ------------------------------------------------------------ docstring

    def _docstring(self, forward: ForwardWriter) -> tuple[str, list[str]]:
        use = self.main.use
        if use.block is None:
            return "", [*_net_paragraphs(use, forward), self._fixed()]
        doc = clean(use.definition.doc) if use.definition and use.definition.doc else ""
        reads = ", ".join(_described(forward, v, i) for i, v in enumerate(_shown_inputs(use)))
        outputs = [[u.graph.outputs[i].value for u in self.uses] for i in range(len(use.graph.outputs))]
        makes = ", ".join(t for t in (forward.shapes.text(values) for values in outputs) if t)
        flow = _flow(reads, makes) if "[" in reads + makes else ""
        if isinstance(use.block, Recurrent):
            runs = f"`{self.dialect.forward}` runs"
            over = "over axis 1" if use.block.sequences else "step by step"
            flow = f"One step: {flow}; {runs} it {over}." if flow else f"{runs} {over}."
        return flow, [doc, flow]

    def _fixed(self) -> str:
        """The settings that are no argument: something that they reach is written otherwise at other values."""
        use, own = self.main.use, {a.name for a in self.parameters.arguments()}
        fixed = [word for word in use.settings if use.dialect.identifier(word) not in own]
        told = [f"{word} = {value}" if (value := _plain(use.settings[word])) else word for word in fixed]
        return f"Fixed in this text: {', '.join(told)}." if told else ""

    def _support(self, standing: list[str]) -> set[str]:
        found = {name for layout in self.layouts for s in layout.use.spellings.values() for name in s.support}
        starts = start_functions(self.dialect, self._all_starts(turns=True))
        found |= {self.dialect.freezing.keep} if standing and self.dialect.freezing else set()
        found |= {self.dialect.rerunning.made} if self.again and self.dialect.rerunning else set()
        return found | starts.intersection(self.dialect.start_support)


def _plain(value: object) -> str:
    """A number, a text or a list of these as source; empty for anything else, such as a layer."""
    try:
        found = f"[{', '.join(map(literal, value))}]" if isinstance(value, list | tuple) else literal(value)
        return clean(found)
    except TypeError:
        return ""


def _declared(argument: ClassArgument) -> str:
    if not argument.optional:
        return f"{argument.name}: {argument.annotation}"
    return f"{argument.name}: {argument.annotation} = {literal(argument.default)}"


def _net_result(outputs: Sequence[Output], tensor: str) -> str:
    plain = [o for o in outputs if not o.aux]
    if len(plain) > 1:
        return f"dict[str, {tensor}]"
    return tensor if len(plain) == len(outputs) else f"{tensor} | dict[str, {tensor}]"


def _shown_inputs(use: BlockUse) -> Sequence[Value]:
    return (*use.block.sequences, *use.block.given) if isinstance(use.block, Recurrent) else use.graph.inputs


def _described(forward: ForwardWriter, value: Value, place: int) -> str:
    text = forward.shapes.text([use.graph.inputs[place] for use in forward.uses])
    return f"{forward.names[value]} {text}".strip()


def _flow(reads: str, makes: str) -> str:
    """What goes in and comes out, on two lines where one is too short."""
    line = f"{reads} -> {makes}" if reads and makes else reads or makes
    return line if len(line) + len(INDENT) + 6 <= WIDTH else f"{reads}\n-> {makes}"


def _net_paragraphs(use: BlockUse, forward: ForwardWriter) -> list[str]:
    graph = use.graph
    reads = ", ".join(f"{forward.names[v]} {_told_type(forward, v)}" for v in graph.inputs)
    plain = [o for o in graph.outputs if not o.aux]
    makes = ", ".join(f"{o.name} {_told_type(forward, o.value)}" for o in plain)
    aux = [o.name for o in graph.outputs if o.aux]
    lines = [_flow(clean(reads), clean(makes))]
    if len(plain) > 1:
        lines.append("The result is a dict by output name.")
    lines += [_told_states(forward, use.kept)] if use.kept else []
    if aux:
        names = ", ".join(f"`{n}`" for n in aux)
        lines.append(f"While training the result is a dict by output name that has {names} too.")
    return lines


def _told_states(forward: ForwardWriter, states: Sequence[State]) -> str:
    """`h` and `seen` go from call to call."""
    names = [f"`{forward.names[s.current]}`" for s in states]
    what = "goes" if len(states) == 1 else "go"
    told = (
        f"{_enumerated(names)} {what} from call to call: what comes out as `{states[0].output}` goes in as {names[0]}."
    )
    starts = [literal(s.initial) for s in states]
    return (
        f"{told} Left out at the first, {'it starts' if len(states) == 1 else 'they start'} as {_enumerated(starts)}."
    )


def _enumerated(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _told_type(forward: ForwardWriter, value: Value) -> str:
    """A type in the words of the constructor's arguments, as comments have it; in numbers where these cannot tell."""
    words = forward.shapes.text([value])
    kind = str(value.type).partition("[")[0]
    return f"{kind}{words}" if words and "..." not in words else str(value.type)


__all__ = ["WIDTH", "ClassWriter", "ForwardCall"]
