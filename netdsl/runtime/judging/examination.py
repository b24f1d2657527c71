"""A net that is scored on a split: what is read and watched for it, and what is told of it, whatever computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.graph import Net
from netdsl.recipe import Data
from netdsl.runtime.data.fit import check_fit
from netdsl.runtime.data.sets import cut, load_data
from netdsl.runtime.judging.judged import Judgement, Recomputed, judgement
from netdsl.runtime.judging.views import Viewer, Views
from netdsl.runtime.judging.watching import watch_of
from netdsl.runtime.runs.recipes import departures, known_of, plan_of
from netdsl.runtime.scoring.terms import evaluation
from netdsl.runtime.scoring.totals import RunningTotals

Again = Callable[[list[Array]], Iterable[Sequence[Array]]]
"""By batches of their places in the split: samples computed again, each batch as `Recomputed` has it."""


class Examination:
    """One net on one split. `data` is asked for in the place of the recipe's, and read as the `facts` of weights say.

    `notes` are what is known of the weights, and `origin` the files of those that are of no run; `worst` is how many
    samples of the highest loss are shown.
    """

    def __init__(
        self, net: Net, split: str, data: Data | None, facts: Mapping[str, Any],
        worst: int = 0, views: Views | None = None, notes: Sequence[str] = (), origin: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.net, self.split, self.worst, self.origin = net, split, worst, origin or {}
        self.plan = plan_of(net, data)
        self.dataset = load_data(self.plan.data, net, net.defaults, facts=facts)
        check_fit(net, self.plan, self.dataset)
        self.samples = self.dataset.split(split)
        self.watch = watch_of(net, self.plan, worst > 0)
        self.viewer = Viewer(net, self.plan, views, self.dataset.sizes) if views is not None else None
        seen = [str(views)] if views is not None else []
        other = [] if data is None else renamed(self.plan.data.name, self.dataset.classes, facts.get("classes"))
        self.notes = [*notes, *departures(data, known_of(net)), *other, *self.dataset.doubts, *seen]

    @property
    def batches(self) -> list[Array]:
        """The places of all samples, batch by batch."""
        return cut(np.arange(len(self.samples)), self.plan.batch)

    @property
    def shown(self) -> str:
        """The field that samples are shown by."""
        return self.plan.data.input_name({v.name: v.type for v in self.net.fed})

    def judgement(self, result: Mapping[str, Any], totals: RunningTotals, again: Again) -> Judgement:
        """What is told: `result` are losses and metrics, and `totals` hold what was watched."""
        found = evaluation(self.split, len(self.samples), result, self.notes, self.plan.parts)
        found |= {"weights": dict(self.origin)} if self.origin else {}
        if self.watch is None:
            return Judgement(found)

        def answers(indices: Array) -> Recomputed:
            parts = again(cut(indices, self.plan.batch))
            image, scores, labels = (np.concatenate(given) for given in zip(*parts, strict=True))
            return image, scores, labels

        counts = totals.counted(self.watch.term.name)
        return judgement(found, self.watch, counts, self.dataset, self.plan.data, answers, self.worst)


def renamed(name: str, classes: Sequence[str], known: object) -> list[str]:
    """What is to be said of data whose classes are not called as those that weights, untrusted, were trained on."""
    trained = known if isinstance(known, list | tuple) else ()
    pairs = zip(classes, map(str, trained), strict=False)
    told = [(n, now, was) for n, (now, was) in enumerate(pairs) if now != was and not (now.isdigit() or was.isdigit())]
    if not told:
        return []
    number, now, was = told[0]
    more = f", and {len(told) - 1} more" if len(told) > 1 else ""
    return [f"class {number} of {name} is `{now}`, but the net was trained with `{was}` as that{more}"]
