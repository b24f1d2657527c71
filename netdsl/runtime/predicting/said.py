"""Predictions in words and numbers: lines of a table, JSON, CSV."""

from __future__ import annotations

import math

from netdsl.base.arrays import Array
from netdsl.dims.tensors import TensorType
from netdsl.graph.meaning import OutputKind
from netdsl.runtime.pictures.colours import name_of
from netdsl.runtime.predicting.answers import Prediction

MOST = 100
"""Whole numbers of an output that are shown."""
SHOWN = 4
"""Classes that a line of many tells."""
LEAST = 0.0005
"""A share that is told beside others on a line."""

Cell = str | int | float


def spoken(value: Array) -> str:
    """A row of whole numbers or truth values, or one number, which say something, else the shape and the range."""
    if value.size == 1:
        return f"{value.item():.6g}" if value.dtype.kind == "f" else str(value.item())
    if value.dtype.kind in "biu" and value.ndim < 2 and value.size <= MOST:
        return " ".join(map(str, value.reshape(-1).tolist()))
    return f"{list(value.shape)}, from {value.min():.4g} to {value.max():.4g}"


def bars(found: Prediction) -> list[tuple[str, float]]:
    """What is drawn as bars: the likeliest classes, or the shares of a mask."""
    if found.mask is not None:
        return [(share.name, share.share) for share in found.shares]
    return [(guess.name, guess.probability) for guess in found.top]


def line_of(found: Prediction) -> str:
    """One sample among many, on a line."""
    if found.text is not None:
        text = found.text.replace("\n", " ")
        return text + (f" (is {found.truth})" if found.truth not in (None, found.text) else "")
    if found.meaning is OutputKind.LABELS and found.first.size > 1:
        said = ", ".join(guess.name for guess in sorted(found.top, key=lambda g: g.label) if guess.probability > 0.5)
        right = "" if found.truth in (None, said or "none") else f" (is {found.truth})"
        return f"{said or 'none'}{right}; " + ", ".join(f"{g.name} {g.probability:.1%}" for g in found.top[:SHOWN])
    if found.top:
        best, *rest = found.top
        right = "" if found.truth in (None, best.name) else f" (is {found.truth})"
        more = ", ".join(f"{g.name} {g.probability:.1%}" for g in rest[: SHOWN - 2] if g.probability >= LEAST)
        return f"{best.probability:6.1%}  {best.name}{right}" + (f"; {more}" if more else "")
    if found.mask is not None:
        told = [f"{s.name} {s.share:.1%}" for s in found.shares[:SHOWN]]
        left = len(found.shares) - SHOWN
        return ", ".join(told) + (f" and {left} more" if left > 0 else "")
    return "; ".join(f"{name}: {spoken(value)}" for name, value in found.outputs.items())


def json_row(found: Prediction) -> dict[str, object]:
    """What a program reads of one sample."""
    row: dict[str, object] = {"sample": found.name}
    if found.truth is not None:
        row["truth"] = found.truth
    if found.text is not None:
        row["text"] = found.text
    if found.top:
        row["top"] = [{"label": g.label, "name": g.name, "probability": _number(g.probability)} for g in found.top]
    if found.mask is not None:
        row["size"] = list(found.mask.shape)
        row["shares"] = [{"label": s.label, "name": s.name, "share": s.share} for s in found.shares]
    row["outputs"] = {name: _described(value) for name, value in found.outputs.items()}
    return {**row, **({"notes": list(found.notes)} if found.notes else {})}


def _described(value: Array) -> dict[str, object]:
    told: dict[str, object] = {"shape": list(value.shape)}
    if value.size and value.dtype.kind != "b":
        told |= {"least": _number(float(value.min())), "most": _number(float(value.max()))}
    if value.size <= MOST:
        told["values"] = _listed(value.tolist())
    return told


def _listed(values: object) -> object:
    if isinstance(values, list):
        return [_listed(v) for v in values]
    return _number(values) if isinstance(values, float) else values


def _number(value: float) -> float | None:
    """A number that JSON has; null for NaN and infinity."""
    return value if math.isfinite(value) else None


def csv_columns(
    meaning: OutputKind, classes: int, names: tuple[str, ...], top: int, first: TensorType, text: bool = False
) -> list[str]:
    """The head of a table with a line for each sample: `first` is the first output's type, `text` that it is said."""
    if meaning in (OutputKind.SCORES, OutputKind.LABELS):
        ranks = [f" {n}" if n > 1 else "" for n in range(1, top + 1)]
        return ["sample", "truth", *(f"{what}{rank}" for rank in ranks for what in ("class", "probability")), "error"]
    if meaning.masks:
        told = [name_of(n, names) for n in range(max(classes, len(names)))]
        return ["sample", "height", "width", *told, "error"]
    if text:
        return ["sample", "truth", "text", "error"]
    few = first.rank < 2 and not first.is_open and int(first.elements) <= MOST  # type: ignore[arg-type]
    values = value_names(int(first.elements)) if few else []  # type: ignore[arg-type]
    return ["sample", *(["truth"] if few else []), "output", "shape", "least", "most", *values, "error"]


def value_names(count: int) -> list[str]:
    """What the columns of a row of numbers are called."""
    return [f"value {n}" if n > 1 else "value" for n in range(1, count + 1)]


def csv_row(found: Prediction) -> dict[str, Cell]:
    """The cells of one sample by column."""
    row: dict[str, Cell] = {"sample": found.name}
    if found.text is not None:
        row |= {"truth": found.truth or "", "text": found.text}
    elif found.top:
        row["truth"] = found.truth or ""
        for rank, guess in enumerate(found.top, 1):
            last = f" {rank}" if rank > 1 else ""
            row |= {f"class{last}": guess.name, f"probability{last}": guess.probability}
    elif found.mask is not None:
        high, wide = found.mask.shape
        row |= {"height": high, "width": wide, **dict.fromkeys(found.classes, 0.0)}
        row |= {s.name: s.share for s in found.shares}
    else:
        name, value = next(iter(found.outputs.items()))
        shape = "x".join(map(str, value.shape))
        row |= {"output": name, "shape": shape, "least": float(value.min()), "most": float(value.max())}
        if value.ndim < 2 and value.size <= MOST:
            row |= {
                "truth": found.truth or "",
                **dict(zip(value_names(value.size), value.reshape(-1).tolist(), strict=True)),
            }
    return row
