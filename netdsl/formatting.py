"""`fmt` as a whole: a source in canonical form, with its shapes written down when asked for."""

from __future__ import annotations

from netdsl.diagnostics import Collector
from netdsl.formatter import format_file
from netdsl.parser import parse
from netdsl.source import Source


def formatted(source: Source, *, shapes: bool = False) -> str:
    """The canonical text of a source. Raises `NetError` when it does not parse, or with `shapes` when it is wrong."""
    collector = Collector()
    file = parse(source, collector)
    collector.check()
    return format_file(file, row_shapes(source) if shapes else None)


def row_shapes(source: Source) -> dict[int, str]:
    """The shape at the end of each row of the file's nets, by the row's offset.

    Rows inside blocks have a shape for every use, so only those of nets are given.
    """
    from netdsl.program import load_source

    program = load_source(source)
    found: dict[int, str] = {}
    for name in program.names:
        found.update(program.net(name).row_shapes)
    return found
