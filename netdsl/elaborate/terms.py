"""Losses and metrics as other programs write them, `CrossEntropyLoss(label_smoothing=0.1)`: the layer that is meant,
with its numbers. Read when a mistake is made."""

from __future__ import annotations

import re

from netdsl.elaborate.single_rows import CALL, bare, truth
from netdsl.ops import REGISTRY
from netdsl.ops.loss import Loss, PairLoss
from netdsl.ops.measure import Measure
from netdsl.ops.metric import Metric
from netdsl.text import foreign
from netdsl.text.foreign.pieces import given, parts
from netdsl.text.foreign.settings import OF_SCORES
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import left_out, named_here

COUNTED = re.compile(r"top(\d+)(?:acc|accuracy)?")
"""`top3_accuracy`, as words are compared."""
MEASURED = {"l1": "mae"}
"""By loss: the metric that measures the same under another name."""
SCORES = frozenset(("from_logits", "logits", "with_logits"))


def listed(keyword: str) -> str | None:
    """The words that may end a loss or metric; None for a row of another kind."""
    kind: type = {"loss": Loss, "metric": Measure}.get(keyword, type(None))
    names = sorted(n for n, op in REGISTRY.items() if issubclass(op, kind) and n == op.name)
    return f"{'losses' if keyword == 'loss' else 'metrics'} are {', '.join(names)}" if names else None


def called(word: str) -> str | None:
    """The loss or metric, without settings, that a word means."""
    name = foreign.plain(word)
    own = next((n for n, op in REGISTRY.items() if issubclass(op, Loss | Metric) and foreign.plain(n) == name), None)
    if COUNTED.fullmatch(name) is not None or name == "topk":
        return "accuracy" if name.startswith("top1") and not name[4:5].isdecimal() else "top_k_accuracy"
    return own or (foreign.loss_layer(word) or "").partition("(")[0] or None


def read(text: str) -> tuple[str | None, list[str]]:
    """A loss or metric with its settings, and what is said beside it; no text where that is not certain."""
    found = CALL.fullmatch(bare(text))
    layer = called(found[1]) if found else None
    if found is None or layer is None:
        return None, []
    settings: dict[str, str] = {}
    said: list[str] = []
    arguments = [given(p) for p in parts(found[2] or "")]
    if layer == "binary_cross_entropy" and any(a.name in SCORES and a.value.lower() == "true" for a in arguments):
        layer, arguments = "binary_cross_entropy_with_logits", [a for a in arguments if a.name not in SCORES]
    counted = COUNTED.fullmatch(foreign.plain(found[1]))
    if layer == "top_k_accuracy":
        settings["k"] = counted[1] if counted else "5"
    for place, argument in enumerate(arguments):
        layer, why = _take(layer, place, argument, settings)
        if why is not None and layer:
            said.append(why)
        elif why is not None:
            return None, [why]
    inside = ", ".join(v if k == "k" else f"{k}={v}" for k, v in settings.items())
    return (f"{layer}({inside})" if inside else layer), said


def _take(layer: str, place: int, argument: GivenArgument, settings: dict[str, str]) -> tuple[str, str | None]:
    """Read an argument into the `settings` of a layer: the layer, "" where it cannot be read, and what is said."""
    names = [f.name for f in REGISTRY[layer].settings()]
    name = argument.name or (names[place] if place < REGISTRY[layer].positional else "")
    if foreign.plain(name) in ("topk", "k", "top") and layer in ("accuracy", "top_k_accuracy"):
        settings["k"] = argument.value
        return "top_k_accuracy", None
    here = named_here(name, names) if name else None
    if here is not None:
        value = truth(argument.value)
        settings.update({here: value} if value not in ("None", "none") else {})
        return layer, None
    why = left_out(name, OF_SCORES) if name else None
    if why is None:
        what = f"`{name}`" if name else f"`{argument.value}` without a name"
        return "", f"here it is `{layer}`, which takes no {what}"
    usual = bare(argument.value).lower() in ("mean", "true", "none")
    return layer, None if usual or name.startswith(("num", "n_", "nc", "task")) else f"{why}: leave `{name}` out"


def told(text: str, keyword: str = "") -> str | None:
    """Help for a loss or metric of another program, in a row that begins with `keyword`."""
    written, said = read(text)
    if written is None:
        return said[0] if said else None
    layer = written.partition("(")[0]
    if keyword == "metric" and not issubclass(REGISTRY[layer], Measure):
        other = MEASURED.get(layer)
        return f"write `{other}`" if other else f"`{layer}` is a loss, and no metric measures it yet"
    if keyword == "loss" and layer in MEASURED.values():
        written = next(loss for loss, metric in MEASURED.items() if metric == layer)
    return "; ".join([f"write `{written}`", *said])


def apart(text: str) -> tuple[str, str]:
    """`mse(image, out)` as `(image, out)` and `mse`; the first is empty where a call is given no two arrows."""
    found = CALL.fullmatch(bare(text))
    inside = parts(found[2] or "") if found else []
    if found is None or len(inside) < 2 or not all(part.isidentifier() for part in inside[:2]):
        return "", text
    rest = ", ".join(inside[2:])
    return f"({inside[0]}, {inside[1]})", f"{found[1]}({rest})" if rest else found[1]


def row(keyword: str, text: str, arrows: str) -> str | None:
    """Help for the whole row of a loss or metric; `arrows` are offered where it has none, where they are certain."""
    head, arrow, tail = text.rpartition("->")
    own, call = ("", tail) if arrow else apart(text)
    help, layer = told(call.strip(), keyword), (read(call.strip())[0] or "").partition("(")[0]
    if layer in REGISTRY and issubclass(REGISTRY[layer], PairLoss) and keyword == "loss" and not (arrow or own):
        arrows = "(…, …)"  # which two of one shape, only the author knows
    return help and help.replace("write `", f"write `{keyword} {head.strip() or own or arrows} -> ", 1)
