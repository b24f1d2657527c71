"""Files with named columns, in pieces of rows: CSV and its kin by the standard library, Parquet by pyarrow.

The `csv` module keeps every cell as it is written and knows its line, so that what is wrong can be told by file, line
and column; readers that guess kinds of columns take `NA` for a number and a column with one slip for a text.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO

from netdsl.base.errors import DataError, first_line
from netdsl.runtime.data.sets import LARGEST
from netdsl.text.diagnostics import did_you_mean

PIECE = 4096
"""Rows that are looked at together."""
MOST_COLUMNS = 10_000
ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".parquet")
QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Rows:
    """A piece of a table: the places of its rows, and the cells of a column by its number as they are written."""

    places: Sequence[int]
    cells: Callable[[int], Sequence[str]]


@dataclass(frozen=True)
class TableFile:
    """A table that can be read from the start again."""

    path: Path
    columns: tuple[str, ...]
    place: str
    """What a row's number is called: the `line` of a text, else `row`."""

    def rows(self) -> Iterator[Rows]:
        """All rows in pieces; `DataError` names what is no table."""
        yield from (_parquet_rows if self.path.suffix.lower() == ".parquet" else _text_rows)(self.path, self.columns)

    def require(self, name: str, what: str) -> None:
        """`DataError` where no column has that name, which is asked for by `what`."""
        if name not in self.columns:
            near = did_you_mean(name, self.columns) or f"there are {shown(self.columns)}"
            raise DataError(f"{self.path}: no column `{name}`, for {what}: {near}")

    def wrong(self, place: int, what: str) -> DataError:
        """What is wrong in a row."""
        return DataError(f"{self.path}, {self.place} {place:,}: {what}")


def open_table(path: Path) -> TableFile:
    """A table by its head; `DataError` says what is wrong with it."""
    if not path.is_file():
        raise DataError(f"{path}: not a file: name one with a table ({', '.join(ENDINGS)})")
    size = path.stat().st_size
    if size > LARGEST:
        raise DataError(f'{path}: {size:,} bytes; more than {LARGEST:,} are not read: keep it as `arrays("…")`')
    if path.suffix.lower() == ".parquet":
        return TableFile(path, _checked(path, tuple(_parquet(path).schema_arrow.names)), "row")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file, **_style(path)), None)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise _unreadable(path, error, 1) from None
    if not names:
        raise DataError(f"{path}: the first line is empty: it should name the columns")
    return TableFile(path, _checked(path, tuple(name.strip() for name in names)), "line")


def _checked(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of columns, which are all there, each once."""
    if len(names) > MOST_COLUMNS:
        raise DataError(f'{path}: {len(names):,} columns, more than {MOST_COLUMNS:,}: keep them as `arrays("…")`')
    if all(map(_is_number, names)):
        raise DataError(f"{path}: the first line is {', '.join(names[:4])}: put a line above it that names the columns")
    nameless = next((i for i, name in enumerate(names, start=1) if not name), None)
    if nameless is not None:
        raise DataError(
            f"{path}: column {nameless} has no name in the first line (pandas writes its index so: `index=False`)"
        )
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are called `{twice}`: give one another name")
    return names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- texts


def _style(path: Path) -> dict[str, Any]:
    """How cells are told apart: by tabs in `.tsv`, else by what the first line has."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = QUOTED.sub("", file.readline(1 << 20))
    marks = "\t" if path.suffix.lower() in (".tsv", ".tab") else ",;\t"
    mark = next((m for m in marks if m in head), marks[0])
    return {"delimiter": mark, "strict": True, "skipinitialspace": mark != "\t"}


def _text_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Rows]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _lines(path, file)
            next(lines)
            while piece := list(islice(lines, PIECE)):
                kept = [(at, cells) for at, cells in piece if cells]  # an empty line is none
                _refuse_ragged(path, columns, kept)
                if kept:
                    turned = list(zip(*(cells for _, cells in kept), strict=True))
                    yield Rows([at for at, _ in kept], turned.__getitem__)
    except (UnicodeDecodeError, OSError) as error:
        raise _unreadable(path, error, 1) from None


def _lines(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line that each ends in; of one that is none, `DataError` says where it begins."""
    reader, line = csv.reader(file, **_style(path)), 0
    try:
        for cells in reader:
            line = reader.line_num
            yield line, cells
    except csv.Error as error:
        raise _unreadable(path, error, line + 1) from None


def _refuse_ragged(path: Path, columns: tuple[str, ...], rows: list[tuple[int, list[str]]]) -> None:
    for line, cells in rows:
        if len(cells) != len(columns):
            many = f"{len(cells):,} cell{'s' * (len(cells) != 1)}"
            raise DataError(f"{path}, line {line:,}: {many} where the first line names {len(columns):,} columns")


SHOWN = 6
"""So many columns a message names."""


def shown(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:SHOWN]) + more


UTF16 = (b"\xff\xfe", b"\xfe\xff")


def _unreadable(path: Path, error: Exception, line: int) -> DataError:
    """What is said of a text that is no table, read up to a line."""
    if isinstance(error, csv.Error) and "field limit" in str(error):
        return DataError(f"{path}, line {line:,}: a cell of more than {csv.field_size_limit():,} letters")
    if isinstance(error, csv.Error):
        return DataError(f"{path}, line {line:,}: quotes that do not close as they open ({error})")
    if isinstance(error, OSError):
        return DataError(f"{path}: cannot be read ({error.strerror or error})")
    with path.open("rb") as file:
        start = file.read(2)
        if start in UTF16:
            return DataError(f"{path}: a text in UTF-16: save it as UTF-8")
        file.seek(0)
        for number, content in enumerate(file, start=1):
            try:
                content.decode("utf-8")
            except UnicodeDecodeError as found:
                byte = content[found.start]
                return DataError(f"{path}, line {number:,}: not UTF-8 (a byte {byte:#04x}): save the file as UTF-8")
    return DataError(f"{path}: not a text in UTF-8")


# ---------------------------------------------------------------- Parquet


class ParquetColumn(Protocol):
    """What is asked of a column of pyarrow's."""

    type: Any
    dictionary: ParquetColumn

    def to_pylist(self) -> list[object]: ...


class ParquetTable(Protocol):
    """What is asked of pyarrow."""

    schema_arrow: Any

    def iter_batches(self, batch_size: int) -> Iterator[Any]: ...


def _parquet(path: Path) -> ParquetTable:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise DataError(
            f"{path}: Parquet is read by pyarrow, which is not installed: `pip install 'netdsl[parquet]'`, or save the "
            "table as CSV"
        ) from None
    try:
        found: ParquetTable = parquet.ParquetFile(os.fspath(path))
        return found
    except Exception as error:  # pyarrow's errors are of many kinds: OSError, ValueError, NotImplementedError …
        raise DataError(f"{path}: not a whole Parquet file ({first_line(error)})") from None


def _parquet_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Rows]:
    file, start = _parquet(path), 1
    try:
        for batch in file.iter_batches(PIECE):
            if batch.num_rows:
                yield Rows(range(start, start + batch.num_rows), partial(_cells, path, start, batch.columns))
            start += batch.num_rows
    except Exception as error:  # as above
        raise DataError(f"{path}, row {start:,} or below: damaged ({first_line(error)})") from None


def _cells(path: Path, start: int, columns: Sequence[ParquetColumn], number: int) -> list[str]:
    """A column as a text has it; cells that are missing are empty, and bytes are texts in UTF-8 (of older writers).

    The longest is measured before any is made: one that is kept once may stand in every row.
    """
    column = columns[number]
    if _longest(column) > csv.field_size_limit():
        raise DataError(f"{path}, row {start:,} or below: a cell of more than {csv.field_size_limit():,} letters")
    return [_written(value) for value in column.to_pylist()]


def _longest(column: ParquetColumn) -> int:
    """The bytes of the longest cell of texts, or the numbers of the longest list; 0 of all else."""
    import pyarrow as pa
    import pyarrow.compute as compute

    if pa.types.is_dictionary(column.type):
        return _longest(column.dictionary)
    texts = any(is_text(column.type) for is_text in (pa.types.is_string, pa.types.is_large_string))
    if texts or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return int(compute.max(compute.binary_length(column)).as_py() or 0)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return int(compute.max(compute.list_value_length(column)).as_py() or 0)
    return 0


def _written(value: object) -> str:
    """A cell as a text has it; one that is missing is empty."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return "" if value is None else str(value)
