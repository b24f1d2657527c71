"""Settings that may be left away, and the rows of a `train` section that hold a single value."""

from typing import Any

from netdsl.base.record import record
from netdsl.ops.declared import Field
from netdsl.ops.fields import ChoiceKind, FieldError, FloatKind, IntKind, Kind, Word
from netdsl.recipe.steering import AimsKind, RowsKind


@record
class OptionKind(Kind):
    """Something, or `none`."""

    item: Kind

    @property
    def says(self) -> str:  # type: ignore[override]
        return f"{self.item.says}, or `none`"

    def read(self, value: object) -> Any:
        if value is None or value == Word("none"):
            return None
        try:
            return self.item.read(value)
        except FieldError:
            raise self.refuse(value) from None


@record
class AboveKind(FloatKind):
    """A number above 0: a norm of at most 0 would leave nothing of a gradient."""

    says = "a number above 0"

    def read(self, value: object) -> float:
        found = FloatKind.read(self, value)
        if found <= 0:
            raise self.refuse(value)
        return found


@record
class ShareKind(FloatKind):
    """A share that something keeps, which may not be all of it."""

    says = "a number from 0 to below 1"

    def read(self, value: object) -> float:
        found = FloatKind.read(self, value)
        if not 0 <= found < 1:
            raise self.refuse(value)
        return found


SETTINGS: dict[str, Field] = {
    f.name: f
    for f in (
        Field("epochs", IntKind(1), 10),
        Field("batch", IntKind(1), 64),
        Field("seed", IntKind(0), 0),
        Field("clip", OptionKind(AboveKind()), None),
        Field("accumulate", IntKind(1), 1),
        Field("precision", ChoiceKind(("no", "fp16", "bf16")), "no"),
        Field("workers", IntKind(0), 2),
        Field("patience", OptionKind(IntKind(1)), None),
        Field("ema", OptionKind(ShareKind()), None),
        Field("freeze", AimsKind(True), ()),
        Field("rate", AimsKind(False), ()),
        Field("decay", AimsKind(False), ()),
        Field("checkpoint", RowsKind(), ()),
    )
}
"""Rows of a `train` section with a single value: `clip` is the largest norm of the whole gradient, `accumulate` the
number of batches one optimizer step adds up, `workers` the processes that decode images ahead, `patience` the epochs
without a better one after which a run ends, `ema` the share that the average of the weights keeps at a step. What
`freeze`, `rate` and `decay` say of single weights is in `netdsl/recipe/steering.py`; `checkpoint` names blocks that
keep nothing of what is inside them, and run again in the backward pass (`netdsl/graph/reruns.py`)."""

AIMS = ("freeze", "rate", "decay")
"""Rows that name weights."""


def default_settings() -> dict[str, Any]:
    """Every plain setting with its default."""
    return {name: declared.default for name, declared in SETTINGS.items()}
