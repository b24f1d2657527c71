"""A run that is shown: what its net says of samples that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netdsl.base.arrays import Array
from netdsl.graph import Net
from netdsl.runtime.predict import predictions
from netdsl.runtime.predicting.answers import Prediction
from netdsl.runtime.predicting.samples import AskedSample
from netdsl.runtime.predicting.saying import Saying
from netdsl.runtime.survey.found import spread
from netdsl.weights.given import WeightSource
from netdsl.zoo.lessons import Lesson


@dataclass(frozen=True)
class Showing:
    """A lesson with the run that it became."""

    lesson: Lesson
    model: Path | Net
    """A run, or a net with the weights beside it."""
    weights: WeightSource | None
    others: frozenset[str]
    """The nets of its file."""
    engine: str
    count: int
    """Samples of the test split."""

    def answers(
        self,
        samples: int | Sequence[AskedSample],
        *,
        net: str | None = None,
        batch: int = 16,
        saying: Saying | None = None,
    ) -> list[Prediction]:
        """What the net, or another one of its file, says of so many test samples, or of arrays or texts."""
        asked = spread(self.count, samples) if isinstance(samples, int) else samples
        told = predictions(
            self.model,
            asked,
            weights=self.weights,
            device="cpu",
            engine=self.engine,
            net=net,
            batch=batch,
            saying=saying,
            top=10,
        )
        return list(told)

    @property
    def run(self) -> Path:
        """The folder of the run, of a lesson that is one."""
        assert isinstance(self.model, Path)
        return self.model

    def beside(self, ending: str) -> str | None:
        """The net of the same file whose name ends so, as one that draws or speaks by the weights of another does."""
        name = self.lesson.net + ending
        return name if name in self.others else None


@dataclass(frozen=True)
class Exhibit:
    """A picture of bytes `[h, w, 3]`, lines of text, or both."""

    picture: Array | None = None
    lines: list[str] = field(default_factory=list)


def field_of(found: Prediction, name: str) -> Array:
    """A field of the sample that was asked about, without the batch axis."""
    assert found.sample is not None
    value: Array = found.sample.fields[name][0]
    return value
