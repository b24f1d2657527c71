"""What is asked of arrows and of numbers in the words of Python: `x.size(1)`, `x.ndim`, `pow(2, 3)`, `math.ceil(c)`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.calls import CALL
from netdsl.text.foreign.pieces import given, parts

ATTRIBUTES: Mapping[str, str] = {
    "shape": "size dims sizes get_shape shape_ size_ int_shape",
    "rank": "ndim ndims dim ndimension n_dims",
    "elements": "numel nelement count num_elements total",
    "channels": "c ch n_channels num_channels in_channels out_channels nc",
    "height": "h rows ny",
    "width": "w cols columns nx",
    "length": "l len t seq_len n_steps steps timesteps",
    "features": "f dims_out n_features num_features in_features out_features",
}
"""What an arrow can be asked for, with the words for it elsewhere."""
NEEDLESS = "clone copy contiguous to cuda cpu half double requires_grad_ requires_grad type data device is_cuda"
"""What is done to arrows elsewhere, and says nothing of a net."""


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


def asked(arrow: str, word: str, arguments: str, rank: int) -> str | None:
    """`x.size(1)`: what an arrow is asked for by a method; PyTorch counts the batch among the axes."""
    here = attribute(word)
    if here is None:
        return None
    if not arguments.strip():
        return f"write `{arrow}.{here}`"
    if here != "shape" or not re.fullmatch(r"-?\d+", arguments.strip()):
        return None
    axis = int(arguments)
    if axis == 0 or not -rank <= axis <= rank:
        return f"`{arrow}.shape` holds its sizes without the batch, which is never written"
    place = axis - 1 if axis > 0 else axis
    names = ["channels", "height", "width"] if rank == 3 else ["length", "features"] if rank == 2 else []
    named = names[place] if names else f"shape[{place}]"
    return f"axes are counted without the batch: write `{arrow}.{named}`"


def number(text: str) -> str | None:
    """`pow(2, 3)`, `np.prod([3, 4])`: a call of Python's that gives a number, as it is written here."""
    found = CALL.fullmatch(text.strip())
    if found is None or any(given(part).name for part in parts(found[2])):
        return None
    word, items = found[1].rpartition(".")[2].lower(), parts(found[2])
    alone = [arithmetic.enclosed(item) for item in items]
    listed = [arithmetic.enclosed(item) for item in parts(items[0][1:-1])] if items and items[0][:1] in "[(" else []
    if word in SAME and "." in found[1]:
        return f"{word}({found[2]})"
    if word in JOINED and len(listed) > 1:
        return JOINED[word].join(listed)
    write = WRITTEN.get((word, len(items)))
    return write.format(*alone) if write is not None else None


SAME = frozenset(("min", "max", "round", "floor", "ceil", "int", "len", "range"))
"""Functions that are called so here too, without the name of a library before them."""
JOINED = {"sum": " + ", "prod": " * ", "any": " or ", "all": " and "}
WRITTEN: Mapping[tuple[str, int], str] = {
    ("pow", 2): "{0} ** {1}", ("power", 2): "{0} ** {1}", ("sqrt", 1): "{0} ** 0.5", ("square", 1): "{0} ** 2",
    ("abs", 1): "max({0}, -{0})", ("float", 1): "{0}", ("str", 1): '"{0}"', ("list", 1): "{0}", ("tuple", 1): "{0}",
    ("trunc", 1): "int({0})", ("mod", 2): "{0} % {1}", ("remainder", 2): "{0} % {1}", ("cdiv", 2): "ceil({0} / {1})",
}  # fmt: skip
"""By name and number of values."""
