"""Label maps: which class a number or a colour of a mask stands for, at each level of a hierarchy, read from tables.

A map is a text of columns that tabs part. Lines of `#` are comments, the first other line is the head: `id` (a number,
or a range such as `1-254`), `name`, `colour` (`128 64 128`), and then any columns, each of which is a level, the
coarsest first: it says of each label which class it is, by name or by number, or `-` where it does not count.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from netdsl.base.errors import DataError
from netdsl.base.record import record

FOLDER = Path(__file__).parent / "maps"
ENDING = ".tsv"
OUT = "-"
"""What stands where a label has no number, or does not count."""
BYTES, ROWS, LEVELS, LETTERS, HIGHEST = 10**6, 10_000, 16, 100, 65_535
"""The most that a map may hold: bytes, labels, levels, letters of a name; and the highest number of a mask."""
PLAIN = ("id", "name", "colour")
VOID = 255
"""What masks of classes hold where nothing counts, as the tools of the data sets write them."""

Colour = tuple[int, int, int]
Class = int | None
"""The number of a class, None for what does not count."""


@record
class LabelRow:
    """One label: the numbers that stand for it (`[first, last]`), its colour, and its class at each level."""

    name: str
    ids: tuple[int, int] | None
    colour: Colour | None
    classes: tuple[Class, ...]


@record
class Ambiguous:
    """Two labels of one number or colour, whose classes differ."""

    first: str
    second: str


@record
class LabelMap:
    """What is known of the labels of a data set, from a file that messages call `name`."""

    name: str
    rows: tuple[LabelRow, ...]
    levels: tuple[tuple[str, ...], ...]
    """By level from the coarsest: the names of its classes by number."""

    def at(self, level: int | None) -> int:
        """The place of a level that is counted from 1, the last where none is said; `DataError` where it is not."""
        if level is not None and level > len(self.levels):
            count = len(self.levels)
            raise DataError(f"{self.name} has {count} level{'s' * (count != 1)}, not {level}")
        return (level or len(self.levels)) - 1

    def by_number(self, level: int, stored: int | None = None) -> dict[int, Class]:
        """The class at a level of every number of a mask: of ids, or where `stored` says so of classes of that level.

        Levels are places in `levels`; in masks of classes 255 does not count. `DataError` where the stored level does
        not decide the other.
        """
        if stored is not None:
            return self._coarser(stored, level)
        found: dict[int, Class] = {}
        for row in self.rows:
            for number in range(row.ids[0], row.ids[1] + 1) if row.ids else ():
                found[number] = row.classes[level]
        return found

    def _coarser(self, stored: int, level: int) -> dict[int, Class]:
        found: dict[int, tuple[Class, str]] = {}
        for row in self.rows:
            number, own = row.classes[stored], row.classes[level]
            if number is None:
                continue
            known = found.setdefault(number, (own, row.name))
            if known[0] != own:
                raise DataError(
                    f"{self.name}: level {stored + 1} does not decide level {level + 1}: its class {number} holds "
                    f"`{known[1]}`, which is {self._called(level, known[0])}, and `{row.name}`, which is "
                    f"{self._called(level, own)}: make masks of ids, or of level {level + 1}"
                )
        return {VOID: None, **{number: own for number, (own, _) in found.items()}}

    def _called(self, level: int, number: Class) -> str:
        return "not counted" if number is None else f"`{self.levels[level][number]}`"

    def by_colour(self, level: int) -> dict[Colour, Class | Ambiguous]:
        """The class at a level of every colour; two labels of one colour may be of one class."""
        found: dict[Colour, Class | Ambiguous] = {}
        names: dict[Colour, str] = {}
        for row in self.rows:
            if row.colour is None:
                continue
            first = names.setdefault(row.colour, row.name)
            known = found.setdefault(row.colour, row.classes[level])
            if known != row.classes[level] and not isinstance(known, Ambiguous):
                found[row.colour] = Ambiguous(first, row.name)
        return found

    def palette(self, level: int) -> tuple[Colour | None, ...]:
        """The colour of each class: that of its first label."""
        found: list[Colour | None] = [None] * len(self.levels[level])
        for row in reversed(self.rows):
            number = row.classes[level]
            if number is not None:
                found[number] = row.colour or found[number]
        return tuple(found)

    def groups(self, level: int) -> tuple[str, ...]:
        """By class of a level: its class at the coarsest one, or nothing where that does not say."""
        found = [""] * len(self.levels[level])
        for row in reversed(self.rows):
            number, coarse = row.classes[level], row.classes[0]
            if number is not None and coarse is not None:
                found[number] = self.levels[0][coarse]
        return tuple(found) if level else ("",) * len(found)

    def spares(self, level: int) -> bool:
        """Whether some label does not count."""
        return any(row.classes[level] is None for row in self.rows)


# ---------------------------------------------------------------- those that come along


def shipped_names() -> tuple[str, ...]:
    """The maps that come with netdsl."""
    return tuple(sorted(path.stem for path in FOLDER.glob(f"*{ENDING}")))


@lru_cache(maxsize=32)
def shipped(name: str) -> LabelMap:
    """A map that comes with netdsl."""
    return parsed((FOLDER / f"{name}{ENDING}").read_text("utf-8"), name)


def read_map(path: Path) -> LabelMap:
    """The map in a file; `DataError` names the file, and the line that is wrong."""
    try:
        content = path.open("rb").read(BYTES + 1)
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(content) > BYTES:
        raise DataError(f"{path}: a map of more than {BYTES:,} bytes is not read")
    return parsed(text, str(path))


# ---------------------------------------------------------------- reading


Cells = Mapping[str, str]


def parsed(text: str, name: str) -> LabelMap:
    """A map from its text; `DataError` names the line that is wrong."""
    lines = [(n, line.split("\t")) for n, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise DataError(f"{name}: no label map: its first line has to be a head such as `id<tab>name<tab>class`")
    head, levels = _head(name, *lines[0])
    if len(lines) - 1 > ROWS:
        raise DataError(f"{name}: has {len(lines) - 1:,} labels; more than {ROWS:,} are not read")
    table = [(place, _cells(place, head, cells)) for place, cells in _placed(name, lines[1:])]
    if not table:
        raise DataError(f"{name}: a label map without labels")
    classes = [_numbered(name, level, table) for level in levels]
    rows = tuple(
        LabelRow(cells.get("name") or cells[levels[-1]], _ids(place, cells), _colour(place, cells), numbers)
        for (place, cells), numbers in zip(table, zip(*(own for _, own in classes), strict=True), strict=True)
    )
    _check_ids(name, rows)
    return LabelMap(name, rows, tuple(names for names, _ in classes))


def _placed(name: str, lines: list[tuple[int, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    for number, cells in lines:
        yield f"{name}: line {number}", cells


def _head(name: str, number: int, cells: list[str]) -> tuple[list[str], list[str]]:
    """All columns, and those that are levels; the names alone are one where there is no other."""
    head = [cell.strip() for cell in cells]
    place = f"{name}: line {number}"
    if len(set(head)) != len(head) or not all(head):
        raise DataError(f"{place}: a head names each column once, with tabs between them")
    if "id" not in head and "colour" not in head:
        raise DataError(f"{place}: a map needs a column `id` or `colour`, but has {', '.join(head)[:LETTERS]}")
    levels = [column for column in head if column not in PLAIN] or [c for c in head if c == "name"]
    if not levels:
        raise DataError(f"{place}: a map needs a column that says the classes, or `name`")
    if len(levels) > LEVELS:
        raise DataError(f"{place}: {len(levels)} levels; more than {LEVELS} are not read")
    return head, levels


def _cells(place: str, head: list[str], cells: list[str]) -> Cells:
    if len(cells) != len(head):
        raise DataError(
            f"{place}: has {len(cells)} columns, but the head has {len(head)} ({', '.join(head)[:LETTERS]})"
        )
    found = {column: cell.strip() for column, cell in zip(head, cells, strict=True)}
    empty = next((column for column, cell in found.items() if not cell), None)
    if empty is not None:
        raise DataError(f"{place}: nothing stands in `{empty}`: write `{OUT}` where there is nothing to say")
    long = next((column for column, cell in found.items() if len(cell) > LETTERS), None)
    if long is not None:
        raise DataError(f"{place}: `{long}` has more than {LETTERS} letters")
    return found


def _numbered(name: str, level: str, table: list[tuple[str, Cells]]) -> tuple[tuple[str, ...], list[Class]]:
    """Names of a level's classes, and the class of each label: numbers as they stand, names in their order."""
    cells = [row[level] for _, row in table]
    named = [cell for cell in cells if cell != OUT]
    if not named:
        raise DataError(f"{name}: no label counts at `{level}`")
    if all(cell.isascii() and cell.isdecimal() for cell in named):
        return _by_number(name, level, table)
    order = {cell: number for number, cell in enumerate(dict.fromkeys(named))}
    return tuple(order), [order.get(cell) for cell in cells]


def _by_number(name: str, level: str, table: list[tuple[str, Cells]]) -> tuple[tuple[str, ...], list[Class]]:
    """Classes that a map numbers itself: each is called after its labels."""
    numbers = [None if row[level] == OUT else _whole(place, level, row[level]) for place, row in table]
    called: dict[int, list[str]] = {}
    for number, (_, row) in zip(numbers, table, strict=True):
        if number is not None:
            called.setdefault(number, []).append(row.get("name", str(number)))
    gap = next((n for n in range(len(called)) if n not in called), None)
    if gap is not None:
        raise DataError(
            f"{name}: `{level}` has {len(called)} classes, but none is {gap}: count them from 0, without gaps"
        )
    return tuple(" / ".join(dict.fromkeys(called[n]))[:LETTERS] for n in range(len(called))), numbers


def _whole(place: str, column: str, text: str, most: int = HIGHEST) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= most):
        raise DataError(f"{place}: `{column}` is `{text}`, but takes a whole number from 0 to {most:,}")
    return int(text)


def _ids(place: str, cells: Cells) -> tuple[int, int] | None:
    text = cells.get("id", OUT)
    if text == OUT:
        return None
    first, to, last = text.partition("-")
    low = _whole(place, "id", first)
    high = _whole(place, "id", last) if to else low
    if high < low:
        raise DataError(f"{place}: `id` is `{text}`, which goes from more to less")
    return low, high


def _colour(place: str, cells: Cells) -> Colour | None:
    text = cells.get("colour", OUT)
    if text == OUT:
        return None
    parts = text.split()
    if len(parts) != 3:
        raise DataError(f"{place}: `colour` is `{text}`, but takes red, green and blue, as in `128 64 128`")
    red, green, blue = (_whole(place, "colour", part, 255) for part in parts)
    return red, green, blue


def _check_ids(name: str, rows: tuple[LabelRow, ...]) -> None:
    """A number stands for one label."""
    spans = sorted((row.ids, row.name) for row in rows if row.ids is not None)
    for (own, first), (other, second) in pairwise(spans):
        if other[0] <= own[1]:
            raise DataError(f"{name}: the id {other[0]} stands for `{first}` and for `{second}`")
