"""Attention: every position reads every other, weighted by how well they match."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.ops.axes import all_batched, float_of, product, samples_of
from netdsl.ops.base import Op, Requirement, RuleError, fixed, require_rank
from netdsl.ops.fields import Bool, Count
from netdsl.tensors import Init, TensorType, Value, Weight


def pairs(queries: Extent, keys: Extent, causal: bool) -> Extent:
    """How many pairs of a query and a key are read: a causal query reads the keys up to its own."""
    return queries * (queries + 1) // 2 if causal else queries * keys


def softmax_flops(rows: Extent, width: Extent) -> Extent:
    """Scaling the scores and their softmax: `5n - 2` a row of n."""
    return rows * (5 * width - 2)


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


class MultiheadAttention(Op):
    """Project, attend in `heads` parts side by side, and project again (Vaswani et al., 2017).

    One sequence `[T, E]` attends to itself; `(q, k)` or `(q, k, v)` attends to another. Widths are inferred. The
    weights are those of `nn.MultiheadAttention`; `causal=true` hides what comes later.
    """

    example: ClassVar[str] = "tokens [16, 32] -> multihead_attention(4) -> [16, 32]"

    q: Value
    k: Value | None = None
    v: Value | None = None
    heads: Count  # type: ignore[misc]  # settings follow the inputs, of which some may be left out
    bias: Bool = True
    causal: Bool = False

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
            raise RuleError(message, code="heads-do-not-divide", field="heads")

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
