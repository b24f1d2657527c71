"""Layers whose weights come as arrows beside their input: `(x, weight) -> linear`, `(x, weight, bias) -> conv`."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import Axis
from netdsl.ops.base import (
    FEATURES,
    Follows,
    Gradients,
    Op,
    Reading,
    Requirement,
    RuleError,
    Tape,
    Window,
    fixed,
    require_rank,
)
from netdsl.ops.conv import Conv
from netdsl.ops.fields import Count, Padding, Sizes, derived
from netdsl.ops.linear import Linear
from netdsl.ops.windows import SPATIAL_RANKS

EACH = {"linear": "`matmul`, which multiplies each sample by its own", "conv": "`unfold` and `matmul`"}
"""What multiplies by weights that samples have of their own."""


class Weighed(Op, abstract=True):
    """A layer of the text whose weights are arrows. All but these is as the layer says that has them itself."""

    internal: ClassVar[bool] = True
    alike: ClassVar[tuple[str, ...]] = ("weight", "bias")
    stands_for: ClassVar[type[Op]]
    """The layer that it is in a text."""

    x: Value
    weight: Value
    bias: Value | None = None

    layer: Op = derived()
    """The layer of the same result that owns its weights."""

    def prepare(self) -> None:
        self._check(self.weight, "weight", self._axes())
        if self.bias is not None:
            self._check(self.bias, "bias", 1)
        self._make(self._sizes())
        self._match("weight", self.weight)
        if self.bias is not None:
            self._match("bias", self.bias)

    def _make(self, shape: tuple[int, ...]) -> None:
        """Make the layer, from the shape of the weight."""
        raise NotImplementedError

    def _layout(self) -> str:
        raise NotImplementedError

    def _axes(self) -> int:
        raise NotImplementedError

    def _check(self, value: Value, field: str, axes: int) -> None:
        """Refuse what is no tensor of real numbers for all samples, of so many axes."""
        layout = self._layout() if field == "weight" else "[features]" if self.word == "linear" else "[channels]"
        if value.type.batched:
            message = (
                f"the {field} of `{self.word}` is one for all samples, but {value.type} differs from sample to sample"
            )
            raise RuleError(message, code="wrong-kind", field=field, help=f"write {EACH[self.word]}")
        if value.type.rank != axes or value.type.dtype is not DType.FLOAT:
            message = f"the {field} of `{self.word}` is {layout}, but this is {value.type}"
            code = "wrong-rank" if value.type.dtype is DType.FLOAT else "wrong-dtype"
            raise RuleError(message, code=code, field=field)

    def _sizes(self) -> tuple[int, ...]:
        """The weight's sizes, which are numbers."""
        what = f"every size of the weight of `{self.word}`"
        return tuple(fixed(size, what, "`matmul` takes sizes that are open") for size in self.weight.shape)

    def _match(self, name: str, value: Value) -> None:
        """Refuse a weight of another shape than the layer would have."""
        wanted = next(w.shape for w in self.layer.weights() if w.name == name)
        if value.shape == wanted:
            return
        first = self.stands_for.settings()[0].name if name == "weight" else wanted[0]
        shown = f"[{', '.join(map(str, (first, *wanted[1:])))}]"
        turned = len(wanted) == 2 and value.shape[0] == wanted[1]
        help = "turn it round: put `-> transpose` behind it" if turned else None
        message = f"the {name} of `{self.word}` is {shown} here, but this is {value.type}"
        raise RuleError(message, code="shape-mismatch", field=name, help=help)

    def requirements(self) -> Iterator[Requirement]:
        yield from self.layer.requirements()

    def result(self) -> TensorType:
        result = self.layer.result()
        assert isinstance(result, TensorType)
        return result

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return self.layer.contractions()

    def bias_adds(self) -> Extent:
        return self.layer.bias_adds()

    def pointwise(self) -> Extent:
        return self.layer.pointwise()

    def estimated(self) -> str:
        return self.layer.estimated()

    def windows(self) -> tuple[Window, ...] | None:
        return self.layer.windows()

    def reading(self, place: int, result: int = 0) -> Reading:
        if place == 0:
            return self.layer.reading(0)
        made = Follows(0 if self.word == "conv" else self.x.type.rank - 1)
        return (made, *(FEATURES for _ in self.weight.shape[1:])) if place == 1 else (made,)


class LinearWith(Weighed):
    """`(x, weight) -> linear`, the weight `[features, F]` as PyTorch's `F.linear` has it."""

    word: ClassVar[str] = "linear"
    stands_for: ClassVar[type[Op]] = Linear

    axis: Axis = None

    layer: Linear = derived()

    def _make(self, shape: tuple[int, ...]) -> None:
        axis = -1 if self.axis is None and self.x.type.rank else self.axis
        self.layer = Linear(self.x, shape[0], bias=self.bias is not None, axis=axis)

    def _layout(self) -> str:
        return "[features, features that come in]"

    def _axes(self) -> int:
        return 2

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import SumTo
        from netdsl.ops.backward.linear import LinearInputGradient, LinearWeightGradient

        (dy,) = outgoing
        return {
            "x": tape(LinearInputGradient, dy, self.weight) if tape.wants("x") else None,
            "weight": tape(LinearWeightGradient, dy, self.x) if tape.wants("weight") else None,
            "bias": tape(SumTo, dy, self.bias) if tape.wants("bias") else None,
        }


class ConvWith(Weighed):
    """`(x, weight) -> conv`, the weight `[channels, C / groups, K…]` as PyTorch's `F.conv2d` has it."""

    word: ClassVar[str] = "conv"
    stands_for: ClassVar[type[Op]] = Conv
    needs_batch: ClassVar[bool] = True

    stride: Sizes = 1
    pad: Padding = 0
    dilation: Sizes = 1
    groups: Count = 1

    layer: Conv = derived()

    def _make(self, shape: tuple[int, ...]) -> None:
        self.layer = Conv(
            self.x, shape[0], shape[2:], self.stride, self.pad, self.dilation, self.groups, self.bias is not None
        )

    def _layout(self) -> str:
        return f"[channels, channels that come in, {', '.join(['kernel'] * (self.x.type.rank - 1)) or 'kernel'}]"

    def _axes(self) -> int:
        require_rank(self.x, SPATIAL_RANKS, "`conv` needs [channels, …] with one to three spatial axes")
        return self.x.type.rank + 1

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.conv import ConvBiasGradient, ConvInputGradient, ConvWeightGradient

        (dy,) = outgoing
        return {
            "x": tape(ConvInputGradient, dy, self.weight, self.x, of=self.layer) if tape.wants("x") else None,
            "weight": tape(ConvWeightGradient, dy, self.x, of=self.layer) if tape.wants("weight") else None,
            "bias": tape(ConvBiasGradient, dy) if tape.wants("bias") else None,
        }


WEIGHED: dict[type[Op], type[Weighed]] = {kind.stands_for: kind for kind in (LinearWith, ConvWith)}
"""By layer, what it is when its weights are arrows."""
