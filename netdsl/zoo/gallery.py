"""The pictures of `docs/zoo`, with what is known of each in `made.json`."""

from __future__ import annotations

from pathlib import Path

from netdsl.base.arrays import Array
from netdsl.base.files import replace_file, replace_text
from netdsl.reference.shown import FILE, LessonShown, read_shown, written
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.recipes import plan_of
from netdsl.zoo.kinds import show
from netdsl.zoo.lessons import Lesson
from netdsl.zoo.showing import Showing
from netdsl.zoo.training import School, digest

COLOURS = (128, 64, 32, 16)
LARGEST = 25_000
"""Bytes that a picture has at most, if fewer colours can do it."""


class Gallery:
    """A folder of pictures; what is not of a lesson in it is let alone."""

    def __init__(self, folder: Path, school: School) -> None:
        self.folder, self.school = folder, school
        self.shown = read_shown(folder)

    def picture(self, name: str) -> Path:
        return self.folder / f"{name}.png"

    def is_current(self, lesson: Lesson) -> bool:
        """Whether what is shown is of the net and the recipe as they are."""
        one = self.shown.get(lesson.name)
        return (
            one is not None
            and one.picture <= self.picture(lesson.name).exists()
            and one.digest == digest(lesson.load())
        )

    def show(self, lesson: Lesson) -> None:
        """Train, evaluate, draw, and keep it. Raises what `train` and `predict` raise."""
        trained, net = self.school.trained(lesson), lesson.load()
        found = evaluate(trained.model, device="cpu", engine=self.school.engine, weights=trained.weights)
        others, engine, count = frozenset(lesson.others()), self.school.engine, found["samples"]
        seen = show(Showing(lesson, trained.model, trained.weights, others, engine, count))
        if seen.picture is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_small(self.picture(lesson.name), seen.picture)
        plan = plan_of(net)
        self.shown[lesson.name] = LessonShown(
            file=lesson.path.stem, net=lesson.net, recipe=lesson.recipe, command=lesson.command, digest=digest(net),
            engine=engine, seed=plan.seed, epochs=plan.epochs, samples=count, loss=found["loss"],
            metrics=found["metrics"], picture=seen.picture is not None, lines=seen.lines,
        )  # fmt: skip
        self._keep()

    def forget(self, names: set[str]) -> None:
        """Take away what is of no lesson any more."""
        gone = self.shown.keys() - names
        for name in gone:
            self.picture(name).unlink(missing_ok=True)
            del self.shown[name]
        if gone:
            self._keep()

    def _keep(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_text(self.folder / FILE, written(self.shown))


def write_small(path: Path, picture: Array) -> None:
    """Bytes `[h, w, 3]` as a PNG with a palette, of as many colours as fit."""
    from PIL import Image

    image = Image.fromarray(picture)

    def write(new: Path) -> None:
        for colours in COLOURS:
            small = image.quantize(colours, dither=Image.Dither.NONE)
            small.save(new, format="PNG", optimize=True)
            if new.stat().st_size <= LARGEST:
                return

    replace_file(path, write)
