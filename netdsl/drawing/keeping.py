"""Pictures as files: by the ending an SVG or a PNG, in the place of nothing but another picture of ours."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from netdsl.base.errors import RunError
from netdsl.base.files import kind_of, replace_file
from netdsl.drawing.picture import Diagram
from netdsl.drawing.svg import ROOT

ENDINGS = (".svg", ".png")
MARK = b"Software\0netdsl"
"""What a PNG of ours says."""
CREATOR = b"<dc:title>netdsl</dc:title>"
"""What the SVG of a plot says."""
BEGINNING = 2048
"""So many bytes of a file are looked at for that."""
HEAD = 33
"""Bytes of a PNG before its first free part."""


class NotOurs(RunError):
    """A file that is there and is no picture of ours."""


def keep(picture: Diagram, path: Path) -> None:
    """Write a picture to a file. Raises `NotOurs`, `WriteError` and `DrawingError`."""
    refuse_others(path)
    data = marked(picture.png()) if path.suffix.lower() == ".png" else picture.svg().encode()
    replace_file(path, lambda new: new.write_bytes(data))


def refuse_others(path: Path) -> None:
    """Raises `NotOurs` where something else stands at a path, `WriteError` where nothing can be written."""
    if kind_of(path) is None or not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(BEGINNING)
    if start and not (start.startswith(ROOT.encode()) or MARK in start or CREATOR in start):
        raise NotOurs(f"{path} is there, and no picture by netdsl: name another file, or remove it first")


def marked(png: bytes) -> bytes:
    """A PNG that says that it is ours."""
    chunk = b"tEXt" + MARK
    return png[:HEAD] + struct.pack(">I", len(MARK)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[HEAD:]
