"""Which constructor argument each number of a class is: one expression that is right for every use of the class."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from netdsl.codegen.python.dialect import Signature
from netdsl.codegen.python.extents import AxisNames
from netdsl.codegen.python.layout import ClassLayout
from netdsl.codegen.python.spelling import Infix, Made, Operand, Raw, Repeated
from netdsl.codegen.python.terms import Scaled, Sized, Term, combine, name, names_in, number, plain, term_of, traced
from netdsl.codegen.python.text import (
    Atom,
    Called,
    Comprehension,
    Doc,
    annotation,
    expression,
    flat,
    literal,
    operand,
    unused,
)
from netdsl.codegen.python.uses import BlockUse, Built, ClassArgument
from netdsl.dims import Dim

LONGEST = 6
"""Names and numbers in an expression, at most: a longer one says less than an argument of its own."""

SizeText = Callable[[Sequence[Any]], str]
"""The source of a size that depends on the input."""


class Parameters:
    """The arguments that a class turns out to need, collected while its text is made."""

    def __init__(self, layouts: Sequence[ClassLayout], classes: dict[str, Built]) -> None:
        self.layouts = layouts
        self.uses: list[BlockUse] = [layout.use for layout in layouts]
        self.classes = classes
        self.dialect = layouts[0].use.dialect
        self.used: set[str] = set()
        self.stored: set[str] = set()
        """Arguments that `forward` reads, kept as attributes."""
        self.local: set[str] = set()
        """The variable of the loop that is written."""
        self.extents: AxisNames | None = None
        """Where `forward` reads sizes of its inputs; None where it does not."""
        self.extras: dict[str, list[Any]] = {}
        self.baked: set[str] = set()
        """Arguments that reach a plain number."""

    # ------------------------------------------------------------ values

    def term(self, values: Sequence[Any], uses: Sequence[BlockUse]) -> Term | None:
        """One expression for the value in every use: the author's, or how it follows from sizes; else None.

        An expression that merely comes to the right numbers is none: where an author wrote a setting, only that holds.
        """
        traced = [v for v in values if isinstance(v, Sized | Scaled)]
        given = {v.term for v in traced if v.given}
        for term in dict.fromkeys(v.term for v in traced):
            if given <= {term} and term.size <= LONGEST and term.names() and _right(term, values, uses):
                return term
        return None

    def value(
        self,
        values: Sequence[Any],
        uses: Sequence[BlockUse],
        hint: str,
        stored: bool = False,
        size: SizeText | None = None,
    ) -> Atom:
        """The source of a value in every use; a new argument where nothing else is right."""
        if any(isinstance(v, Dim) for v in values):
            if size is None:
                raise ValueError(f"{hint} depends on the size of the input")
            for use, value in zip(uses, values, strict=True):
                self.baked |= use.symbolic.get(value, set()) if isinstance(value, Dim) else names_in((value,))
            text = size(values)
            return Atom(text, tight=" " not in text)
        if all(isinstance(v, tuple | list) for v in values) and len({len(v) for v in values}) == 1:
            return self._tuple(values, uses, hint, stored, size)
        term = self.term(values, uses)
        if term is None and all(_same(v, values[0]) for v in values) and not self._varies(values):
            for use, value in zip(uses, values, strict=True):
                self.baked |= names_in((value,))
                use.reached |= names_in((value,))
            return Atom(literal(plain(values[0])))
        return self._spell(term or self._extra(values, uses, hint), stored)

    def _varies(self, values: Sequence[Any]) -> bool:
        """Whether the value follows an argument that differs between uses, although it comes to the same in these."""
        sources = set[str]().union(*(names_in((v,)) for v in values))
        known = [{n: use.env.get(n) for n in sources if isinstance(use.env.get(n), int | float)} for use in self.uses]
        return any(other != known[0] for other in known)

    def _tuple(
        self, values: Sequence[Any], uses: Sequence[BlockUse], hint: str, stored: bool, size: SizeText | None
    ) -> Atom:
        items = [
            self.value([v[i] for v in values], uses, f"{hint}{i + 1}", stored, size).text for i in range(len(values[0]))
        ]
        return Atom(f"({', '.join(items)}{',' if len(items) == 1 else ''})")

    def _spell(self, term: Term, stored: bool) -> Atom:
        read = self.extents.argument if self.extents and stored else lambda _: None
        local = {n: word for n in sorted(term.names()) if (word := n if n in self.local else read(n))}
        self.used |= term.names() - set(local)
        if stored:
            self.stored |= term.names() - set(local)
        text = term.text(lambda n: local.get(n) or (self.attribute(n) if stored else n))
        return Atom(text, tight=term.operator in ("name", "number", "min", "max"))

    def attribute(self, argument: str) -> str:
        """Where an argument is kept for `forward`."""
        taken = self.layouts[0].attributes
        if self.dialect.is_plain(argument) and argument not in taken:
            return f"self.{argument}"
        return f"self.{unused(f'{argument}_setting', taken)}"

    def _extra(self, values: Sequence[Any], uses: Sequence[BlockUse], hint: str) -> Term:
        self.baked |= self.local.intersection(*(names_in((v,)) for v in values))
        own = dict(zip(map(id, uses), values, strict=True))
        wanted = [plain(own.get(id(use), values[0])) for use in self.uses]
        extra = self._word(values, wanted)
        if not extra:
            known = {n for u in self.uses for n in u.env} | set(self.uses[0].axes)
            extra = unused(self.dialect.identifier(hint), known)
        for use, value in zip(self.uses, wanted, strict=True):
            use.env[extra] = value
            use.origins[extra] = names_in((own.get(id(use), 0),))
        self.extras[extra] = wanted
        return name(extra)

    def _word(self, values: Sequence[Any], wanted: Sequence[Any]) -> str:
        """The setting that some uses give the value by, where the others have it otherwise (`pad=same`); else ""."""
        words = {v.term.parts[0] for v in values if isinstance(v, Sized | Scaled) and v.term.operator == "name"}
        free = words - set(self.uses[0].axes) - self.used
        fits = [w for w in free if all(u.env.get(w, v) == v for u, v in zip(self.uses, wanted, strict=True))]
        return str(fits[0]) if len(fits) == 1 else ""

    @contextmanager
    def turning(self, word: str) -> Iterator[None]:
        """While what a loop does is written, its variable is known."""
        self.local.add(word)
        for use in self.uses:
            use.env[word] = 0
        yield
        self.local.discard(word)
        for use in self.uses:
            use.env.pop(word, None)

    def condition(self, term: Term) -> str:
        self.used |= term.names()
        return term.text()

    # ------------------------------------------------------------ expressions

    def signature(self, function: str) -> Signature | None:
        """Names and defaults of what is called, of the file's own classes too."""
        built = self.classes.get(function)
        return Signature(built.names, built.defaults) if built else self.dialect.signature(function)

    def write(
        self, values: Sequence[Any], uses: Sequence[BlockUse], hint: str, operands: Sequence[Doc] = (),
        size: SizeText | None = None, stored: bool = False,
    ) -> Doc:  # fmt: skip
        """The source of an expression that has the same structure in every use."""
        first = values[0]
        if isinstance(first, Repeated):
            item = self.write([v.item for v in values], uses, hint)
            return Comprehension(f"{first.name}: ", item, f"for {first.word} in {self.turns(values, uses)}")
        if isinstance(first, Made):
            return self._made(values, uses, hint, operands, size, stored)
        if isinstance(first, Infix) and first.template == "{v[0]}":  # a number alone: brackets are for who takes it in
            only = self.value([v.values[0] for v in values], uses, hint, stored, size)
            return Atom(only.text, only.tight and first.tight)
        if isinstance(first, Infix):
            texts = [
                _place(
                    first.template, f"{{v[{i}]}}", self.value([v.values[i] for v in values], uses, hint, stored, size)
                )
                for i in range(len(first.values))
            ]
            sides = [
                flat(o) if _binds(first.template, i, o) else _place(first.template, f"{{{i}}}", o)
                for i, o in enumerate(operands)
            ]
            return expression(_roomy(first.template, texts).format(*sides, v=texts), first.tight)
        if isinstance(first, Operand):
            if first.rest:
                return Called("", tuple(("", o) for o in operands[first.index :]), "[]")
            return operands[first.index]
        return Atom(first.text) if isinstance(first, Raw) else self.value(values, uses, hint, stored, size)

    def turns(self, values: Sequence[Repeated], uses: Sequence[BlockUse], stored: bool = False) -> str:
        """`range(1, depth + 1)`: the numbers of modules that are made alike."""
        start = values[0].start
        last = self.value([_moved(v.count, start) for v in values], uses, "count", stored).text
        return f"range({start}, {last})" if start else f"range({last})"

    def _made(
        self, values: Sequence[Made], uses: Sequence[BlockUse], hint: str, operands: Sequence[Doc],
        size: SizeText | None, stored: bool,
    ) -> Doc:  # fmt: skip
        function = values[0].function
        signature = self.signature(function) or Signature((), {})
        items: list[tuple[str, Doc]] = []
        for i in range(len(values[0].arguments)):
            slot = signature.names[i] if i < len(signature.names) else str(i + 1)
            inner = self._hint(hint, slot, function)
            items.append(("", self.write([v.arguments[i] for v in values], uses, inner, operands, size, stored)))
        present = dict.fromkeys(chain.from_iterable(v.keywords for v in values))
        order = [n for n in signature.names if n in present] + [n for n in present if n not in signature.names]
        for keyword in order:
            given = [v.keywords.get(keyword, signature.defaults.get(keyword)) for v in values]
            doc = self.write(given, uses, self._hint(hint, keyword, function), operands, size, stored)
            if isinstance(doc, Comprehension):
                items.append(("", doc))
            elif keyword not in signature.defaults or flat(doc) != literal(plain(signature.defaults[keyword])):
                items.append((f'"{keyword}": ' if function == "{}" else f"{keyword}=", doc))
        if function in ("{}", "[]"):
            return Called("", tuple(items), function)
        return Called(function, _compressed(items), "()", values[0].after)

    def _hint(self, hint: str, slot: str, function: str) -> str:
        word = self.dialect.slot(function, slot)
        return f"{hint}_{word}".strip("_") if word else hint

    # ------------------------------------------------------------ the constructor

    def arguments(self) -> tuple[ClassArgument, ...]:
        """What `__init__` takes: axes of inputs, settings, what else differs; those with defaults last."""
        use = self.uses[0]
        names = {n: word for word in use.settings if (n := use.dialect.identifier(word)) not in use.hidden}
        defaults = defaults_of(use)
        axes = [ClassArgument(n, "axis", "int", axis=at) for n, at in use.axes.items() if n in self.used]
        own = {n: word for n, word in names.items() if n in self.used and n not in {*use.axes, *self.extras}}
        settings = [self._setting(n, word, defaults) for n, word in own.items()]
        extras = [ClassArgument(n, "extra", _kind(v)) for n, v in self.extras.items() if n in self.used]
        return tuple(sorted([*axes, *settings, *extras], key=lambda a: a.optional))

    def _setting(self, argument: str, word: str, defaults: dict[str, Any]) -> ClassArgument:
        values = [u.settings[word] for u in self.uses]
        return ClassArgument(argument, "param", _kind(values), defaults.get(word), word in defaults)


def _kind(values: Sequence[Any]) -> str:
    """The annotation of an argument that has these values: one real number makes all real."""
    return annotation(next((v for v in values if isinstance(v, float)), values[0]))


def _moved(count: Any, by: int) -> Any:
    """A count with a number added, still the author's expression where it was."""
    return traced(int(count) + by, combine("+", term_of(count), number(by)), given=getattr(count, "given", False))


def _binds(template: str, place: int, side: Doc) -> bool:
    """Whether an operand binds tighter than the sum it stands in, so that it needs no brackets."""
    if template not in ("{0} + {1}", "{0} - {1}"):
        return False
    parsed = ast.parse(flat(side), mode="eval").body
    tighter = isinstance(parsed, ast.BinOp) and isinstance(parsed.op, ast.Mult | ast.Div | ast.Pow)
    return tighter or (place == 0 and isinstance(parsed, ast.BinOp) and isinstance(parsed.op, ast.Add | ast.Sub))


def _place(template: str, word: str, doc: Doc) -> str:
    """The source for a word of a template, without brackets where that stands alone between commas."""
    place = re.escape(word)
    alone = re.findall(rf"[\[(,:]\s*{place}(?=\s*[,)\]:])", template)
    return flat(doc) if len(alone) == len(re.findall(place, template)) else operand(doc)


def _roomy(template: str, texts: Sequence[str]) -> str:
    """With room around the colon of a slice where a side is more than a name, as formatters have it."""

    def spread(found: re.Match[str]) -> str:
        sides = [texts[int(n)] for n in re.findall(r"\d+", found[0])]
        if all(re.fullmatch(r"\w+", s) for s in sides):
            return found[0]
        return f"{found[1]} : {found[2]}".strip()

    return re.sub(r"(?<=[\[ ])((?:\{v\[\d+\]\})?):((?:\{v\[\d+\]\})?)(?=[\],])", spread, template)


def _right(term: Term, values: Sequence[Any], uses: Sequence[BlockUse]) -> bool:
    return all(term.holds(v, u.env) for v, u in zip(values, uses, strict=True))


def _same(a: Any, b: Any) -> bool:
    return type(plain(a)) is type(plain(b)) and bool(a == b)


def defaults_of(use: BlockUse) -> dict[str, Any]:
    """Literal defaults of a block's parameters; a net's own settings are its defaults."""
    if use.block is None:
        return use.settings
    found = {}
    for parameter in use.parameters:
        value = getattr(parameter.default, "value", None)
        if isinstance(value, int | float | str):
            found[parameter.name.id] = value
    return found


def _compressed(items: list[tuple[str, Doc]]) -> tuple[tuple[str, Doc], ...]:
    """Three or more copies in a row, numbered on, as one line: `**{f"block{i}": Block(64) for i in range(2, 7)}`."""
    made: list[tuple[str, Doc]] = []
    start = 0
    while start < len(items):
        end = start + 1
        while end < len(items) and _copy(items[start], items[end], end - start):
            end += 1
        comprehension = _comprehension(items[start:end]) if end - start > 2 else None
        if comprehension and (end - start > 5 or len(flat(comprehension)) < 70):
            made.append(("", comprehension))
        else:
            made.extend(items[start:end])
        start = end
    return tuple(made)


def _copy(first: tuple[str, Doc], other: tuple[str, Doc], distance: int) -> bool:
    (base, start), (word, count) = _numbered(first[0]), _numbered(other[0])
    return bool(base) and base == word and count == start + distance and flat(first[1]) == flat(other[1])


def _numbered(lead: str) -> tuple[str, int]:
    word = lead.removesuffix("=")
    base = word.rstrip("0123456789")
    digits = word[len(base) :]
    return (base, int(digits)) if digits and not digits.startswith("0") else ("", 0)


def _comprehension(items: list[tuple[str, Doc]]) -> Comprehension:
    (base, start), made = _numbered(items[0][0]), items[0][1]
    i = unused("i", set(re.findall(r"\w+", flat(made))))
    return Comprehension(f'f"{base}{{{i}}}": ', made, f"for {i} in range({start}, {start + len(items)})")
