"""The text of a file and places in it. Line and column are computed only when a place is shown."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from pathlib import Path

from netdsl.base.record import entity, record


@entity
class Source:
    """One text with the name it is shown under."""

    name: str
    text: str
    path: Path | None = None
    """Where it was read from: `use "./x.net"` looks beside it. None for a text given directly."""
    ends: str = "\n"
    """How the lines of the file end; in `text` they end in a line feed."""
    mark: str = ""
    """The byte order mark before the text of the file, if there is one."""

    def written(self, text: str) -> str:
        """A text as the file would hold it."""
        return self.mark + (text if self.ends == "\n" else text.replace("\n", self.ends))

    @cached_property
    def line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, c in enumerate(self.text) if c == "\n")
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (counted from 1), without its end."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")

    def unused(self, name: str) -> str:
        """A name like another that the text does not hold."""
        words = set(re.findall(r"\w+", self.text))
        return next(new for n in range(1, len(words) + 2) if (new := f"{name}{n}") not in words)


def as_source(name: str, written: str, path: Path | None = None) -> Source:
    """A text as a file or an author gives it: with a byte order mark, and lines that end as on any system."""
    mark = "\ufeff" if written.startswith("\ufeff") else ""
    text = written[len(mark) :]
    if "\r" not in text:
        return Source(name, text, path, mark=mark)
    both = text.count("\r\n")
    counts = {"\n": text.count("\n") - both, "\r\n": both, "\r": text.count("\r") - both}
    ends = max(counts, key=lambda end: counts[end])
    return Source(name, text.replace("\r\n", "\n").replace("\r", "\n"), path, ends, mark)


def is_library(name: str) -> bool:
    """Whether a source of that name is a file of the standard library, `std.resnet`; a `.net` file is its author's."""
    return name.startswith("std.") and not name.endswith(".net")


@record
class Span:
    """A stretch of a source, as offsets; `end` is not included."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def place(self) -> str:
        """`file:line:column`, as editors understand it."""
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: Span) -> Span:
        """The stretch from here to the end of another place in the same source."""
        return Span(self.source, self.start, max(self.end, other.end))
