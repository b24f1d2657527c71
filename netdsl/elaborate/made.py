"""Tensors that a call makes of nothing in other languages: `torch.randn(8)`, `normal(0, 1)`, `torch.zeros(8)`,
`nn.Parameter(…)`. Here noise reads an arrow for its shape, and constants and parameters are rows.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import netdsl.elaborate.places as places
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.text import syntax
from netdsl.text.foreign.pieces import given, given_in, parts
from netdsl.text.foreign.special import BATCH, GivenArgument
from netdsl.text.source import Span

SIZED = {"randn": "normal", "rand": "uniform", "standard_normal": "normal"}
"""Words for noise that are told sizes alone."""
ENDS = {"normal": "normal", "gaussian": "normal", "random_normal": "normal", "uniform": "uniform",
        "random_uniform": "uniform"}  # fmt: skip
"""Words that are told two numbers first: middle and deviation, or both ends."""
NUMBERS = {"normal": ("mean loc mu", "std stddev scale sigma"), "uniform": ("low minval a", "high maxval b")}
"""What these two are called elsewhere."""
TOLD = {name: kind for kind, both in NUMBERS.items() for names in both for name in names.split()}
"""Settings that a `noise` has elsewhere, with the kind that takes them."""
CONSTANTS = {"zeros": "zeros", "ones": "ones", "eye": "eye", "arange": "arange", "identity_matrix": "eye"}
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?")
SIZE = re.compile(r"[\w.]+(?:\s*[*+/-]+\s*[\w.]+)*")
FRAMES = re.compile(r"(?:torch|np|numpy|jnp|jax|random|tf|keras|F|K)\.")


def told(site: Site, word: str, text: str, near: Span) -> str | None:
    """Help for such a call; None for any other."""
    leaf = word.rpartition(".")[2]
    if word != leaf and not FRAMES.match(word):
        return _parameter(site, text, near) if word in ("nn.Parameter", "torch.nn.Parameter") else None
    if leaf == "Parameter":
        return _parameter(site, text, near)
    arguments = given_in(text)
    if text == word and leaf not in ("randn", "rand", "gaussian"):
        return None
    row = near.source.line(near.line).split()
    if row[:1] == ["state"]:
        return f"a state starts as a number or an input: write `{'1' if leaf == 'ones' else '0'}`"
    if row[:1] in (["param"], ["const"]) or row[:2] == ["frozen", "param"]:
        return _started(row[0], leaf, near)
    if leaf in SIZED:
        return _noise(site, SIZED[leaf], [], _sizes(arguments), near)
    if leaf in ENDS and (word != leaf or arguments or leaf == "gaussian"):
        kind = ENDS[leaf]
        numbers, rest = _numbers(kind, arguments)
        sizes = _sizes(rest)
        known = numbers is not None and all(map(SIZE.fullmatch, sizes))
        return _noise(site, kind, numbers or [], sizes, near) if known else None
    return _constant(site, word, leaf, arguments, near)


def _sizes(arguments: Sequence[GivenArgument]) -> list[str]:
    """The sizes that a call is told, without the batch."""
    told = [a for a in arguments if a.name in (None, "size", "shape")]
    texts = [a.value for a in told]
    if len(texts) == 1 and texts[0][:1] in "([":
        texts = parts(texts[0][1:-1])
    texts = [text for text in texts if text]
    return texts[1:] if len(texts) > 1 and BATCH.fullmatch(texts[0]) else texts


def _numbers(kind: str, arguments: Sequence[GivenArgument]) -> tuple[list[str] | None, list[GivenArgument]]:
    """The two numbers of a distribution, and what is left; none for numbers that are not known."""
    usual, names = ["0", "1"], [names.split() for names in NUMBERS[kind]]
    placed = [a.value for a in arguments if a.name is None]
    count = 2 if len(placed) >= 2 and all(map(NUMBER.fullmatch, placed[:2])) else 0
    for at, number in enumerate(placed[:count]):
        usual[at] = number
    if len(placed) == 1 and NUMBER.fullmatch(placed[0]):  # how large the numbers are
        count, usual[1] = 1, placed[0]
    for argument in arguments:
        at = next((i for i in (0, 1) if argument.name in names[i]), -1)
        if at >= 0:
            usual[at] = argument.value
    rest = [GivenArgument(None, p) for p in placed[count:]]
    rest += [a for a in arguments if a.name in ("size", "shape")]
    return (usual if all(map(NUMBER.fullmatch, usual)) else None), rest


# ---------------------------------------------------------------- noise


def _noise(site: Site, kind: str, numbers: Sequence[str], sizes: Sequence[str], near: Span) -> str:
    """What is written for a draw of a shape, which noise reads of an arrow."""
    place = places.place_of(site, near, False)
    arrow, same = _like(site, place, sizes)
    shape = "" if same or not all(map(SIZE.fullmatch, sizes)) or not sizes else f", [{', '.join(sizes)}]"
    inside = place is not None and place.term
    written = scaled(kind, numbers, arrow, f"noise({kind}{shape})", inside)
    return f"noise reads the shape of an arrow: write `{written}`, which is 0 at inference without `always=true`"


def scaled(kind: str, numbers: Sequence[str], arrow: str, layer: str, inside: bool) -> str:
    """A layer of noise whose middle and deviation, or ends, are others than the usual ones."""
    first, second = numbers or ("0", "1")
    plain = f"{arrow} -> {layer}"
    low, high = float(first), float(second)
    spread = second if kind == "normal" else f"{high - low:g}"
    factor = "" if float(spread) == 1 else f"{spread} * "
    shift = "" if low == 0 else f" + {first}" if low > 0 else f" - {first[1:]}"
    if factor or shift:
        written = f"{factor}({plain}){shift}"
        return f"({written})" if inside and shift else written
    return f"({plain})" if inside else plain


def _like(site: Site, place: places.Place | None, sizes: Sequence[str]) -> tuple[str, bool]:
    """The arrow that noise may read, and whether it has these sizes: one of the same arithmetic before all others."""
    known = [(n, b.value) for s in site.scope.chain() for n, b in s.names.items() if isinstance(b.value, Value)]
    near = set(re.findall(r"[A-Za-z_]\w*", place.row_text if place is not None else ""))
    beside = [(n, v) for n, v in known if n in near]
    for names in (beside, known[::-1]):
        for name, value in names:
            if value.type.batched and [*map(str, value.shape)] == [*sizes]:
                return name, True
    first = beside[0][0] if beside else next((n for n, v in reversed(known) if v.type.batched), "x")
    return first, not sizes and bool(beside)


def setting(site: Site, argument: syntax.Argument, call: str) -> str | None:
    """Help for `noise(normal, std=0.1)`: arithmetic says how large it is."""
    assert argument.name is not None
    arguments = given_in(call)
    kind = next((a.value for a in arguments if a.name is None or a.name == "kind"), TOLD.get(argument.name.id, ""))
    if kind not in NUMBERS or argument.name.id not in TOLD:
        return None
    numbers, _ = _numbers(kind, arguments)
    return _of_layer(site, argument.span, kind, numbers)


def crowded(site: Site, arguments: Sequence[syntax.Argument]) -> str | None:
    """Help for `noise(normal, 0, 1)`."""
    texts = [a.span.text for a in arguments]
    if len(texts) != 3 or texts[0] not in NUMBERS or not all(map(NUMBER.fullmatch, texts[1:])):
        return None
    return _of_layer(site, arguments[0].span, texts[0], texts[1:])


def valued(site: Site, argument: syntax.Argument) -> str | None:
    """Help for `noise(0.1)` and `noise(normal(0, 1))`."""
    text = argument.value.span.text
    if NUMBER.fullmatch(text):
        return _of_layer(site, argument.span, "normal", ["0", text])
    found = re.fullmatch(r"(normal|uniform)\((.*)\)", text)
    if found is None:
        return None
    inside = [*map(given, parts(found[2]))]
    if len(inside) == 1 and inside[0].name is None:
        inside = [GivenArgument(None, "0" if found[1] == "normal" else f"-{inside[0].value}"), inside[0]]
    numbers, _ = _numbers(found[1], inside)
    return _of_layer(site, argument.span, found[1], numbers)


def _of_layer(site: Site, span: Span, kind: str, numbers: Sequence[str] | None) -> str | None:
    place = places.place_of(site, span, True)
    if numbers is None or place is None:
        return None
    arrow = place.coming or (_like(site, place, [])[0] if place.term else "_")
    written = scaled(kind, numbers, arrow, f"noise({kind})", place.term)
    if written == f"{arrow} -> noise({kind})":
        return f"write `noise({kind})`"
    up = "the row up to here as " if place.coming else ""
    return f"arithmetic says how large it is: write {up}`{written}`"


# ---------------------------------------------------------------- constants and parameters


def _constant(site: Site, word: str, leaf: str, arguments: Sequence[GivenArgument], near: Span) -> str | None:
    place = places.place_of(site, near, False)
    name = (place.label if place is not None else "") or "w"
    if leaf in ("zeros_like", "ones_like", "full_like"):
        bound = site.scope.find(arguments[0].value) if arguments else None
        number = {"z": "0", "o": "1"}.get(leaf[0]) or (arguments[1].value if len(arguments) > 1 else "")
        if bound is None or not isinstance(bound.value, Value) or not NUMBER.fullmatch(number):
            return None
        row = f"const {name} [{', '.join(map(str, bound.value.shape))}] = {number}"
        return f"in arithmetic a number stands for all of an arrow, `{number}`; as a row it is `{row}`"
    sizes = _sizes(arguments)
    if leaf == "full" and len(arguments) > 1 and NUMBER.fullmatch(arguments[1].value):
        return _const(place, name, "", _sizes(arguments[:1]), arguments[1].value)
    if leaf not in CONSTANTS or not sizes or not all(map(SIZE.fullmatch, sizes)):
        return None
    if leaf == "arange":
        return _const(place, name, "int", sizes[:1], "arange") if len(sizes) == 1 else None
    return _const(place, name, "", sizes * (2 if leaf == "eye" and len(sizes) == 1 else 1), CONSTANTS[leaf])


def _const(place: places.Place | None, name: str, kind: str, sizes: Sequence[str], start: str) -> str:
    row = f"`const {name} {kind}[{', '.join(sizes)}] = {start}`"
    whole = place is not None and place.heads and not place.term and place.end == place.call.span.end
    if whole:
        return f"a constant is a row: write {row}"
    fresh = place.call.span.source.unused(name) if place is not None else name
    return (
        f"a constant is a row of its own: {row.replace(f' {name} ', f' {fresh} ', 1)}, and `{fresh}` stands for it here"
    )


def _started(row: str, leaf: str, near: Span) -> str | None:
    """`param w [8] = torch.randn(8)`: its shape is said already."""
    start = {"randn": "normal(1)", **CONSTANTS}.get(leaf)
    drawn = leaf in SIZED
    if start is None or (row != "const" and not drawn and start not in ("zeros", "ones")):
        return None
    if row == "const" and drawn:
        text = near.source.line(near.line).strip().removeprefix("const ").partition("=")[0].strip()
        return f"numbers that are drawn once are a `frozen param`: write `frozen param {text} = {start}`"
    return f"its shape is said already: write `{start}`"


def _parameter(site: Site, text: str, near: Span) -> str:
    """`nn.Parameter(torch.randn(8) * 0.02)`."""
    place = places.place_of(site, near, False)
    name = (place.label if place is not None else "") or "w"
    inside = text.partition("(")[2].rpartition(")")[0]
    found = re.match(r"(?:\w+\.)*(zeros|ones|randn|empty)\((.*?)\)\s*(?:\*\s*([\d.e-]+))?", inside)
    starts = {"zeros": "zeros", "ones": "ones", "randn": "normal(1)", "empty": "zeros"}
    sizes = _sizes([*map(given, parts(found[2]))]) if found else []
    if found is None or not sizes:
        return f"what is learned and no layer owns is a row, as in `param {name} [8] = normal(0.02)`"
    start = f"normal({found[3]})" if found[1] == "randn" and found[3] else starts[found[1]]
    return f"what is learned and no layer owns is a row: write `param {name} [{', '.join(sizes)}] = {start}`"
