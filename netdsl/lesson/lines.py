"""The line fit that courses begin with, in their letters: `J = 1/N Σ (m·x + b − y)²`."""

from __future__ import annotations

from collections.abc import Mapping

from netdsl.graph import Part
from netdsl.lesson.algebra import Formula, Letter, Numeral, SizeOf, SumOver, times
from netdsl.lesson.updates import of_weight
from netdsl.lesson.watching import Watching
from netdsl.lesson.writing import number_text, written
from netdsl.ops.linear import Linear
from netdsl.ops.loss import Mse

M, X, B, Y = (Letter(name, single=True) for name in "mxby")
N = SizeOf(True)
MISS = times(M, X) + B - Y
LINE: Mapping[str, Formula] = {
    "J": SumOver(MISS**2, (0,), "") / N,
    "∂J/∂m": times(Numeral(2), SumOver(times(X, MISS), (0,), "")) / N,
    "∂J/∂b": times(Numeral(2), SumOver(MISS, (0,), "")) / N,
}
"""Over a batch of numbers x with the y that belong to them."""


def line_fit(worker: Watching, part: Part | None) -> tuple[str, ...]:
    """The slides' formulas where a net is one straight line with its mean squared error; else nothing."""
    learned = [moment.entry.op for moment in worker.moments if not worker.is_loss(moment.entry)]
    losses = [moment.entry.op for moment in worker.moments if worker.is_loss(moment.entry)]
    if part is None or len(learned) != 1 or len(losses) != 1:
        return ()
    (line,), (loss,) = learned, losses
    if not isinstance(line, Linear) or not isinstance(loss, Mse) or not line.bias or line.x.shape != (1,):
        return ()
    if line.features != 1 or loss.x is not worker.moments[-1].entry.results[0]:
        return ()
    path = worker.moments[-1].path("")
    letters = f"m is `{path}.weight`, b is `{path}.bias`, x is `{line.x.name}`; here alone y is `{loss.label.name}`"
    moved = [of_weight(name, part.optimizer) for name in "mb"]
    rate = f"α = {number_text(part.optimizer.lr)}"
    return (letters, *(f"{name} = {written(formula)}" for name, formula in LINE.items()), *moved, rate)
