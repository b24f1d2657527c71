"""The line fit that courses begin with, in their letters: `J = 1/N Σ (m·x + b − y)²`."""

from __future__ import annotations

from collections.abc import Mapping

from netdsl.base.record import record
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


@record
class LineFit:
    """A net that is one straight line: what the letters of a course stand for in it."""

    letters: Mapping[str, str]
    """By letter the name of a weight, of the input, or of the label."""
    part: Part

    def lines(self) -> tuple[str, ...]:
        """The slides' formulas, with what moves the weights."""
        own = self.letters
        stand = f"m is `{own['m']}`, b is `{own['b']}`, x is `{own['x']}`; here alone y is `{own['y']}`"
        moved = [of_weight(name, self.part.optimizer) for name in "mb"]
        rate = f"α = {number_text(self.part.optimizer.lr)}"
        return (stand, *(f"{name} = {written(formula)}" for name, formula in LINE.items()), *moved, rate)


def line_fit(worker: Watching, part: Part | None) -> LineFit | None:
    """The letters of a course where a net is one straight line with its mean squared error; else None."""
    learned = [moment.entry.op for moment in worker.moments if not worker.is_loss(moment.entry)]
    losses = [moment.entry.op for moment in worker.moments if worker.is_loss(moment.entry)]
    if part is None or len(learned) != 1 or len(losses) != 1:
        return None
    (line,), (loss,) = learned, losses
    if not isinstance(line, Linear) or not isinstance(loss, Mse) or not line.bias or line.x.shape != (1,):
        return None
    if line.features != 1 or loss.x is not worker.moments[-1].entry.results[0]:
        return None
    path = worker.moments[-1].path("")
    letters = {"m": f"{path}.weight", "b": f"{path}.bias", "x": line.x.name, "y": loss.label.name}
    return LineFit(letters, part)
