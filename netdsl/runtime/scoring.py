"""Losses and metrics of a recipe over a whole set: sums and counts are added up, and divided once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netdsl.ir import Graph, Net, Output, Term, restrict
from netdsl.runtime.errors import RunError
from netdsl.runtime.pictures import Array

Values = Mapping[str, Tensor]


def build_module(net: Net, seed: int = 0) -> nn.Module:
    """The module of a net: the emitted source, executed."""
    from netdsl.codegen.pytorch.module import torch_module

    return torch_module(net, seed)


def module_of(graph: Graph, outputs: list[Output], term: Term) -> nn.Module:
    """A module for a part of a term's graph; its inputs are the graph's, in order."""
    part = restrict(graph, outputs)
    name = "".join(word.capitalize() for word in term.name.split("_")) or "Term"
    return build_module(Net(name, part.inputs, part.nodes, outputs, span=term.span))


def named(result: Any, names: Iterable[str]) -> dict[str, Tensor]:
    """What a module returned, by name: one output comes as it is, several as a dict."""
    return dict(result) if isinstance(result, dict) else {next(iter(names)): result}


def output_names(graph: Graph, training: bool) -> list[str]:
    return [o.name for o in graph.outputs if training or not o.aux]


class Loss:
    """One loss term, a mean over the samples of a batch."""

    def __init__(self, term: Term) -> None:
        self.name = term.name
        self.reads = [value.name for value in term.graph.inputs]
        self.module = module_of(term.graph, term.graph.outputs, term)

        self.label, self.ignore, self.class_weights = _counted_by(term.graph)

    def __call__(self, values: Values) -> Tensor:
        (result,) = named(self.module(*(values[n] for n in self.reads)), [self.name]).values()
        return result.mean() if result.ndim else result

    def weight(self, values: Values) -> Tensor:
        """What the batch's mean was divided by, so that means add up to the mean over the whole set."""
        if self.label is None:
            return torch.tensor(float(len(values[self.reads[0]])))
        label = values[self.label]
        kept = label != self.ignore
        if self.class_weights is None:
            return kept.sum()
        weights = torch.tensor(self.class_weights, device=label.device)
        return weights[label[kept]].sum()


def _counted_by(graph: Graph) -> tuple[str | None, int, tuple[float, ...] | None]:
    """The label, ignored class and class weights of the one loss of a term that leaves positions out, if any."""
    ops: list[Any] = [node.op for node in graph.nodes if hasattr(node.op, "ignore") and hasattr(node.op, "label")]
    if len(ops) != 1 or ops[0].label not in graph.inputs:
        return None, -1, None
    return ops[0].label.name, int(ops[0].ignore), getattr(ops[0], "weight", None) or None


class Metric:
    """One metric: counts of a batch, and the value of counts added up over a set."""

    def __init__(self, term: Term) -> None:
        self.name = term.name
        self.reads = [value.name for value in term.graph.inputs]
        output = term.graph.outputs[0].value
        last = term.graph.producer()[output]
        self.op: Any = last.op
        if not hasattr(self.op, "counts"):
            raise RunError(f"`{last.kind}` is no metric: the `metric` row {term.name} must end in one")
        self.operands = [value.name for value in last.inputs]
        made = [v for v in dict.fromkeys(last.inputs) if v not in term.graph.inputs]
        outputs = [Output(v.name, v, False, term.span) for v in made]
        self.made = [v.name for v in made]
        self.module = module_of(term.graph, outputs, term) if made else None

    def counts(self, values: Values) -> dict[str, Array]:
        """The counts of one batch."""
        found = {n: values[n] for n in self.reads}
        if self.module is not None:
            found |= named(self.module(*(values[n] for n in self.reads)), self.made)
        arrays = [_array(found[n]) for n in self.operands]
        try:
            return {k: np.asarray(v) for k, v in self.op.counts(*arrays).items()}
        except ValueError as error:  # a label that is no class
            raise RunError(str(error)) from None

    def value(self, totals: Mapping[str, Array]) -> float:
        return float(self.op.value(totals))

    @property
    def higher_is_better(self) -> bool:
        return bool(getattr(self.op, "higher_is_better", True))


def _array(tensor: Tensor) -> Array:
    held = tensor.detach().cpu()
    return held.float().numpy() if held.dtype in (torch.bfloat16, torch.float16) else held.numpy()


@dataclass
class Totals:
    """What has been added up so far: each loss times its weight, the weights, and the counts of each metric."""

    losses: dict[str, float | Tensor] = field(default_factory=dict)
    weights: dict[str, float | Tensor] = field(default_factory=dict)
    counts: dict[str, dict[str, Array]] = field(default_factory=dict)

    def add_loss(self, name: str, loss: Tensor, weight: Tensor) -> None:
        """Add the mean of a batch, times what it was divided by; it stays on the device until asked for."""
        wide = torch.float32 if loss.device.type == "mps" else torch.float64
        many = weight.to(loss.device, wide)
        value = torch.where(many > 0, loss.detach().to(wide) * many, 0.0)
        self.losses[name] = self.losses.get(name, 0.0) + value
        self.weights[name] = self.weights.get(name, 0.0) + many

    def add_counts(self, name: str, counts: Mapping[str, Array]) -> None:
        own = self.counts.setdefault(name, {})
        for key, value in counts.items():
            own[key] = own[key] + value if key in own else value

    def add(self, other: Totals) -> None:
        """Add another process's totals."""
        for mine, others in ((self.losses, other.losses), (self.weights, other.weights)):
            for name, value in others.items():
                mine[name] = mine.get(name, 0.0) + value
        for name, counts in other.counts.items():
            self.add_counts(name, counts)

    def settled(self) -> Totals:
        """The same with plain numbers, so that it can travel between processes."""
        settled = Totals(counts=self.counts)
        settled.losses.update((n, float(v)) for n, v in self.losses.items())
        settled.weights.update((n, float(v)) for n, v in self.weights.items())
        return settled

    def means(self) -> dict[str, float]:
        """Each loss over everything added up."""
        settled = self.settled()
        return {n: float(v) / (float(settled.weights[n]) or 1.0) for n, v in settled.losses.items()}

    def tensors(self) -> dict[str, Tensor]:
        """For a checkpoint."""
        found: dict[str, Tensor] = {}
        for kind, held in (("loss", self.losses), ("weight", self.weights)):
            found |= {f"{kind}/{n}": torch.tensor(float(v), dtype=torch.float64) for n, v in held.items()}
        for name, counts in self.counts.items():
            found |= {f"count/{name}/{k}": torch.from_numpy(np.array(v)) for k, v in counts.items()}
        return found

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> Totals:
        totals = Totals()
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            if kind == "count":
                metric, what = name.rsplit("/", 1)
                totals.counts.setdefault(metric, {})[what] = value.numpy()
            else:
                (totals.losses if kind == "loss" else totals.weights)[name] = float(value)
        return totals


class Scoring:
    """The losses and metrics of a net's recipe."""

    def __init__(self, net: Graph, losses: Iterable[Term], metrics: Iterable[Term]) -> None:
        aux = {o.name for o in net.outputs if o.aux}
        self.losses = [Loss(t) for t in _numbered(losses)]
        self.metrics = [Metric(t) for t in _numbered(metrics)]
        terms: tuple[Loss | Metric, ...] = (*self.losses, *self.metrics)
        self.modules = [t.module for t in terms if t.module is not None]
        self.training_only = {t.name for t in terms if aux.intersection(t.reads)}

    def to(self, device: Any) -> Scoring:
        for module in self.modules:
            module.to(device)
        return self

    @property
    def reads(self) -> set[str]:
        """Every output and field that some loss reads."""
        return {name for loss in self.losses for name in loss.reads}

    def loss(self, totals: Totals, values: Values, training: bool = False, counted: bool = True) -> Tensor:
        """The loss of a batch, added to the totals if it is counted.

        Terms that read `aux` outputs exist in training only.
        """
        parts: list[Tensor] = []
        for term in self.losses:
            if training or term.name not in self.training_only:
                parts.append(term(values))
                if counted:
                    totals.add_loss(term.name, parts[-1], term.weight(values))
        return sum(parts[1:], parts[0]) if parts else torch.zeros(())

    def count(self, totals: Totals, values: Values, training: bool = False) -> None:
        """Add the counts of a batch."""
        for metric in self.metrics:
            if training or metric.name not in self.training_only:
                totals.add_counts(metric.name, metric.counts(values))

    def result(self, totals: Totals) -> dict[str, Any]:
        """`{"loss": …, "losses": {term: …}, "metrics": {name: …}}` over everything added up."""
        losses = totals.means()
        metrics = {m.name: m.value(totals.counts[m.name]) for m in self.metrics if m.name in totals.counts}
        return {"loss": sum(losses.values()), "losses": losses, "metrics": metrics}


def _numbered(terms: Iterable[Term]) -> list[Term]:
    """Terms with names of their own: a second `cross_entropy` is `cross_entropy2`."""
    seen: dict[str, int] = {}
    found: list[Term] = []
    for term in terms:
        seen[term.name] = seen.get(term.name, 0) + 1
        number = seen[term.name]
        found.append(term if number == 1 else Term(f"{term.name}{number}", term.graph, term.span))
    return found
