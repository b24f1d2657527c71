"""Patterns of names: `layer{i}.{j}.conv{k}.weight` on the left of a rule, `stage{i}.basic{j+1}.conv{k}.weight` right.

A pattern is matched piece by piece and never goes back: what is captured ends where its own letters end, so that a name
takes one pass whatever the file says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LONGEST = 300
"""Letters of a pattern."""
MOST_CAPTURES = 8
LITERAL = re.compile(r"[\w./:+\-]+")
LEFT = re.compile(r"\{(?P<name>[A-Za-z_]\w*)(?P<form>\*\*|\*|=[^{}]*)?\}|(?P<literal>[^{}]+)|(?P<stray>[{}])")
RIGHT = re.compile(r"\{(?P<name>[A-Za-z_]\w*)(?P<sum>[+-]\d{1,9})?\}|(?P<literal>[^{}]+)|(?P<stray>[{}])")
RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})?")
CHOICES = re.compile(r"[\w]+(\|[\w]+)*")

Captured = Mapping[str, str]
"""What the captures of a pattern stand for in one name."""


class PatternError(ValueError):
    """A pattern that cannot be read, in words."""


@dataclass(frozen=True)
class Capture:
    """A part of a name that a rule keeps: a whole number, or as its form says."""

    name: str
    form: str = ""
    """Nothing for a number, `=1..5` for one of a range, `=a|b` for words, `*` for anything without a dot, `**` for
    anything."""

    @property
    def number(self) -> bool:
        return not self.form or RANGE.fullmatch(self.form[1:]) is not None

    @property
    def expression(self) -> str:
        if self.number:
            return r"(0|[1-9][0-9]{0,8}+)"
        if self.form in ("*", "**"):
            return r"([^.]++)" if self.form == "*" else r"(.+)"
        return f"({'|'.join(map(re.escape, sorted(self.form[1:].split('|'), key=len, reverse=True)))})"

    def allows(self, text: str) -> bool:
        """Whether a number lies in the range."""
        bounds = RANGE.fullmatch(self.form[1:]) if self.form else None
        if bounds is None:
            return True
        return int(bounds[1]) <= int(text) and (bounds[2] is None or int(text) <= int(bounds[2]))


@dataclass(frozen=True)
class Pattern:
    """Names of tensors, with the captures in order."""

    text: str
    parts: tuple[str | Capture, ...]
    expression: re.Pattern[str]

    @property
    def captures(self) -> list[Capture]:
        return [part for part in self.parts if isinstance(part, Capture)]

    def match(self, key: str) -> Captured | None:
        """What the captures stand for in a name; None where it is another."""
        found = self.expression.fullmatch(key)
        if found is None:
            return None
        pairs = list(zip(self.captures, found.groups(), strict=True))
        return {c.name: text for c, text in pairs} if all(c.allows(text) for c, text in pairs) else None


@dataclass(frozen=True)
class Template:
    """A name that is made of captures: each a text as it was, or a number and what is added to it."""

    text: str
    parts: tuple[str | tuple[str, int], ...]

    def fill(self, found: Captured) -> str:
        """The name; `PatternError` where a number falls below 0."""
        return "".join(
            part if isinstance(part, str) else _sum(found[part[0]], part[1], self.text) for part in self.parts
        )


def _sum(text: str, more: int, whole: str) -> str:
    if not more:
        return text
    if int(text) + more < 0:
        raise PatternError(f"`{whole}` would have a number below 0 for {text}")
    return str(int(text) + more)


def read_pattern(text: str) -> Pattern:
    """The left side of a rule; `PatternError` says what is wrong with it."""
    _require_short(text)
    parts: list[str | Capture] = []
    for token in LEFT.finditer(text):
        part = _literal(token, text) if token["name"] is None else _capture(token["name"], token["form"] or "")
        _require_apart(parts, part, text)
        parts.append(part)
    captures = [part for part in parts if isinstance(part, Capture)]
    _require_plain(captures, text)
    source = "".join(re.escape(part) if isinstance(part, str) else part.expression for part in parts)
    return Pattern(text, tuple(parts), re.compile(source))


def _capture(name: str, form: str) -> Capture:
    body = form[1:]
    if form.startswith("=") and RANGE.fullmatch(body) is None and CHOICES.fullmatch(body) is None:
        raise PatternError(
            f"`{{{name}{form}}}` is neither a range as in {{i=1..5}} nor words as in {{part=weight|bias}}"
        )
    if form.startswith("=") and body.isdecimal():
        raise PatternError(f"`{{{name}{form}}}` is one number: write it as it is, or a range as in {{i=1..5}}")
    return Capture(name, form)


def _literal(token: re.Match[str], text: str) -> str:
    if token["stray"] is not None:
        raise PatternError(f"a brace of `{text}` is not part of `{{i}}`, `{{i=1..5}}`, `{{part*}}` or `{{rest**}}`")
    if LITERAL.fullmatch(token["literal"]) is None:
        raise PatternError(f"`{token['literal']}` is no part of a tensor's name")
    return token["literal"]


def _require_apart(parts: list[str | Capture], part: str | Capture, text: str) -> None:
    """Where one capture ends must be told by what follows it."""
    before = parts[-1] if parts else ""
    if isinstance(before, Capture) and isinstance(part, Capture) and not _told_apart(before, part):
        raise PatternError(f"`{text}` has two captures with nothing between them: what each is cannot be told")
    if isinstance(before, Capture) and isinstance(part, str):
        if (before.number and part[0].isdigit()) or (before.form == "*" and part[0] != "."):
            what = "a number" if before.number else "anything without a dot"
            raise PatternError(f"in `{text}` the capture `{before.name}`, {what}, cannot be told from what follows it")


def _told_apart(one: Capture, other: Capture) -> bool:
    """A number, and words without digits beside it."""
    words = next((c for c in (one, other) if c.form.startswith("=") and not c.number), None)
    return (one.number or other.number) and words is not None and not any(map(str.isdigit, words.form))


def _require_plain(captures: list[Capture], text: str) -> None:
    names = [capture.name for capture in captures]
    if len(names) != len(set(names)):
        raise PatternError(f"`{text}` has two captures of one name")
    if len(names) > MOST_CAPTURES or sum(capture.form == "**" for capture in captures) > 1:
        raise PatternError(f"`{text}` has more than {MOST_CAPTURES} captures, or more than one of `**`")


def _require_short(text: str) -> None:
    if not text or len(text) > LONGEST:
        raise PatternError(f"a name has 1 to {LONGEST} letters, not {len(text):,}")


def read_template(text: str, captures: Iterable[Capture]) -> Template:
    """The right side of a rule, or a further tensor on its left; `PatternError` says what is wrong with it."""
    _require_short(text)
    known = {capture.name: capture for capture in captures}
    parts: list[str | tuple[str, int]] = []
    for token in RIGHT.finditer(text):
        if token["name"] is None:
            parts.append(_literal(token, text))
            continue
        capture = known.get(token["name"])
        if capture is None:
            there = ", ".join(f"`{name}`" for name in known) or "none"
            raise PatternError(f"`{text}` names a capture `{token['name']}` that the left side has not: it has {there}")
        if token["sum"] is not None and not capture.number:
            raise PatternError(f"`{capture.name}` is no number, to which `{text}` could add something")
        parts.append((capture.name, int(token["sum"] or 0)))
    return Template(text, tuple(parts))
