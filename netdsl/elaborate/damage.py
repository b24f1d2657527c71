"""Rows and definitions that could not be read: what depends on them is not known, and nothing is said of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from netdsl.base.record import record
from netdsl.text import syntax
from netdsl.text.source import Span

LABEL = re.compile(
    r"\s*(?:given|output|aux|shared|frozen|next|let|param|const|state|\s)*\(?\s*(\w+(?:\s*,\s*\w+)*)\s*\)?\s*(?:(?:int|float|bool)\b\s*)?[:=\[]"
)


@record
class UnreadRow:
    """A place between the rows of a body where one could not be read, and the names it may have bound."""

    span: Span
    names: tuple[str, ...]


def unread_rows(body: syntax.Body, damage: list[Span]) -> Iterator[UnreadRow]:
    """The places of damage in a body that no row of it covers, in order."""
    for place in damage:
        if inside(place, body.span) and not any(r.span.start <= place.start <= r.span.end for r in body.rows):
            yield UnreadRow(place, names(place))


def names(place: Span) -> tuple[str, ...]:
    """The names before the first `:` or `=` of the line of a place."""
    found = LABEL.match(line(place))
    return tuple(name.strip() for name in found[1].split(",")) if found else ()


def line(place: Span) -> str:
    text = place.source.text
    start = line_start(place)
    end = text.find("\n", place.start)
    return text[start : end if end >= 0 else len(text)]


def line_start(place: Span) -> int:
    return place.source.text.rfind("\n", 0, place.start) + 1


def definitions(damage: list[Span]) -> set[str]:
    """Words of the heads that could not be read of nets, blocks and `use` rows: some of them are their names."""
    return {word for place in damage for word in re.findall(r"[A-Za-z_]\w*", line(place).partition("#")[0])}


def inside(place: Span, outer: Span) -> bool:
    """Whether something begins in a stretch of text."""
    return place.source is outer.source and outer.start <= place.start <= outer.end


def homes(file: syntax.File, places: Sequence[Span]) -> list[syntax.Item | None]:
    """Of each place the item around it where nothing else can be made of that; None elsewhere.

    Such items are `train` sections, and nets whose name no other item has.
    """
    if not places:
        return []
    made = [item for item in file.items if not isinstance(item, syntax.Train)]
    words = Counter(word for item in made for word in set(re.findall(r"\w+", item.span.text)))
    apart = [item for item in file.items if isinstance(item, syntax.Train) or _is_lonely(item, words)]
    return [next((item for item in apart if inside(place, item.span)), None) for place in places]


def _is_lonely(item: syntax.Item, words: Mapping[str, int]) -> bool:
    return isinstance(item, syntax.Definition) and item.keyword == "net" and words[item.name.id] == 1
