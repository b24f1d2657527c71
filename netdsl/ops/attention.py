"""Attention: every position reads every other, weighted by how well they match."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import Init, TensorType, Value, Weight
from netdsl.ops.activation import softmax_gradient
from netdsl.ops.arithmetic import Add, Div, Matmul, Mul, Sqrt
from netdsl.ops.axes import all_batched, float_of, product, samples_of
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
    fixed,
    require_rank,
)
from netdsl.ops.fields import Bool, Count, derived
from netdsl.ops.shape import Concat, Reshape, Split, Transpose

MOST_HEADS = 32
"""Numbers of heads that a message tries."""


def pairs(queries: Extent, keys: Extent, causal: bool) -> Extent:
    """How many pairs of a query and a key are read: a causal query reads the keys up to its own."""
    return queries * (queries + 1) // 2 if causal else queries * keys


def attended(place: int, causal: bool, axis: int) -> Follows | Read | Mingled:
    """How positions read queries (`place` 0), each its own, or keys and values."""
    if place == 0:
        return Follows(axis)
    return Mingled((axis,), growing=True) if causal else EVERYTHING


def softmax_flops(rows: Extent, width: Extent) -> Extent:
    """Scaling the scores and their softmax: `5n - 2` a row of n."""
    return rows * (5 * width - 2)


def attend(tape: Tape, q: Value, k: Value, v: Value, causal: bool) -> Value:
    """The training form of attention: keeps what it multiplies, and how much each query reads of each key."""
    from netdsl.ops.backward.attention import Match

    scaled = tape(Mul, (q, scale_of(tape, q)))
    match = tape(Match, scaled, k, causal)
    for name, value in (("q", scaled), ("k", k), ("v", v), ("match", match)):
        tape.save(name, value)
    return tape(Matmul, match, v)


def attend_gradient(tape: Tape, dy: Value | None) -> tuple[Value, Value, Value]:
    """Gradients of queries, keys and values."""
    from netdsl.ops.backward.arithmetic import turned

    q, k, v, match = map(tape.saved, ("q", "k", "v", "match"))
    scores = softmax_gradient(tape, tape(Matmul, dy, turned(tape, v)), match, match.type.rank - 1)
    dq = tape(Mul, (tape(Matmul, scores, k), scale_of(tape, q)))
    return dq, tape(Matmul, turned(tape, scores), q), tape(Matmul, turned(tape, match), dy)


def scale_of(tape: Tape, q: Value) -> Value:
    """`1 / sqrt(d)` for queries that are d wide."""
    from netdsl.ops.backward.reduce import Positions

    width = q.shape[-1]
    if isinstance(width, int):
        return tape.number(width**-0.5)
    return tape(Div, tape.number(1.0), tape(Sqrt, tape(Positions, q, (q.type.rank - 1,))))


def affine(tape: Tape, x: Value, weight: Value, bias: Value | None) -> Value:
    """`W x + b` at each step."""
    product = tape(Matmul, x, tape(Transpose, weight))
    return product if bias is None else tape(Add, (product, bias))


class Attention(Op):
    """Scaled dot-product attention `softmax(q k' / sqrt(d)) v` (Vaswani et al., 2017).

    `q`, `k` and `v` are `[T, d]` or `[heads, T, d]`; keys and values have one length, queries and keys one width.
    With `causal=true` a position reads only itself and those before it, and only those are counted.
    """

    example: ClassVar[str] = "(q [4, 16, 8], k [4, 16, 8], v [4, 16, 8]) -> attention(causal=true) -> [4, 16, 8]"

    q: Value
    k: Value
    v: Value
    causal: Bool = False

    def prepare(self) -> None:
        all_batched((self.q, self.k, self.v), self.name, "q")
        for field, value in (("q", self.q), ("k", self.k), ("v", self.v)):
            float_of(value, self.name, field)
            if value.type.rank not in (2, 3) or value.type.rank != self.q.type.rank:
                raise RuleError(
                    f"`attention` needs three values [T, d] or [heads, T, d], but one is {value.type}",
                    code="wrong-rank", field=field,
                )  # fmt: skip

    def requirements(self) -> Iterator[Requirement]:
        q, k, v = self.q.shape, self.k.shape, self.v.shape
        yield Requirement(q[-1], "==", k[-1], f"queries are {q[-1]} wide, but keys {k[-1]}", field="k")
        yield Requirement(k[-2], "==", v[-2], f"there are {k[-2]} keys, but {v[-2]} values", field="v")
        for name, other in (("k", k), ("v", v)):
            for left, right in zip(q[:-2], other[:-2], strict=True):
                yield Requirement(left, "==", right, f"there are {left} heads, but {right} in `{name}`", field=name)
        if self.causal:
            message = f"causal attention reads a sequence of its own, not {q[-2]} queries and {k[-2]} keys"
            yield Requirement(q[-2], "==", k[-2], message, field="causal")

    def result(self) -> TensorType:
        return self.q.type.with_shape(*self.q.shape[:-1], self.v.shape[-1])

    @property
    def heads(self) -> Extent:
        return product(self.q.shape[:-2])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        read = pairs(self.q.shape[-2], self.k.shape[-2], self.causal)
        return ((self.heads, read, self.q.shape[-1]), (self.heads, read, self.v.shape[-1]))

    def pointwise(self) -> Extent:
        return softmax_flops(self.heads * self.q.shape[-2], self.k.shape[-2])

    def transcendentals(self) -> Extent:
        return self.heads * self.q.shape[-2] * self.k.shape[-2]

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        steps = self.q.type.rank - 2
        return (*map(Follows, range(steps)), attended(place, self.causal, steps), FEATURES)

    def training(self, tape: Tape) -> tuple[Value, ...]:
        return (attend(tape, self.q, self.k, self.v, self.causal),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        dq, dk, dv = attend_gradient(tape, outgoing[0])
        return {"q": dq, "k": dk, "v": dv}


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
        q, k, v = (self._apart(tape, x) for x in self._projected(tape))
        joined = self._joined(tape, attend(tape, q, k, v, self.causal))
        tape.save("joined", joined)
        bias = tape.weight("out_proj.bias") if self.bias else None
        return (affine(tape, joined, tape.weight("out_proj.weight"), bias),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import SumTo
        from netdsl.ops.backward.linear import LinearInputGradient, LinearWeightGradient

        (dy,) = outgoing
        found = {"out_proj.weight": tape(LinearWeightGradient, dy, tape.saved("joined"))}
        if self.bias:
            found["out_proj.bias"] = tape(SumTo, dy, tape.weight("out_proj.bias"))
        mixed = self._apart(tape, tape(LinearInputGradient, dy, tape.weight("out_proj.weight")))
        parts = [self._joined(tape, part) for part in attend_gradient(tape, mixed)]
        return found | (self._joint_gradient(tape, parts) if self.joint else self._gradients(tape, parts))

    def _apart(self, tape: Tape, x: Value) -> Value:
        """`[T, E] -> [heads, T, E / heads]`."""
        return tape(Transpose, tape(Reshape, x, (-1, self.heads, self.width // self.heads)), (1, 0, 2))

    def _joined(self, tape: Tape, x: Value) -> Value:
        """`[heads, T, E / heads] -> [T, E]`."""
        return tape(Reshape, tape(Transpose, x, (1, 0, 2)), (-1, self.width))

    def _projected(self, tape: Tape) -> list[Value]:
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
