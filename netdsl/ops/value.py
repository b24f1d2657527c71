"""Values that no arrow brings: numbers, free learned tensors, and what repeats them for every sample."""

from collections.abc import Iterator
from math import prod
from typing import Annotated, ClassVar

from netdsl.dims import Dim
from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight
from netdsl.ops.base import Gradients, Op, Requirement, RuleError, Tape
from netdsl.ops.declared import Values
from netdsl.ops.fields import Bool, Initialiser, IntKind, ListKind, Number, Text


class Costless(Op, abstract=True):
    """Something that computes nothing: a value that is there, or one that is looked at otherwise."""

    def contractions(self) -> tuple[tuple[int, ...], ...]:
        return ()

    def pointwise(self) -> int:
        return 0


class Constant(Costless):
    """A number of the text beside an arrow: the `2` of `2 * x`. It has no axes and no batch.

    Beside whole numbers alone a whole one is whole.
    """

    example: ClassVar[str] = "2 * x [8]"
    no_gradient: ClassVar[str] = "is a number of the text, which nothing changes"
    positional: ClassVar[int] = 1

    value: Number
    whole: Bool = False

    def result(self) -> TensorType:
        return TensorType((), DType.INT if self.whole else DType.FLOAT, batched=False)


class FreeParam(Costless):
    """A learned tensor that no layer owns, one for all samples: `param position [197, 768] = normal(0.02)`."""

    example: ClassVar[str] = "param position [197, 768] = normal(0.02)"
    positional: ClassVar[int] = 1

    shape: Annotated[tuple[int, ...], ListKind(IntKind(1))]
    init: Initialiser = Init("normal", (0.02,))

    def result(self) -> TensorType:
        return TensorType(self.shape, DType.FLOAT, batched=False)

    def weights(self) -> tuple[Weight, ...]:
        fan_in = prod(self.shape[1:]) if len(self.shape) > 1 else prod(self.shape)
        fan_out = self.shape[0] * prod(self.shape[2:]) if len(self.shape) > 1 else fan_in
        return (Weight("", self.shape, Init(self.init.kind, self.init.values, fan_in, fan_out)),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"": outgoing[0]}


class WeightOf(Costless):
    """A weight of a shared layer as an arrow: `words.weight`. Its node shares the weights of that layer."""

    internal: ClassVar[bool] = True

    key: Text
    """Its key below that of the layer."""
    shape: Annotated[tuple[int, ...], ListKind(IntKind(1))]
    init: Initialiser
    trainable: Bool = True

    def result(self) -> TensorType:
        return TensorType(self.shape, DType.FLOAT, batched=False)

    def weights(self) -> tuple[Weight, ...]:
        return (Weight(self.key, self.shape, self.init, self.trainable),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {self.key: outgoing[0]}


class BatchAxis(Costless, abstract=True):
    """Makes axes part of the batch, or takes them out of it: no layer, and no row of a report."""

    internal: ClassVar[bool] = True

    x: Value

    def in_place(self) -> bool:
        return True


class BatchOfOne(BatchAxis):
    """A value that is the same for all samples with a batch axis of length one, for what needs that axis."""

    broadcasts: ClassVar[bool] = True

    def result(self) -> TensorType:
        return TensorType(self.x.shape, self.x.type.dtype, batched=True, single=True)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(OnlyOne, outgoing[0])}


class OnlyOne(BatchOfOne):
    """The only sample of a batch of one, without the batch axis."""

    def result(self) -> TensorType:
        return TensorType(self.x.shape, self.x.type.dtype, batched=False)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(BatchOfOne, outgoing[0])}


class IntoBatch(BatchAxis):
    """Every item of the first axis as a sample of its own: what stands in front of the layer of an `along`."""

    def result(self) -> TensorType:
        whole = self.x.type
        return TensorType(
            whole.shape[1:], whole.dtype, whole.batched, whole.single, folded=(*whole.folded, whole.shape[0])
        )

    def windows(self) -> None:
        return None

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(OutOfBatch, outgoing[0], self.x)}


class OutOfBatch(BatchAxis):
    """The items that `IntoBatch` made samples of, as the first axis again; `like` is what it made them of."""

    like: Value

    def result(self) -> TensorType:
        item = self.x.type
        return TensorType(
            (item.folded[-1], *item.shape), item.dtype, item.batched, item.single, folded=item.folded[:-1]
        )

    def windows(self) -> None:
        return None

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(IntoBatch, outgoing[0])}


class AllSamples(BatchAxis):
    """All samples side by side, as one value with an axis for them in front: what a loss reads that sees the batch."""

    size: Text
    """What the number of samples is called."""

    def result(self) -> TensorType:
        return TensorType((Dim.symbol(self.size), *self.x.shape), self.x.type.dtype, batched=False)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(EachSample, outgoing[0])}


class EachSample(BatchAxis):
    """The items of the first axis as samples again."""

    def result(self) -> TensorType:
        return TensorType(self.x.shape[1:], self.x.type.dtype)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(AllSamples, outgoing[0], str(self.x.shape[0]))}


class PerSample(Costless):
    """Repeat a value that is one for all samples once a sample of `like`: a class token before `concat`.

    The first value is a free parameter such as `param token [1, 32]`, the second has samples.
    """

    example: ClassVar[str] = "(token, patches [16, 32]) -> per_sample"
    broadcasts: ClassVar[bool] = True

    x: Value
    like: Value

    def prepare(self) -> None:
        if self.x.type.batched:
            message = f"`per_sample` repeats a `param`, but {self.x.type} is there for every sample already"
            raise RuleError(message, code="wrong-kind", field="x")
        if not self.like.type.batched:
            raise RuleError("`per_sample` needs a second value that has samples", code="not-batched", field="like")

    def result(self) -> TensorType:
        return self.like.type.with_shape(*self.x.shape).with_dtype(self.x.type.dtype)

    def windows(self) -> tuple[()]:
        return ()

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import SumTo

        return {"x": tape(SumTo, outgoing[0], self.x)}


WAY = "bring both to one shape, or put what follows into the branches, as one `shared` layer if it is the same"


class ByPhase(Costless):
    """Arrows of the training graph, or those of the inference graph in their place: where an `if training` ends.

    A net holds both; what a graph is asked of, one of them, holds none (`netdsl/graph/phases.py`).
    """

    internal: ClassVar[bool] = True
    broadcasts: ClassVar[bool] = True

    trained: Values
    run: Values

    def prepare(self) -> None:
        for one, other in zip(self.trained, self.run, strict=True):
            if one.type.dtype is not other.type.dtype or one.type.rank != other.type.rank:
                kinds = one.type.rank == other.type.rank
                code, help = ("wrong-kind", "bring both to one kind: `to(float)`") if kinds else ("shape-mismatch", WAY)
                raise RuleError(self._told(one, other), code=code, help=help)

    def _told(self, one: Value, other: Value) -> str:
        return f"training gives {one.type} and inference {other.type}, but what follows is the same for both"

    def requirements(self) -> Iterator[Requirement]:
        for one, other in zip(self.trained, self.run, strict=True):
            for a, b in zip(one.shape, other.shape, strict=True):
                yield Requirement(a, "==", b, self._told(one, other), help=WAY)

    def result(self) -> tuple[TensorType, ...]:
        return tuple(value.type for value in self.run)

    def in_place(self) -> bool:
        return True

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"trained": outgoing}
