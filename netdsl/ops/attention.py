"""Attention: every position reads every other, weighted by how well they match."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight
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
)
from netdsl.ops.fields import Bool, BoolsKind, Count, FloatKind, IntKind, derived

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
            yield causal_reads(q.shape[-2], k.shape[-2])

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
    what = "mask" if bias.dtype is DType.BOOL else "bias"
    message = f"a {what} {bias} does not fit the scores, which are {scores}"
    wanted = scores.rank if bias.batched else 2
    ahead = ", ".join(map(str, ((1,) * (wanted - bias.rank) + bias.shape)))
    help = f"an axis along which it is alike has size 1: `reshape([{ahead}])`"
    yield Requirement(bias.rank, ">=", wanted, message, field=field, help=help)
    help = "its last two axes are queries and keys; an axis along which it is alike has size 1"
    yield Requirement(scores.rank, ">=", bias.rank, message, field=field, help=help)
    for own, other in zip(reversed(bias.shape), reversed(scores.shape), strict=False):
        if not is_one(own):
            yield Requirement(other, "==", own, message, field=field, help=help)


def causal_reads(queries: Extent, keys: Extent) -> Requirement:
    """The last query stands at the last key, so that every query has keys to read."""
    message = f"a causal query reads the keys up to its own, but there are {queries} queries and {keys} keys"
    return Requirement(keys, ">=", queries, message, field="causal")


def added(bias: Value | None, scores: TensorType) -> Extent:
    """The additions of a bias; a mask adds nothing."""
    return scores.elements if bias is not None and bias.type.dtype is DType.FLOAT else 0


PROJECTIONS = ("q", "k", "v", "out")
"""What `multihead_attention` projects: queries, keys, values, and what it makes of them."""


class MultiheadAttention(Op):
    """Project, attend in `heads` parts side by side, and project again (Vaswani et al., 2017).

    One sequence `[T, E]` attends to itself; `(q, k)` or `(q, k, v)` attends to another, and the fourth of
    `(q, k, v, mask)` is added to the scores `[heads, queries, keys]` or says by truth values which keys a query reads.
    Widths are inferred. More axes may stand in front, and `mask` and `causal` mean what they do in `attention`.

    The weights are those of `nn.MultiheadAttention`. With `kv_heads`, of which there may be fewer (Ainslie et
    al., 2023), or a `bias` that some of the projections of queries, keys, values and result have, each projection has
    weights of its own.
    """

    example: ClassVar[str] = "tokens [16, 32] -> multihead_attention(4) -> [16, 32]"
    positional: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True
    alike: ClassVar[tuple[str, ...]] = ("mask",)

    q: Value
    k: Value | None = None
    v: Value | None = None
    mask: Value | None = None
    heads: Count  # type: ignore[misc]  # settings follow the inputs, of which some may be left out
    kv_heads: Annotated[int | None, IntKind(1)] = None
    bias: Annotated[tuple[bool, ...], BoolsKind(len(PROJECTIONS))] = (True,) * len(PROJECTIONS)
    causal: Bool = False

    width: int = derived()
    key_width: int = derived()
    value_width: int = derived()

    def prepare(self) -> None:
        for field, value in (("q", self.q), ("k", self.keys), ("v", self.values)):
            float_of(value, self.name, field)
            samples_of(value, self.name, field)
            if value.type.rank < 2:
                message = f"`multihead_attention` needs sequences [T, E], but its input is {value.type}"
                help = "`tokens` makes a sequence of an image, `unsqueeze(0)` one step of a vector"
                raise RuleError(message, code="wrong-rank", field=field, help=help)
        self.width, self.key_width, self.value_width = (
            fixed(v.shape[-1], "the width that `multihead_attention` reads") for v in (self.q, self.keys, self.values)
        )
        if self.width % self.heads:
            raise _divided(f"a width of {self.width} does not divide into {self.heads} heads", self.width, "heads")
        if self.heads % self.few:
            message = f"{self.heads} heads of queries do not divide among {self.few} of keys and values"
            raise _divided(message, self.heads, "kv_heads")
        if self.mask is not None:
            check_bias(self.mask, self.name, True, "mask")

    @property
    def few(self) -> int:
        """How many heads keys and values have."""
        return self.heads if self.kv_heads is None else self.kv_heads

    @property
    def inner(self) -> int:
        """The width of all heads of keys, and of values."""
        return self.width // self.heads * self.few

    @property
    def keys(self) -> Value:
        return self.q if self.k is None else self.k

    @property
    def values(self) -> Value:
        return self.keys if self.v is None else self.v

    @property
    def whole(self) -> bool:
        """True when the weights are those of `nn.MultiheadAttention`."""
        return self.kv_heads is None and len(set(self.bias)) == 1

    @property
    def packed(self) -> bool:
        """True when one matrix projects queries, keys and values: they are equally wide."""
        return self.whole and self.width == self.key_width == self.value_width

    @property
    def joint(self) -> bool:
        """True when a sequence attends to itself, so that one product projects queries, keys and values."""
        return self.packed and self.keys is self.q and self.values is self.q

    @property
    def aligned(self) -> bool:
        """Whether there are as many queries as keys."""
        return self.q.shape[-2] == self.keys.shape[-2]

    def scores(self) -> TensorType:
        """One number for each head, and query and key that it could read."""
        lead = self._lead()
        return lead.with_shape(*lead.shape, self.heads, self.q.shape[-2], self.keys.shape[-2])

    def _lead(self) -> TensorType:
        return broadcast([leading(value) for value in (self.q, self.keys, self.values)])

    def requirements(self) -> Iterator[Requirement]:
        queries, keys, values = self.q.shape[-2], self.keys.shape[-2], self.values.shape[-2]
        yield Requirement(keys, "==", values, f"there are {keys} keys, but {values} values", field="v")
        for field, other in (("k", self.keys), ("v", self.values)):
            message = f"queries {self.q.type} cannot read `{field}` {other.type}"
            for met in meet(leading(self.q), leading(other), self.name, ("q", field)):
                yield Requirement(met.left, met.relation, met.right, message, field=field)
        if self.mask is not None:
            yield from bias_fits(self.scores(), self.mask.type, "mask")
        if self.causal:
            yield causal_reads(queries, keys)

    def result(self) -> TensorType:
        lead = self._lead()
        return lead.with_shape(*lead.shape, self.q.shape[-2], self.width)

    def weights(self) -> tuple[Weight, ...]:
        return tuple(self._packed() if self.whole else self._apart())

    def _packed(self) -> Iterator[Weight]:
        width, biased = self.width, self.bias[0]
        if self.packed:
            yield Weight("in_proj_weight", (3 * width, width), Init("xavier_uniform", (), width, 3 * width))
        else:
            for which, read in self.read():
                yield Weight(f"{which}_proj_weight", (width, read), Init("xavier_uniform", (), read, width))
        if biased:
            yield Weight("in_proj_bias", (3 * width,), Init("zeros", (), width, 3 * width))
        yield Weight("out_proj.weight", (width, width), Init("torch", (), width, width))
        if biased:
            yield Weight("out_proj.bias", (width,), Init("zeros", (), width, width))

    def _apart(self) -> Iterator[Weight]:
        """A matrix and a bias for each projection, or no bias."""
        made = zip((*self.read(), ("out", self.width)), self.made(), self.bias, strict=True)
        for (which, read), width, biased in made:
            kind = "torch" if which == "out" else "xavier_uniform"
            yield Weight(f"{which}_proj.weight", (width, read), Init(kind, (), read, width))
            if biased:
                yield Weight(f"{which}_proj.bias", (width,), Init("zeros", (), read, width))

    def read(self) -> tuple[tuple[str, int], ...]:
        """What is projected, with its width."""
        return tuple(zip("qkv", (self.width, self.key_width, self.value_width), strict=True))

    def made(self) -> tuple[int, ...]:
        """The width of what each projection gives."""
        return (self.width, self.inner, self.inner, self.width)

    def _positions(self) -> list[Extent]:
        """How many steps each projection reads."""
        return [product(value.shape[:-1]) for value in (self.q, self.keys, self.values, Value("", self.result()))]

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        q, k, v, out = self._positions()
        read = (*self._lead().shape, pairs(self.q.shape[-2], self.keys.shape[-2], self.causal), self.width)
        return (
            (q, self.width, self.width), (k, self.key_width, self.inner), (v, self.value_width, self.inner),
            read, read, (out, self.width, self.width),
        )  # fmt: skip

    def bias_adds(self) -> Extent:
        total: Extent = 0
        for steps, width, biased in zip(self._positions(), self.made(), self.bias, strict=True):
            total = total + steps * width * biased
        return total

    def pointwise(self) -> Extent:
        *rows, keys = self.scores().shape
        return softmax_flops(product(rows), keys) + added(self.mask, self.scores())

    def transcendentals(self) -> Extent:
        return self.scores().elements

    def windows(self) -> None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        lead, steps = self._lead().shape, self.result().rank - 2
        if place == 3:
            assert self.mask is not None
            mask = self.mask.type
            row = EVERYTHING if is_one(mask.shape[-2]) and not is_one(self.q.shape[-2]) else Follows(steps)
            front = (*aligned(mask.shape[:-3], lead), EVERYTHING)  # every number of the result reads all heads
            return (*front, row, attended(1, self.causal, steps))[-mask.rank :]
        operand = (self.q, self.keys, self.values)[place]
        queries = place == 0 and self.k is not None
        return (*aligned(operand.shape[:-2], lead), attended(0 if queries else 1, self.causal, steps), FEATURES)

    def training(self, tape: Tape) -> tuple[Value, ...]:
        from netdsl.ops.backward.multihead import multihead_training

        return (multihead_training(tape, self),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.multihead import multihead_gradient

        (dy,) = outgoing
        assert dy is not None
        return multihead_gradient(tape, self, dy)


def _divided(message: str, width: int, field: str) -> RuleError:
    fitting = [n for n in range(1, MOST_HEADS + 1) if width % n == 0]
    help = f"of up to {MOST_HEADS} heads, {', '.join(map(str, fitting))} divide it"
    return RuleError(message, code="heads-do-not-divide", field=field, help=help)
