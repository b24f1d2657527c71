"""Changes of a text at its places: stretches that are replaced, stages and items that are taken out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TypeVar

from netdsl.base.record import record
from netdsl.text import syntax
from netdsl.text.source import Span

COMMENT = re.compile(r"[ \t]*#[^\n]*\n")
SyntaxNode = TypeVar("SyntaxNode")


@record
class Edit:
    """A stretch of a text and what takes its place."""

    start: int
    end: int
    text: str = ""


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all stretches replaced; of two that lie in one another the outer one counts."""
    parts, reached = list[str](), 0
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if edit.start >= reached:
            parts += [text[reached : edit.start], edit.text]
            reached = edit.end
    return "".join([*parts, text[reached:]])


def without_stages(stages: Sequence[Span], gone: Collection[Span]) -> Iterator[Edit]:
    """Take some stages out of a pipeline; the first becomes `identity` where all of them go."""
    none = all(stage in gone for stage in stages)
    kept = none
    for place, stage in enumerate(stages):
        if stage not in gone:
            kept = True
        elif none and place == 0:
            yield Edit(stage.start, stage.end, "identity")
        elif kept:
            yield Edit(stages[place - 1].end, stage.end)
        else:
            yield Edit(stage.start, stages[place + 1].start)


def without_item(span: Span) -> Edit:
    """Take an item out of a file, with the comment right above it, unless that is the head of the file."""
    text = span.source.text
    start = text.rfind("\n", 0, span.start) + 1
    while start:
        above = text.rfind("\n", 0, start - 1) + 1
        if above == 0 or COMMENT.fullmatch(text, above, start) is None:
            break
        start = above
    return Edit(start, text.find("\n", span.end) + 1 or len(text))


def all_of(tree: object, kind: type[SyntaxNode]) -> list[SyntaxNode]:
    """What of a kind a tree holds."""
    left, found = [tree], list[SyntaxNode]()
    while left:
        node = left.pop()
        if isinstance(node, tuple):
            left.extend(node)
            continue
        if isinstance(node, kind):
            found.append(node)
        left += [getattr(node, name) for name in getattr(node, "__match_args__", ()) if not name.endswith("span")]
    return found


def end_claim(row: object) -> syntax.Claim | None:
    """The claim at the end of a row."""
    pipeline = getattr(row, "pipeline", None)
    last = pipeline.stages[-1] if isinstance(pipeline, syntax.Pipeline) else None
    return last if isinstance(last, syntax.Claim) else None


def words(text: str) -> set[str]:
    """Every word of a text, in comments too."""
    return set(re.findall(r"\w+", text))
