"""Several runs on several data sets: what each scores on each, side by side, as a domain discrepancy is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.errors import RunError
from netdsl.base.files import replace_text
from netdsl.recipe import Data
from netdsl.runtime.judging.keeping import kept_in
from netdsl.runtime.judging.table import aligned
from netdsl.runtime.pictures.figures import figure_of, name_on, write_figure
from netdsl.runtime.runs.evaluations import FORMAT, SOFTWARE
from netdsl.runtime.runs.recipes import written
from netdsl.text.diagnostics import NetError

OWN = "own data"
"""What the data of a run's own recipe is called."""
LOSS = "loss"
LETTERS = 32
"""Letters of a name that has a column."""

Told = Mapping[str, Any]
"""What an evaluation gives."""
Scorer = Callable[[Path, Data | None], Told]
"""A run and other data than its own to what is found."""


@dataclass
class Across:
    """What runs score on data sets: `found` by run and data, None where that could not be told."""

    split: str
    runs: tuple[str, ...]
    data: tuple[str, ...]
    found: list[list[Told | None]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def measures(self) -> tuple[str, ...]:
        """The metrics that all have; the loss where there is none."""
        told = [cell for row in self.found for cell in row if cell is not None]
        names = [list(cell["metrics"]) for cell in told]
        shared = tuple(n for n in names[0] if all(n in other for other in names)) if names else ()
        return shared or ((LOSS,) if told else ())

    def scores(self, measure: str) -> list[list[float | None]]:
        """One measure by run and data."""
        return [[None if cell is None else _of(cell, measure) for cell in row] for row in self.found]

    @property
    def notes(self) -> Iterator[str]:
        """What is doubtful of single scores."""
        for run, row in zip(self.runs, self.found, strict=True):
            for data, cell in zip(self.data, row, strict=True):
                yield from (f"{run} on {data}: {note}" for note in (cell or {}).get("notes", ()))


def _of(cell: Told, measure: str) -> float:
    return float(cell[LOSS] if measure == LOSS else cell["metrics"][measure])


def across(runs: Sequence[Path], data: Sequence[Data], split: str, judge: Scorer) -> Across:
    """Every run on every data set, or on its own where there is none; what goes wrong with one stops no other."""
    asked: list[Data | None] = [*data] or [None]
    made = Across(split, tuple(map(str, runs)), names_of(data) or (OWN,))
    for run in runs:
        made.found.append([])
        for which, name in zip(asked, made.data, strict=True):
            try:
                made.found[-1].append(judge(run, which))
            except (RunError, NetError) as error:
                made.failures.append(f"{run} on {name}: {error}")
                made.found[-1].append(None)
    return made


def names_of(data: Sequence[Data]) -> tuple[str, ...]:
    """What data sets are called: their words, with what tells them apart. `RunError` where two are the same."""
    full = [written(each) for each in data]
    twice = next((name for name in full if full.count(name) > 1), None)
    if twice is not None:
        raise RunError(f"the data {twice} are asked for twice")
    return tuple(written(each, _telling([other for other in data if other.name == each.name])) for each in data)


def _telling(data: Sequence[Data]) -> set[str]:
    """The settings that tell data sets of one kind apart."""
    given = [each.given() for each in data]
    return {name for own in given for name in own if any(other.get(name) != own[name] for other in given)}


def across_lines(made: Across) -> list[str]:
    """A table for each measure: runs are rows, data sets columns."""
    lines = [f"{made.split} split: what each run (a row) scores on which data (a column)"]
    heads = [name if len(name) <= LETTERS else f"data {n}" for n, name in enumerate(made.data, 1)]
    lines += [f"{head}: {name}" for head, name in zip(heads, made.data, strict=True) if head != name]
    for measure in made.measures:
        head = (measure, *heads)
        rows = [
            (run, *("–" if score is None else f"{score:.4f}" for score in row))
            for run, row in zip(made.runs, made.scores(measure), strict=True)
        ]
        lines += ["", *aligned([head, *rows])]
    return lines


def across_json(made: Across) -> dict[str, Any]:
    """The same for programs: scores by measure, `[run, data]`."""
    notes = list(made.notes)
    return {
        "split": made.split,
        "runs": list(made.runs),
        "data": list(made.data),
        "samples": [[None if cell is None else cell["samples"] for cell in row] for row in made.found],
        "scores": {name: made.scores(name) for name in dict.fromkeys((*made.measures, LOSS))},
        **({"notes": notes} if notes else {}),
        **({"failures": made.failures} if made.failures else {}),
    }


def keep_across(folder: Path, made: Across, pictures: bool = True) -> list[Path]:
    """The files that were written: `across-SPLIT.json`, and a picture. `RunError` as `keep` raises it."""
    places = [folder / f"across-{made.split}.{ending}" for ending in ("json", "png")]
    with kept_in(folder, places):
        replace_text(places[0], json.dumps({"format": FORMAT, **across_json(made)}, indent=1) + "\n")
        if pictures and made.measures:
            draw_across(places[1], made)
            return places
        places[1].unlink(missing_ok=True)
        return places[:1]


def draw_across(path: Path, made: Across) -> None:
    """The first measure, a square a score: dark is high."""
    measure = made.measures[0]
    scores = np.array([[np.nan if s is None else s for s in row] for row in made.scores(measure)])
    rows, columns = scores.shape
    figure = figure_of(min(16.0, 3.5 + 1.1 * columns), min(16.0, 2.2 + 0.6 * rows))
    axes = figure.subplots()
    shares = measure != LOSS and bool(np.nanmin(scores) >= 0 and np.nanmax(scores) <= 1)
    low, high = (0.0, 1.0) if shares else (float(np.nanmin(scores)), float(np.nanmax(scores)))
    axes.imshow(scores, cmap="Blues", vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        dark = score - low > 0.5 * (high - low)
        text = "–" if np.isnan(score) else f"{score:.3f}"
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=9)
    axes.set_xticks(range(columns), [name_on(name, LETTERS) for name in made.data], fontsize=8)
    axes.set_yticks(range(rows), [name_on(name, LETTERS) for name in made.runs], fontsize=8)
    axes.set(xlabel="looked at", ylabel="run", title=name_on(f"{made.split} split: {measure}", 64))
    write_figure(path, figure, {"Software": SOFTWARE})
