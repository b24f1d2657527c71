"""`netdsl data SPEC`: what a data set holds.

Count a data set as its files have it: samples and sizes, fields with their types, and the samples or pixels of each
class and split. SPEC are the words of a recipe, 'masks("images", "labels", classes=21)' or digits, or a `.net` file
whose recipe has the data. -o bars.png draws the classes as bars on a logarithmic axis; with --samples 16 it is a sheet
of pictures with their masks.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.base.errors import RunError
from netdsl.base.terminal import printable
from netdsl.cli.options import SPLITS, add_choice, add_recipe, count
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import print_json, say
from netdsl.text.diagnostics import NetError

if TYPE_CHECKING:
    from netdsl.runtime.survey.count import Surveyed
    from netdsl.runtime.survey.found import FoundFile, Survey

BAR = 24
"""Letters of the longest bar."""
CLASSES = 200
"""Classes that are told; of more the most frequent."""
NAME = 28
"""Letters of a class's name that are shown."""

READ = {"table": (".csv", ".tsv", ".parquet"), "arrays": (".npz",)}
"""The words of a recipe that read files of such endings."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="words of a recipe, such as digits, or a `.net` file")
    add_choice(parser)
    add_recipe(parser)
    parser.add_argument(
        "--samples", metavar="N", type=count, help="show so many samples of a split: texts, or pictures on -o sheet.png"
    )
    parser.add_argument("--split", choices=SPLITS, help=f"whose --samples (default: {SPLITS[0]})")
    parser.add_argument(
        "-o", "--output", type=Path, help=f"draw the bars, or with --samples the sheet, to this .png file{MADE}"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(given: Namespace) -> None:
    if given.output is not None and given.output.suffix != ".png":
        given.parser.error("--output: what is drawn is kept in a .png file")
    if given.split is not None and given.samples is None:
        given.parser.error("--split says whose --samples are shown: say how many; all splits are counted")
    given.split = given.split or SPLITS[0]
    data = _data(given)
    if given.samples is not None and given.output is None:
        from netdsl.runtime.survey.texts import sample_texts

        lines = sample_texts(data, given.samples, given.split)
        if lines is not None:
            say("\n".join(map(printable, lines)))
            return
        given.parser.error("--samples are drawn: say where to, as in -o sheet.png")
    if given.samples is not None:
        from netdsl.runtime.survey.samples import write_samples

        drawn = write_samples(given.output, data, given.samples, given.split)
        say(f"{drawn} sample{'s' * (drawn != 1)} of the {given.split} split → {given.output}")
        return
    found = _survey(data, given.format)
    if given.format == "json":
        print_json(json.dumps(found.json(), indent=2, ensure_ascii=False))
    else:
        say("\n".join(_text(found)))
    for note in found.notes:
        say(f"note: {note}", sys.stderr)
    if given.output is not None:
        from netdsl.runtime.survey.bars import draw_bars

        draw_bars(given.output, found)


def _data(given: Namespace) -> Surveyed:
    """The words, or the net whose recipe has the data."""
    if not (
        given.spec.endswith(".net") or given.spec == "-" or (os.path.exists(given.spec) and not _is_declared(given))
    ):
        if given.net or given.recipe or given.settings:
            given.parser.error("--net, --recipe and --set choose in a `.net` file")
        return str(given.spec)
    from netdsl.cli.opening import open_net
    from netdsl.cli.specs import a_folder, specs_in

    given.file = Path(given.spec)
    word = next((word for word, endings in READ.items() if given.file.suffix.lower() in endings), None)
    if word is not None and given.file.is_file():
        raise RunError(
            f"{given.file} is no text of a net: to count what it holds, say netdsl data '{word}(\"{given.file}\")'"
        )
    if given.file.is_dir() and not specs_in(given.file):
        raise NetError([a_folder(given.file, _way_to_pictures(given.file))])
    return open_net(given, trained=True).say()


def _way_to_pictures(path: Path) -> str:
    """The way out for a folder that holds no text: pictures, as a rule."""
    held = "pictures in a folder a class" if any(p.is_dir() for p in path.iterdir()) else "pictures"
    return f"name one `.net` file, or the kind of the data: 'imagefolder(\"{path}\")' for {held}"


def _is_declared(given: Namespace) -> bool:
    """Whether the words are those of a recipe, although a file is called so too."""
    from netdsl.program import read_data

    try:
        return read_data(given.spec) is not None
    except NetError:
        return False


def _survey(data: Surveyed, format: str) -> Survey:
    """The survey; of a set whose files are missing, which ones it has."""
    from netdsl.base.errors import DataError
    from netdsl.runtime.survey.count import files_of, own_data, survey

    try:
        return survey(data)
    except DataError:
        own = own_data(data)
        files = files_of(own)
        if files and format == "text":
            say("\n".join(_files(files, own.source)))
        raise


# ---------------------------------------------------------------- as text


def _text(found: Survey) -> Iterator[str]:
    yield printable(found.data)
    yield "fields    " + ", ".join(f"{name} {type}" for name, type in found.fields.items())
    if found.sizes is not None:
        shown = ("{}×{}".format(*size) for size in (found.sizes.smallest, found.sizes.median, found.sizes.largest))
        small, median, large = shown
        same = small == large
        sizes = f"all {small}" if same else f"{small} the smallest, {median} the median, {large} the largest"
        yield f"pictures  {sizes} (height×width)"
    if found.files:
        yield ""
        yield from _files(found.files, "")
    yield ""
    yield from _aligned(_split_rows(found))
    if found.unit:
        yield ""
        yield from _aligned(_class_rows(found))
        left = len(found.classes) - CLASSES
        if left > 0:
            yield f"… and {left:,} more, which are rarer"


def _split_rows(found: Survey) -> list[list[str]]:
    head = ["split", "samples"]
    spared = any(own.spared for own in found.splits.values())
    if found.unit and found.unit != "samples":
        head += [found.unit, *["not counted"] * spared]
    rows = [head]
    for name, own in found.splits.items():
        labels = [f"{sum(own.counts):,}", *[f"{own.spared:,}"] * spared] if len(head) > 2 else []
        rows.append([name, f"{own.samples:,}", *labels])
    return rows


def _class_rows(found: Survey) -> list[list[str]]:
    """One row a class: its labels and their share in each split, and a bar for the first."""
    splits = [(name, own) for name, own in found.splits.items() if own.samples]
    head = [found.unit, *(cell for name, _ in splits for cell in (name, "")), ""]
    grouped = any(found.groups)
    rows = [["", *head] if grouped else head]
    longest = max(splits[0][1].counts, default=0) or 1 if splits else 1
    for number in _shown(found, [own.counts for _, own in splits]):
        name = found.classes[number]
        cells = [printable(name)[:NAME]]
        for _, own in splits:
            own_count, whole = own.counts[number], sum(own.counts) or 1
            cells += [f"{own_count:,}", f"{own_count / whole:.2%}"]
        cells.append(_bar(splits[0][1].counts[number] / longest) if splits else "")
        first = number == 0 or found.groups[number - 1 : number] != found.groups[number : number + 1]
        rows.append([printable(found.groups[number])[:NAME] if first else "", *cells] if grouped else cells)
    return rows


def _shown(found: Survey, counts: Sequence[Sequence[int]]) -> list[int]:
    """The classes that are told, by number: all, or of very many those that are most frequent in the first split."""
    every = list(range(len(found.classes)))
    if len(every) <= CLASSES or not counts:
        return every
    return sorted(every, key=lambda n: (-counts[0][n], n))[:CLASSES]


def _bar(share: float) -> str:
    """A bar, with a letter for anything above 0."""
    return "█" * max(round(BAR * share), share > 0)


def _files(files: list[FoundFile], source: str) -> Iterator[str]:
    packed = any(file.packed for file in files)
    rows = [["file", "bytes", *["packed (.gz)", "MD5 of it"] * packed, ""]]
    for file in files:
        more = [f"{file.packed:,}", file.md5] if packed else []
        rows.append([file.name, f"{file.bytes:,}", *more, file.state])
    yield from _aligned(rows)
    if source:
        yield source


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    """Numbers to the right, words to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numbers = [all(row[c][:1].isdigit() for row in rows[1:]) for c in range(len(widths))]
    for row in rows:
        cells = (t.rjust(w) if n else t.ljust(w) for t, w, n in zip(row, widths, numbers, strict=True))
        yield "  ".join(cells).rstrip()
