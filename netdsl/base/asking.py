"""What public functions are called with: an argument of a wrong kind is refused by its name, with a way out.

The kinds are the annotations themselves, so that what a signature promises is what is held. Parts of an annotation that
name no kind here (protocols, aliases of other rooms) are left to the function.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Set
from functools import wraps
from types import MappingProxyType
from typing import Any, NamedTuple, ParamSpec, TypeVar

from netdsl.base.errors import ArgumentError

P = ParamSpec("P")
R = TypeVar("R")
LONGEST = 40
"""Letters of a value that a message shows."""
NONE: Mapping[str, Any] = MappingProxyType({})


class ArgumentKind(NamedTuple):
    """Values that an argument may be."""

    takes: str
    holds: Callable[[Any], bool]
    example: str
    """How one is written."""


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_texts(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _is_words(value: object) -> bool:
    return isinstance(value, list | tuple | Set) and all(isinstance(word, str) for word in value)


PATH = ArgumentKind("the path of a file", lambda value: isinstance(value, os.PathLike), '"lenet.net"')
WORDS = ArgumentKind("a list of words", _is_words, '["…"]')
KINDS = {
    "bool": ArgumentKind("True or False", lambda value: isinstance(value, bool), "True"),
    "int": ArgumentKind("a whole number", _is_int, "1"),
    "float": ArgumentKind("a number", _is_number, "1.0"),
    "str": ArgumentKind("a text", lambda value: isinstance(value, str), '"…"'),
    "Path": PATH,
    "OnEpoch": ArgumentKind("a function of what an epoch came to", callable, "print"),
    "os.PathLike[str]": PATH,
    "Sequence[str]": WORDS,
    "Mapping[str, int]": ArgumentKind("numbers by name", _is_mapping, '{"H": 224}'),
    "Mapping[str, str]": ArgumentKind("texts by name", _is_texts, '{"classes": "10"}'),
    "Mapping[str, object]": ArgumentKind("numbers and lists of them by name", _is_mapping, '{"x": 2}'),
}
"""By the part of an annotation that stands for them."""
NET = 'netdsl.load("lenet.net")'
EXAMPLES = {
    "axes": '"H=160..640:32"', "batch": "8", "convention": '"thop"', "conventions": '["thop"]', "format": '"json"',
    "optimizer": '"adamw"', "precision": '"bf16"', "style": '"u"', "width": "100",
}  # fmt: skip
"""How some arguments are written, in whichever function."""


class PublicArgument(NamedTuple):
    """One argument of a function, with what it may be."""

    name: str
    kinds: tuple[ArgumentKind, ...]
    least: int | None
    bare: bool
    """Whether None stands for an argument that is left out."""

    def check(self, value: object) -> None:
        """Raise `ArgumentError` where the value is none of the kinds."""
        if (value is None and self.bare) or not self.kinds:
            return
        if not any(kind.holds(value) for kind in self.kinds):
            takes = " or ".join(dict.fromkeys(kind.takes for kind in self.kinds))
            message = f"`{self.name}` takes {takes}, not {named(value)}: write {self.name}={self._written(value)}"
            raise ArgumentError(self.name, message)
        if self.least is not None and isinstance(value, int) and value < self.least:
            message = f"`{self.name}` is a whole number of {self.least} or more, not {value}"
            raise ArgumentError(self.name, f"{message}: write {self.name}={self.least}, or leave it out")

    @property
    def example(self) -> str:
        """How one is written."""
        return EXAMPLES.get(self.name, self.kinds[0].example if self.kinds else "…")

    def _written(self, value: object) -> str:
        """How the argument is written: of what was given where that is plain."""
        first = self.kinds[0]
        if first is WORDS and isinstance(value, str) and len(value) < LONGEST:
            return f'["{value}"]'
        if isinstance(value, list | tuple) and value and first.holds({}):
            pairs = [pair for pair in value if isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)]
            if len(pairs) == len(value) and len(found := _braced(pairs)) <= LONGEST:
                return found
        return self.example


def _braced(pairs: list[tuple[str, object]]) -> str:
    return "{" + ", ".join(f'"{name}": {value!r}' for name, value in pairs) + "}"


def named(value: object) -> str:
    """A value in a message: itself where it is short and plain, else what it is."""
    if value is None or isinstance(value, bool | int | float | str):
        shown = repr(value) if not isinstance(value, int) or abs(value) < 10**LONGEST else "1" + "0" * LONGEST
        return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
    kind = type(value).__name__
    if isinstance(value, list | tuple) and value and not isinstance(value[0], list | tuple):
        return f"a {kind} with {named(value[0])}"
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def unknown_word(what: str, word: str, known: Iterable[str], meant: str | None = None) -> ArgumentError:
    """The error of a word that names none of what is known; `meant` is the one that it is called by elsewhere."""
    from netdsl.base.slips import nearest  # late: only mistakes need it

    there = f"there are {', '.join(known)}"
    if not word.strip():
        return ArgumentError(what, f"the {what} has no name: {there}")
    near, shown = meant or nearest(word, known), word if len(word) <= LONGEST else f"{word[:LONGEST]}…"
    return ArgumentError(what, f"no {what} is called `{shown}`: {f'did you mean `{near}`? ' if near else ''}{there}")


class PublicCall:
    """The arguments of a function, worked out when it is called first: by then all that it names is imported."""

    def __init__(self, function: Callable[..., Any], least: Mapping[str, int], elsewhere: Mapping[str, str]) -> None:
        self.function, self.least, self.elsewhere = function, least, elsewhere
        self.known: dict[str, PublicArgument] = {}
        self.names: tuple[str, ...] = ()
        self.needed: tuple[str, ...] = ()
        self.placed = 0
        """How many may be given without their names."""
        self.open = False

    def check(self, args: tuple[object, ...], given: Mapping[str, object]) -> None:
        """Raise `ArgumentError` for the first argument that cannot be, is missing, or that the function has not."""
        if not self.names:
            self._read()
        if len(args) > self.placed:
            name = (*self.names[self.placed :], "")[0]
            raise ArgumentError(name, f"`{self.function.__name__}` takes {self._by_name(len(args))}")
        for name, value in zip(self.names, args, strict=False):
            self.known[name].check(value)
        for name, value in given.items():
            if name in self.known:
                self.known[name].check(value)
            elif not self.open:
                raise ArgumentError(name, f"`{self.function.__name__}` has no `{name}`: {self._instead(name)}")
        for name in self.needed:
            if name not in given and name not in self.names[: len(args)]:
                written = f"write {name}={self.known[name].example}"
                raise ArgumentError(name, f"`{self.function.__name__}` needs `{name}`: {written}")

    def _by_name(self, many: int) -> str:
        """What is wrong with so many arguments without names, and the way out."""
        first, rest = self.names[: self.placed], self.names[self.placed :]
        alone = f"{' and '.join(f'`{name}`' for name in first)} alone without a name, not {many} values"
        return f"{alone}: write {rest[0]}={self.known[rest[0]].example}" if rest else alone

    def _read(self) -> None:
        plain = self.function
        while hasattr(plain, "__wrapped__"):
            plain = plain.__wrapped__
        code = plain.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.placed = len(names) if code.co_flags & 0x04 else code.co_argcount
        plain_ones = names[: code.co_argcount - len(plain.__defaults__ or ())]
        named_ones = (name for name in names[code.co_argcount :] if name not in (plain.__kwdefaults__ or {}))
        self.needed = (*plain_ones, *named_ones)
        self.open = bool(code.co_flags & 0x08)
        for name in names:
            parts = str(plain.__annotations__.get(name, "")).split(" | ")
            kinds = [_kind(part, plain.__globals__) for part in parts if part != "None"]
            read = () if None in kinds else tuple(kind for kind in kinds if kind is not None)
            self.known[name] = PublicArgument(name, read, self.least.get(name), "None" in parts)
        self.names = names

    def _instead(self, name: str) -> str:
        """The way out for an argument that there is not."""
        if name in self.elsewhere:
            return self.elsewhere[name]
        from netdsl.base.slips import nearest  # late: only mistakes need it

        near, names = nearest(name, self.names), ", ".join(self.names)
        return f"did you mean `{near}`?" if near else f"it has {names}"


def _kind(part: str, known: Mapping[str, object]) -> ArgumentKind | None:
    """The values that a part of an annotation stands for; None where that is left to the function."""
    if part in KINDS:
        return KINDS[part]
    if part.startswith("Sequence["):
        return _several(_kind(part[9:-1], known))
    found = known.get(part)
    if not isinstance(found, type) or getattr(found, "_is_protocol", False):
        return None
    if part == "Net":
        return ArgumentKind(f"a net, as {NET} gives", lambda value: isinstance(value, found), NET)
    return ArgumentKind(f"a {part}", lambda value: isinstance(value, found), f"{part}(…)")


def _several(one: ArgumentKind | None) -> ArgumentKind | None:
    if one is None:
        return None
    takes = f"a list of these, each {one.takes}"
    return ArgumentKind(takes, lambda value: isinstance(value, list | tuple) and all(map(one.holds, value)), "[…]")


def public(
    *, least: Mapping[str, int] = NONE, elsewhere: Mapping[str, str] = NONE
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function whose arguments are held to its annotations, and its numbers to the `least` that each may be.

    `elsewhere` says of arguments that it has not what has them. Raises `ArgumentError`.
    """

    def made(function: Callable[P, R]) -> Callable[P, R]:
        asking = PublicCall(function, least, elsewhere)

        @wraps(function)
        def asked(*args: P.args, **given: P.kwargs) -> R:
            asking.check(args, given)
            return function(*args, **given)

        return asked

    return made
