"""Two texts of which each line belongs to the line of the same number in the other."""

from __future__ import annotations

from pathlib import Path

from netdsl.base.errors import DataError
from netdsl.recipe.data.tokens import LinePairs
from netdsl.runtime.data.sets import LARGEST, Dataset, Request, existing
from netdsl.runtime.data.shares import divided
from netdsl.runtime.data.texts import TextFields

LONGEST = 2**20
"""The longest line, in bytes."""


def load(data: LinePairs, request: Request) -> Dataset:
    paths = [existing(place, data) for place in (data.source, data.target)]
    sides = [lines_of(path) for path in paths]
    _refuse_unpaired(paths, sides)
    parts = divided(data, len(sides[0]), None, str(paths[0]))
    fields = TextFields(data, request, str(paths[0]))
    source, target = ({split: [side[i] for i in own] for split, own in parts.items()} for side in sides)
    fields.read(0, source)
    fields.speak(1, target, data.ignore)
    return fields.dataset(fields.words[fields.inputs[1]].tokens)


def lines_of(path: Path) -> list[str]:
    """The lines of a text; `DataError` names one that is empty, too long or not in UTF-8."""
    if not path.is_file():
        raise DataError(f"{path}: not a file: name a text with a line for each pair")
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path}: {path.stat().st_size:,} bytes; more than {LARGEST:,} are not read")
    found = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                found.append(_line(path, number, line))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not found:
        raise DataError(f"{path}: the file is empty")
    return found


def _line(path: Path, number: int, line: bytes) -> str:
    if len(line) > LONGEST:
        raise DataError(f"{path}, line {number:,}: more than {LONGEST:,} bytes: a line is one text")
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError as error:
        what = f"not UTF-8 (a byte {line[error.start]:#04x}): save the file as UTF-8"
        raise DataError(f"{path}, line {number:,}: {what}") from None
    if not text:
        raise DataError(f"{path}, line {number:,}: empty, where a text belongs: take it out of both files")
    return text


def _refuse_unpaired(paths: list[Path], sides: list[list[str]]) -> None:
    if len(sides[0]) != len(sides[1]):
        (first, left), (second, right) = zip(paths, sides, strict=True)
        raise DataError(
            f"{first} has {len(left):,} lines, but {second} {len(right):,}: each line belongs to the one of its number"
        )
