"""What torchmetrics 1.9.0 (torch 2.13.0) makes of batches that are drawn here, kept in `torchmetrics_numbers.json`.

`python tests/ops/torchmetrics_numbers.py` writes the file where torchmetrics is installed; the tests only read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

KEPT = Path(__file__).with_suffix(".json")
SIZES = (7, 1, 12, 5)
"""Samples in each batch."""
CLASSES = 5
Batch = tuple[np.ndarray, np.ndarray]


def class_batches(seed: int, ignore: int | None = None, axes: tuple[int, ...] = (), absent: bool = True
) -> list[Batch]:  # fmt: skip
    """Scores `[N, 5, …]` and class numbers `[N, …]`; the last class may be labelled and predicted nowhere."""
    drawn = np.random.RandomState(seed)
    found = []
    for size in SIZES:
        scores = drawn.randn(size, CLASSES, *axes).astype(np.float32)
        if absent:
            scores[:, -1] = -9
        labels = drawn.randint(0, CLASSES - absent, (size, *axes))
        labels = np.where(drawn.rand(size, *axes) < 0.4, scores.argmax(1), labels)
        if ignore is not None:
            labels[drawn.rand(size, *axes) < 0.2] = ignore
        found.append((scores, labels))
    return found


def marked_batches(seed: int, ignore: int | None = None, several: int = 4) -> list[Batch]:
    """Scores `[N, 4]`, on a grid so that some are equal, and marks 0 and 1 of the same shape."""
    drawn = np.random.RandomState(seed)
    found = []
    for size in SIZES:
        scores = np.round(drawn.randn(size, several) * 4).astype(np.float32) / 4
        marks = (scores + drawn.randn(size, several) > 0.3).astype(np.int64)
        if ignore is not None:
            marks[drawn.rand(size, several) < 0.2] = ignore
        found.append((scores, marks))
    return found


def number_batches(seed: int, elements: int) -> list[Batch]:
    drawn = np.random.RandomState(seed)
    pairs = [(drawn.randn(size, elements), drawn.randn(size, elements)) for size in SIZES]
    return [((3 * y + x).astype(np.float32), (3 * y).astype(np.float32)) for x, y in pairs]


def cases() -> dict[str, tuple[list[Batch], str, dict[str, Any], Callable[[Any], Any]]]:
    """By name: batches, our word and its settings, and theirs; `t` is torchmetrics."""
    plain, some, pixels = class_batches(1), class_batches(2, 255), class_batches(3, 255, (3, 4))
    marks, few, lone = marked_batches(4), marked_batches(5, -1), marked_batches(6, None, 1)
    found: dict[str, Any] = {}
    for word, theirs in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1Score")):
        for how in ("macro", "micro", "weighted"):
            more = {"average": how, "ignore": 255}
            found[f"{word} {how}"] = (some, word, more, lambda t, a=theirs, h=how: getattr(t.classification, f"Multiclass{a}")(
                CLASSES, average=h, ignore_index=255))  # fmt: skip
        found[f"{word} of marks"] = (few, word, {"ignore": -1}, lambda t, a=theirs: getattr(t.classification, f"Multilabel{a}")(
            4, threshold=0.5, ignore_index=-1))  # fmt: skip
        found[f"{word} of one score"] = (lone, word, {"threshold": 0.6}, lambda t, a=theirs: getattr(t.classification, f"Binary{a}")(
            threshold=0.6456563062257954))  # fmt: skip
    found["accuracy"] = (some, "accuracy", {"ignore": 255}, lambda t: t.classification.MulticlassAccuracy(
        CLASSES, average="micro", ignore_index=255))  # fmt: skip
    found["accuracy of marks"] = (
        marks,
        "accuracy",
        {},
        lambda t: t.classification.MultilabelAccuracy(4, average="micro"),
    )
    found["top_k_accuracy"] = (plain, "top_k_accuracy", {"k": 2}, lambda t: t.classification.MulticlassAccuracy(
        CLASSES, top_k=2, average="micro"))  # fmt: skip
    found["miou"] = (pixels, "miou", {}, lambda t: t.JaccardIndex("multiclass", num_classes=CLASSES, ignore_index=255))
    for how in ("micro", "weighted"):
        found[f"iou {how}"] = (pixels, "iou", {"average": how}, lambda t, h=how: t.JaccardIndex(
            "multiclass", num_classes=CLASSES, average=h, ignore_index=255))  # fmt: skip
    found["mdice"] = (pixels, "mdice", {}, lambda t: t.classification.MulticlassF1Score(CLASSES, ignore_index=255))
    # AUROC counts a class that is never labelled as 0, with a warning, and scikit-learn refuses it: here all are.
    plain, some = class_batches(8, absent=False), class_batches(9, 255, absent=False)
    for word, theirs in (("auc", "AUROC"), ("average_precision", "AveragePrecision")):
        for name, batches, ours, kind in (
            ("", plain, {}, "multiclass"),
            (" ignoring", some, {"ignore": 255}, "multiclass"),
            (" weighted", some, {"ignore": 255, "average": "weighted"}, "multiclass"),
            (" in bins", plain, {"bins": 20}, "multiclass"),
            (" of marks", few, {"ignore": -1}, "multilabel"),
            (" of one score", lone, {}, "binary"),
            (" of one score in bins", lone, {"bins": 8}, "binary"),
        ):
            given: dict[str, Any] = {} if kind == "binary" else {"average": ours.get("average", "macro")}
            given |= {"thresholds": ours.get("bins"), "ignore_index": ours.get("ignore")}
            size = {"multiclass": {"num_classes": CLASSES}, "multilabel": {"num_labels": 4}, "binary": {}}[kind]
            found[word + name] = (
                batches,
                word,
                ours,
                lambda t, a=theirs, k=kind, g=given | size: getattr(t, a)(k, **g),
            )
    found["perplexity"] = (
        [(s[:, None].repeat(1, 1), y[:, None]) for s, y in some], "perplexity", {"ignore": 255},
        lambda t: t.text.Perplexity(ignore_index=255),
    )  # fmt: skip
    for elements in (1, 3):
        numbers = number_batches(7 + elements, elements)
        found[f"mae {elements}"] = (numbers, "mae", {}, lambda t: t.MeanAbsoluteError())
        found[f"mse {elements}"] = (numbers, "mse", {}, lambda t: t.MeanSquaredError())
        found[f"rmse {elements}"] = (numbers, "rmse", {}, lambda t: t.MeanSquaredError(squared=False))
        found[f"r2 {elements}"] = (numbers, "r2", {}, lambda t: t.R2Score())
    return found


def theirs() -> dict[str, float]:
    import torch
    import torchmetrics

    found = {}
    for name, (batches, _, _, make) in cases().items():
        metric = make(torchmetrics)
        for scores, labels in batches:
            x, y = (torch.from_numpy(v) for v in (scores, labels))
            if "of one score" in name or "of marks" in name:
                x = x.sigmoid()  # which is done for those batches alone that have a score beyond 0 to 1
            one = "of one score" in name
            metric.update(x.squeeze(1) if one else x, y.squeeze(1) if one else y)
        found[name] = metric.compute().item()
    return found


if __name__ == "__main__":
    KEPT.write_text(json.dumps(theirs(), indent=1) + "\n", encoding="utf-8")
