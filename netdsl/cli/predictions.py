"""What `netdsl predict` prints and keeps of samples: one with bars, many with a line each, JSON or CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.base.errors import RunError
from netdsl.base.terminal import plain_lines, printable
from netdsl.cli.evaluate import parse_data
from netdsl.cli.predict import FILES, SEEDS, keep, keep_first, note, show
from netdsl.cli.streams import print_json, say

if TYPE_CHECKING:
    from netdsl.runtime.predict import Asked
    from netdsl.runtime.predicting.answers import Prediction
    from netdsl.runtime.predicting.fitting import Fitting
    from netdsl.runtime.predicting.samples import AskedSample
    from netdsl.runtime.predicting.saying import Saying
    from netdsl.runtime.predicting.writing import Folder

LONGEST = 48
"""Letters of a sample's name on its line."""


class Answering:
    """Samples on their way through a net: what is printed of each, what is kept, and how many could not be read."""

    def __init__(self, given: Namespace, predictor: Asked, named: list[tuple[AskedSample, str]], folder: Folder | None):
        from netdsl.runtime.predict import named as called

        self.given, self.predictor, self.folder = given, predictor, folder
        self.items = [item for item, _ in named]
        self.names = [called(item, given.split) for item in self.items]
        self.width = min(LONGEST, max(map(len, self.names)))
        self.rows: list[dict[str, object]] = []
        self.failures: list[str] = []
        self.noted: set[str] = set()
        self.many = len(named) > 1
        self.table: Any = None

    def failed(self, name: str, error: RunError) -> None:
        """A sample that cannot be read: it is named, and the rest goes on."""
        if not self.many:
            raise error
        self.failures.append(name)
        said = str(error)
        self.rows.append({"sample": name, "error": said})
        say(f"error: {said if name in said else f'{name}: {said}'}", sys.stderr)
        if self.given.format == "csv":
            self._csv({"sample": name, "error": said})

    def found(self, found: Prediction) -> None:
        from netdsl.runtime.predicting.said import csv_row, json_row

        row = json_row(found)
        if self.folder is not None:
            row["files"] = self.folder.add(len(self.rows), found)
        self.rows.append(row)
        note(tuple(n for n in found.notes if n not in self.noted))
        self.noted.update(found.notes)
        if self.given.format == "csv":
            self._csv(csv_row(found))
        elif self.given.format == "text":
            self._line(found) if self.many else draw_bars(found)

    def _line(self, found: Prediction) -> None:
        from netdsl.runtime.predicting.said import line_of

        name = printable(found.name)
        if len(name) > LONGEST:
            name = f"…{name[1 - LONGEST :]}"
        print(f"{name:<{self.width}}  {printable(line_of(found))}", flush=True)

    def _csv(self, row: dict[str, Any]) -> None:
        from netdsl.runtime.predicting.said import csv_columns

        if self.table is None:
            size = self.predictor.model.first.shape
            classes = size[0] if size and isinstance(size[0], int) else 0
            first = self.predictor.model.first.type
            columns = csv_columns(
                self.predictor.meaning, classes, self.predictor.names, self.given.top, first, self.predictor.speaks
            )
            self.table = csv.DictWriter(sys.stdout, columns, restval="", extrasaction="ignore", lineterminator="\n")
            self.table.writeheader()
        self.table.writerow({key: printable(v) if isinstance(v, str) else v for key, v in row.items()})

    def end(self) -> int:
        """What is said in the end; the exit code."""
        if self.given.format == "json":
            print_json(json.dumps({"model": str(self.given.model), "predictions": self.rows}, indent=1))
        if self.failures:
            say(f"{len(self.failures)} of {len(self.items)} samples could not be read", sys.stderr)
        return 1 if self.failures else 0


def draw_bars(found: Prediction) -> None:
    """What is said of one sample."""
    from netdsl.runtime.predicting.said import bars

    if found.truth is not None:
        print(f"truth: {printable(found.truth)}")
    if found.text is not None:
        print(plain_lines(found.text))
        return
    told = bars(found)
    for name, share in told:
        print(f"{printable(name):>12}  {share:6.1%}  {'█' * round(30 * share)}")
    if not told:
        show(found.outputs)


def follow(given: Namespace) -> int:
    """One answer a sample, as soon as it is there; states go from each to the next."""
    from netdsl.runtime.predict import stream
    from netdsl.runtime.predicting.streaming import in_order, together

    steps = stream(given.target, data=parse_data(given.data), weights=given.source, **_options(given))
    answers, told = [], set[str]()
    for sample in in_order(given.samples):
        found = steps.step(sample)
        note(tuple(each for each in found.notes if each not in told))
        told.update(found.notes)
        print(f"{printable(sample)}:")
        draw_bars(found)
        answers.append(found.outputs if given.output is not None else {})
    if given.output is not None:
        keep(given.output, together(answers))
        say(f"kept in {given.output}")
    return 0


def answer(given: Namespace) -> int:
    """Carry the command out for the samples that are named; the exit code is 1 where some cannot be read."""
    from netdsl.runtime.predict import BATCH, Asked
    from netdsl.runtime.predicting.listing import listed
    from netdsl.runtime.predicting.texts import GivenText
    from netdsl.runtime.runs.learned import run_source

    fitting, batch, masks = _fitting(given), given.batch or BATCH, _masks(given.write)
    data, options = parse_data(given.data), _options(given)
    saying = _saying(given, options)
    run = run_source(given.target, given.source)
    predictor = Asked.of(run, data, **options, fitting=fitting, batch=batch, masks=masks, saying=saying)
    asked, own = [*given.samples, *map(GivenText, given.text)], predictor.samples.endings
    named = list(listed(asked, predictor.available, own, predictor.rows))
    if given.output is not None and given.output.suffix in FILES and not given.output.is_dir():
        return _into_a_file(given, predictor, named)
    folder = None if given.output is None else _folder(given, predictor, named)
    answers = Answering(given, predictor, named, folder)
    try:
        with _progress(answers) as advance:
            for found in predictor.answers(answers.items, answers.failed):
                answers.found(found)
                advance(len(answers.rows))
    finally:
        if folder is not None and answers.rows:
            folder.close(answers.rows)
    if folder is not None and given.format == "text":
        say(f"kept in {given.output}: {', '.join(folder.kept())}")
    return answers.end()


def _options(given: Namespace) -> dict[str, Any]:
    """What is said of a model and its answers, whether samples follow one another or not."""
    options = {"split": given.split, "top": given.top, "device": given.device, "engine": given.engine}
    return {**options, "net": given.net, "seed": given.seed or 0}


def _saying(given: Namespace, options: dict[str, Any]) -> Saying:
    """How a text is said; a seed that is drawn is told, and put among the options."""
    from netdsl.runtime.predicting.saying import Saying

    if given.temperature and given.seed is None:
        import secrets

        options["seed"] = secrets.randbelow(SEEDS)
        note((f"drawn from --seed {options['seed']}",))
    return Saying(given.temperature or 0.0, given.length)


def _masks(write: list[str]) -> bool | None:
    """How the output is to be taken, as far as what is to be written says so."""
    if {"masks", "overlays", "probabilities"} & set(write):
        return True
    return False if "pictures" in write else None


def _fitting(given: Namespace) -> Fitting:
    from netdsl.runtime.predicting.fitting import Fitting

    overlap = given.overlap if given.overlap is not None else (given.tile or 0) // 8
    return Fitting(given.own_size, given.tile, overlap, given.size)


def _folder(given: Namespace, predictor: Asked, named: list[tuple[AskedSample, str]]) -> Folder:
    from netdsl.base.files import WriteError
    from netdsl.runtime.predict import named as called
    from netdsl.runtime.predicting.writing import Folder, chosen, stems

    own = next((root for _, root in named if root and given.output.exists() and given.output.samefile(root)), None)
    if own is not None:
        raise WriteError(f"{given.output} is the folder that the samples are read from: name another one")
    files = [
        (item if isinstance(item, str) else called(item, given.split).replace(" ", "-"), root) for item, root in named
    ]
    kinds = chosen(predictor.meaning, given.write)
    return Folder(given.output, kinds, stems(files), predictor.scale(), given.overwrite)


def _into_a_file(given: Namespace, predictor: Asked, named: list[tuple[AskedSample, str]]) -> int:
    """One file of one sample, or a sheet of many."""
    from netdsl.base.files import keep_apart
    from netdsl.runtime.pictures.sheet import write_sheet
    from netdsl.runtime.predicting.writing import SheetCells, chosen, write_one

    path: Path = given.output
    keep_apart(path, [Path(item) for item, _ in named if isinstance(item, str)], path.suffix)
    if path.suffix == ".png":
        _spare(path, given.overwrite)
        kinds = chosen(predictor.meaning, given.write)
    elif len(named) > 1:
        raise RunError(f"{path} holds one sample, of which {len(named)} are named: say -o FOLDER --write arrays")
    answers = Answering(given, predictor, named, None)
    cells = SheetCells()
    with _progress(answers) as advance:
        for found in predictor.answers(answers.items, answers.failed):
            answers.found(found)
            advance(len(answers.rows))
            if path.suffix == ".npz":
                keep(path, found.outputs)
            elif path.suffix == ".npy":
                keep_first(path, found.first)
            elif len(named) > 1:
                cells.add(found, predictor.scale())
            else:
                one = next((k for k in kinds if k in ("overlays", "pictures")), "sheet")
                write_one(path, found, given.write[0] if given.write else one, predictor.scale())
    sheet = cells.sheet() if len(named) > 1 else None
    if sheet is not None:
        write_sheet(path, sheet)
    if given.format == "text" and (sheet is not None or (len(named) == 1 and answers.rows)):
        say(f"kept in {path}")
    return answers.end()


def _spare(path: Path, overwrite: bool) -> None:
    """Refuse to replace a picture that is not ours."""
    from netdsl.base.files import WriteError
    from netdsl.runtime.pictures.sheet import is_ours

    if not overwrite and path.exists() and not is_ours(path):
        raise WriteError(f"{path} is there, and no picture of ours: --overwrite replaces it")


@contextmanager
def _progress(answers: Answering) -> Iterator[Any]:
    """A live line on stderr while many samples are computed, where a person sees it."""
    if not answers.many or not sys.stderr.isatty() or (sys.stdout.isatty() and answers.given.format == "text"):
        yield lambda done: None
        return
    from netdsl.runtime.training.progress import counted

    with counted(len(answers.items)) as advance:
        yield advance
