"""Calls of other frameworks whose settings say more than numbers: which layer is meant, or axes counted otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from netdsl.text.foreign import missing, plain


class GivenArgument(NamedTuple):
    """One argument: its name, or None where it is given by its place, and the text of its value."""

    name: str | None
    value: str


POOLS = {"max": "maxpool", **dict.fromkeys(("avg", "ave", "average", "mean"), "avgpool")}
POOLING = frozenset(("pool", "pool1d", "pool2d", "pool3d", "pooling", "pooling2d"))
POOL_KINDS = frozenset(("pool", "type", "mode", "pool_type", "pooling", "pool_mode", "pooling_type", "method", "kind"))


def pooling(arguments: Sequence[GivenArgument]) -> tuple[str, list[GivenArgument]] | None:
    """`Pooling(pool=AVE, kernel_size=3)`: the layer that is meant, and what is left of its settings."""
    said = [a for a in arguments if a.name in POOL_KINDS or (a.name is None and _bare(a.value) in POOLS)]
    kinds = {POOLS.get(_bare(a.value)) for a in said} or {"maxpool"}
    kind = kinds.pop()
    if kind is None or kinds:
        return None
    rest = [a for a in arguments if a not in said]
    if any(a.name == "pool" for a in said) and not any(a.name in ("round_mode", "ceil_mode", "ceil") for a in rest):
        rest.append(GivenArgument("ceil", "true"))  # Caffe rounds sizes up
    everywhere = [a for a in rest if a.name == "global_pooling"]
    if everywhere and everywhere[0].value.lower() in ("true", "1"):
        return f"global_{kind}", []
    return kind, [a for a in rest if a not in everywhere]


def _bare(text: str) -> str:
    return text.strip("'\"").rpartition(".")[2].lower()


def activation(arguments: Sequence[GivenArgument]) -> str | None:
    """The word in `Activation("tanh")`."""
    named = (None, "activation", "act_type")
    return arguments[0].value if len(arguments) == 1 and arguments[0].name in named else None


NUMBER_BY_NUMBER = re.compile(r"(?:torch|F)\.(gather|scatter_add)\b")
"""PyTorch's `gather` and `scatter_add` have a place for each number: other things than the layers of these names."""


SHORT = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal"}


PYTORCHS = ("chunk", "index_select", "topk")
"""Functions that no other framework has under their name, also where no `torch` stands in front of it."""


def meant(word: str, arguments: list[GivenArgument]) -> tuple[str, list[GivenArgument]]:
    """`torch.div(x, 2, rounding_mode="floor")` as `floor_divide(x, 2)`, `x.masked_fill(m, 0)` as `where(m, 0, x)`."""
    if word in PYTORCHS:
        return f"F.{word}", arguments
    if plain(word) in SHORT and len(arguments) == 2:
        return SHORT[plain(word)], arguments
    if plain(word) == "maskedfill" and len(arguments) == 3:
        return "where", [GivenArgument(None, a.value) for a in (*arguments[1:], arguments[0])]
    modes = [a for a in arguments if a.name == "rounding_mode"]
    if plain(word) not in ("div", "divide") or [_bare(a.value) for a in modes] != ["floor"]:
        return word, arguments
    return "floor_divide", [a for a in arguments if a not in modes]


GATED = ("lstm", "gru")


def gates(layer: str) -> str:
    """What is said of an activation that a gated layer is given."""
    return f"`{layer}` computes with `tanh` and `sigmoid`, and takes no other activation"


def blocked(act: str, lost: list[str]) -> str | None:
    """An activation that is no layer yet, but a block with `x` for its input; how it is written is told in `lost`."""
    gap, leaf = missing(act), act if act.isidentifier() else plain(act)
    if gap is None or re.search(r"\bx\b", gap.instead) is None:
        return None
    lost.append(f"netdsl has no `{leaf}` yet, and `block {leaf} {{ {gap.instead} }}` above the net computes it")
    return leaf


def capped(arguments: Sequence[GivenArgument]) -> str | None:
    """`ReLU(6.0)`, `ReLU(max_value=4)` of Keras: no more than a number comes out."""
    most = arguments[0].value if len(arguments) == 1 and arguments[0].name in (None, "max_value", "max") else ""
    if not re.fullmatch(r"\d*\.?\d+\.?", most):
        return None
    return "relu6" if float(most) == 6 else f"clamp(low=0, high={most})"


def broken(text: str) -> bool:
    """Whether a text is a number, and no whole one: `1e-6`."""
    return re.fullmatch(r"(?=.*[.e])\d*\.?\d*(e-?\d+)?", text) is not None


def rows_and_columns(word: str, arguments: list[GivenArgument]) -> list[GivenArgument]:
    """`Convolution2D(16, 3, 3)` of Keras 1: how many rows the kernel has, and how many columns."""
    found = re.fullmatch(r"(?:\w+\.)*(?:Atrous|Separable)?Convolution([23])D", word)
    kernel = arguments[1 : 1 + int(found[1])] if found else []
    if found is None or len(kernel) < int(found[1]) or not all(a.name is None and a.value.isdecimal() for a in kernel):
        return arguments
    sizes = [a.value for a in kernel]
    whole = sizes[0] if len({*sizes}) == 1 else f"({', '.join(sizes)})"
    return [arguments[0], GivenArgument(None, whole), *arguments[1 + len(sizes) :]]


def narrowed(word: str, arguments: Sequence[GivenArgument]) -> str | None:
    """`narrow(1, 2, 10)`, `select(1, 0)`: PyTorch counts the batch among the axes."""
    numbers = [int(a.value) for a in arguments if re.fullmatch(r"-?\d+", a.value)]
    if len(numbers) != len(arguments) or not numbers or numbers[0] == 0 or any(a.name for a in arguments):
        return None
    axis = numbers[0] - 1 if numbers[0] > 0 else numbers[0]
    if word == "narrow" and len(numbers) == 3 and numbers[1] >= 0:
        return f"slice({axis}, start={numbers[1]}, end={numbers[1] + numbers[2]})"
    if word == "select" and len(numbers) == 2:
        end = f", end={numbers[1] + 1}" if numbers[1] != -1 else ""
        return f"slice({axis}, start={numbers[1]}{end}) -> squeeze({axis})"
    return None


def permuted(arguments: Sequence[GivenArgument]) -> str | None:
    """`Permute((2, 3, 1))`, `permute(0, 2, 3, 1)`: Keras counts from 1, PyTorch has the batch in front."""
    texts = ", ".join(a.value for a in arguments).strip("()[] ").split(",")
    if not all(re.fullmatch(r"\s*\d+\s*", text) for text in texts):
        return None
    order = [int(text) for text in texts]
    if order[0] == 0 and len(order) > 2:
        order = order[1:]
    if sorted(order) == list(range(1, len(order) + 1)):
        order = [axis - 1 for axis in order]
    return f"transpose(({', '.join(map(str, order))}))" if sorted(order) == list(range(len(order))) else None


BATCH = re.compile(
    r"-1|None|(?i:n|b|bs|batch|batch_size|batchsize)|.*\.(size\(0\)|shape\[0\]|size\(dim=0\)|batch_size)"
)


def _inside(text: str) -> str:
    return text[1:-1] if text[:1] == "[" else text


def reshaped(arguments: Sequence[GivenArgument]) -> str | None:
    """`x.view(x.size(0), -1)`, `torch.reshape(x, (-1, 8, 16))`: the batch comes first there and is not written here."""
    texts = [part.strip() for a in arguments for part in _inside(a.value).split(",") if part.strip()]
    if len(arguments) == 1 and arguments[0].value[:1] == "(":
        texts = [part.strip() for part in arguments[0].value[1:-1].split(",") if part.strip()]
    if texts == ["-1"]:
        return "flatten"
    if len(texts) < 2 or any(a.name not in (None, "shape") for a in arguments) or not BATCH.fullmatch(texts[0]):
        return None
    return "flatten" if texts[1:] == ["-1"] else f"reshape(({', '.join(texts[1:])}{',' * (len(texts) == 2)}))"


def on_items(inner: str, settings: Sequence[GivenArgument]) -> str | None:
    """A layer on every item of an axis; one that reads vectors does so by itself. Not certain of another axis."""
    if settings:
        return None
    return inner if re.fullmatch(r"linear\([^()]*\)", inner) else f"along({inner})"


def both_ways(inner: str) -> str | None:
    """`Bidirectional(LSTM(64))`: the layer inside, told to go both ways; the way back ends at the first step."""
    found = re.fullmatch(r"((?:lstm|gru|rnn)\([^()]+)\)( -> last)?", inner)
    if found is None:
        return None
    return f"(_ -> {inner}, _ -> reverse -> {inner}) -> concat" if found[2] else f"{found[1]}, bidirectional=true)"


def rest_of(number: str) -> str:
    """`0.99` as `0.01`: the share of the new, where another framework says that of the old."""
    return str(1 - Decimal(number)) if re.fullmatch(r"\d*\.?\d+", number) else f"1 - {number}"


def shifted(value: str) -> str | None:
    """Axes counted with the batch, as they are counted without; None for the batch itself and for a name."""
    numbers = re.findall(r"-?\d+", value)
    if not re.fullmatch(r"[\s\d,()\[\]-]+", value) or not numbers or "0" in numbers:
        return None
    moved = [n if n.startswith("-") else str(int(n) - 1) for n in numbers]
    return moved[0] if len(moved) == 1 else f"({', '.join(moved)})"


def causal(kernel: str, dilation: str) -> str | None:
    """The pad before a sequence that lets no step see a later one."""
    whole = kernel.isdecimal() and dilation.isdecimal()
    return f"(({(int(kernel) - 1) * int(dilation)}, 0),)" if whole else None


def last_alone(word: str, layer: str, arguments: Sequence[GivenArgument]) -> bool:
    """Keras returns the last step alone unless it is told otherwise."""
    alone = word in ("LSTM", "GRU") and sum(a.name is None for a in arguments) == 1  # PyTorch's take two sizes
    keras = alone or re.search(r"\b(?:keras|layers)\.|SimpleRNN|CuDNN", word) is not None
    return keras and layer in ("lstm", "gru", "rnn") and not any(a.name == "return_sequences" for a in arguments)
