"""Metrics against examples worked by hand: what is counted over a whole set and divided once."""

from typing import Any

import numpy as np
import pytest
import torch
from single_op import make

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops import REGISTRY
from netdsl.ops.fields import Word
from netdsl.ops.metric import ClassMetric, Metric
from netdsl.ops.tally import Miou
from netdsl.runtime.scoring.totals import RunningTotals


def measure(metric: Metric, *batches: tuple[object, object]) -> float:
    totals = RunningTotals()
    for scores, labels in batches:
        totals.add_counts("m", metric.counts(np.asarray(scores, np.float32), np.asarray(labels)))
    return metric.value(totals.counted("m"))


LABELS = np.array([[[0, 0, 1, 1], [2, 2, 255, 1], [2, 0, 0, 255]]])
PREDICTED = np.array([[[0, 1, 1, 1], [2, 0, 2, 1], [2, 0, 0, 1]]])


@pytest.mark.parametrize(("absent", "expected"), [("skip", 0.6722222), ("zero", 0.5041667), ("one", 0.7541667)])
def test_miou_names_what_an_absent_class_is(absent: str, expected: float) -> None:
    metric = make("miou", "4 3 4", "int 3 4", absent=Word(absent))
    scores = np.eye(4)[PREDICTED].transpose(0, 3, 1, 2)
    assert measure(metric, (scores, LABELS)) == pytest.approx(expected, abs=1e-7)
    shares, there = metric.shares(metric.tallies(scores, LABELS))
    assert shares.tolist() == [pytest.approx(0.6), pytest.approx(0.75), pytest.approx(2 / 3), 0]
    assert there.tolist() == [True, True, True, False]
    assert measure(make("iou", "4 3 4", "int 3 4", average=Word("weighted")), (scores, LABELS)) == pytest.approx(0.665)
    assert measure(make("iou", "4 3 4", "int 3 4", average=Word("micro")), (scores, LABELS)) == pytest.approx(2 / 3)
    assert measure(make("mean_accuracy", "4 3 4", "int 3 4", ignore=255), (scores, LABELS)) == pytest.approx(29 / 36)
    assert measure(make("pixel_accuracy", "4 3 4", "int 3 4"), (scores, LABELS)) == 0.8


def test_metrics_divide_once_over_the_whole_set() -> None:
    accuracy = make("accuracy", "2", "int")
    right, wrong = [[1.0, 0.0]], [[0.0, 1.0]]
    assert measure(accuracy, (right * 3, [0, 0, 0]), (wrong, [0])) == 0.75
    assert measure(accuracy, (right, [-100])) != measure(accuracy, (right, [-100]))  # NaN: nothing was counted
    miou = make("miou", "2 1 1", "int 1 1")
    first, second = ([[[[1.0]], [[0.0]]]], [[[0]]]), ([[[[1.0]], [[0.0]]]], [[[1]]])
    assert measure(miou, first, second) == 0.25


def test_accuracy_reads_sequences_and_single_scores() -> None:
    sequence = make("accuracy", "3 2", "int 3")
    assert sequence.along == 1
    assert measure(sequence, ([[[0, 1], [1, 0], [0, 1]]], [[1, 1, 1]])) == pytest.approx(2 / 3)
    assert measure(make("accuracy", "1", "int"), ([[0.2], [-0.2]], [1, 1])) == 0.5
    assert measure(make("accuracy", "1", "int", threshold=0.5), ([[0.2], [0.7]], [0, 1])) == 1.0


def test_top_k_breaks_ties_by_class() -> None:
    top = make("top_k_accuracy", "4", "int", k=2)
    assert measure(top, ([[4, 3, 2, 1]] * 4, [0, 1, 2, 3])) == 0.5
    assert measure(top, ([[0, 0, 0, 0]] * 4, [0, 1, 2, 3])) == 0.5
    assert measure(top, ([[np.nan] * 4], [0])) == 0.0
    scores = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(0, 4, (64,), generator=torch.Generator().manual_seed(1))
    expected = (scores.topk(2).indices == labels[:, None]).any(1).float().mean().item()
    assert measure(top, (scores, labels)) == pytest.approx(expected)


def test_a_label_that_is_no_class_is_an_error() -> None:
    with pytest.raises(ValueError, match="label 7"):
        measure(make("accuracy", "3", "int"), ([[1, 2, 3]], [7]))


@pytest.mark.parametrize("ignore", [0, 2, 255])
@pytest.mark.parametrize("absent", ["skip", "zero", "one"])
def test_an_ignored_class_is_not_in_the_mean(ignore: int, absent: str) -> None:
    """Against the definition, class by class, over positions that are not ignored; class 3 is nowhere."""
    generator = np.random.default_rng(1)
    label, guess = generator.integers(0, 3, (2, 8, 8)), generator.integers(0, 3, (2, 8, 8))
    scores = np.eye(4)[guess].transpose(0, 3, 1, 2)
    kept = label != ignore
    wanted = []
    for number in {0, 1, 2, 3} - {ignore}:
        either = ((label == number) | (guess == number)) & kept
        if either.any():
            wanted.append(((label == number) & (guess == number) & kept).sum() / either.sum())
        elif absent != "skip":
            wanted.append(float(absent == "one"))
    x, y = Value("x", TensorType((4, 8, 8))), Value("label", TensorType((8, 8), DType.INT))
    found = measure(Miou(x, y, ignore=ignore, absent=absent), (scores[:1], label[:1]), (scores[1:], label[1:]))
    assert found == pytest.approx(np.mean(wanted))


@pytest.mark.parametrize(
    "name", sorted(n for n, op in REGISTRY.items() if issubclass(op, ClassMetric) and n == op.name)
)
def test_ignored_positions_count_nowhere(name: str) -> None:
    """Whatever stands at them: the same as a set without them (the ignored class has no part in `miou`)."""
    generator = np.random.default_rng(2)
    label, scores = generator.integers(0, 6, (40,)), generator.normal(size=(40, 6))
    settings: dict[str, Any] = {"ignore": 4, "axis": 0}
    if name == "top_k_accuracy":
        settings["k"] = 2
    if name == "iou":
        settings["only"] = 2
    metric = REGISTRY[name](Value("x", TensorType((6,))), Value("label", TensorType((), DType.INT)), **settings)
    kept = label != 4
    whole = measure(metric, (scores, label))
    assert whole == pytest.approx(measure(metric, (scores[kept], label[kept])))
    scores[~kept] = generator.normal(size=(int((~kept).sum()), 6))
    assert whole == measure(metric, (scores, label))
