"""Losses and metrics of a recipe through PyTorch: each term's own graph, executed as a module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Graph, Net, Output, RecipeTerm, restrict
from netdsl.ops.measure import Measure
from netdsl.ops.noise import draws
from netdsl.runtime.scoring.terms import LossTerm, MetricTerm, Terms
from netdsl.runtime.scoring.totals import RunningTotals

TensorsByName = Mapping[str, Tensor]


def build_module(net: Net, seed: int = 0) -> nn.Module:
    """The module of a net: the emitted source, executed."""
    from netdsl.codegen.pytorch.module import torch_module

    return torch_module(net, seed)


def module_of(graph: Graph, outputs: list[Output], term: RecipeTerm) -> nn.Module:
    """A module for a part of a term's graph; its inputs are the graph's, in order."""
    part = restrict(graph, outputs)
    name = "".join(word.capitalize() for word in term.name.replace(".", "_").split("_")) or "Term"
    return build_module(Net(name, part.inputs, part.nodes, outputs, span=term.span))


def named(result: Any, names: Iterable[str]) -> dict[str, Tensor]:
    """What a module returned, by name: one output comes as it is, several as a dict."""
    return dict(result) if isinstance(result, dict) else {next(iter(names)): result}


def output_names(graph: Graph, training: bool) -> list[str]:
    return [o.name for o in graph.outputs if training or not o.aux]


@contextmanager
def drawing(seed: int, *graphs: Graph) -> Iterator[None]:
    """Numbers that graphs draw at inference follow from a seed; generators are left as they were."""
    if not draws(node.op for graph in graphs for _, node in graph.walk()):
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


class LossModule(LossTerm):
    """One loss term as a module."""

    def __init__(self, term: RecipeTerm) -> None:
        super().__init__(term)
        self.module = module_of(term.graph, term.graph.outputs, term)
        label, self.labels = self.divisor.label, None
        if label is not None and label not in term.graph.inputs:  # it is made in the row
            part = restrict(term.graph, [Output(label.name, label, False, term.span)])
            read = {v for node in part.nodes for v in node.inputs}
            part.inputs = [v for v in part.inputs if v in read]
            self.label_reads = [v.name for v in part.inputs]
            self.labels = module_of(part, part.outputs, term)

    def __call__(self, values: TensorsByName) -> Tensor:
        if 0 in (self.divisor.weights or ()) and not bool(self.weight(values) > 0):
            return self._nothing(values)
        (result,) = named(self.module(*(values[n] for n in self.reads)), [self.name]).values()
        return result.mean() if result.ndim else result

    def _nothing(self, values: TensorsByName) -> Tensor:
        """The loss of a batch in which no class counts, a mean of nothing: in PyTorch its gradients are NaN too."""
        read = [values[name] for name in self.reads]
        return torch.stack([value.sum() * 0 for value in read if value.is_floating_point()]).sum() + torch.nan

    def weight(self, values: TensorsByName) -> Tensor:
        """What the batch's mean was divided by."""
        divisor = self.divisor
        if divisor.label is None:
            return torch.tensor(float(len(next(iter(values.values())))))
        label = (
            values[divisor.label.name] if self.labels is None else self.labels(*(values[n] for n in self.label_reads))
        )
        kept = label != divisor.ignore
        if divisor.weights is None:
            return kept.sum()
        return torch.tensor(divisor.weights, device=label.device)[label[kept]].sum()


class MetricModule(MetricTerm):
    """One metric; what lies between the net's outputs and the metric itself is a module."""

    def __init__(self, term: RecipeTerm, measure: Measure | None = None) -> None:
        super().__init__(term, measure)
        last = term.graph.producer()[term.graph.outputs[0].value]
        self.operands = [value.name for value in last.inputs]
        made = [v for v in dict.fromkeys(last.inputs) if v not in term.graph.inputs]
        outputs = [Output(v.name, v, False, term.span) for v in made]
        self.made = [v.name for v in made]
        self.module = module_of(term.graph, outputs, term) if made else None

    def counts(self, values: TensorsByName) -> dict[str, Array]:
        """The counts of one batch."""
        return self.count(self.arrays(values))

    def arrays(self, values: TensorsByName) -> list[Array]:
        """What it counts on."""
        found = {n: values[n] for n in self.reads}
        if self.module is not None:
            found |= named(self.module(*(values[n] for n in self.reads)), self.made)
        return [as_array(found[n]) for n in self.operands]


def as_array(tensor: Tensor) -> Array:
    """A tensor on the CPU; halves are widened."""
    held = tensor.detach().cpu()
    return held.float().numpy() if held.dtype in (torch.bfloat16, torch.float16) else held.numpy()


class Scoring(Terms):
    """The losses and metrics of a net's recipe."""

    def __init__(self, net: Graph, losses: Iterable[RecipeTerm], metrics: Iterable[RecipeTerm]) -> None:
        losses, metrics = list(losses), list(metrics)
        super().__init__(net, losses, metrics)
        self.graphs = [net, *(t.graph for t in (*losses, *metrics))]
        self.modules = [t.module for t in (*self.losses, *self.metrics) if t.module is not None]

    @contextmanager
    def drawing(self, seed: int) -> Iterator[None]:
        """What the net and the rows that score it draw at inference follows from a seed."""
        with drawing(seed, *self.graphs):
            yield

    def loss_term(self, term: RecipeTerm) -> LossModule:
        return LossModule(term)

    def metric_term(self, term: RecipeTerm) -> MetricModule:
        return MetricModule(term)

    def to(self, device: object) -> Scoring:
        for module in self.modules:
            module.to(device)
        return self

    def loss(
        self, totals: RunningTotals, values: TensorsByName, training: bool = False, counted: bool = True
    ) -> dict[str, Tensor]:
        """The losses of a batch by name, added to the totals if it is counted."""
        parts: dict[str, Tensor] = {}
        for module in self.modules:
            module.train(training)
        for term in self.losses:
            if training or term.name not in self.training_only:
                parts[term.name] = term(values)
                if counted:
                    _add(totals, term.name, parts[term.name], term.weight(values))
        return parts

    def weights(self, fields: TensorsByName) -> Tensor:
        """What each loss of a batch is divided by, from its fields: `[terms]`, float64."""
        try:
            found = [term.weight(fields).to("cpu", torch.float64) for term in self.losses]
        except KeyError as error:
            raise RunError(f"a label that is made of the output {error} cannot be added up over batches") from None
        return torch.stack(found)

    def count(self, totals: RunningTotals, values: TensorsByName, training: bool = False) -> None:
        """Add the counts of a batch."""
        for metric in self.metrics:
            if training or metric.name not in self.training_only:
                totals.add_counts(metric.name, metric.counts(values))


def _add(totals: RunningTotals, name: str, loss: Tensor, weight: Tensor) -> None:
    """Add the mean of a batch, times what it was divided by; it stays on the device until asked for."""
    wide = torch.float32 if loss.device.type == "mps" else torch.float64
    many = weight.to(loss.device, wide)
    totals.add_loss(name, torch.where(many > 0, loss.detach().to(wide) * many, 0.0), many)


__all__ = ["RunningTotals", "Scoring", "build_module", "drawing", "named", "output_names"]
