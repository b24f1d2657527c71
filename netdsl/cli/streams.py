"""Standard input and output, whatever they are: closed, full, a pipe that nobody reads, in any encoding."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

from netdsl.base.terminal import FALLBACK, escaped, plain_lines


def prepare() -> None:
    """Make sure that whatever is printed can be: a stream that is closed leads nowhere, signs are spelt if need be."""
    sys.stdout = _ready(sys.stdout)
    sys.stderr = _ready(sys.stderr)


def _ready(stream: TextIO | None) -> TextIO:
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=FALLBACK)
    return stream


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a text in which names of files and words of authors may stand: nothing in it is obeyed by a terminal."""
    print(plain_lines(text), file=stream)


def print_json(document: str) -> None:
    """Print a JSON document, in escapes where the encoding lacks a letter."""
    print(escaped(document, ascii=not is_unicode(sys.stdout)))


def print_file(text: str) -> None:
    """Print what could stand in a file: UTF-8 to the byte, unless a person reads it."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        print(plain_lines(text), end="")
        return
    sys.stdout.flush()
    buffer.write(text.encode("utf-8", "surrogateescape"))


def coloured(stream: TextIO) -> bool:
    """Whether colours are shown there, and wanted (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-") in ("utf-8", "utf8")


def flush() -> None:
    """Write what is still held back, so that a mistake is met here and not when Python ends."""
    sys.stdout.flush()
    sys.stderr.flush()


def abandon() -> None:
    """Lead both streams nowhere: what they still hold cannot be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(nowhere, stream.fileno())


def failed(error: Exception) -> bool:
    """Whether an error is of the streams: what was written finds no room, or nobody reads it."""
    lost = (errno.ENOSPC, errno.EPIPE, errno.EBADF, errno.EIO)
    return isinstance(error, OSError) and error.errno in lost and error.filename is None


def complain(error: OSError) -> None:
    """Say that the output could not be written, where that can be said."""
    with contextlib.suppress(OSError, ValueError):
        print(f"error: the output could not be written: {error.strerror}", file=sys.stderr, flush=True)
