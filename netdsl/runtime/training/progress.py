"""What a person sees while a net trains: one live line, a line of a table an epoch, a warning when it overfits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from netdsl.base.terminal import plain_lines
from netdsl.graph import Graph, RecipeTerm
from netdsl.ops.arithmetic import Mul
from netdsl.ops.loss import (
    L1,
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    CrossEntropy,
    Huber,
    Mse,
    PairLoss,
    SmoothL1,
)
from netdsl.ops.value import Constant
from netdsl.runtime.scoring.terms import by_part, numbered

NEAR_GUESSING = 0.98
"""A loss above this share of what guessing scores has not learned anything."""

ENOUGH_STEPS = 100
"""A run of fewer steps has hardly begun."""

BARS = "▁▂▃▄▅▆▇█"
EpochRow = Mapping[str, Any]
Targets = Callable[[str], Any]


def no_targets(name: str) -> None:
    """Where no data are at hand."""
    del name


def sparkline(values: Sequence[float], low: float, high: float, width: int = 60) -> str:
    """One character a value, its height between `low` and `high`; the last `width` values."""
    span = (high - low) or 1.0
    return "".join(BARS[round((v - low) / span * (len(BARS) - 1))] for v in list(values)[-width:])


def comparable(row: EpochRow) -> tuple[float, float]:
    """Train and validation loss over the terms that both have (those of `aux` outputs are for training only)."""
    shared = row["validation"]["losses"]
    return sum(row["train"]["losses"][n] for n in shared), sum(shared.values())


def overfitting(history: Sequence[EpochRow], patience: int = 3) -> int | None:
    """The epoch since which validation loss has risen for `patience` epochs or more while training loss fell."""
    pairs = [comparable(row) for row in history if row["validation"] is not None]
    validation = [v for _, v in pairs]
    best = min(range(len(pairs)), key=lambda i: validation[i], default=0)
    later = pairs[best:]
    if len(later) <= patience or validation[best] < 0:
        return None
    rising = sum(v for _, v in later[-patience:]) / patience > 1.02 * validation[best]
    falling = later[-1][0] < later[0][0] and later[-1][0] < later[-1][1]
    return best + 1 if rising and falling else None


def overfitting_plot(history: Sequence[EpochRow], epoch: int, kept: str) -> str:
    """A warning in words, with both curves on one scale; `kept` says which epoch's weights are."""
    pairs = [comparable(row) for row in history if row["validation"] is not None]
    low, high = min(min(p) for p in pairs), max(max(p) for p in pairs)
    train, validation = zip(*pairs, strict=True)
    return (
        f"overfitting: validation loss was best at epoch {epoch} and has risen since, while training loss fell\n"
        f"  train      {sparkline(train, low, high)}  {train[-1]:.4f}\n"
        f"  validation {sparkline(validation, low, high)}  {validation[-1]:.4f}\n"
        f"  the weights kept are of {kept}; try dropout, weight_decay or more data"
    )


def guessing(
    history: Sequence[EpochRow], losses: Iterable[RecipeTerm], steps: int, targets: Targets = no_targets
) -> str | None:
    """What to say when a loss has never come below what guessing scores; `steps` are those of an epoch.

    `targets` gives values of a field of the training data, `[samples, …]`, or None for what is no field.
    """
    for term in numbered(losses) if len(history) * steps >= ENOUGH_STEPS else ():
        guess = guess_at(term, targets)
        least = min((row["train"]["losses"].get(term.name, 0.0) for row in history), default=0.0)
        if guess is not None and least > NEAR_GUESSING * guess[0] > 0:
            return (
                f"nothing was learned: the training loss {term.name} never came below {least:.3f}, and {guess[1]} "
                f"scores {guess[0]:.3f}\n"
                f"  look at what reaches the loss ({_takes(term)}), at the labels, and try another learning rate"
            )
    return None


def _takes(term: RecipeTerm) -> str:
    """What a loss is to be given."""
    op, _ = _weighed(term.graph)
    if isinstance(op, BinaryCrossEntropy):
        return "it takes probabilities"
    scores = isinstance(op, CrossEntropy | BinaryCrossEntropyWithLogits)
    return "it takes scores, not probabilities" if scores else "its scale is that of the targets"


def guess_at(term: RecipeTerm, targets: Targets) -> tuple[float, str] | None:
    """What a loss is without any look at the inputs, and how it is come by; None where that is not known."""
    op, share = _weighed(term.graph)
    if isinstance(op, CrossEntropy) and isinstance(op.classes, int) and op.classes > 1 and op.weight is None:
        return share * math.log(op.classes), f"guessing among {op.classes} classes"
    for kind, (what, score) in CONSTANT.items():
        for name in (op.label.name, op.x.name) if isinstance(op, kind) else ():
            values = targets(name)
            if values is not None and len(values) > 1:
                return share * float(score(op, values)), f"giving the {what} of `{name}` for every sample"
    return None


def _weighed(graph: Graph) -> tuple[Any, float]:
    """The loss that a term computes, and the number of the text that it is multiplied by: `0.4 * mse`."""
    made = {value: node.op for node in graph.nodes for value in node.results}
    op: Any = graph.nodes[-1].op if graph.nodes else None
    if not isinstance(op, Mul) or len(graph.nodes[-1].inputs) != 2:
        return op, 1.0
    left, right = (made.get(value) for value in graph.nodes[-1].inputs)
    loss, weight = (right, left) if isinstance(left, Constant) else (left, right)
    return (loss, float(weight.value)) if isinstance(weight, Constant) else (op, 1.0)


def _apart(values: Any) -> Any:
    import numpy as np

    return np.abs(values - np.median(values, axis=0)).mean()


def _uncertain(values: Any) -> Any:
    """The entropy of shares, in nats: what a cross-entropy is whose every answer is the mean."""
    import numpy as np

    share = np.clip(values.mean(axis=0, dtype=np.float64), 1e-12, 1 - 1e-12)
    return -(share * np.log(share) + (1 - share) * np.log(1 - share)).mean()


def _bent(values: Any, delta: float) -> Any:
    """The huber loss of the constant at which its slope is 0, which is looked for by halves."""
    import numpy as np

    low, high = values.min(axis=0).astype(np.float64), values.max(axis=0).astype(np.float64)
    for _ in range(HALVES):
        middle = (low + high) / 2
        above = np.clip(middle - values, -delta, delta).sum(axis=0) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    apart = np.abs(values - (low + high) / 2)
    return np.where(apart < delta, apart**2 / 2, delta * (apart - delta / 2)).mean()


HALVES = 24
"""Far closer than the numbers that are shown."""

CONSTANT: dict[type[PairLoss], tuple[str, Callable[[Any, Any], Any]]] = {
    Mse: ("mean", lambda _, values: values.var(axis=0, ddof=1).mean()),
    L1: ("median", lambda _, values: _apart(values)),
    Huber: ("best constant", lambda op, values: _bent(values, op.delta)),
    SmoothL1: ("best constant", lambda op, values: _bent(values, op.beta) / op.beta if op.beta else _apart(values)),
    BinaryCrossEntropy: ("mean", lambda _, values: _uncertain(values)),
    BinaryCrossEntropyWithLogits: ("mean", lambda _, values: _uncertain(values)),
}
"""By loss: the constant that is nearest to all targets `[samples, …]`, and what it scores, by the loss and them."""


@contextmanager
def counted(total: int) -> Iterator[Callable[[int], None]]:
    """A live line on stderr of how many of a number are done, which is gone in the end; it is told each time."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


class Reporter:
    """Draws the progress of a run; silent when `quiet`, plain lines when the output is no terminal."""

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(quiet=quiet, highlight=False)
        self.bar: Progress | None = None
        self.task: Any = None
        self.columns: list[str] = []

    def head(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.console.print(plain_lines(line), style="dim", markup=False, soft_wrap=True)

    def begin(self, epoch: int, epochs: int, batches: int, done: int) -> None:
        """Start the live line of an epoch."""
        if not self.console.is_terminal or self.console.quiet:
            return
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self.task = self.bar.add_task("", total=batches, completed=done, epoch=f"{epoch}/{epochs}", loss="…")
        self.bar.start()

    @property
    def live(self) -> bool:
        """Whether there is a line to bring up to date."""
        return self.bar is not None

    def advance(self, done: int, loss: float) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=done, loss=f"{loss:.4f}")

    def end(self) -> None:
        """Take the live line away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def epoch(self, row: EpochRow, epochs: int, overfits: bool = False) -> None:
        """One line of the table, under a head the first time."""
        self.end()
        cells = epoch_cells(row, epochs, overfits)
        if not self.columns:
            self.columns = list(cells)
            self.console.print(_aligned(cells, cells.keys()), style="bold", markup=False, soft_wrap=True)
        self.console.print(_aligned(cells, cells.values()), markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        self.end()
        self.console.print(plain_lines(text), style="yellow", markup=False, soft_wrap=True)


def losses_of(row: EpochRow, split: str) -> dict[str, float]:
    """The loss of an epoch, or that of each part of the recipe by its name."""
    return by_part(row[split]["losses"], row.get("rates", ())) or {"loss": row[split]["loss"]}


def epoch_cells(row: EpochRow, epochs: int, overfits: bool = False) -> dict[str, str]:
    """Heading and text of each column of an epoch's line."""
    train, validation = row["train"], row["validation"]
    cells = {"epoch": f"{row['epoch']}/{epochs}"}
    for name, value in losses_of(row, "train").items():
        cells[name] = f"{value:.4f}"
        scored = losses_of(row, "validation") if validation is not None else {}
        if name in scored:
            cells[f"val {name}"] = f"{scored[name]:.4f}"
    for name, value in train["metrics"].items():
        cells[name] = f"{value:.4f}"
        if validation is not None and name in validation["metrics"]:
            cells[f"val {name}"] = f"{validation['metrics'][name]:.4f}"
    remarks = ["best"] * bool(row["best"]) + ["overfits"] * overfits
    rates = {f"{name} lr": rate for name, rate in row.get("rates", {}).items()} or {"lr": row["lr"]}
    cells |= {name: f"{rate:.2g}" for name, rate in rates.items()}
    waiting = {"waiting": f"{row['waiting']:.0%}"} if "waiting" in row else {}
    return {**cells, "seconds": f"{row['seconds']:.1f}", **waiting, "": ", ".join(remarks)}


def _aligned(cells: Mapping[str, str], texts: Any) -> str:
    widths = [max(len(head), 7) for head in cells]
    return "  ".join(text.rjust(width) for text, width in zip(texts, widths, strict=True)).rstrip()
