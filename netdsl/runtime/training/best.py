"""Which epoch of a run is the best, and what follows from how the epochs were: when it ends early, and its rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from netdsl.recipe import Schedule
from netdsl.runtime.runs.recipes import Plan
from netdsl.runtime.scoring.terms import Terms
from netdsl.runtime.training.progress import EpochRow


class Judge:
    """What makes one epoch better than another: the first metric on validation, then a smaller validation loss.

    Without validation it is told by training. All that follows is worked out of the history, which a checkpoint has.
    """

    def __init__(self, plan: Plan, terms: Terms) -> None:
        self.plan = plan
        self.first: Any = next((m for m in terms.metrics if m.name not in terms.training_only), None)
        """The metric that says which epoch is the best, if there is any on validation."""

    def merit(self, row: EpochRow) -> tuple[float, float]:
        """The more the better."""
        found = row["validation"] or row["train"]
        if self.first is None:  # losses of parts work against one another: the last epoch is as good as any
            return 0.0, float(row["epoch"]) if self.plan.parts else -found["loss"]
        return (1 if self.first.higher_is_better else -1) * self._measure(row), -found["loss"]

    def is_best(self, row: EpochRow, history: Sequence[EpochRow]) -> bool:
        """Whether an epoch is better than all before; one whose measure is no number never is."""
        own, earlier = self.merit(row), map(self.merit, history)
        return all(map(math.isfinite, own)) and all(own > e for e in earlier if all(map(math.isfinite, e)))

    def worn_out(self, history: Sequence[EpochRow]) -> str | None:
        """Why a run ends before its time: none of the last epochs was better than one before them."""
        patience = self.plan.patience
        best = max((row["epoch"] for row in history if row["best"]), default=0)
        if patience is None or len(history) - best < patience:
            return None
        many = f"{patience} epochs" if patience > 1 else "an epoch"
        return f"stopped behind epoch {len(history)}: none was better for {many}" + (f" than epoch {best}" * bool(best))

    def lowered(self, schedule: Schedule, history: Sequence[EpochRow]) -> float:
        """What a schedule that follows the epochs multiplies the rate by, from the next epoch on."""
        if not schedule.follows:
            return 1.0
        return schedule.lowered(map(self._measure, history), self.first is not None and self.first.higher_is_better)

    def _measure(self, row: EpochRow) -> float:
        """The first metric, or the loss."""
        found = row["validation"] or row["train"]
        value = found["loss"] if self.first is None else found["metrics"].get(self.first.name, math.nan)
        return float(value)
