"""What is asked of arrows and of numbers in the words of Python: `x.size(1)`, `x.ndim`, `pow(2, 3)`, `math.sqrt(c)`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from netdsl.text.foreign import arithmetic, kind
from netdsl.text.foreign.pieces import called, given, parts

ATTRIBUTES: Mapping[str, str] = {
    "shape": "size dims sizes get_shape int_shape",
    "rank": "ndim ndims dim ndimension n_dims",
    "elements": "numel nelement count num_elements total",
    "channels": "c ch n_channels num_channels in_channels out_channels nc",
    "height": "h rows ny",
    "width": "w cols columns nx",
    "length": "l len seq_len n_steps steps timesteps",
    "features": "f dims_out n_features num_features in_features out_features",
}
"""What an arrow can be asked for, with the words for it elsewhere."""
WITH_BATCH = ("shape", "rank", "elements")
"""Those that count the batch elsewhere."""
NEEDLESS = frozenset(
    ("clone", "copy", "contiguous", "to", "cuda", "cpu", "data", "device", "is_cuda", "dtype", "type", "astype")
)
"""What is done to arrows elsewhere, and says nothing of a net; to another kind of number it is a layer."""
TOLD = ("to", "type", "astype", "cast")
"""Methods that are told the kind of number."""
HELD = frozenset(("item", "tolist", "numpy", "eval"))
"""What an arrow holds while a net runs."""

TOTALS: Mapping[str, str] = {
    "receptive_field": "rf receptive receptivefield receptive_fields field_of_view fov",
    "macs": "mac madds madd mult_adds multiply_adds mul_adds gmacs mmacs",
    "flops": "flop gflops mflops",
    "params": "param weights n_params num_params parameter_count param_count nparams n_parameters",
    "peak_memory": "ram memory mem vram memory_usage peak peak_mem",
    "model_size": "size file_size weight_size",
    "layers": "n_layers num_layers layer_count",
}
"""What a budget may name, with the words for it elsewhere."""


def total(word: str) -> str | None:
    return next((here for here, words in TOTALS.items() if word.lower() in [here, *words.split()]), None)


def attribute(word: str) -> str | None:
    """What an arrow is asked for that another framework calls so."""
    return next((here for here, words in ATTRIBUTES.items() if word.lower() in words.split()), None)


def asked(arrow: str, word: str, arguments: str, rank: int, held: str = "float") -> str | None:
    """`x.ndim`, `x.size(1)`: what an arrow is asked for; PyTorch counts the batch among the axes.

    `held` is the kind of number that the arrow has.
    """
    made = kind(re.sub(r"^(\w+=)?[\w.]*\.|['\"]", "", arguments) if word in TOLD else word, ("int", "float", "bool"))
    if made is not None and made != held:
        return f"numbers of another kind are made by a layer: write `{arrow} -> to({made})`"
    if word in HELD:
        return f"what an arrow holds is not known before the net runs; its sizes are, as in `{arrow}.shape`"
    if word in ("requires_grad_", "requires_grad", "trainable"):
        return f"`frozen` in front of the row `{arrow}` says that its weights are not trained; leave `.{word}` out"
    if word in NEEDLESS or made is not None:
        return f"where and in which kind of number a net computes is no part of it: write `{arrow}`"
    if word in ("T", "mT", "t"):
        return _turned(arrow, rank)
    here = attribute(word)
    if here is None:
        return None
    if arguments.strip():
        return _one_size(arrow, arguments.strip(), rank) if here == "shape" else None
    return f"write `{arrow}.{here}`" + (", which does not count the batch" if here in WITH_BATCH else "")


def _turned(arrow: str, rank: int) -> str:
    """`x.T`: the last two axes change places; there is no batch among them."""
    if rank < 2:
        return (
            f"an arrow of {rank} {'axis' if rank == 1 else 'axes'} has none that could change places: write `{arrow}`"
        )
    order = [*range(rank - 2), rank - 1, rank - 2]
    swap = "transpose" if rank == 2 else f"transpose(({', '.join(map(str, order))}))"
    return f"axes change places by a layer: write `{arrow} -> {swap}`"


def _one_size(arrow: str, text: str, rank: int) -> str | None:
    """`x.size(1)`."""
    found = re.fullmatch(r"(?:dim\s*=\s*)?(-?\d+)", text)
    if found is None:
        return None
    axis = int(found[1])
    if axis == 0 or not -rank <= axis <= rank:
        return f"`{arrow}.shape` holds its sizes without the batch, which is never written"
    place = axis - 1 if axis > 0 else axis
    names = {1: ["features"], 2: ["length", "features"], 3: ["channels", "height", "width"]}.get(rank)
    named = names[place] if names else f"shape[{place}]"
    return f"axes are counted without the batch: write `{arrow}.{named}`"


def number(text: str, known: Callable[[str], bool]) -> str | None:
    """`pow(2, 3)`, `np.prod([3, 4])`: a call of Python's that gives a number, as it is written here.

    `known` says of a name whether it stands for a number.
    """
    found = called(text.strip())
    if found is None or any(given(part).name for part in parts(found[2])) or not all(map(known, names_in(found[2]))):
        return None
    word, items = found[1].rpartition(".")[2].lower(), parts(found[2])
    listed = parts(items[0][1:-1]) if len(items) == 1 and items[0][:1] in "[(" else []
    if word in SAME and "." in found[1]:
        return f"{word}({found[2]})"
    if word in JOINED:
        return f" {JOINED[word]} ".join(map(arithmetic.enclosed, listed)) if len(listed) > 1 else None
    write = WRITTEN.get((word, len(items)))
    alone = [f"({item})" if item[:1] == "-" else arithmetic.enclosed(item) for item in items]
    return write.format(*alone) if write is not None and not listed else None


def names_in(text: str) -> list[str]:
    """The names in arithmetic, those of functions, of attributes and of exponents left out."""
    return re.findall(r"(?<![\w.\"'])[A-Za-z_]\w*(?![\w(])", text)


SAME = frozenset(("min", "max", "round", "floor", "ceil", "int", "len", "range"))
"""Functions that are called so here too, without the name of a library before them."""
JOINED = {"sum": "+", "prod": "*"}
WRITTEN: Mapping[tuple[str, int], str] = {
    ("pow", 2): "{0} ** {1}", ("power", 2): "{0} ** {1}", ("sqrt", 1): "{0} ** 0.5", ("square", 1): "{0} ** 2",
    ("isqrt", 1): "floor({0} ** 0.5)", ("abs", 1): "max({0}, -{0})", ("fabs", 1): "max({0}, -{0})",
    ("trunc", 1): "int({0})", ("mod", 2): "{0} % {1}", ("remainder", 2): "{0} % {1}", ("cdiv", 2): "ceil({0} / {1})",
}  # fmt: skip
"""By name and number of values."""
