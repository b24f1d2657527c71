"""What stands by its place in the calls of other frameworks: which number is the size of the input, which is inferred
here, and what a number behind the others is for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.ops import REGISTRY
from netdsl.text.foreign import Way, conversions, plain, way
from netdsl.text.foreign.signatures import TORCH_NAME, signature
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import named_here


def from_pytorch(word: str) -> bool:
    """`nn.Conv2d`, `Conv2d`, `nn.LSTM` name the input's size first; `Conv2D` and `layers.Dense` of Keras do not."""
    leaf = word.rpartition(".")[2]
    return bool(TORCH_NAME.match(word)) or (leaf[:1].isupper() and leaf.endswith(("1d", "2d", "3d")))


def doubtful(word: str, names: Sequence[str], arguments: Sequence[GivenArgument]) -> bool:
    """Whether the first number may be the size of the input: in `conv2d(3, 16, 3)` it is for PyTorch, not for Keras."""
    if list(names[:2]) != ["channels", "kernel"] or from_pytorch(word) or signature(word, arguments) is not None:
        return False
    placed = [a.value for a in arguments if a.name is None]
    kernel = any(a.name is not None and named_here(a.name, names) == "kernel" for a in arguments)
    return len(placed) + kernel > 2 and len(placed) > 1 and all(re.fullmatch(r"\w+", text) for text in placed[:2])


def without_inputs(
    word: str, layer: str | None, needed: Sequence[str], arguments: list[GivenArgument]
) -> list[GivenArgument]:
    """The arguments of a word that means a layer without the one by which PyTorch is told the size of the input."""
    row = way(word)
    if row is not None and row.first and not TORCH_NAME.match(word):  # PyTorch's first number is a size
        keras = re.fullmatch(r"upsampling(?:[123]d)?", plain(word)) is not None
        meant = (None, "size") if keras else (None,)
        return [a._replace(name=row.first) if a.name in meant else a for a in arguments]
    place = row.inferred if row else -1
    if word.endswith("MultiHeadAttention"):  # Keras: heads, then the width of a key
        place = 1
    count = sum(a.name is None for a in arguments)
    told = (
        from_pytorch(word)
        or (layer in REGISTRY and not REGISTRY[str(layer)].positional)
        or (layer in REGISTRY and word != layer and conversions.two_sizes(str(layer), arguments))
    )
    kept = arguments[:place] + arguments[place + 1 :]
    if place < 0 or not told or count <= place:
        return _third(row, arguments)
    given = [a.name for a in kept]
    if count < len(needed) + 1 and all(a.name is None for a in arguments) and not all(n in given for n in needed):
        return arguments  # what must be given, and no more: the size of the input is left out already
    return kept


def _third(row: Way | None, arguments: list[GivenArgument]) -> list[GivenArgument]:
    """`atrous_conv(8, 3, 2)`: the number behind channels and kernel is what the word is about."""
    number = arguments[2] if row is not None and row.third and len(arguments) > 2 else None
    if row is None or number is None or any(a.name for a in arguments[:3]):
        return arguments
    return [*arguments[:2], *arguments[3:], number._replace(name=row.third)]
