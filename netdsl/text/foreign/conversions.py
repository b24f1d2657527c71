"""Settings that say the same here in other numbers: `normalized_shape=(24, 28)` as `axes=2`, a pad for each side in the
order of the axes."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping, Sequence

from netdsl.ops import REGISTRY
from netdsl.ops.fields import BoolKind, ChoiceKind
from netdsl.text.foreign.borders import same
from netdsl.text.foreign.signatures import ONNX_NAME, TORCH_NAME
from netdsl.text.foreign.special import GATED, GivenArgument, broken, rest_of, rows_and_columns, shifted
from netdsl.text.foreign.values import value_here

Found = Mapping[str, str] | None
"""The settings here that an argument means, none where it says what is so anyway; None where nothing here says it."""
ROWS = ("layernorm", "rmsnorm")
"""Those whose `axes` are counted from the last, not named."""
NORMS = ("batchnorm", "groupnorm", "instancenorm", *ROWS)
RECURRENT = ("lstm", "gru", "rnn")
REDUCING = ("mean", "sum", "reduce_max", "reduce_min")
KERNEL_AND_STRIDE = (None, "pool_size", "kernel_size", "kernel", "strides", "stride")
KEPT_SHARE = ("keep_prob", "keep_probability", "keep_rate")
"""What a dropout is told elsewhere: the share that stays."""
NONE: Found = {}


def numbers(value: str) -> list[str]:
    """What stands between the commas of a list, or the one value."""
    return [part.strip() for part in value.strip().strip("()[]").split(",") if part.strip()]


def listed(value: str) -> bool:
    return value.strip()[:1] in ("(", "[")


def _true(value: str) -> bool:
    return value.strip().lower() in ("true", "1")


def _normalized_shape(value: str) -> Found:
    count = len(numbers(value))
    return {"axes": str(count)} if listed(value) and count > 1 else NONE


def _last_axes(value: str) -> Found:
    found = numbers(value)
    if found != [str(i) for i in range(-len(found), 0)]:
        return None
    return {"axes": str(len(found))} if len(found) > 1 else NONE


def _channel_axis(value: str) -> Found:
    return NONE if value.strip() in ("1", "-1", "3") else None


def _both(value: str) -> Found:
    return NONE if _true(value) else None


def _biases(value: str) -> Found:
    return NONE if _true(value) else {"biases": "0"} if value.strip().lower() in ("false", "0") else None


def _inner(usual: str) -> Callable[[str], Found]:
    return lambda value: NONE if value.strip("'\"").lower() == usual else None


def _per_channel(value: str) -> Found:
    return NONE if value.strip() == "1" else {"per_channel": "true"}


def _approximate(value: str) -> Found:
    return {"approximate": "tanh" if _true(value) else "none"} if value.lower() in ("true", "false") else keep(value)


def _dropped(value: str) -> Found:
    return {"rate": rest_of(value)}


def keep(value: str) -> Found:
    """For an argument that is read as any other."""
    return {"": value}


def _reversed_pairs(value: str) -> Found:
    """PyTorch's pad: left, right, top, bottom; the last axis comes first."""
    sides = numbers(value)
    if not listed(value):
        return keep(value)
    pairs = [f"({', '.join(sides[i : i + 2])})" for i in range(0, len(sides), 2)]
    return {"amount": f"({', '.join(reversed(pairs))}{',' * (len(pairs) == 1)})"} if len(sides) % 2 == 0 else None


def _begins_and_ends(value: str) -> Found:
    """ONNX's pads: where each axis begins, then where each ends."""
    sides = numbers(value)
    if not listed(value):
        return keep(value)
    half = len(sides) // 2
    pairs = [f"({b}, {e})" for b, e in zip(sides[:half], sides[half:], strict=False)]
    return {"pad": f"({', '.join(pairs)}{',' * (half == 1)})"} if len(sides) == 2 * half else None


def _first_axis(value: str) -> Found:
    return NONE if numbers(value) == ["1"] else None


def _sides(name: str) -> Callable[[str], Found]:
    def pair(value: str) -> Found:
        """Keras' pad or crop of a sequence: before, behind."""
        plain = listed(value) and len(numbers(value)) == 2 and "(" not in value.strip()[1:]
        return {name: f"({value.strip()},)"} if plain else keep(value)

    return pair


def _kept(value: str) -> Found:
    return {"keep": "true"} if value == "1" else NONE if value == "0" else keep(value)


def _without_channels(name: str) -> Callable[[str], Found]:
    def sides(value: str) -> Found:
        """ONNX counts the batch and the channels, which stay as they are."""
        found = [re.sub(r"\.0*$", "", number) for number in numbers(value)]
        if not listed(value) or len(found) < 3 or (name == "scale" and found[:2] != ["1", "1"]):
            return None if listed(value) and len(found) > 3 else keep(value)
        kept = found[2:]
        return {name: kept[0] if len({*kept}) == 1 and name == "scale" else f"({', '.join(kept)})"}

    return sides


def _divisor(value: str) -> Found:
    return {"unbiased": "true"} if value == "1" else NONE if value == "0" else None


CONVERTED: dict[tuple[str, str], Callable[[str], Found]] = {
    **{(layer, "normalized_shape"): _normalized_shape for layer in ROWS},
    **{(layer, "axis"): _last_axes for layer in ROWS},
    ("layernorm", "bias"): _both,
    **{(layer, "keepdims"): _kept for layer in REDUCING},
    **{(layer, "axis"): _channel_axis for layer in NORMS if layer not in ROWS},
    **{(layer, name): _both for layer in NORMS for name in ("center", "scale")},
    **{(layer, name): _biases for layer in RECURRENT for name in ("bias", "use_bias")},
    **{(layer, "activation"): _inner("tanh") for layer in GATED},
    **{(layer, "recurrent_activation"): _inner("sigmoid") for layer in GATED},
    ("batchnorm", "track_running_stats"): _both,
    ("instancenorm", "track_running_stats"): lambda value: NONE if value.lower() == "false" else None,
    ("instancenorm", "momentum"): lambda _: NONE,  # of running averages, which it has none of
    **{(f"{kind}dropout", name): _dropped for kind in ("", "spatial_") for name in KEPT_SHARE},
    ("grid_sample", "padding_mode"): lambda value: {"pad": value.strip("'\"").replace("reflection", "reflect")},
    ("prelu", "num_parameters"): _per_channel,
    ("gelu", "approximate"): _approximate,
    ("reverse", "dims"): _first_axis,
    ("resize", "scales"): _without_channels("scale"),
    ("resize", "sizes"): _without_channels("size"),
    ("normalize", "p"): lambda value: NONE if re.fullmatch(r"2(\.0*)?", value) else None,
    ("variance", "ddof"): _divisor,
    ("variance", "correction"): _divisor,
    **{(layer, "pads"): _begins_and_ends for layer in ("conv", "conv_transpose", "maxpool", "avgpool")},
}
"""By the layer here and the name of the argument there."""


def named(layer: str, name: str, value: str) -> str | None:
    """The setting here that an argument is said by, where that is another than its words tell."""
    convert = CONVERTED.get((layer, name))
    return next((key for key in (convert(value) or {}) if key), None) if convert is not None else None


OF_WORDS: tuple[tuple[str, str, Callable[[str], Found]], ...] = (
    (r"(nn\.)?(Zero|Constant|Reflection|Replication)Pad[123]d|(F|functional)\.pad", "padding pad", _reversed_pairs),
    ("(?i:up_?sampling(?:[123]d)?)", "size", lambda value: {"scale": value}),
    ("ZeroPadding1D", "padding", _sides("amount")),
    ("Cropping1D", "cropping margin", _sides("margin")),
)
"""Where the word decides: how the sides of an input are listed there."""


def meant(word: str, layer: str, arguments: Sequence[GivenArgument], unread: list[str]) -> list[GivenArgument] | None:
    """Arguments as they are said here; None where one of them cannot be, which is then among the `unread`."""
    found: list[GivenArgument] = []
    for argument in arguments:
        convert = _conversion(word, layer, argument.name or "")
        said = convert(argument.value) if convert is not None else keep(argument.value)
        if said is None:
            unread.append(str(argument.name))
            return None
        found += [argument._replace(name=name or argument.name, value=value) for name, value in said.items()]
    if layer == "avgpool" and not any("count" in (a.name or "") for a in found) and any(map(same, arguments)):
        found = _divided_by_what_is_there(found)
    functional = re.match(r"(?:torch\.nn\.)?(?:F|functional)\.", word) is not None
    return [*found, GivenArgument("affine", "false")] if functional and layer in NORMS else found


def in_place(word: str, layer: str, arguments: list[GivenArgument]) -> list[GivenArgument]:
    """Arguments whose places say other things there: two sides of a kernel; a first number that is no width."""
    if layer in NORMS and arguments and not arguments[0].name and broken(arguments[0].value):
        return [arguments[0]._replace(name="eps"), *arguments[1:]]
    if layer == word == "slice" and len(arguments) == 2 and not any(a.name for a in arguments):
        return [arguments[0], GivenArgument("start", "0"), arguments[1]._replace(name="end")]
    return rows_and_columns(word, _in_one(arguments))


def _in_one(arguments: list[GivenArgument]) -> list[GivenArgument]:
    """`kernel_h=3, kernel_w=5` of Caffe as `kernel=(3, 5)`."""
    said = {a.name: a.value for a in arguments}
    pairs = {h: h.removesuffix("_h") for h in ("kernel_h", "stride_h", "pad_h") if h in said and f"{h[:-1]}w" in said}
    widths = [f"{h[:-1]}w" for h in pairs]
    both = {h: said[h] if said[h] == said[f"{h[:-1]}w"] else f"({said[h]}, {said[f'{h[:-1]}w']})" for h in pairs}
    kept = (a for a in arguments if a.name not in widths)
    return [GivenArgument(pairs[a.name], both[a.name]) if a.name in pairs else a for a in kept]


def _divided_by_what_is_there(said: list[GivenArgument]) -> list[GivenArgument]:
    """Keras' mean does not count the border of a pool whose size is the same; two and two need one behind at most."""
    numbers = [a.value for a in said if a.value in ("2", "(2, 2)") and a.name in KERNEL_AND_STRIDE]
    strides = [a for a in said if "stride" in (a.name or "")]
    if len(numbers) == 1 + len(strides):
        return [*(a for a in said if not same(a)), GivenArgument("ceil", "true")]
    return [*said, GivenArgument("count_padding", "false")]


def _conversion(word: str, layer: str, name: str) -> Callable[[str], Found] | None:
    short = re.sub(r"^(?:self|torch|tf|keras|layers|nn)\.(?=\w+\.)", "", word)
    special = next((c for w, names, c in OF_WORDS if name in names.split() and _is(w, short)), None)
    return special or CONVERTED.get((layer, name))


def _is(pattern: str, word: str) -> bool:
    return re.fullmatch(rf"(?:\w+\.)*(?:{pattern})", word) is not None


# ---------------------------------------------------------------- axes

AXES = ("axis", "dim", "dims", "dimension", "start", "start_dim", "axes")

NO_USUAL = frozenset(
    (
        "mean",
        "sum",
        "reduce_max",
        "reduce_min",
        "variance",
        "squeeze",
        "unsqueeze",
        "softmax",
        "log_softmax",
        "argmax",
        "normalize",
        "roll",
        "cumsum",
        "slice",
        "sort",
        "top_k",
    )
)
"""Layers for which no axis is the usual one, or another for images and for sequences."""
WITH_BATCH = frozenset(("gather", "scatter_add", "top_k", "sort"))
"""Those along an axis of any meaning, which every framework counts with the batch."""
BY_CLASS = frozenset(("softmax", "log_softmax", "argmax", "normalize"))
"""Those that go over the classes: the last axis where channels come last."""


def without_batch(word: str, layer: str, name: str | None, value: str) -> str | None:
    """An axis as it is counted here: PyTorch counts the batch. "None" for the usual one, None if not certain."""
    if name not in AXES or layer in ROWS or (layer == "slice" and name == "start"):
        return value  # rows' `axes` are counted from the last, not named; a slice starts at an index
    if layer == "linear":
        return value if value == "-1" else None  # no other layer of that name sums over another than the last
    if value.lower() == "none":
        return "None"
    if layer in WITH_BATCH:
        return shifted(value)
    torch = TORCH_NAME.match(word) or name in ("dim", "dims", "start_dim") or ONNX_NAME.match(word)
    if layer in NO_USUAL:
        return shifted(value) if torch else "None" if value == "-1" and layer in BY_CLASS else None
    if layer == "one_hot":
        return "None" if value == "-1" else shifted(value)
    if value in ("0", "1") or (not torch and value in ("-1", "3")):
        return "None"  # that of the channels
    if not torch:
        return None
    return str(int(value) - 1) if value.isdecimal() else value


KERAS = re.compile(r"(?:tf|keras|K)\.")


def counted(word: str, layer: str, name: str | None, argument: GivenArgument, rank: int | None) -> str | None:
    """A value, axes of so many among them as they are counted here; only images have channels elsewhere in Keras."""
    if word == layer and argument.name not in ("dim", "dims", "start_dim"):
        return argument.value
    if layer in REDUCING and name == "axis" and KERAS.match(word):
        return of_images(argument.value, rank)
    of_rows = layer == "split" and rank not in (None, 3)
    return without_batch("F." if word == layer or of_rows else word, layer, name, argument.value)


def of_images(value: str, rank: int | None) -> str | None:
    """Axes of Keras, which counts the batch and has the channels of images last, as they are counted here."""
    counted = numbers(value)
    moved = shifted(value)
    if rank != 3 or moved is None:
        return moved if rank is not None else None
    places = {"1": "1", "2": "2", "3": "0", "-1": "0", "-2": "2", "-3": "1"}
    if not all(n in places for n in counted):
        return None
    found = sorted(places[n] for n in counted)
    return found[0] if len(found) == 1 else f"({', '.join(found)})"


WHOLE = re.compile(r"-?\d+")


PYTORCHS = ("cat", "hstack", "vstack")
"""Words for joins that only PyTorch has."""


def joined_along(word: str, layer: str, arguments: Sequence[GivenArgument], rank: int | None) -> str | None:
    """The axis, as it is counted here, along which `torch.cat([a, b], dim=2)` joins arrows of so many axes.

    "" for the usual one, None where it is not certain. Only images have their channels elsewhere in Keras.
    """
    said = next(
        (a for a in arguments if a.name in ("dim", "axis") or (a.name is None and WHOLE.fullmatch(a.value))), None
    )
    if said is None:
        return None if any(a.name is None for a in arguments) else ""
    if word == layer and said.name == "axis":
        return said.value
    torch = said.name == "dim" or word in (layer, *PYTORCHS) or TORCH_NAME.match(word)
    if not torch and rank not in (None, 3):
        moved = said.value if said.value.startswith("-") else shifted(said.value)
        return "" if moved == "0" or (moved == "-1" and rank == 1 and layer == "concat") else moved
    found = without_batch("F." if torch else word, layer, "axis", said.value)
    return "" if found == "None" else found


# ---------------------------------------------------------------- values


def words_of(layer: str, setting: str | None) -> Sequence[str] | None:
    """The words that a setting of a layer takes; None for one that takes any text."""
    kinds = {f.name: f.kind for f in REGISTRY[layer].settings()} if layer in REGISTRY else {}
    kind = kinds.get(setting or "")
    return list(kind.words()) if kind is not None else None


UNREAD = "?"
"""What is read of a word that is no number and no value of a setting."""


def read(layer: str, setting: str | None, text: str, numbers: Container[str] | None) -> str | None:
    """A value as it is written here, None where it says nothing; a word that nothing takes is unread.

    `numbers` are names that stand for numbers, None where that is not known.
    """
    words = words_of(layer, setting)
    bare = text.strip("'\"")
    if words is None:  # a block may be given words as a layer within it takes them
        if setting == "pad" and bare.lower() == "valid":
            return "0"  # which is not what blocks have without
        return text if layer in REGISTRY or text == bare else value_here(text, setting)
    if bare in words:
        return bare
    here = value_here(text, setting)
    if here is None or here in words or here in ("true", "false", "causal") or not here.isidentifier():
        return here
    known = (numbers is None and here == text) or (numbers is not None and here in numbers)
    return here if known else UNREAD


def truth(layer: str, name: str, value: str) -> bool:
    """Whether a value can be meant for a setting, as far as that is one of true and false, or of some words."""
    kind = next((f.kind for f in REGISTRY[layer].settings() if f.name == name), None) if layer in REGISTRY else None
    if isinstance(kind, ChoiceKind):
        return not value.isidentifier() or value in kind.choices
    return not isinstance(kind, BoolKind) or not re.fullmatch(r"[\d.]+", value)


def two_sizes(layer: str, arguments: Sequence[GivenArgument]) -> bool:
    """Whether two numbers stand by their place where the layer here has one: the other tells the size of the input."""
    first = [a.value for a in arguments[:2] if a.name is None]
    return REGISTRY[layer].positional == 1 and len(first) == 2 and all(re.fullmatch(r"\d+", v) for v in first)
