"""`fmt` as a whole: a source in canonical form, with its shapes written down when asked for."""

from __future__ import annotations

from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError
from netdsl.text.formatter import format_file
from netdsl.text.lexer import Lexer
from netdsl.text.limits import BYTES
from netdsl.text.parser import parse
from netdsl.text.source import Source, Span
from netdsl.text.stream import TooDeep
from netdsl.text.tables import tables


def formatted(source: Source, *, shapes: bool = False) -> str:
    """The canonical text of a source. Raises `NetError` when it does not parse, with `shapes` when it is wrong, and
    when that text would pass a limit: it has more lines, and more spaces, than the one at hand may have."""
    collector = Collector()
    file = parse(source, collector)
    collector.check()
    text = format_file(file, row_shapes(source) if shapes else None)
    found = None if text == source.text else _passed(source.written(text))
    if found:
        code, message = found
        place = Label(Span(Source(source.name, "", source.path), 0, 0))
        help = "part the text into files that `use` one another, and long rows into several"
        raise NetError([Diagnostic(code, f"in canonical form {message}", (place,), help=help)])
    return text


def _passed(text: str) -> tuple[str, str] | None:
    """The limit that a text passes: its code, and what would be said of it."""
    if len(text.encode()) > BYTES:
        return "file-too-large", f"the text has more than {BYTES:,} bytes"
    collector = Collector()
    try:
        Lexer(Source("", text), collector, tables()).run()
    except TooDeep:
        return collector.found[0].code, collector.found[0].message
    return None


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
