"""A lesson carried out: its net trained in a folder for runs, or put together of nets that are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.graph.form import printed
from netdsl.recipe.weights import Weights
from netdsl.runtime.runs.folder import WEIGHTS, RunFolder
from netdsl.runtime.runs.recipes import describe, plan_of, recipe_json
from netdsl.runtime.train import train
from netdsl.weights.given import WeightSource
from netdsl.zoo.lessons import MEMBERS, PARENTS, Lesson


@dataclass(frozen=True)
class Trained:
    """What can be evaluated and asked: a run, or a net with the weights of several."""

    model: Path | Net
    weights: WeightSource | None = None


SAME_NUMBERS = ("checkpoint",)
"""Settings of a recipe that change what a run takes, and nothing of what it learns."""


def digest(net: Net) -> str:
    """Of a net, its recipe, losses and metrics, as far as a run depends on them; what is said of them is not in it."""
    plan = plan_of(net)
    data = net.recipe.data if net.recipe is not None else None
    recipe = {**recipe_json(plan), "data": None if data is None else describe(data)}
    recipe["settings"] = {word: value for word, value in recipe["settings"].items() if word not in SAME_NUMBERS}
    parts = [printed(net), json.dumps(recipe, sort_keys=True)]
    terms = [term for turn in plan.turns for term in turn.losses]
    parts += [printed(term.graph) for term in (*plan.losses, *terms, *plan.metrics)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


class School:
    """Trains lessons, each in a folder of its name, and goes on where that was broken off."""

    def __init__(self, folder: Path, lessons: dict[str, Lesson], engine: str, again: bool = False) -> None:
        self.folder, self.lessons, self.engine, self.again = folder, lessons, engine, again

    def trained(self, lesson: Lesson) -> Trained:
        """Raises `RunError` and `DataError` as `train` does."""
        if lesson.name in MEMBERS:
            name, labels = MEMBERS[lesson.name]
            runs = [self._run(self.lessons[name], seed) for seed in range(len(labels))]
            return Trained(lesson.load(), {label: run / WEIGHTS for label, run in zip(labels, runs, strict=True)})
        return Trained(self._run(lesson))

    def _of_parent(self, name: str) -> Weights:
        return Weights(str(self._run(self.lessons[name]) / WEIGHTS), partial=True)

    def _run(self, lesson: Lesson, seed: int = 0) -> Path:
        """The folder of a run that has ended."""
        folder = self.folder / (f"{lesson.name}-{seed}" if seed else lesson.name)
        net = lesson.load()
        weights = self._of_parent(PARENTS[lesson.name]) if lesson.name in PARENTS else None
        if RunFolder(folder).checkpoint.exists() and not self.again:
            try:
                train(net, folder, resume=True, device="cpu", engine=self.engine, seed=seed)
                return folder
            except RunError as error:
                print(f"{folder} is begun anew: {error}")
        over = folder.exists()
        train(net, folder, overwrite=over, device="cpu", engine=self.engine, weights=weights, seed=seed)
        return folder
