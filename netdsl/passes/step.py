"""A training step as one graph: batch, weights and optimizer state in; the loss and their next values out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight, WeightValue
from netdsl.graph import Divisor, Graph, Net, Node, Output, Part, Recipe, RecipeTerm, leading_to
from netdsl.graph.invariants import problems
from netdsl.ops.arithmetic import Add, Div, Maximum, Mul
from netdsl.ops.backward.base import BatchSize
from netdsl.ops.base import Op
from netdsl.ops.loss import Counted
from netdsl.ops.step import BatchMean, Both, Finite, Rescale, Select
from netdsl.passes.differentiate import Differentiated, span_of, started
from netdsl.passes.manner import Manner, Manners
from netdsl.passes.optimize import (
    JOINED,
    SEPARATOR,
    UPDATES,
    UPDATES_MADE,
    Common,
    Update,
    clipping,
    counter_of,
    of_part,
    slot_of,
    squared_norm,
)
from netdsl.passes.tape import Pen
from netdsl.recipe import default_settings
from netdsl.text.diagnostics import Diagnostic, Label, NetError, did_you_mean

RATE = "learning_rate"
SEED = "seed"
FLAG = "update"
"""With `accumulate` above 1: whether this batch completes a step."""

ACCUMULATED, COUNTED = "accumulated", "accumulated_count"
"""The slot that adds gradients up, and the scalar that counts what they are the mean of."""

SHARE = "ema_share"
"""With `ema`: the share of the averages that becomes the new weights."""

LEAST = 1e-30
"""What gradients are divided by where nothing counted: they are zero then."""

SCALE, STEADY = "loss_scale", "loss_scale_steps"
"""With `precision fp16`: what gradients are multiplied by on their way, and for how many steps it has been so."""

SMALL = "small"
"""What updates of several small weights at once are called in paths."""

NEXT = ":next"
"""What the output is called that an input becomes."""

FIRST_SCALE = 65536.0
"""What `torch.amp.GradScaler` begins with."""


@dataclass(eq=False)
class Carried:
    """A tensor that goes in and comes out as the next step's: a weight, a buffer, a slot of the optimizer."""

    value: WeightValue
    following: Value

    @property
    def name(self) -> str:
        return self.value.name

    @property
    def weight(self) -> Weight:
        return self.value.weight


@dataclass(eq=False)
class TrainingStep:
    """One training step of a net by its recipe."""

    net: Net
    part: Part
    """The part of the recipe whose step it is."""
    epoch: int
    """The epoch that it is a step of, counted from 0, and of those behind it until other rows are trained."""
    graph: Graph
    fields: dict[str, Value]
    """What a sample brings, by name: inputs of the network and labels."""
    rate: Value
    seed: Value
    flag: Value | None
    """Whether this batch completes a step, where gradients are added up over several."""
    share: Value | None
    """The share of the averages of the weights that becomes the new weights, where they are kept."""
    carried: list[Carried]
    constant: list[WeightValue]
    """Weights that the step may read but does not change: no loss depends on them."""
    loss: Value
    reported: dict[str, Value] = field(default_factory=dict)
    """What comes out beside the loss, by name: its terms where it has several, metrics or what they read."""
    terms: dict[str, str] = field(default_factory=dict)
    """By `loss` row: the output that holds its value."""
    precision: str = "no"
    """What products are computed in: `fp16`, `bf16`, or float32 as everything else."""
    operands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By `metric` row: the outputs (or fields) that it counts on, where these are reported."""
    counts: dict[str, str] = field(default_factory=dict)
    """By `loss` row: the output that says what it was divided by, where that is no number of samples."""

    @property
    def inputs(self) -> list[Value]:
        """Everything that is given anew at each step, in order."""
        return [*self.fields.values(), self.rate, self.seed, *filter(None, (self.flag, self.share))]

    @property
    def outputs(self) -> list[tuple[str, Value]]:
        """Everything that comes out, in order: the loss, what is reported, and the next value of what is carried."""
        return [(o.name, o.value) for o in self.graph.outputs]


def _recipe(net: Net) -> Recipe:
    """The recipe with everything that a step needs, or an error at its place."""
    assert net.span is not None
    if net.faults:
        raise NetError(list(net.faults))
    if net.recipe is None and net.sections:
        return _recipe(net.by(""))
    if net.recipe is None or not net.recipe.losses:
        help = f"add `train {net.name} {{ … }}` with a `loss` row"
        span = net.span if net.recipe is None else net.recipe.span
        raise NetError(
            [Diagnostic("missing-loss", f"{net.name} has nothing to be trained by", (Label(span),), help=help)]
        )
    return net.recipe


def part_of(net: Net, name: str) -> Part:
    """The part of a net's recipe that is called so. Raises `NetError` without one."""
    recipe = _recipe(net)
    found = next((part for part in recipe.parts if part.name == name), None)
    if found is not None:
        return found
    names = [part.name for part in recipe.parts]
    help = did_you_mean(name, names) or (f"its parts are {', '.join(names)}" if names else "it is one part itself")
    message = f"the recipe of `{net.name}` has no part called `{name}`"
    raise NetError([Diagnostic("unknown-part", message, (Label(recipe.span),), help=help)])


def _only_part(net: Net, recipe: Recipe) -> Part:
    """The part of a recipe that is one; an error where there are several to choose from."""
    if not recipe.parts:
        return recipe.turns[0]
    known = ", ".join(f"`{part.name}`" for part in recipe.parts)
    message = f"the recipe of `{net.name}` has parts, each with a step of its own: {known}"
    help = f'name one, as in `onnx_step(net, part="{recipe.parts[0].name}")`'
    raise NetError([Diagnostic("unknown-part", message, (Label(recipe.span),), help=help)])


@dataclass(eq=False)
class StepWriter:
    """The step of one net being written; its methods without an underscore are passes, in the order of the pipeline.

    With `operands` what metrics count on is reported instead of their values, and what each loss was divided by.
    """

    net: Net
    operands: bool
    part: Part | None = None
    """Whose step it is; None for a recipe that is one part."""
    epoch: int = 0
    """The epoch that it is a step of, counted from 0: rows may be frozen in the first."""
    carried: list[Carried] = field(default_factory=list)
    reported: dict[str, Value] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)
    read: dict[str, tuple[str, ...]] = field(default_factory=dict)
    counted: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.recipe = _recipe(self.net)
        self.turn = self.part or _only_part(self.net, self.recipe)
        self.settings = {**default_settings(), **self.recipe.settings}
        self.precision: str = self.settings["precision"]
        self.scale = _scalar(SCALE, FIRST_SCALE) if self.precision == "fp16" else None
        self.gathers = self.settings["accumulate"] > 1
        self.losses = self.turn.losses
        self.divisors = [t.divisor for t in self.losses]
        self.counts: dict[tuple[Any, ...], Value] = {}
        self.rate = Value(RATE, TensorType((), DType.FLOAT, batched=False))
        self.flag = Value(FLAG, TensorType((), DType.BOOL, batched=False)) if self.gathers else None
        self.ready = self.flag
        """Whether weights change in this step: it must be complete, and with a loss scale its gradients finite."""
        self.share = None if self.settings["ema"] is None else Value(SHARE, self.rate.type)
        self.manners = Manners(self.net, self.turn, self.settings)
        still = self.manners.steering.still((key for key, _ in self.net.weights()), self.epoch)
        self.found: Differentiated = started(self.net, self.turn.moves, still)
        self.found.graph.inputs += [self.rate, *filter(None, (self.flag, self.share))]

    def problems(self) -> Iterable[str]:
        return problems(self.found.graph, self.net.domain)

    def step(self) -> TrainingStep:
        """What was written."""
        found = self.found
        changed = {c.name for c in self.carried}
        constant = [w for k, w in found.weights.items() if k not in changed]
        return TrainingStep(
            self.net, self.turn, self.epoch, found.graph, found.fields, self.rate, found.seed, self.flag, self.share,
            self.carried, constant, found.loss, self.reported, self.terms, self.precision, self.read, self.counted,
        )  # fmt: skip

    def pen(self, path: str) -> Pen:
        """Where updates and metrics are written."""
        some = next(n.op for n in self.found.graph.nodes if isinstance(n.op, Op))
        return Pen(self.found.writer, some, path, "", span_of(self.net))

    # ------------------------------------------------------------ both ways

    def average(self) -> None:
        self.losses = [averaged(t) for t in self.losses]

    def forward(self) -> None:
        self.found.forward(self.losses)

    def backward(self) -> None:
        self.found.backward(self.scale, alike(self.turn.losses) if self.gathers else None)
        self.passes = len(self.found.graph.nodes)
        self.gradients = self.found.parts[0]

    # ------------------------------------------------------------ updates

    def unscale(self) -> None:
        if self.scale is not None:
            pen = self.pen("unscaled")
            share = pen(Div, pen.number(1.0), self.scale)
            self.found.parts = [{k: pen(Mul, (g, share)) for k, g in part.items()} for part in self.found.parts]
            self.gradients = self.found.parts[0]

    def gather(self) -> None:
        """Gradients become those of all batches since the last step; each loss counts by what it is the mean of."""
        if not self.gathers:
            return
        pen, groups = self.pen("accumulate"), alike(self.turn.losses)
        found: dict[str, list[Value]] = {}
        for number, (group, part) in enumerate(zip(groups, self.found.parts, strict=True)):
            suffix = str(number + 1) if number else ""
            count = self._count(self.divisors[group[0]])
            before = _scalar(of_part(self.turn.name, f"{COUNTED}{suffix}"), 0.0)
            whole = pen(Add, (before, count))
            self._gathered(before, whole)
            divisor = pen(Maximum, whole, pen.number(LEAST))
            for key, gradient in part.items():
                held = slot_of(key, f"{ACCUMULATED}{suffix}", self.found.weights[key].weight.shape)
                total = pen(Add, (held, pen(Mul, (gradient, count))))
                self._gathered(held, total)
                found.setdefault(key, []).append(pen(Div, total, divisor))
        self.gradients = {key: pen(Add, tuple(each)) if len(each) > 1 else each[0] for key, each in found.items()}

    def _gathered(self, before: WeightValue, after: Value) -> None:
        """A sum that starts again from zero with the next step."""
        pen = self.pen("accumulate")
        self.carried.append(Carried(before, pen(Select, self.flag, pen.number(0.0), after)))

    def rescale(self) -> None:
        """A step with gradients that are not finite is left out; the scale follows."""
        if self.scale is None:
            return
        pen, steps = self.pen(SCALE), _scalar(STEADY, 0.0)
        finite = pen(Finite, squared_norm(self.gradients.values(), pen))
        following = pen.several(Rescale, self.scale, steps, finite)
        for before, after in zip((self.scale, steps), following, strict=True):
            self.carried.append(Carried(before, pen(Select, self.flag, after, before) if self.flag else after))
        self.ready = pen(Both, self.flag, finite) if self.flag else finite

    def clip(self) -> None:
        if self.turn.clip is not None and self.gradients:
            pen = self.pen("clip")
            scale = clipping(self.gradients.values(), self.turn.clip, pen)
            self.gradients = {k: pen(Mul, (g, scale)) for k, g in self.gradients.items()}

    def update(self) -> None:
        """The optimizer's rule for each weight; running statistics have their next value from the forward pass."""
        self.commons: dict[tuple[float, int], Common] = {}
        weights = {key: self.found.weights[key].weight for key in self.gradients}
        for manner, keys in together(weights, self.manners):
            self._update(manner, keys)
        self.carried += [Carried(before, after) for each in self.commons.values() for before, after in each.state]
        self.carried += [Carried(self.found.weights[k], v) for k, v in self.found.carried.items()]

    def _update(self, manner: Manner, keys: tuple[str, ...]) -> None:
        """The next value of one weight, or of some end to end, and of what is remembered of them."""
        optimizer, weights = self.turn.optimizer, tuple(self.found.weights[key] for key in keys)
        pen = self.pen(f"{keys[0]}.update" if len(keys) == 1 else f"{SMALL}.update")
        common = self._common(manner.speed, manner.start)
        update = Update(pen, weights, tuple(self.gradients[key] for key in keys), common, manner.decay)
        new = UPDATES[type(optimizer)](optimizer, update)
        update.become(weights, update.weight, new)
        if self.share is not None:
            update.averaged(new, self.share)
        self.carried += [Carried(before, after) for before, after in update.state]

    def _common(self, speed: float, start: int) -> Common:
        """What is computed once for the weights of one rate; those that began to learn together count their updates
        together."""
        if (speed, start) not in self.commons:
            pen = self.pen(UPDATES_MADE)
            rate = self.rate if speed == 1 else pen(Mul, (self.rate, pen.number(speed)))
            counting = next((c for (_, began), c in self.commons.items() if began == start), None)
            counter = counter_of(self.turn.name, start)
            self.commons[speed, start] = Common(pen, rate, self.ready, counter, counting)
        return self.commons[speed, start]

    def _count(self, divisor: Divisor) -> Value:
        """What a loss was divided by in this batch."""
        label = None if divisor.label is None else self.found.arrows[divisor.label]
        key = (label, divisor.ignore, divisor.weights)
        if key not in self.counts:
            pen = self.pen("count")
            self.counts[key] = (
                pen(BatchSize, next(v for v in self.found.fields.values() if v.type.batched))
                if label is None
                else pen(Counted, label, ignore=divisor.ignore, weight=divisor.weights)
            )
        return self.counts[key]

    # ------------------------------------------------------------ what comes out

    def report(self) -> None:
        several = len(self.found.losses) > 1
        for (name, value), divisor in zip(self.found.losses.items(), self.divisors, strict=True):
            self.terms[name] = self._report(name, value) if several else "loss"
            if self.operands and divisor.label is not None:
                self.counted[name] = self._report(f"{name}_count", self._count(divisor))
        for term in self.turn.metrics:
            self._report_metric(term)

    def _report(self, name: str, value: Value) -> str:
        """Let a value out under a name of its own."""
        known = next((n for n, v in self.reported.items() if v is value), None)
        if known is not None:
            return known
        free, number = name, 1
        while free in self.reported or free in self.found.fields or free in ("loss", RATE, SEED, FLAG, SHARE):
            number += 1
            free = f"{name}{number}"
        self.reported[free] = value
        return free

    def _report_metric(self, term: RecipeTerm) -> None:
        last = term.graph.nodes[-1]
        graph = Graph(term.name, term.graph.inputs, term.graph.nodes[:-1] if self.operands else term.graph.nodes)
        values = self._fields_of(term)
        self.found.worker.forward(graph, values, path=f"metric.{term.name}")
        if not self.operands:
            self._report(term.name, values[term.graph.outputs[0].value])
            return
        fields = set(self.found.fields.values())
        read = [values.get(v, v) for v in last.inputs]
        self.read[term.name] = tuple(v.name if v in fields else self._report(v.name, v) for v in read)

    def _fields_of(self, term: RecipeTerm) -> dict[Value, Value]:
        """What stands for each input of a term; a label that no loss reads becomes an input."""
        found = self.found
        known: Mapping[str, Value] = {**found.fields, **found.outputs}
        values: dict[Value, Value] = {}
        for wanted in term.graph.inputs:
            if wanted.name not in known:
                found.fields[wanted.name] = Value(wanted.name, wanted.type)
                found.graph.inputs.append(found.fields[wanted.name])
            values[wanted] = known.get(wanted.name) or found.fields[wanted.name]
        return values

    # ------------------------------------------------------------ the order

    def hoist(self) -> None:
        self.found.graph.nodes = hoisted(self.found.graph.nodes, self.passes)

    def prune(self) -> None:
        """Name what comes out, and keep what that needs."""
        named = {"loss": self.found.loss, **self.reported, **{f"{c.name}{NEXT}": c.following for c in self.carried}}
        graph = self.found.graph
        graph.outputs = [Output(name, value, False, span_of(self.net)) for name, value in named.items()]
        graph.nodes = leading_to(graph.nodes, named.values())


def alike(losses: Sequence[RecipeTerm]) -> list[list[int]]:
    """The numbers of losses, those together that are divided by the same; labels of one name are one."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for number, term in enumerate(losses):
        own = term.divisor
        label = own.label.name if own.label in term.graph.inputs else own.label
        found.setdefault((label, own.ignore, own.weights), []).append(number)
    return list(found.values())


def together(
    weights: Mapping[str, Weight], manners: Callable[[str, int], Manner]
) -> list[tuple[Manner, tuple[str, ...]]]:  # fmt: skip
    """The keys of weights, those together that are updated as one tensor: small ones of one axis that move alike."""
    each = {key: manners(key, len(w.shape)) for key, w in weights.items()}
    small: dict[Manner, list[str]] = {}
    for key, weight in weights.items():
        if len(weight.shape) == 1 and weight.elements <= JOINED:
            small.setdefault(each[key], []).append(key)
    joined = {key for keys in small.values() for key in keys}
    alone = [(each[key], (key,)) for key in weights if key not in joined]
    return [*alone, *((manner, tuple(keys)) for manner, keys in small.items())]


def gathers(key: str) -> bool:
    """Whether a carried tensor adds up gradients, or what they count by, between two steps."""
    return key.rpartition(SEPARATOR)[2].startswith(ACCUMULATED)


def _scalar(name: str, start: float) -> WeightValue:
    """A number that is carried from step to step."""
    return WeightValue(name, Weight(name, (), Init("constant", (start,)), trainable=False))


def hoisted(nodes: list[Node], first: int) -> list[Node]:
    """The nodes with those from `first` on moved up to where what they read is there.

    An update right behind its gradient frees the gradient; at the end, all gradients would be there at once.
    """
    place: dict[Value, int] = {}
    keys: dict[Node, tuple[int, int]] = {}
    for number, node in enumerate(nodes):
        where = number if number < first else max((place.get(v, 0) for v in node.inputs), default=0)
        keys[node] = (where, number)
        place.update(dict.fromkeys(node.results, where))
    return sorted(nodes, key=keys.__getitem__)


def averaged(term: RecipeTerm) -> RecipeTerm:
    """The term as one number a batch: the mean where it gives one a sample."""
    output = term.graph.outputs[0]
    if not output.value.type.batched:
        return term
    op = BatchMean(output.value)
    mean = Value(f"{output.value.name}.mean", op.result())
    node = Node(f"{term.name}.mean", op, (output.value,), (mean,), term.span)
    graph = Graph(term.graph.name, term.graph.inputs, [*term.graph.nodes, node])
    graph.outputs.append(Output(output.name, mean, False, term.span))
    return RecipeTerm(term.name, graph, term.span)
