"""Recurrent layers over a sequence `[T, F]`, fused, with PyTorch's weights and gate order; and picking in time."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import Init, TensorType, Value, Weight
from netdsl.ops.axes import float_of, rank_at_least, samples_of
from netdsl.ops.base import (
    EVERYTHING,
    FEATURES,
    Follows,
    Gradients,
    Mingled,
    Op,
    Read,
    Reading,
    RuleError,
    Tape,
    fixed,
    require_rank,
)
from netdsl.ops.fields import Bool, ChoiceKind, Count, Initialiser, IntKind, derived
from netdsl.ops.shape import Rearrangement, Unsqueeze

if TYPE_CHECKING:
    from netdsl.ops.backward.recurrent import Steps


MOST_LAYERS = 100


class BiasCountKind(IntKind):
    """How many bias vectors a gate has."""

    says = "0, 1 or 2 bias vectors"

    def read(self, value: object) -> int:
        if isinstance(value, bool) or value not in (0, 1, 2):
            raise self.refuse(value)
        return int(str(value))


class Recurrence(Op, abstract=True):
    """Sequences in, the hidden state of every step out: `[T, F] -> [T, hidden * directions]`.

    Several `layers` read one another; a bidirectional one reads the sequence both ways and joins the two. PyTorch's
    layers have two bias vectors a gate, textbooks one: `biases=1`.
    """

    positional: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True

    gates: ClassVar[int] = 1
    unit_flops: ClassVar[int] = 0
    """FLOPs a unit and step beside the products and biases: the gates' sums included."""
    unit_transcendentals: ClassVar[int] = 0

    x: Value
    hidden: Count
    layers: Count = 1
    bidirectional: Bool = False
    biases: Annotated[int, BiasCountKind()] = 2
    init: Initialiser = Init("torch")

    features: int = derived()
    directions: int = derived()

    def steps(self) -> "type[Steps]":
        """One layer in one direction as training runs it."""
        raise NotImplementedError(f"{self.name} states no training form")

    def _sum(self, gate: str, between: str = " + ") -> str:
        """What a gate reads: the step and the state before, with its biases."""
        biases = [f" + b_{side}{gate}" if place < self.biases else "" for place, side in enumerate("ih")]
        return f"W_i{gate}·x(t){biases[0]}{between}W_h{gate}·h(t−1){biases[1]}"

    def prepare(self) -> None:
        if self.layers > MOST_LAYERS:
            message = f"`{self.name}` has {MOST_LAYERS:,} layers at most, not {self.layers:,}"
            raise RuleError(message, code="number-too-large", field="layers")
        require_rank(self.x, (2,), f"`{self.name}` needs a sequence [T, F]", "images become sequences by `tokens`")
        float_of(self.x, self.name)
        samples_of(self.x, self.name)
        self.features = fixed(self.x.shape[1], f"the width that `{self.name}` reads")
        self.directions = 2 if self.bidirectional else 1

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.x.shape[0], self.hidden * self.directions)

    def reads(self, layer: int) -> int:
        """How wide the input of a layer is."""
        return self.features if layer == 0 else self.hidden * self.directions

    def suffixes(self, layer: int) -> tuple[str, ...]:
        """What ends the weights' names of a layer, one a direction."""
        return tuple(f"_l{layer}{back}" for back in ("", "_reverse")[: self.directions])

    def weights(self) -> tuple[Weight, ...]:
        rows = self.gates * self.hidden
        found: list[Weight] = []
        for layer in range(self.layers):
            for suffix in self.suffixes(layer):
                found.append(Weight(f"weight_ih{suffix}", (rows, self.reads(layer)), self._init(self.reads(layer))))
                found.append(Weight(f"weight_hh{suffix}", (rows, self.hidden), self._init(self.hidden)))
                for which in ("ih", "hh")[: self.biases]:
                    found.append(Weight(f"bias_{which}{suffix}", (rows,), self._init(None)))
        return tuple(found)

    def _init(self, fan_in: int | None) -> Init:
        # PyTorch draws every weight of the layer, biases too, from +-1 / sqrt(hidden).
        if self.init.kind == "torch":
            return Init("torch", (), self.hidden, self.gates * self.hidden)
        if fan_in is None:
            return Init("zeros", (), self.hidden, self.gates * self.hidden)
        return Init(self.init.kind, self.init.values, fan_in, self.gates * self.hidden)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return tuple(
            (self.x.shape[0], self.directions, self.gates, self.hidden, self.reads(layer) + self.hidden)
            for layer in range(self.layers)
        )

    @property
    def units(self) -> Extent:
        """Hidden units of all layers and directions, times the steps."""
        return self.x.shape[0] * (self.layers * self.directions * self.hidden)

    def bias_adds(self) -> Extent:
        return self.units * (self.gates * self.biases)

    def pointwise(self) -> Extent:
        return self.units * self.unit_flops

    def transcendentals(self) -> Extent:
        return self.units * self.unit_transcendentals

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return (EVERYTHING if self.directions > 1 else Mingled((0,), growing=True), FEATURES)

    def beside(self) -> int | None:
        return 1 if self.directions > 1 else None  # what either direction has seen

    def training(self, tape: Tape) -> tuple[Value, ...]:
        from netdsl.ops.backward.recurrent import recurrence_training

        return recurrence_training(tape, self.steps(), self.x, self.sides, self.biases)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.recurrent import recurrence_gradient

        return recurrence_gradient(tape, self.steps(), outgoing[0], self.sides, self.biases)

    @property
    def sides(self) -> list[tuple[str, ...]]:
        return [self.suffixes(layer) for layer in range(self.layers)]


class Rnn(Recurrence):
    """`h = tanh(W x + U h)` at every step (Elman, 1990); `activation=relu` (Le et al., 2015)."""

    example: ClassVar[str] = "sequence [16, 8] -> rnn(32) -> [16, 32]"

    activation: Annotated[str, ChoiceKind(("tanh", "relu"))] = "tanh"

    def formulas(self) -> tuple[str, ...]:
        return (f"h(t) = {self.activation}({self._sum('h')})",)

    def pointwise(self) -> Extent:
        return self.units * (1 if self.activation == "tanh" else 2)

    def transcendentals(self) -> Extent:
        return self.units if self.activation == "tanh" else 0

    def steps(self) -> "type[Steps]":
        from netdsl.ops.backward.recurrent import ReluSteps, TanhSteps

        return TanhSteps if self.activation == "tanh" else ReluSteps


class Lstm(Recurrence):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; forget gate of Gers et al., 2000).

    A unit and step take 17 FLOPs and 5 transcendentals beside products and biases: 4 sums, 3 sigmoids of 3, and the
    cell's 4.
    """

    example: ClassVar[str] = "sequence [16, 8] -> lstm(32, layers=2) -> [16, 32]"
    gates: ClassVar[int] = 4
    unit_flops: ClassVar[int] = 17
    unit_transcendentals: ClassVar[int] = 5

    def formulas(self) -> tuple[str, ...]:
        gates = (f"{gate}(t) = {'tanh' if gate == 'g' else 'σ'}({self._sum(gate)})" for gate in "ifgo")
        return (*gates, "c(t) = f(t)∘c(t−1) + i(t)∘g(t)", "h(t) = o(t)∘tanh(c(t))")

    def steps(self) -> "type[Steps]":
        from netdsl.ops.backward.recurrent import LstmSteps

        return LstmSteps


class Gru(Recurrence):
    """Gated recurrent unit (Cho et al., 2014), the reset gate applied after the product as in PyTorch and cuDNN.

    A unit and step take 14 FLOPs and 3 transcendentals beside products and biases: 3 sums, 2 sigmoids of 3, the reset
    product and the 4 that mix old and new.
    """

    example: ClassVar[str] = "sequence [16, 8] -> gru(32, bidirectional=true) -> [16, 64]"
    gates: ClassVar[int] = 3
    unit_flops: ClassVar[int] = 14
    unit_transcendentals: ClassVar[int] = 3

    def formulas(self) -> tuple[str, ...]:
        new = self._sum("n", " + r(t)∘(") + ")"
        gates = (f"{gate}(t) = σ({self._sum(gate)})" for gate in "rz")
        return (*gates, f"n(t) = tanh({new})", "h(t) = (1 − z(t))∘n(t) + z(t)∘h(t−1)")

    def steps(self) -> "type[Steps]":
        from netdsl.ops.backward.recurrent import GruSteps

        return GruSteps


class Last(Rearrangement):
    """The last step of a sequence: `[T, …] -> […]`. After a bidirectional layer, where reading backwards begins."""

    example: ClassVar[str] = "sequence [16, 8] -> last -> [8]"

    x: Value

    def prepare(self) -> None:
        rank_at_least(self.x, 1, self.name)

    def result(self) -> TensorType:
        return self.x.type.with_shape(*self.x.shape[1:])

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        steps = self.x.shape[0]
        return (Read(steps - 1, steps), *map(Follows, range(self.x.type.rank - 1)))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.cut import Surround

        dy = tape(Unsqueeze, outgoing[0], 0)
        none = (0,) * (self.x.type.rank - 1)
        return {"x": tape(Surround, dy, self.x, (self.x.shape[0] - 1, *none), (0, *none))}


class Reverse(Rearrangement):
    """A sequence from its end to its beginning: `[T, …] -> [T, …]`."""

    example: ClassVar[str] = "sequence [16, 8] -> reverse -> [16, 8]"

    x: Value

    def prepare(self) -> None:
        rank_at_least(self.x, 1, self.name)

    def result(self) -> TensorType:
        return self.x.type

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Mingled((0,)), *map(Follows, range(1, self.x.type.rank)))

    def in_place(self) -> bool:
        return False

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Reverse, outgoing[0])}
