"""What an evaluation found, kept in a folder: a JSON file, and pictures. Nothing of others is written over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from netdsl.base.errors import RunError
from netdsl.base.files import replace_text
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.runs.evaluations import FORMAT, PICTURES, is_ours, kept_at

Draw = Callable[[Path, Judgement], bool]
"""Draws a picture of a judgement, if there is anything to draw."""


def keep(folder: Path, made: Judgement, net: str = "", pictures: bool = True) -> list[Path]:
    """The files that were written. `RunError` where something else has the place of one, or nothing can be written."""
    split = made.found["split"]
    places = [kept_at(folder, split, net), *(kept_at(folder, split, net, name) for name in PICTURES)]
    with kept_in(folder, places):
        replace_text(places[0], document({"format": FORMAT, **made.found}, 1) + "\n")
        return [places[0], *_drawn(places[1:], made, pictures)]


@contextmanager
def kept_in(folder: Path, places: Sequence[Path]) -> Iterator[None]:
    """While files are written to places in a folder, none of which something else may have. `RunError` as `keep`."""
    other = next((p for p in places if (p.exists() or p.is_symlink()) and not is_ours(p)), None)
    if other is not None:
        raise RunError(f"{other} is there, and not of an evaluation: take it away, or say by -o where to keep this")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror or error}") from None


def document(found: Mapping[str, object], indent: int) -> str:
    """JSON in which a row of numbers is a line."""
    return NUMBERS.sub(lambda row: " ".join(row[0].split()), json.dumps(found, indent=indent))


NUMBERS = re.compile(r"\[\s+-?\d+(?:,\s+-?\d+)*\s+\]")


def _drawn(places: list[Path], made: Judgement, pictures: bool) -> list[Path]:
    """The pictures; what an earlier evaluation drew and this one does not is taken away."""
    from netdsl.runtime.judging.charts import draw_classes, draw_confusion
    from netdsl.runtime.judging.samples import draw_worst

    draws: list[Draw] = [draw_confusion, draw_classes, draw_worst]
    found = [place for place, draw in zip(places, draws, strict=True) if pictures and draw(place, made)]
    for place in places:
        if place not in found:
            place.unlink(missing_ok=True)
    return found
