"""A graph read back from its form as text (`netdsl/graph/form.py`); the places of its nodes are lines of that text.

Gradients that hold the operation they are of, and weights as arrows, are made by passes alone and cannot be read.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Iterator, Mapping
from typing import Any

from netdsl.base.record import anew, entity, record
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, Init, TensorType, Value
from netdsl.graph import Block, Graph, Net, Node, Output, Recurrent, State
from netdsl.graph.form import INDENT
from netdsl.ops.base import INTERNAL, REGISTRY, Op
from netdsl.ops.fields import Word
from netdsl.text.source import Span, as_source

NODE = re.compile(r"(?P<name>\S+): \((?P<operands>.*)")
CALL = re.compile(
    r"(?P<name>\w+)\((?P<settings>.*)\)(?: shares (?P<shares>\S+))?(?: keyed (?P<keyed>\S+))?(?P<frozen> frozen)?"
)
ENTRY = re.compile(r"(?P<name>\S+) (?P<type>(?:\w*)\[.*\](?: for \w+)?(?: each of \[.*\])?)(?P<start> given| = .*)?")
TYPE = re.compile(
    r"(?P<dtype>\w*)\[(?P<shape>.*?)\](?: within \[(?P<plane>.*?)\])?(?: for (?P<whose>all|one))?"
    r"(?: each of \[(?P<folded>.*)\])?"
)


SIZES = ("shape", "plane", "folded")
"""The parts of a type that are lists of sizes."""


class FormError(ValueError):
    """A line that is none of a printed graph."""


@record
class Line:
    """A line without its indentation, and those of its body."""

    text: str
    span: Span
    body: tuple[Line, ...]


def read_graph(text: str, name: str = "graph") -> Graph:
    """The graph that was printed. Raises `FormError` where the text is none."""
    source, start, rows = as_source(name, text), 0, []
    for row in text.splitlines():
        if row.strip():
            depth = (len(row) - len(row.lstrip())) // len(INDENT)
            rows.append((depth, row.strip(), Span(source, start, start + len(row))))
        start += len(row) + 1
    head, *lines = _nested(rows) or (None,)
    if head is None or not head.text.startswith("graph "):
        raise FormError("a printed graph begins with `graph NAME`")
    reader = FormReader(head.text.removeprefix("graph "), {})
    return reader.keeping(reader.read(lines))


def _nested(rows: list[tuple[int, str, Span]]) -> list[Line]:
    """Lines with those set in below them."""
    found: list[Line] = []
    while rows:
        depth, text, span = rows.pop(0)
        body = []
        while rows and rows[0][0] > depth:
            body.append(rows.pop(0))
        found.append(Line(text, span, tuple(_nested(body))))
    return found


@entity
class FormReader:
    """One graph being read. `blocks` are all so far, by what is written of them."""

    name: str
    blocks: dict[Any, Block]
    nodes: dict[str, Node] = anew(factory=dict)
    values: dict[str, Value] = anew(factory=dict)
    sequences: list[Value] = anew(factory=list)
    whole: list[Value] = anew(factory=list)
    length: Any = None
    states: list[tuple[str, Value, str]] = anew(factory=list)
    following: dict[str, Value] = anew(factory=dict)
    ends: list[str] = anew(factory=list)
    backwards: bool = False

    def read(self, lines: list[Line]) -> Graph:
        self.graph = Graph(self.name)
        for line in lines:
            word, _, rest = line.text.partition(" ")
            reads = WORDS.get(word)
            try:
                if reads is None:
                    self._node(line)
                else:
                    reads(self, rest, line)
            except (KeyError, TypeError, ValueError, AttributeError, SyntaxError) as error:
                raise FormError(f"{line.span.place}: `{line.text}` is no line of a printed graph: {error}") from error
        return self.graph

    def keeping(self, graph: Graph) -> Graph:
        """The net that a graph is which keeps states from call to call; itself without any."""
        if not self.states:
            return graph
        kept = tuple(State(n, v, self.following[n], _start(start, iter(()))) for n, v, start in self.states)
        nexts = [Output(s.output, s.following, False, graph.nodes[0].span) for s in kept]
        return Net(graph.name, graph.inputs, graph.nodes, [*graph.outputs, *nexts], states=kept)

    # ------------------------------------------------------------ lines

    def input(self, rest: str, line: Line) -> Value:
        entry = _match(ENTRY, rest)
        value = Value(entry["name"], type_of(entry["type"]))
        self.graph.inputs.append(value)
        self.values[f"@{len(self.graph.inputs)}"] = value
        self.values.setdefault(value.name, value)
        return value

    def over(self, rest: str, line: Line) -> None:
        self.sequences.append(self.input(rest, line))

    def given(self, rest: str, line: Line) -> None:
        self.whole.append(self.input(rest, line))

    def steps(self, rest: str, line: Line) -> None:
        self.length = value_of(rest)

    def state(self, rest: str, line: Line) -> None:
        start = _match(ENTRY, rest)["start"]
        value = self.input(rest, line)
        self.states.append((value.name, value, start.strip(" =")))

    def next(self, rest: str, line: Line) -> None:
        name, _, value = rest.partition(" = ")
        self.following[name] = self.values[value]

    def end(self, rest: str, line: Line) -> None:
        self.ends.append(rest)

    def turn(self, rest: str, line: Line) -> None:
        self.backwards = True

    def output(self, rest: str, line: Line) -> None:
        name, _, value = rest.removeprefix("aux ").partition(" = ")
        self.graph.outputs.append(Output(name, self.values[value], rest.startswith("aux "), line.span))

    def _node(self, line: Line) -> None:
        head, called, results = parts(line.text, " -> ")
        node = _match(NODE, head)
        call = _match(CALL, called)
        settings = dict(_setting(part) for part in parts(call["settings"], ", "))
        operands = parts(node["operands"].removesuffix(")"), ", ")
        types = [type_of(t) for t in types_of(results)]
        op: Op | Block
        if line.body:
            inputs = tuple(self.values[o] for o in operands)
            op = self._block(call["name"], settings, inputs, line)
        else:
            op = _operation(call["name"], settings, operands, self.values)
            inputs = tuple(op.operands())
        made = Node(node["name"], op, inputs, tuple(Value(call["name"], t) for t in types), line.span)
        made.frozen = call["frozen"] is not None
        self._append(made, call["shares"], call["keyed"])

    def _append(self, node: Node, shares: str | None, keyed: str | None) -> None:
        node.shares = None if shares is None else self.nodes[shares]
        node.keyed = keyed
        self.graph.nodes.append(node)
        self.nodes[node.name] = node
        single = len(node.results) == 1
        self.values.update({node.name if single else f"{node.name}#{i}": v for i, v in enumerate(node.results, 1)})

    # ------------------------------------------------------------ blocks

    def _block(self, name: str, settings: dict[str, Any], inputs: tuple[Value, ...], line: Line) -> Block:
        """The block with a body; one that was written before is the same."""
        reader = FormReader(name, self.blocks)
        key = (name, repr(settings), *_written(line.body))
        if key in self.blocks:
            return self.blocks[key]
        body = reader.read(list(line.body))
        if not reader.sequences and reader.length is None:
            self.blocks[key] = Block(name, settings, body, line.span)
            return self.blocks[key]
        given = iter(inputs[len(reader.sequences) + len(reader.whole) :])
        states = {n: State(n, v, reader.following[n], _start(start, given)) for n, v, start in reader.states}
        loop = Recurrent(
            name, settings, body, line.span, sequences=tuple(reader.sequences), given=tuple(reader.whole),
            length=reader.length, states=tuple(states.values()), reverse=reader.backwards,
            final=tuple(states[n] for n in reader.ends),
        )  # fmt: skip
        if all(start != "given" for _, _, start in reader.states):
            self.blocks[key] = loop
        return loop


WORDS = {
    "input": FormReader.input,
    "over": FormReader.over,
    "steps": FormReader.steps,
    "whole": FormReader.given,
    "state": FormReader.state,
    "next": FormReader.next,
    "end": FormReader.end,
    "backwards": FormReader.turn,
    "output": FormReader.output,
}
"""How the lines are read that are no node."""


def _start(text: str, given: Iterator[Value]) -> float | Value:
    return next(given) if text == "given" else value_of(text)


def _written(lines: tuple[Line, ...]) -> Iterator[str]:
    for line in lines:
        yield line.text
        yield from map(INDENT.__add__, _written(line.body))


def _operation(name: str, settings: dict[str, Any], operands: list[str], values: Mapping[str, Value]) -> Op:
    kind = REGISTRY.get(name) or INTERNAL[name]
    declared = kind.inputs()
    if len(declared) == 1 and declared[0].many:
        return kind(**{declared[0].name: tuple(values[o] for o in operands)}, **settings)
    inputs: dict[str, Any] = {each.name: None for each in declared if each.optional}
    for each, operand in zip(declared, operands, strict=False):
        word, _, text = operand.rpartition("=")
        many = text.startswith("[")
        inputs[word or each.name] = tuple(values[o] for o in parts(text[1:-1], ", ")) if many else values[text]
    return kind(**inputs, **settings)


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, value_of(value)


def _match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}`")
    return found


def parts(text: str, separator: str) -> list[str]:
    """What stands between separators outside brackets and quotes."""
    found, depth, quote, start, place = [], 0, "", 0, 0
    while place < len(text):
        sign = text[place]
        if quote:
            place += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([":
            depth += 1
        elif sign in ")]":
            depth -= 1
        elif not depth and text.startswith(separator, place):
            found.append(text[start:place])
            start = place + len(separator)
        place += 1
    return [*found, text[start:]] if text else []


# ---------------------------------------------------------------- types and values


def types_of(text: str) -> list[str]:
    return parts(text, ", ")


def type_of(text: str) -> TensorType:
    """The type that is written so."""
    found = _match(TYPE, text)
    shape, plane, folded = (tuple(map(value_of, parts(found[part] or "", ", "))) for part in SIZES)
    whose = found["whose"]
    return TensorType(shape, DType(found["dtype"] or "float"), whose != "all", whose == "one", plane, folded)


OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def value_of(text: str) -> Any:
    """The number, text, size or list that is written so; nothing is evaluated but the arithmetic of sizes."""
    return _value(ast.parse(text, mode="eval").body)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return Dim.symbol(name)
        case ast.Tuple(elts=items):
            return tuple(map(_value, items))
        case ast.List(elts=items):
            return [_value(i) for i in items]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id="Init"), args=args):
            return Init(*map(_value, args))
        case ast.Call(func=ast.Name(id="Word"), args=[name, *args]):
            return Word(_value(name), tuple(map(_value, args)))
    raise ValueError(f"`{ast.unparse(node)}` is no value")


__all__ = ["FormError", "read_graph"]
