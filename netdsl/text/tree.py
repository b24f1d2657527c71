"""Builds the syntax tree: one method for each rule (or alternative) that grammar.lark names."""

from __future__ import annotations

from typing import cast

from netdsl.base.record import changed
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector
from netdsl.text.source import Source, Span
from netdsl.text.syntax import Expr, Name
from netdsl.text.tokens import Token

LARGEST = 10**30
SUFFIXES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


class TreeBuilder:
    """Every method takes the place of what was read, then the parts that the grammar keeps."""

    def __init__(self, source: Source, collector: Collector, comments: list[syntax.Comment]) -> None:
        self.source = source
        self.collector = collector
        self.comments = comments
        self.notes: dict[int, str] = {}

    # ------------------------------------------------ the file

    def file(self, span: Span, *items: syntax.Item) -> syntax.File:
        return syntax.File(self.source, items, tuple(self.comments))

    def definition(
        self,
        span: Span,
        keyword: Token,
        name: Token,
        parameters: tuple[syntax.Parameter, ...] | None,
        body: syntax.Body,
    ) -> syntax.Definition:
        return syntax.Definition(span, keyword.text, self.word(name), parameters or (), body, self.doc_above(span))

    def parameters(self, span: Span, *found: syntax.Parameter) -> tuple[syntax.Parameter, ...]:
        return found

    def parameter(
        self, span: Span, name: Token, kind: Token | None, default: syntax.Pipeline | None
    ) -> syntax.Parameter:
        return syntax.Parameter(span, self.word(name), self.maybe(kind), default and lone(default))

    def train(
        self, span: Span, name: Token | None, of: Token | None, net: Token, recipe: syntax.RecipeBody
    ) -> syntax.Train:
        return syntax.Train(span, self.maybe(name), self.word(net), recipe.rows, recipe.parts)

    def recipe(self, span: Span, *rows: syntax.RecipeRow | syntax.RecipePart) -> syntax.RecipeBody:
        plain = tuple(r for r in rows if isinstance(r, syntax.RecipeRow))
        return syntax.RecipeBody(plain, tuple(r for r in rows if isinstance(r, syntax.RecipePart)))

    def turn(self, span: Span, part: Token, name: Token, recipe: syntax.RecipeBody) -> syntax.RecipePart:
        return syntax.RecipePart(span, self.word(name), recipe.rows, recipe.parts)

    def recipe_row(self, span: Span, keyword: Token, label: Token | None, value: syntax.Pipeline) -> syntax.RecipeRow:
        return syntax.RecipeRow(span, self.word(keyword), self.maybe(label), value)

    def use(self, span: Span, path: tuple[str, Span, bool], names: tuple[Name, ...]) -> syntax.Use:
        return syntax.Use(span, *path, names)

    def module_path(self, span: Span, *words: Token) -> tuple[str, Span, bool]:
        return ".".join(w.text for w in words), span, False

    def file_path(self, span: Span, token: Token) -> tuple[str, Span, bool]:
        return unquote(token.text), span, True

    def names(self, span: Span, *words: Token) -> tuple[Name, ...]:
        return tuple(map(self.word, words))

    # ------------------------------------------------ rows

    def body(self, span: Span, *rows: syntax.BodyRow) -> syntax.Body:
        return syntax.Body(span, rows)

    def input(self, span: Span, *items: syntax.InputItem) -> syntax.InputRow:
        return syntax.InputRow(span, items)

    def batch_input(self, span: Span, *items: syntax.InputItem) -> syntax.InputRow:
        return syntax.InputRow(span, items, batch=True)

    def given(self, span: Span, *items: syntax.InputItem) -> syntax.InputRow:
        return syntax.InputRow(span, items, given=True)

    def bare_input(self, span: Span, name: Token) -> syntax.InputItem:
        return syntax.InputItem(span, self.word(name), None, None)

    def shaped_input(
        self, span: Span, name: Token, kind: Token | None, sizes: tuple[Expr | syntax.SizedSymbol, ...]
    ) -> syntax.InputItem:
        return syntax.InputItem(span, self.word(name), self.maybe(kind), sizes)

    def sizes(self, span: Span, *found: Expr | syntax.SizedSymbol) -> tuple[Expr | syntax.SizedSymbol, ...]:
        return found

    def sized_symbol(self, span: Span, name: Token, size: Expr) -> syntax.SizedSymbol:
        return syntax.SizedSymbol(span, self.word(name), size)

    def output_names(self, span: Span, aux: Token | None, names: tuple[Name, ...]) -> syntax.OutputRow:
        return syntax.OutputRow(span, aux is not None, names, None)

    def output_row(self, span: Span, aux: Token | None, name: Token, value: syntax.Pipeline) -> syntax.OutputRow:
        return syntax.OutputRow(span, aux is not None, (self.word(name),), value)

    def plain_row(self, span: Span, value: syntax.Pipeline) -> syntax.LayerRow | syntax.If:
        head = value.stages[0]
        if len(value.stages) == 1 and isinstance(head, syntax.If):
            return head
        return syntax.LayerRow(span, (), value)

    def named_row(self, span: Span, name: Token, value: syntax.Pipeline) -> syntax.LayerRow:
        return syntax.LayerRow(span, (self.word(name),), value)

    def bundle_row(self, span: Span, names: syntax.TupleOf, value: syntax.Pipeline) -> syntax.LayerRow:
        help = "as in `(keep, work): x -> split(2)`"
        for item in names.items:
            if not isinstance(item, Name):
                message = "the arrows of a bundle are given plain names"
                unread = isinstance(item, syntax.Previous)
                other = f"name it, and leave it unread: `{span.source.unused('rest')}`" if unread else help
                self.collector.report("unexpected-token", message, item.span, help=other)
        if not names.items:
            self.collector.report("missing-name", "the arrows of a bundle need names", names.span, help=help)
        words = tuple(item for item in names.items if isinstance(item, Name))
        return syntax.LayerRow(span, words, value, bundle=True)

    def shared_row(self, span: Span, name: Token, value: syntax.Pipeline) -> syntax.LayerRow:
        return syntax.LayerRow(span, (self.word(name),), value, shared=True)

    def let(self, span: Span, name: Token, value: syntax.Pipeline) -> syntax.LetRow:
        return syntax.LetRow(span, self.word(name), lone(value))

    def param(self, span: Span, name: Token, dims: tuple[Expr, ...], init: syntax.Pipeline | None) -> syntax.ParamRow:
        return syntax.ParamRow(span, self.word(name), dims, init and lone(init))

    def const(
        self, span: Span, name: Token, kind: Token | None, dims: tuple[Expr, ...], start: syntax.Pipeline
    ) -> syntax.ConstRow:
        return syntax.ConstRow(span, self.word(name), self.maybe(kind), dims, lone(start))

    def set(self, span: Span, name: Token, arguments: tuple[syntax.Argument, ...]) -> syntax.SetRow:
        return syntax.SetRow(span, self.word(name), arguments)

    def assert_(self, span: Span, condition: Expr, message: Token | None) -> syntax.AssertRow:
        return syntax.AssertRow(span, condition, unquote(message.text) if message else None)

    def sized_assert(
        self, span: Span, condition: Expr, at: Token, *rest: syntax.SizedSymbol | Token | None
    ) -> syntax.AssertRow:
        *sizes, message = rest
        text = unquote(message.text) if isinstance(message, Token) else None
        return syntax.AssertRow(span, condition, text, tuple(s for s in sizes if isinstance(s, syntax.SizedSymbol)))

    def for_(self, span: Span, target: tuple[syntax.LoopNames, ...], items: Expr, body: syntax.Body) -> syntax.ForRow:
        return syntax.ForRow(span, target, items, body)

    def bare_state(self, span: Span, name: Token, initial: syntax.Pipeline) -> syntax.StateRow:
        return syntax.StateRow(span, self.word(name), None, None, lone(initial))

    def shaped_state(
        self, span: Span, name: Token, kind: Token | None, dims: tuple[Expr, ...], initial: syntax.Pipeline
    ) -> syntax.StateRow:
        return syntax.StateRow(span, self.word(name), self.maybe(kind), dims, lone(initial))

    def next(self, span: Span, name: Token, value: syntax.Pipeline) -> syntax.NextRow:
        return syntax.NextRow(span, self.word(name), value)

    def steps(self, span: Span, count: Expr) -> syntax.StepsRow:
        return syntax.StepsRow(span, count)

    def target(self, span: Span, *words: Token | tuple[syntax.LoopNames, ...]) -> tuple[syntax.LoopNames, ...]:
        """Names, and names in brackets inside them; a name alone in brackets is itself."""
        found = (w if isinstance(w, tuple) else self.word(w) for w in words)
        return tuple(f[0] if isinstance(f, tuple) and len(f) == 1 else f for f in found)

    def frozen(self, span: Span, row: syntax.BodyRow) -> syntax.BodyRow:
        """A row whose weights are not trained; one that can have none is refused, and stands as it is."""
        layers = not isinstance(row, syntax.OutputRow) or row.pipeline is not None
        if layers and isinstance(row, syntax.LayerRow | syntax.ParamRow | syntax.OutputRow | syntax.NextRow):
            return changed(row, span=span, frozen=True)
        at = self.source.text.find("frozen", span.start)
        place = Span(self.source, at, at + len("frozen"))
        braces = isinstance(row, syntax.If | syntax.ForRow)
        help = "write it in front of the rows in the braces" if braces else "leave it out"
        word = row.span.text.split()[0]
        message = f"`frozen` stands in front of a row with weights, but `{word}` begins none"
        self.collector.report("nothing-to-freeze", message, place, help=help)
        return row

    def dims(self, span: Span, *found: Expr) -> tuple[Expr, ...]:
        return found

    # ------------------------------------------------ expressions

    def pipeline(self, span: Span, *stages: Expr | syntax.Claim) -> syntax.Pipeline:
        return syntax.Pipeline(span, stages)

    def plain_claim(self, span: Span, opener: Token, *dims: Expr) -> syntax.Claim:
        return syntax.Claim(span, dims)

    def kind_claim(self, span: Span, kind: Token, dims: tuple[Expr, ...]) -> syntax.Claim:
        return syntax.Claim(span, dims, self.word(kind))

    def binary(self, span: Span, left: Expr, operator: Token, right: Expr) -> syntax.Binary:
        return syntax.Binary(span, operator.text, self.place(operator), left, right)

    def outside(self, span: Span, left: Expr, operator: Token, inner: Token, right: Expr) -> syntax.Unary:
        """`H not in [8, 16]` is `not H in [8, 16]`."""
        return syntax.Unary(span, operator.text, syntax.Binary(span, inner.text, self.place(inner), left, right))

    def unary(self, span: Span, operator: Token, operand: Expr) -> syntax.Unary:
        return syntax.Unary(span, operator.text, operand)

    def call(self, span: Span, function: Expr, arguments: tuple[syntax.Argument, ...]) -> syntax.Call:
        return syntax.Call(span, function, arguments)

    def attribute(self, span: Span, value: Expr, name: Token) -> syntax.Attribute:
        return syntax.Attribute(span, value, self.word(name))

    def index(self, span: Span, value: Expr, index: Expr) -> syntax.Index:
        return syntax.Index(span, value, index)

    def arguments(self, span: Span, *found: syntax.Argument) -> tuple[syntax.Argument, ...]:
        return found

    def positional(self, span: Span, value: syntax.Pipeline) -> syntax.Argument:
        return syntax.Argument(span, None, lone(value))

    def keyword(self, span: Span, name: Token, value: syntax.Pipeline) -> syntax.Argument:
        return syntax.Argument(span, self.word(name), lone(value))

    def name(self, span: Span, word: Token) -> Name:
        return self.word(word)

    def previous(self, span: Span) -> syntax.Previous:
        return syntax.Previous(span)

    def number(self, span: Span, token: Token) -> syntax.Literal:
        value = read_number(token.text)
        if value is None:
            self.collector.report("number-too-large", "this number is too large", span)
            value = LARGEST
        return syntax.Literal(span, value)

    def text(self, span: Span, token: Token) -> syntax.Literal:
        return syntax.Literal(span, unquote(token.text))

    def truth(self, span: Span, token: Token) -> syntax.Literal:
        return syntax.Literal(span, token.text == "true")

    def list_(self, span: Span, *items: Expr) -> syntax.ListOf:
        return syntax.ListOf(span, items)

    def tuple_(self, span: Span, *items: syntax.Pipeline | syntax.Spread) -> syntax.TupleOf:
        return syntax.TupleOf(span, tuple(i if isinstance(i, syntax.Spread) else lone(i) for i in items))

    def spread(self, span: Span, star: Token, value: Expr) -> syntax.Spread:
        return syntax.Spread(span, value)

    def group(self, span: Span, value: syntax.Pipeline) -> Expr:
        return lone(value)

    def if_(
        self, span: Span, condition: Expr, then: syntax.Body, otherwise: syntax.Body | syntax.If | None
    ) -> syntax.If:
        if isinstance(otherwise, syntax.If):  # `else if`: a body of the span of its only row
            otherwise = syntax.Body(otherwise.span, (otherwise,))
        return syntax.If(span, condition, then, otherwise)

    def each(self, span: Span, target: tuple[syntax.LoopNames, ...], items: Expr, body: syntax.Body) -> syntax.Each:
        return syntax.Each(span, target, items, body)

    def value(self, span: Span, value: syntax.Pipeline) -> Expr:
        return lone(value)

    def term(self, span: Span, label: Token | None, value: syntax.Pipeline) -> syntax.RecipeRow:
        return syntax.RecipeRow(value.span, Name(value.span, ""), self.maybe(label), value)

    # ------------------------------------------------ words

    def maybe(self, token: Token | None) -> Name | None:
        return None if token is None else self.word(token)

    def word(self, token: Token) -> Name:
        return Name(Span(self.source, token.start, token.end), token.text)

    def place(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)

    def doc_above(self, span: Span) -> str:
        """The comment lines right above a place, without their `#`."""
        if not self.notes:
            self.notes = {c.span.line: c.span.text for c in self.comments if c.own_line}
        line = span.line - 1
        found: list[str] = []
        while line in self.notes:
            text = self.notes[line].lstrip("#")
            found.append(text[1:] if text.startswith(" ") else text)
            line -= 1
        return "\n".join(reversed(found))


def action(name: str) -> str:
    """The method of an action: words that mean something else to Python have a `_` behind."""
    return f"{name}_" if name in ("assert", "for", "if", "list", "tuple") else name


def lone(value: syntax.Pipeline) -> Expr:
    """A pipeline of one stage is that stage."""
    return value if len(value.stages) > 1 else cast("Expr", value.stages[0])


def unquote(text: str) -> str:
    r"""What stands between the quotes; `\"` and `\\` are a quote and a backslash, any other `\` is itself."""
    inner = text[1:-1]
    return inner.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\") if "\\" in inner else inner


def read_number(text: str) -> int | float | None:
    """The value of a number as it is written, None where it is beyond reason."""
    scale = SUFFIXES.get(text[-1], 1)
    digits = (text[:-1] if scale > 1 else text).replace("_", "")
    if len(digits) > 40:
        return None
    value: int | float = int(digits) if digits.isdigit() else float(digits)
    value = value * scale
    if isinstance(value, float) and scale > 1 and value.is_integer():
        value = int(value)
    return value if abs(value) < LARGEST else None
