"""An evaluation as text: losses and metrics, and on demand each class and which is taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netdsl.base.terminal import shorter
from netdsl.runtime.judging.byclass import ClassScore, Portion
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.pictures.colours import name_of

SMALL = 12
"""Up to so many classes the confusion matrix is written out."""
LETTERS = 32
"""Letters of a name."""


def summary(found: Mapping[str, Any]) -> list[str]:
    """Samples, losses and metrics, and the scores at coarser levels: a line each."""
    losses = found.get("parts") or {"loss": found["loss"]}
    rows = [("samples", f"{found['samples']:,}"), *((name, f"{value:.4f}") for name, value in losses.items())]
    rows += [(name, f"{value:.4f}") for name, value in found["metrics"].items()]
    for level in found.get("levels", ()):
        rows.append((f"miou at level {level['level']}", f"{_share(level['miou'])}  of {level['classes']} classes"))
    width = max(len(name) for name, _ in rows)
    return [f"{found['split']} split", *(f"  {name:<{width}}  {value}" for name, value in rows)]


def tables(made: Judgement) -> list[str]:
    """Each class, and the confusion matrix where there are few."""
    scored: Sequence[ClassScore] | None = made.found.get("by_class")
    if scored is None or made.watch is None:
        return ["", "by class: nothing, since no row scores a few classes against labels"]
    lines = ["", *_classes(scored, made.watch.unit, made.watch.pixels)]
    if "confusion" in made.counts and len(made.counts["confusion"]) <= SMALL:
        lines += ["", *_confusion(made)]
    return lines


def _classes(scored: Sequence[ClassScore], unit: str, pixels: bool) -> list[str]:
    """IoU leads where pixels are scored, and is left out where whole samples are."""
    head = ("class", unit, *(("IoU",) if pixels else ()), "precision", "recall", "F1")
    rows = []
    for score in scored:
        shares = (*((score["iou"],) if pixels else ()), score["precision"], score["recall"], score["f1"])
        rows.append((shorter(score["name"], LETTERS), f"{score['labelled']:,}", *map(_share, shares)))
    return aligned([head, *rows])


def _confusion(made: Judgement) -> list[str]:
    confusion = made.counts["confusion"]
    names = [name_of(n, made.classes) for n in range(len(confusion))]
    head = ("labelled", *(shorter(name, 10) for name in names))
    rows = [
        (shorter(n, LETTERS), *(f"{v:,}" if v else "·" for v in row))
        for n, row in zip(names, confusion.tolist(), strict=True)
    ]
    return ["how often each label (a row) is predicted to be which class (a column)", *aligned([head, *rows])]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns: the first to the left, others to the right, with a line under the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(f"{c:<{w}}" if not i else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return [lines[0].rstrip(), "─" * (sum(widths) + 2 * (len(widths) - 1)), *(line.rstrip() for line in lines[1:])]


def _share(share: Portion) -> str:
    return "–" if share is None else f"{share:.4f}"
