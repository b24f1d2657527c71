"""Inputs that are laid out as another framework would: with the channels last, or with a batch.

Both can be meant, so that an input alone is no mistake. When it goes into an operation that takes the first axis for
the channels, a warning says so; where the operation cannot be, that is the mistake instead of what the operation says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site, Suspect
from netdsl.elaborate.values import Arrows, Failed, arrows
from netdsl.ops.axes import COLOURS, channels_last
from netdsl.ops.base import Op
from netdsl.text import syntax
from netdsl.text.diagnostics import Severity
from netdsl.text.source import Span

BATCHES = frozenset(("none", "batch", "batchsize", "bs", "bsz", "nbatch", "minibatch"))
"""Names, without capitals and `_`, that can only mean the batch."""
COUNTS = frozenset(("B", "N"))
"""Names that mean the batch where colours follow, or the names of an image's axes; `N` may count points elsewhere."""
IMAGE = ["C", "H", "W"]
SMALLEST = 8
"""An image has at least so many rows."""

FILMS = ("video", "film", "clip", "frames")
"""What an input is called whose first axis are frames."""

CHANNELS_FIRST = frozenset(
    ("conv", "conv_transpose", "locally_connected", "maxpool", "avgpool", "adaptive_avgpool", "adaptive_maxpool",
     "global_avgpool", "global_maxpool", "batchnorm", "groupnorm", "instancenorm", "lrn", "spatial_dropout", "resize",
     "unpool", "pixel_shuffle", "pixel_unshuffle")
)  # fmt: skip
"""Operations that take the first axis for the channels."""
WHOLE = CHANNELS_FIRST | {"flatten", "linear", "softmax"}
"""Operations that a batch among the axes would be mistaken by."""
SEQUENCES = frozenset(("rnn", "lstm", "gru"))
"""Operations that take two axes, the first of them for steps."""
INNER = frozenset(("embedding", "layernorm", "rmsnorm", "attention", "multihead_attention"))
"""Operations that leave the first of three axes alone, as if it were a batch."""


OVER_VOLUMES = (CHANNELS_FIRST - {"conv", "conv_transpose", "locally_connected"}) | {"tokens"}
"""Those without a kernel of so many channels: they take images in a row for one volume."""


def warn_of_items(site: Site, op: type[Op], value: Arrows, span: Span) -> None:
    """`[T, 3, 16, 16] -> maxpool(2)`: images in a row are taken for one volume, whose channels are no fixed number."""
    if not isinstance(value, Value) or value.type.rank not in (2, 4) or not isinstance(value.shape[0], Dim):
        return
    if op.name not in OVER_VOLUMES or isinstance(value.shape[1], Dim):
        return
    suspect = site.context.suspects.get(value)
    if suspect is not None and op.name in suspect.ops:
        return  # which is said of the input
    if value.type.rank == 2:
        message = f"`{span.text}` takes {value.type} for {value.shape[0]} channels of {value.shape[1]} steps"
        help = f"features come last here: along the steps it is `transpose -> {span.text}`"
        site.errors.collector.report("open-channels", message, span, severity=Severity.WARNING, help=help)
        return
    message = f"`{span.text}` takes {value.type} for one volume of {value.shape[0]} channels"
    help = f"where these are {value.shape[0]} images, `along({span.text})` acts on each of them"
    site.errors.collector.report("open-channels", message, span, severity=Severity.WARNING, help=help)


def refuse_batch(site: Site, item: syntax.InputItem) -> None:
    """`[None, 784]`, `[-1, 3, 224, 224]`, `[batch, 784]`: nothing else can be meant."""
    dims = item.dims or ()
    first = dims[0].span.text if len(dims) > 1 else ""
    if first.replace("_", "").replace(" ", "").lower() in BATCHES | {"-1"}:
        message = f"`{first}` is no size: a shape is that of one sample"
        site.error("batch-written", message, dims[0].span, help=without_batch(item))


def without_batch(item: syntax.InputItem) -> str:
    return f"the batch is never written: write {written(item, [d.span.text for d in item.dims or ()][1:])}"


def written(item: syntax.InputItem, dims: list[str]) -> str:
    kind = f"{item.kind.id}" if item.kind else ""
    return f"`input {item.name.id} {kind}[{', '.join(dims)}]`"


def suspect(site: Site, item: syntax.InputItem, value: Value) -> None:
    """Remember an input that looks as if it were laid out otherwise."""
    dims = [d.span.text for d in item.dims or ()]
    shape = value.shape
    if channels_last(shape):
        message = f"`{item.name.id}` looks as if its channels stood last, but the first axis is taken for them"
        way = f"channels come first: write {written(item, [dims[-1], *dims[:-1]])}"
        site.context.suspects[value] = Suspect("channels-last", message, way, item.span, CHANNELS_FIRST)
    elif item.name.id not in FILMS and (ops := _taken_in(shape, dims)) is not None:
        message = f"`{item.name.id}` looks as if its first axis were the batch, but a shape is that of one sample"
        help, meant = without_batch(item), ops != SEQUENCES
        help += "" if meant else "; where it is none, `along(…)` applies a layer to every item of it"
        site.context.suspects[value] = Suspect("batch-written", message, help, item.span, ops, not meant)


def _taken_in(shape: tuple[Extent, ...], dims: list[str]) -> frozenset[str] | None:
    """The operations that a batch in a shape would be mistaken by, None where it looks as if there were none.

    `[64, 3, 224, 224]`, `[N, 3, H, W]`, `[N, C, H, W]`, `[B, 784]`, `[B, T, 8]`, and before steps `[N, T, 8]`.
    """
    names = [dim.partition("=")[0].strip() for dim in dims]
    if len(shape) == 4:
        large = all(not isinstance(size, int) or size >= SMALLEST for size in shape[2:])
        counted = isinstance(shape[0], int) and shape[0] not in COLOURS
        image = (large and shape[1] in COLOURS) or (names[0] in COUNTS and names[1:] == IMAGE)
        if image and (counted or names[0] in COUNTS):
            return WHOLE
    if names[:1] == ["B"] and len(shape) > 1:
        return WHOLE if len(shape) == 2 and not names[1].isidentifier() else WHOLE | SEQUENCES | INNER
    return SEQUENCES if names[:1] == ["N"] and len(shape) in (2, 3) else None


def follow(site: Site, op: Op, made: Sequence[Value]) -> None:
    """What an operation makes of a suspect input that leaves its first axis alone is as suspect."""
    for read in op.operands():
        found = site.context.suspects.get(read)
        if found is None or op.name in found.ops:
            continue
        for value in made:
            if value.type.rank >= read.type.rank > 0 and value.shape[0] == read.shape[0]:
                site.context.suspects[value] = found


@contextmanager
def watched(site: Site, op: type[Op], value: Arrows) -> Iterator[None]:
    """While an operation is applied: what it says of a suspect input is said of the input."""
    found = next((site.context.suspects[v] for v in arrows(value) if v in site.context.suspects), None)
    if found is None or op.name not in found.ops:
        yield
        return
    before = len(site.errors.collector.found)
    try:
        yield
    except Failed:
        del site.errors.collector.found[before:]
        site.errors.collector.report(found.code, found.message, found.span, help=found.help)
        raise
    if found.failing:
        return
    more = f"{found.help}, unless this is meant"
    site.errors.collector.report(found.code, found.message, found.span, severity=Severity.WARNING, help=more)
