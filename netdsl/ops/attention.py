"""Attention: every position reads every other, weighted by how well they match."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight
from netdsl.ops.arithmetic import Add
from netdsl.ops.axes import broadcast, float_of, is_one, meet, product, samples_of
from netdsl.ops.base import (
    EVERYTHING,
    FEATURES,
    Follows,
    Gradients,
    Mingled,
    Op,
    Read,
    Reading,
    Requirement,
    RuleError,
    Tape,
    aligned,
    fixed,
    require_rank,
)
from netdsl.ops.fields import Bool, Count, FloatKind, derived
from netdsl.ops.shape import Concat, Reshape, Split, Transpose

MOST_HEADS = 32
"""Numbers of heads that a message tries."""


def pairs(queries: Extent, keys: Extent, causal: bool) -> Extent:
    """How many pairs of a query and a key are read: a causal query reads the keys up to its own, the last one all."""
    return queries * (queries + 1) // 2 + queries * (keys - queries) if causal else queries * keys


def attended(place: int, causal: bool, axis: int) -> Follows | Read | Mingled:
    """How positions read queries (`place` 0), each its own, or keys and values."""
    if place == 0:
        return Follows(axis)
    return Mingled((axis,), growing=True) if causal else EVERYTHING


def softmax_flops(rows: Extent, width: Extent) -> Extent:
    """Scaling the scores and their softmax: `5n - 2` a row of n."""
    return rows * (5 * width - 2)


def shared_heads(q: Value, *others: Value) -> int:
    """How many heads of queries read one head of keys and values: more than one where these have fewer."""
    queries, *fewer = (value.shape[-3] if value.type.rank > 2 else 1 for value in (q, *others))
    heads = next((n for n in fewer if not is_one(n)), 1)
    if not isinstance(queries, int) or not isinstance(heads, int) or heads == 1 or queries % heads:
        return 1
    return queries // heads


def leading(value: Value, groups: int = 1) -> TensorType:
    """The axes before the last two, with as many heads as queries have that read each in groups."""
    more = list(value.shape[:-2])
    if groups > 1 and more and not is_one(more[-1]):
        more[-1] = more[-1] * groups
    return value.type.with_shape(*more)


class Attention(Op):
    """Scaled dot-product attention `softmax(q k' * scale + bias) v` (Vaswani et al., 2017).

    `q`, `k` and `v` are `[T, d]`, `[heads, T, d]` or have more axes in front, which meet as in `matmul`; keys and
    values have one length, queries and keys one width. There may be fewer heads of keys and values where they divide
    those of queries: each is read by as many in a row (Ainslie et al., 2023).

    A `bias` of `[queries, keys]`, with axes in front as the scores have them or of size 1, is added to the scores. One
    of truth values lets a query read the keys where it is true; a query that may read none gives zeros. With
    `causal=true` the last query stands at the last key and reads all of them, the one before it one less, and only
    pairs that are read are counted.
    """

    example: ClassVar[str] = "(q [4, 16, 8], k [4, 16, 8], v [4, 16, 8]) -> attention(causal=true) -> [4, 16, 8]"
    broadcasts: ClassVar[bool] = True

    q: Value
    k: Value
    v: Value
    bias: Value | None = None
    causal: Bool = False
    scale: Annotated[float | None, FloatKind()] = None

    groups: int = derived()
    """How many heads of queries read one of keys."""

    def prepare(self) -> None:
        for field, value in (("q", self.q), ("k", self.k), ("v", self.v)):
            float_of(value, self.name, field)
            if value.type.rank < 2:
                raise RuleError(
                    f"`attention` needs values [T, d] or [heads, T, d], but one is {value.type}",
                    code="wrong-rank", field=field,
                )  # fmt: skip
        if self.bias is not None:
            check_bias(self.bias, self.name, self.q.type.batched or self.k.type.batched)
        self.groups = shared_heads(self.q, self.k, self.v)

    def requirements(self) -> Iterator[Requirement]:
        q, k, v = self.q, self.k, self.v
        yield Requirement(
            q.shape[-1], "==", k.shape[-1], f"queries are {q.shape[-1]} wide, but keys {k.shape[-1]}", field="k"
        )
        yield Requirement(
            k.shape[-2], "==", v.shape[-2], f"there are {k.shape[-2]} keys, but {v.shape[-2]} values", field="v"
        )
        for field, other in (("k", k), ("v", v)):
            message = f"queries {q.type} cannot read `{field}` {other.type}"
            for met in meet(leading(q), leading(other, self.groups), self.name, ("q", field)):
                yield Requirement(met.left, met.relation, met.right, message, field=field, help=HEADS)
        if self.bias is not None:
            yield from bias_fits(self.scores(), self.bias.type)
        if self.causal:
            counts = f"{q.shape[-2]} queries and {k.shape[-2]} keys"
            message = f"a causal query reads the keys up to its own, but there are {counts}"
            yield Requirement(k.shape[-2], ">=", q.shape[-2], message, field="causal")

    def scores(self) -> TensorType:
        """One number for each query and key that it could read."""
        lead = self._lead()
        return lead.with_shape(*lead.shape, self.q.shape[-2], self.k.shape[-2])

    def _lead(self) -> TensorType:
        return broadcast([leading(self.q), leading(self.k, self.groups), leading(self.v, self.groups)])

    def result(self) -> TensorType:
        lead = self._lead()
        return lead.with_shape(*lead.shape, self.q.shape[-2], self.v.shape[-1])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        read = (*self._lead().shape, pairs(self.q.shape[-2], self.k.shape[-2], self.causal))
        return ((*read, self.q.shape[-1]), (*read, self.v.shape[-1]))

    def pointwise(self) -> Extent:
        *rows, keys = self.scores().shape
        return softmax_flops(product(rows), keys) + added(self.bias, self.scores())

    def transcendentals(self) -> Extent:
        return self.scores().elements

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        lead, steps = self._lead().shape, self.result().rank - 2
        if place == 3:
            assert self.bias is not None
            return (*aligned(self.bias.shape, self.scores().shape)[:-1], attended(1, self.causal, steps))
        operand = (self.q, self.k, self.v)[place]
        met = list(aligned(leading(operand, self.groups).shape, lead))
        if place and self.groups > 1 and met and isinstance(met[-1], Follows):
            met[-1] = Mingled((steps - 1,))
        return (*met, attended(place, self.causal, steps), FEATURES)

    def training(self, tape: Tape) -> tuple[Value, ...]:
        from netdsl.ops.backward.attention import attend

        return (attend(tape, (self.q, self.k, self.v, self.bias), self.causal, self.scale, self.groups),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.attention import attend_gradient

        bias = self.bias if self.bias is not None and tape.wants("bias") else None
        found = attend_gradient(tape, outgoing[0], (self.q, self.k, self.v, bias), self.scale, self.groups)
        return dict(zip(("q", "k", "v", "bias"), found, strict=False))


HEADS = "heads of keys and values are as many as those of queries, or divide them; other axes agree, or have size 1"


def check_bias(bias: Value, name: str, batched: bool, field: str = "bias") -> None:
    """Refuse what can neither be added to scores nor mask them."""
    if bias.type.dtype is DType.INT:
        message = (
            f"`{name}` adds real numbers to its scores, or masks them by truth values, but its bias is {bias.type}"
        )
        help = "a mask is declared with `bool`, as in `input mask bool[8, 8]`"
        raise RuleError(message, code="wrong-kind", field=field, help=help)
    if bias.type.batched and not batched:
        message = f"a bias {bias.type} of samples is added to scores that are the same for all"
        help = f"repeat the queries for every sample: `(q, {bias.name}) -> per_sample`"
        raise RuleError(message, code="not-batched", field=field, help=help)


def bias_fits(scores: TensorType, bias: TensorType, field: str = "bias") -> Iterator[Requirement]:
    """A bias has the axes of the scores, or of size 1; what is the same for all samples may lack some in front."""
    message = f"a bias {bias} does not fit the scores, which are {scores}"
    wanted = scores.rank if bias.batched else 2
    ahead = ", ".join(map(str, ((1,) * (wanted - bias.rank) + bias.shape)))
    help = f"an axis along which it is alike has size 1: `reshape([{ahead}])`"
    yield Requirement(bias.rank, ">=", wanted, message, field=field, help=help)
    help = "its last two axes are queries and keys; an axis along which it is alike has size 1"
    yield Requirement(scores.rank, ">=", bias.rank, message, field=field, help=help)
    for own, other in zip(reversed(bias.shape), reversed(scores.shape), strict=False):
        if not is_one(own):
            yield Requirement(other, "==", own, message, field=field, help=help)


def added(bias: Value | None, scores: TensorType) -> Extent:
    """The additions of a bias; a mask adds nothing."""
    return scores.elements if bias is not None and bias.type.dtype is DType.FLOAT else 0


class MultiheadAttention(Op):
    """Project, attend in `heads` parts side by side, and project again (Vaswani et al., 2017).

    One sequence `[T, E]` attends to itself; `(q, k)` or `(q, k, v)` attends to another. Widths are inferred. The
    weights are those of `nn.MultiheadAttention`; `causal=true` hides what comes later.
    """

    example: ClassVar[str] = "tokens [16, 32] -> multihead_attention(4) -> [16, 32]"
    positional: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True

    q: Value
    k: Value | None = None
    v: Value | None = None
    heads: Count  # type: ignore[misc]  # settings follow the inputs, of which some may be left out
    bias: Bool = True
    causal: Bool = False

    width: int = derived()
    key_width: int = derived()
    value_width: int = derived()

    def prepare(self) -> None:
        for field, value in (("q", self.q), ("k", self.keys), ("v", self.values)):
            float_of(value, self.name, field)
            samples_of(value, self.name, field)
            require_rank(value, (2,), "`multihead_attention` needs sequences [T, E]")
        self.width, self.key_width, self.value_width = (
            fixed(v.shape[1], "the width that `multihead_attention` reads") for v in (self.q, self.keys, self.values)
        )
        if self.width % self.heads:
            message = f"a width of {self.width} does not divide into {self.heads} heads"
            fitting = [n for n in range(1, MOST_HEADS + 1) if self.width % n == 0]
            help = f"of up to {MOST_HEADS} heads, {', '.join(map(str, fitting))} divide it"
            raise RuleError(message, code="heads-do-not-divide", field="heads", help=help)

    @property
    def keys(self) -> Value:
        return self.q if self.k is None else self.k

    @property
    def values(self) -> Value:
        return self.keys if self.v is None else self.v

    @property
    def packed(self) -> bool:
        """True when one matrix projects queries, keys and values: they are equally wide."""
        return self.width == self.key_width == self.value_width

    def requirements(self) -> Iterator[Requirement]:
        queries, keys, values = self.q.shape[0], self.keys.shape[0], self.values.shape[0]
        yield Requirement(keys, "==", values, f"there are {keys} keys, but {values} values", field="v")
        if self.causal:
            message = f"causal attention reads a sequence of its own, not {queries} queries and {keys} keys"
            yield Requirement(queries, "==", keys, message, field="causal")

    def result(self) -> TensorType:
        return self.q.type

    def weights(self) -> tuple[Weight, ...]:
        width = self.width
        out = Weight("out_proj.weight", (width, width), Init("torch", (), width, width))
        found = [*self._projections(), out]
        if self.bias:
            found.insert(-1, Weight("in_proj_bias", (3 * width,), Init("zeros", (), width, 3 * width)))
            found.append(Weight("out_proj.bias", (width,), Init("zeros", (), width, width)))
        return tuple(found)

    def _projections(self) -> list[Weight]:
        width = self.width
        if self.packed:
            return [Weight("in_proj_weight", (3 * width, width), Init("xavier_uniform", (), width, 3 * width))]
        return [
            Weight(f"{which}_proj_weight", (width, read), Init("xavier_uniform", (), read, width))
            for which, read in (("q", width), ("k", self.key_width), ("v", self.value_width))
        ]

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        queries, keys, width = self.q.shape[0], self.keys.shape[0], self.width
        read = pairs(queries, keys, self.causal)
        return (
            (queries, width, width), (keys, self.key_width, width), (keys, self.value_width, width),
            (read, width), (read, width), (queries, width, width),
        )  # fmt: skip

    def bias_adds(self) -> Extent:
        return (self.q.shape[0] + self.keys.shape[0]) * (2 * self.width) if self.bias else 0

    def pointwise(self) -> Extent:
        return softmax_flops(self.q.shape[0] * self.heads, self.keys.shape[0])

    def transcendentals(self) -> Extent:
        return self.q.shape[0] * self.keys.shape[0] * self.heads

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        queries = place == 0 and self.k is not None
        return (attended(0 if queries else 1, self.causal, 0), FEATURES)

    @property
    def joint(self) -> bool:
        """True when a sequence attends to itself, so that one product projects queries, keys and values."""
        return self.packed and self.keys is self.q and self.values is self.q

    def training(self, tape: Tape) -> tuple[Value, ...]:
        from netdsl.ops.backward.attention import affine, attend

        q, k, v = (self._apart(tape, x) for x in self._projected(tape))
        joined = self._joined(tape, attend(tape, (q, k, v, None), self.causal, None))
        tape.save("joined", joined)
        bias = tape.weight("out_proj.bias") if self.bias else None
        return (affine(tape, joined, tape.weight("out_proj.weight"), bias),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.attention import attend_gradient
        from netdsl.ops.backward.base import SumTo
        from netdsl.ops.backward.linear import LinearInputGradient, LinearWeightGradient

        (dy,) = outgoing
        found = {"out_proj.weight": tape(LinearWeightGradient, dy, tape.saved("joined"))}
        if self.bias:
            found["out_proj.bias"] = tape(SumTo, dy, tape.weight("out_proj.bias"))
        mixed = self._apart(tape, tape(LinearInputGradient, dy, tape.weight("out_proj.weight")))
        read = (mixed, tape.saved("k"), tape.saved("v"), None)  # of the shapes that queries, keys and values had
        parts = [self._joined(tape, part) for part in attend_gradient(tape, mixed, read, None)]
        return found | (self._joint_gradient(tape, parts) if self.joint else self._gradients(tape, parts))

    def _apart(self, tape: Tape, x: Value) -> Value:
        """`[T, E] -> [heads, T, E / heads]`."""
        return tape(Transpose, tape(Reshape, x, (-1, self.heads, self.width // self.heads)), (1, 0, 2))

    def _joined(self, tape: Tape, x: Value) -> Value:
        """`[heads, T, E / heads] -> [T, E]`."""
        return tape(Reshape, tape(Transpose, x, (1, 0, 2)), (-1, self.width))

    def _projected(self, tape: Tape) -> list[Value]:
        from netdsl.ops.backward.attention import affine

        if self.joint:
            bias = tape.weight("in_proj_bias") if self.bias else None
            return list(tape.several(Split, affine(tape, self.q, tape.weight("in_proj_weight"), bias), 3, 1))
        weights, biases = self._matrices(tape), self._biases(tape)
        return [affine(tape, *each) for each in zip((self.q, self.keys, self.values), weights, biases, strict=True)]

    def _matrices(self, tape: Tape) -> list[Value]:
        if self.packed:
            return list(tape.several(Split, tape.weight("in_proj_weight"), 3, 0))
        return [tape.weight(f"{which}_proj_weight") for which in "qkv"]

    def _biases(self, tape: Tape) -> list[Value | None]:
        return list(tape.several(Split, tape.weight("in_proj_bias"), 3, 0)) if self.bias else [None] * 3

    def _joint_gradient(self, tape: Tape, parts: list[Value]) -> dict[str, Value]:
        from netdsl.ops.backward.base import SumTo
        from netdsl.ops.backward.linear import LinearInputGradient, LinearWeightGradient

        whole, weight = tape(Concat, tuple(parts), 1), tape.weight("in_proj_weight")
        found = {"in_proj_weight": tape(LinearWeightGradient, whole, self.q)}
        if self.bias:
            found["in_proj_bias"] = tape(SumTo, whole, tape.weight("in_proj_bias"))
        if tape.wants("q"):
            found["q"] = tape(LinearInputGradient, whole, weight)
        return found

    def _gradients(self, tape: Tape, parts: list[Value]) -> dict[str, Value]:
        from netdsl.ops.backward.base import SumTo
        from netdsl.ops.backward.linear import LinearWeightGradient

        read = (self.q, self.keys, self.values)
        matrices = [tape(LinearWeightGradient, dy, x) for dy, x in zip(parts, read, strict=True)]
        if self.packed:
            found = {"in_proj_weight": tape(Concat, tuple(matrices), 0)}
        else:
            found = {f"{which}_proj_weight": each for which, each in zip("qkv", matrices, strict=True)}
        if self.bias:
            sums = tuple(tape(SumTo, dy, part) for dy, part in zip(parts, self._biases(tape), strict=True))
            found["in_proj_bias"] = tape(Concat, sums, 0)
        return found | self._input_gradients(tape, parts)

    def _input_gradients(self, tape: Tape, parts: list[Value]) -> dict[str, Value]:
        """By input; one that stands for keys and values as well gets all of theirs."""
        from netdsl.ops.backward.linear import LinearInputGradient

        keys = "q" if self.k is None else "k"
        values = keys if self.v is None else "v"
        found: dict[str, Value] = {}
        for field, dy, weight in zip(("q", keys, values), parts, self._matrices(tape), strict=True):
            if tape.wants(field):
                own = tape(LinearInputGradient, dy, weight)
                found[field] = tape(Add, (found[field], own)) if field in found else own
        return found
