"""Metrics over batches of unequal sizes against other libraries: torchmetrics' numbers, scikit-learn itself."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, metrics
from torchmetrics_numbers import KEPT, cases

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops import REGISTRY
from netdsl.runtime.scoring.totals import RunningTotals

THEIRS = json.loads(KEPT.read_text(encoding="utf-8"))


def measured(word: str, batches: list[tuple[np.ndarray, np.ndarray]], **settings: object) -> float:
    """What a metric says of all batches together."""
    scores, labels = batches[0]
    kind = DType.FLOAT if labels.dtype.kind == "f" else DType.INT
    values = Value("x", TensorType(scores.shape[1:])), Value("label", TensorType(labels.shape[1:], kind))
    op: Any = REGISTRY[word](*values, **settings)
    totals = RunningTotals()
    for batch in batches:
        totals.add_counts(word, op.counts(*batch))
    return float(op.value(totals.counted(word)))


@pytest.mark.parametrize("name", cases())
def test_metrics_are_those_of_torchmetrics(name: str) -> None:
    batches, word, settings, _ = cases()[name]
    assert measured(word, batches, **settings) == pytest.approx(THEIRS[name], rel=1e-5)


def test_numbers_are_kept_for_what_is_compared() -> None:
    assert THEIRS.keys() == cases().keys()


def cut(*arrays: np.ndarray) -> list[Any]:
    """Batches of unequal sizes."""
    places = [0, 70, 71, 130, len(arrays[0])]
    return [tuple(a[i:j] for a in arrays) for i, j in pairwise(places)]


def test_digits_are_scored_as_by_scikit_learn() -> None:
    """Scores that are the closeness to the mean of each digit, a real set of ten classes."""
    image, label = datasets.load_digits(return_X_y=True)
    means = np.stack([image[:900][label[:900] == n].mean(0) for n in range(10)])
    image, label = image[900:], label[900:]
    scores = -np.square(image[:, None] - means).sum(-1) / 64
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    guess, batches = scores.argmax(1), cut(scores, label)
    wanted = {
        "accuracy": metrics.accuracy_score(label, guess),
        "mean_accuracy": metrics.balanced_accuracy_score(label, guess),
        "f1": metrics.f1_score(label, guess, average="macro"),
        "precision": metrics.precision_score(label, guess, average="macro"),
        "recall": metrics.recall_score(label, guess, average="macro"),
        "miou": metrics.jaccard_score(label, guess, average="macro"),
        "auc": metrics.roc_auc_score(label, shares, multi_class="ovr"),
        "average_precision": metrics.average_precision_score(np.eye(10)[label], shares, average="macro"),
        "perplexity": np.exp(metrics.log_loss(label, shares)),
    }
    assert {word: measured(word, batches) for word in wanted} == pytest.approx(wanted, abs=1e-9)
    assert wanted["auc"] < 0.999
    assert measured("auc", cut(shares, label), raw=True) == pytest.approx(wanted["auc"], abs=1e-12)


def test_diabetes_is_scored_as_by_scikit_learn() -> None:
    """A least-squares fit of disease progression, a real table."""
    table, target = datasets.load_diabetes(return_X_y=True)
    columns = np.c_[table, np.ones(len(table))]
    guess = columns @ np.linalg.lstsq(columns[:200], target[:200], rcond=None)[0]
    wanted = {
        "r2": metrics.r2_score(target, guess),
        "mae": metrics.mean_absolute_error(target, guess),
        "mse": metrics.mean_squared_error(target, guess),
        "rmse": metrics.root_mean_squared_error(target, guess),
    }
    batches = cut(guess[:, None], target)
    assert {word: measured(word, batches) for word in wanted} == pytest.approx(wanted, rel=1e-9)
    ill, far = target > 150, cut(guess[:, None], (target > 150).astype(int))
    assert measured("auc", far) == pytest.approx(metrics.roc_auc_score(ill, guess), abs=1e-12)
    assert measured("f1", far, threshold=150.0) == pytest.approx(metrics.f1_score(ill, guess > 150))


def test_labels_that_do_not_vary_are_explained_or_not() -> None:
    label = np.full((6, 1), 3.7, np.float32)
    met, missed = np.full((6, 1), 3.7, np.float32), np.full((6, 1), 3.0, np.float32)
    for guess in (met, missed):
        assert measured("r2", [(guess, label)]) == metrics.r2_score(label, guess)
    assert np.isnan(measured("r2", [(met[:1], label[:1])]))
