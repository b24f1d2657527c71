"""What an evaluation tells beside losses and metrics: classes, confusions, the worst samples, and what is kept of them."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics

from netdsl.base.errors import RunError
from netdsl.cli import attempt
from netdsl.codegen.onnx.model import save_onnx
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.elaborate.recipes import read_data
from netdsl.ops.deviation import Mae
from netdsl.ops.tally import F1
from netdsl.program import load_text
from netdsl.runtime.evaluate import evaluate, judge
from netdsl.runtime.judging.byclass import by_class, by_level
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.judging.keeping import keep
from netdsl.runtime.judging.samples import enlarged
from netdsl.runtime.judging.table import summary, tables
from netdsl.runtime.judging.watching import LOSS, Scrutiny, watch_of
from netdsl.runtime.predict import predict
from netdsl.runtime.runs.evaluations import evaluations
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.train import train

DIGITS = """
net Line {
  input image [1, 8, 8]
  output logits: flatten -> linear(10)
}
train Line {
  data digits(mean=0.3, std=0.3)
  loss (logits, label) -> cross_entropy(smoothing=0.1)
  metric (logits, label) -> accuracy
  epochs 2
}
"""
MAPS = """
net Map {
  input image [3, 24, 24]
  output mask: conv(4, 3, pad=1)
}
train Map {
  data shapes(count=60)
  loss (mask, label) -> cross_entropy
  epochs 1
}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("judged")
    for name, text in (("digits", DIGITS), ("maps", MAPS)):
        train(load_text(text, f"{name}.net").net(), folder / name, device="cpu", quiet=True)
    return {name: folder / name for name in ("digits", "maps")}


# ---------------------------------------------------------------- what is counted


def watched(scores: np.ndarray, labels: np.ndarray, **settings: Any) -> dict[str, np.ndarray]:
    values = Value("x", TensorType(scores.shape[1:])), Value("label", TensorType(labels.shape[1:], DType.INT))
    return Scrutiny(None, F1(*values, **settings)).counts(scores, labels)  # type: ignore[arg-type]


def test_a_worked_example_of_a_confusion_matrix() -> None:
    """Rows are labels: what is ignored is dropped whatever is predicted there, the fourth class is nowhere."""
    labels = np.array([[[0, 0, 1, 1], [2, 2, 255, 1], [2, 0, 0, 255]]])
    guess = np.array([[[0, 1, 1, 1], [2, 0, 2, 1], [2, 0, 0, 1]]])
    found = watched(np.eye(4)[guess].transpose(0, 3, 1, 2), labels, ignore=255)
    assert found["confusion"].tolist() == [[3, 1, 0, 0], [0, 3, 0, 0], [1, 0, 2, 0], [0, 0, 0, 0]]
    assert [score["iou"] for score in by_class(found, ())] == [pytest.approx(0.6), 0.75, pytest.approx(2 / 3), None]


def test_maps_with_pixels_that_do_not_count_are_counted_as_by_scikit_learn() -> None:
    drawn = np.random.RandomState(0)
    scores, labels = drawn.randn(3, 5, 6, 7).astype(np.float32), drawn.randint(0, 5, (3, 6, 7))
    labels[drawn.rand(*labels.shape) < 0.3] = 255
    found, kept = watched(scores, labels, ignore=255), labels != 255
    guess = scores.argmax(1)[kept]
    assert found["confusion"].tolist() == metrics.confusion_matrix(labels[kept], guess, labels=range(5)).tolist()
    losses = torch.nn.functional.cross_entropy(
        *map(torch.from_numpy, (scores, labels)), ignore_index=255, reduction="none"
    )
    assert found[LOSS] == pytest.approx(
        [float(row[k].mean()) for row, k in zip(losses.numpy(), kept, strict=True)], rel=1e-5
    )
    report = metrics.classification_report(labels[kept], guess, output_dict=True)
    for number, score in enumerate(by_class(found, ())):
        theirs = report[str(number)]
        assert [score["precision"], score["recall"], score["f1"]] == pytest.approx(
            [theirs["precision"], theirs["recall"], theirs["f1-score"]]
        )
        assert score["labelled"] == theirs["support"]
        assert score["iou"] == pytest.approx(metrics.jaccard_score(labels[kept] == number, guess == number))


def test_one_score_and_marks_are_counted_as_by_scikit_learn() -> None:
    drawn = np.random.RandomState(1)
    scores, labels = drawn.randn(20, 1).astype(np.float32), drawn.randint(0, 2, 20)
    found = watched(scores, labels, threshold=0.2)
    assert found["confusion"].tolist() == metrics.confusion_matrix(labels, scores[:, 0] > 0.2).tolist()
    scores, marks = drawn.randn(20, 3).astype(np.float32), drawn.randint(0, 2, (20, 3))
    found, theirs = watched(scores, marks), metrics.multilabel_confusion_matrix(marks, scores > 0)
    assert found["both"].tolist() == theirs[:, 1, 1].tolist()
    assert found["labelled"].tolist() == theirs[:, 1].sum(1).tolist()
    assert found["predicted"].tolist() == theirs[:, :, 1].sum(1).tolist()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        torch.from_numpy(scores), torch.from_numpy(marks).float(), reduction="none"
    )
    assert found[LOSS] == pytest.approx(loss.mean(1).numpy(), rel=1e-5)


def test_many_classes_are_told_without_a_matrix() -> None:
    drawn = np.random.RandomState(2)
    scores, labels = drawn.randn(4, 1500, 6).astype(np.float32), drawn.randint(0, 1500, (4, 6))
    found = watched(scores, labels, axis=0)
    assert "confusion" not in found
    guess = scores.argmax(1)
    assert found["labelled"].tolist() == np.bincount(labels.reshape(-1), minlength=1500).tolist()
    assert int(found["both"].sum()) == int((guess == labels).sum())


def test_numbers_are_judged_by_how_far_off_they_are() -> None:
    values = Value("x", TensorType((3,))), Value("label", TensorType((3,)))
    found = Scrutiny(None, Mae(*values)).counts(np.ones((2, 3)), np.array([[1, 1, 4], [1, 1, 1.0]]))  # type: ignore[arg-type]
    assert {name: value.tolist() for name, value in found.items()} == {LOSS: [3.0, 0.0]}


@pytest.mark.parametrize(
    ("rows", "unit"),
    [
        ("loss (logits, label) -> cross_entropy", "samples"),
        ("loss 0.5 * ((logits, label) -> nll)", "samples"),
        ("loss (logits, label) -> multi_margin", "samples"),
        ("loss (logits, image) -> mse\n  metric (logits, label) -> top_k_accuracy(2)", "samples"),
        ("loss (other, image) -> mse", None),  # a picture is no label
        ("loss (logits, logits) -> mse", None),
    ],
)
def test_what_is_watched_follows_from_the_rows(rows: str, unit: str | None) -> None:
    net = load_text(f"""
net N {{
  input image [1, 8, 8]
  output logits: flatten -> linear(10)
  output other: image -> conv(1, 1)
}}
train N {{
  data digits
  {rows.replace("(logits, image)", "(other, image)")}
}}
""").net()
    watch = watch_of(net, plan_of(net), True)
    assert (None if watch is None else watch.unit) == unit


# ---------------------------------------------------------------- of a run


@pytest.mark.parametrize("name", ["digits", "maps"])
def test_both_engines_find_the_same(name: str, runs: dict[str, Path]) -> None:
    ours, theirs = judge(runs[name], device="cpu", worst=5), judge(runs[name], device="cpu", worst=5, engine="onnx")
    assert ours.found["confusion"] == theirs.found["confusion"]
    assert ours.found["by_class"] == theirs.found["by_class"]
    assert [w.number for w in ours.worst] == [w.number for w in theirs.worst]
    for one, other in zip(ours.worst, theirs.worst, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
        assert (one.guess == other.guess).all()
        assert (one.truth == other.truth).all()
    assert sum(map(sum, ours.found["confusion"])) == ours.found["samples"] * (24 * 24 if name == "maps" else 1)


def test_the_worst_are_those_of_the_highest_loss(runs: dict[str, Path]) -> None:
    made = judge(runs["digits"], device="cpu", worst=200)
    assert len(made.worst) == made.found["samples"]  # so many there are
    losses = [sample.loss for sample in made.worst]
    assert losses == sorted(losses, reverse=True)
    right = sum(w["truth"] == w["guess"] for w in made.found["worst"])
    assert right / len(losses) == pytest.approx(made.found["metrics"]["accuracy"])
    assert "worst" not in evaluate(runs["digits"], device="cpu")


# ---------------------------------------------------------------- levels


def test_levels_of_idd_are_merged_from_the_level_that_was_learned() -> None:
    """The tables of AutoNUE's public code, 5d9a93b: level 3 decides 2 and 1, level 4 does not decide 3."""
    to_2 = [0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 8, 8, 9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 13, 14, 15]
    to_1 = [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6]
    drawn = np.random.RandomState(3)
    label, guess = drawn.randint(0, 26, 500), drawn.randint(0, 26, 500)
    guess = np.where(drawn.rand(500) < 0.5, label, guess)
    confusion = metrics.confusion_matrix(label, guess, labels=range(26))
    found, notes = by_level(confusion, read_data('idd("idd")'))
    assert notes == []
    table = np.array(to_2)
    for level in found:
        wanted = metrics.jaccard_score(table[label], table[guess], average="macro")
        assert (level["level"], level["classes"]) in ((2, 16), (1, 7))
        assert level["miou"] == pytest.approx(wanted)
        assert level["accuracy"] == pytest.approx((table[label] == table[guess]).mean())
        table = np.array(to_1)[table]
    found, notes = by_level(np.eye(30, dtype=np.int64), read_data('idd("idd", level=4)'))
    assert [level["level"] for level in found] == [1]  # sidewalk and rail track are one there, too
    assert [note.partition(": idd: ")[0] for note in notes] == ["no score at level 3", "no score at level 2"]
    assert all("level 4 does not decide" in note for note in notes)
    assert by_level(np.eye(10, dtype=np.int64), read_data("digits")) == ([], [])


# ---------------------------------------------------------------- as text


def test_the_table_leads_with_what_pixels_are_asked_for() -> None:
    values = Value("x", TensorType((2, 4, 4))), Value("label", TensorType((4, 4), DType.INT))
    counts = {"confusion": np.array([[1200, 30], [0, 0]])}
    found = {
        "split": "test",
        "samples": 2,
        "loss": 0.5,
        "metrics": {"miou": 0.25},
        "by_class": by_class(counts, ("sky",)),
    }
    found["levels"] = [{"level": 1, "classes": 1, "miou": 1.0, "accuracy": 1.0}]
    made = Judgement(found, Scrutiny(None, F1(*values)), counts, ("sky",))  # type: ignore[arg-type]
    assert (
        "\n".join([*summary(found), *tables(made)])
        == """\
test split
  samples          2
  loss             0.5000
  miou             0.2500
  miou at level 1  1.0000  of 1 classes

class  pixels     IoU  precision  recall      F1
────────────────────────────────────────────────
sky     1,230  0.9756     1.0000  0.9756  0.9877
1           0  0.0000     0.0000  0.0000  0.0000

how often each label (a row) is predicted to be which class (a column)
labelled    sky   1
───────────────────
sky       1,200  30
1             ·   ·"""
    )


# ---------------------------------------------------------------- what is kept


def test_a_run_keeps_numbers_and_pictures(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    run = runs["maps"]
    assert attempt(["evaluate", str(run), "--device", "cpu", "--worst", "2"]) == 0
    assert f"kept in {run}: evaluation-test.json and 3 pictures" in capsys.readouterr().out
    kept = json.loads((run / "evaluation-test.json").read_text())
    assert kept["unit"] == "pixels"
    assert [c["name"] for c in kept["by_class"]] == ["background", "disc", "box", "triangle"]
    assert len(kept["worst"]) == 2
    assert "\n  [" in (run / "evaluation-test.json").read_text()  # a row of the matrix is a line
    for name in ("confusion", "classes", "worst"):
        with Image.open(run / f"evaluation-test-{name}.png") as picture:
            assert np.asarray(picture).std() > 10
    assert attempt(["evaluate", str(run), "--device", "cpu", "--worst", "0", "--no-pictures", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["confusion"] == kept["confusion"]
    assert "worst" not in told
    assert [path.name for path in evaluations(run)] == ["evaluation-test.json"]


def test_masks_that_are_coarser_than_their_picture_are_drawn_as_large(tmp_path: Path) -> None:
    """Cells of eight pixels: both masks are beside a picture of 64 by 64, and all three in a row of one height."""
    text = """
use std.losses { balanced_cross_entropy }
net Edges {
  input image [3, 64, 64]
  output edge: conv(1, 8, stride=8)
}
train Edges {
  data polygons(grid=8, count=40)
  loss (edge, edges) -> balanced_cross_entropy
  metric (edge, edges) -> iou
  epochs 1
}
"""
    train(load_text(text, "edges.net").net(), tmp_path / "run", device="cpu", quiet=True)
    made = judge(tmp_path / "run", device="cpu", worst=3)
    assert {(sample.truth.shape, sample.guess.shape) for sample in made.worst} == {((8, 8), (8, 8))}
    assert tmp_path / "run" / "evaluation-test-worst.png" in keep(tmp_path / "run", made)
    board = np.indices((2, 3)).sum(0)[..., None].repeat(3, axis=2)
    assert np.array_equal(enlarged(board, 4, 6), board.repeat(2, axis=0).repeat(2, axis=1))
    assert enlarged(board, 5, 4).shape == (5, 4, 3)


def test_other_data_is_kept_where_it_is_asked_for(runs: dict[str, Path], tmp_path: Path) -> None:
    run = runs["digits"]
    line = ["evaluate", str(run), "--device", "cpu", "--data", "digits", "--no-pictures", "--split", "train"]
    assert attempt(line) == 0
    assert not [*run.glob("evaluation-train*")]
    assert attempt([*line, "-o", str(tmp_path / "own")]) == 0
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["evaluation-train.json"]


def test_nothing_of_others_is_written_over(tmp_path: Path, runs: dict[str, Path]) -> None:
    made = judge(runs["digits"], device="cpu")
    (tmp_path / "evaluation-test.json").write_text("[1]")
    with pytest.raises(RunError, match=r"evaluation-test\.json is there, and not of an evaluation"):
        keep(tmp_path, made)
    (tmp_path / "evaluation-test.json").unlink()
    Image.new("L", (4, 4)).save(tmp_path / "evaluation-test-worst.png")
    with pytest.raises(RunError, match=r"worst\.png is there"):
        keep(tmp_path, made)
    assert [p.name for p in tmp_path.iterdir()] == ["evaluation-test-worst.png"]
    (tmp_path / "evaluation-test-worst.png").unlink()
    (tmp_path / "evaluation-test.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is there"):
        keep(tmp_path, made)
    (tmp_path / "evaluation-test.json").unlink()
    assert next(p.name for p in keep(tmp_path, made, "Other")) == "evaluation-test-Other.json"
    assert keep(tmp_path, made, "Other")  # its own


def test_a_folder_that_takes_nothing_is_no_failure(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    blocked = runs["digits"] / "evaluation-validation.json"
    blocked.mkdir()
    line = ["evaluate", str(runs["digits"]), "--device", "cpu", "--split", "validation"]
    assert attempt(line) == 0
    assert "note: nothing is kept" in capsys.readouterr().err
    assert attempt([*line, "-o", str(runs["digits"])]) == 1
    blocked.rmdir()


def test_a_run_that_begins_anew_takes_its_evaluations_away(tmp_path: Path) -> None:
    net = load_text(DIGITS.replace("epochs 2", "epochs 1")).net()
    train(net, tmp_path / "run", device="cpu", quiet=True)
    assert attempt(["evaluate", str(tmp_path / "run"), "--device", "cpu", "--no-pictures"]) == 0
    (tmp_path / "run" / "evaluation-test-mine.png").write_bytes(b"mine")
    train(net, tmp_path / "run", device="cpu", quiet=True, overwrite=True)
    assert [p.name for p in (tmp_path / "run").glob("evaluation*")] == ["evaluation-test-mine.png"]


def test_classes_of_another_field_have_no_names_of_the_label(tmp_path: Path) -> None:
    text = """
net Turned {
  input image [3, 64, 64]
  output mask: conv(2, 1)
  output turn: conv(37, 1)
}
train Turned {
  data roads(count=10)
  loss (mask, label) -> cross_entropy
  metric (turn, orientation) -> accuracy
  metric (mask, label) -> miou
  epochs 1
}
"""
    train(load_text(text, "turned.net").net(), tmp_path / "run", device="cpu", quiet=True)
    made = judge(tmp_path / "run", device="cpu")
    assert [row["name"] for row in made.found["by_class"]] == [str(n) for n in range(37)]
    other = text.replace("  metric (turn, orientation) -> accuracy\n", "")
    first = text.replace("  output mask: conv(2, 1)\n", "").replace(
        "(mask, label) -> cross_entropy", "(turn, orientation) -> cross_entropy"
    )
    net = load_text(first.replace("  metric (mask, label) -> miou\n", ""), "turned.net").net()
    train(net, tmp_path / "first", device="cpu", quiet=True)
    save_onnx(net, tmp_path / "first.onnx", weights=RunFolder(tmp_path / "first").weights)
    for model, asked in ((tmp_path / "first", None), (tmp_path / "first.onnx", read_data("roads(count=10)"))):
        assert "background" not in predict(model, 0, data=asked).palette.names
    train(load_text(other, "turned.net").net(), tmp_path / "other", device="cpu", quiet=True)
    assert [row["name"] for row in judge(tmp_path / "other", device="cpu").found["by_class"]] == ["background", "road"]


ALONE = """
net Alone {{
  input x [3]
  output y: linear({count}){ending}
}}
train Alone {{
  data arrays("samples.npz", validation=0, test=0)
  loss (y, label) -> {loss}
  metric {metric}
  optimizer sgd(lr=0.000000000001)
  epochs 1
}}
"""


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("ending", "loss", "metric"),
    [
        ("", "binary_cross_entropy_with_logits", "(y, label) -> f1"),
        (" -> sigmoid", "binary_cross_entropy", "(y, label) -> f1(threshold=0.5)"),
        (" -> sigmoid", "binary_cross_entropy", "(y, label) -> auc(raw=true)"),
        (" -> sigmoid", "binary_cross_entropy", "(y, label) -> mae"),
    ],
)
def test_scores_and_probabilities_that_stand_alone_are_judged_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, ending: str, loss: str, metric: str
) -> None:
    """The same weights, once with the sigmoid in the net and once in the loss: the same worst samples and tallies."""
    monkeypatch.chdir(tmp_path)
    drawn = np.random.default_rng(0)
    x, weight = drawn.normal(size=(40, 3)).astype(np.float32), drawn.normal(size=(count, 3)).astype(np.float32)
    label = (x @ weight.T + drawn.normal(size=(40, count)) > 0).astype(np.int64)
    np.savez("samples.npz", x=x, label=label[:, 0] if count == 1 else label)
    text = ALONE.format(count=count, ending=ending, loss=loss, metric=metric)
    held = {"y.weight": weight, "y.bias": np.zeros(count, np.float32)}
    train(load_text(text, "alone.net").net(), "run", device="cpu", quiet=True, weights=held)
    share = 1 / (1 + np.exp(-x.astype(np.float64) @ weight.T))
    own = np.array([metrics.log_loss(t, s, labels=[0, 1]) for t, s in zip(label, share, strict=True)])
    found = judge("run", "train", device="cpu", worst=5).found
    if "mae" not in metric:
        assert [row["sample"] for row in found["worst"]] == np.argsort(-own, kind="stable")[:5].tolist()
        assert [row["loss"] for row in found["worst"]] == pytest.approx(np.sort(own)[::-1][:5], rel=1e-4)
        told = [(row["labelled"], row["predicted"]) for row in found["by_class"]]
        first = [(40 - label.sum(), (share <= 0.5).sum())] if count == 1 else []
        assert told == [*first, *zip(label.sum(0), (share > 0.5).sum(0), strict=True)]
        if count == 1:
            assert found["worst"][0]["truth"] == str(label[found["worst"][0]["sample"], 0])
            sure = max(share[found["worst"][0]["sample"], 0], 1 - share[found["worst"][0]["sample"], 0])
            assert found["worst"][0]["probability"] == pytest.approx(sure, rel=1e-4)
    save_onnx(RunFolder("run").load_net(), "alone.onnx", weights=held)
    for model, number in product(("run", "alone.onnx"), range(3)):
        found = predict(model, number, split="train", data=read_data('arrays("samples.npz", validation=0, test=0)'))
        said = {guess.label: guess.probability for guess in found.top}
        sure = share[number] if count > 1 else [1 - share[number, 0], share[number, 0]]
        assert said == pytest.approx(dict(enumerate(sure)), rel=1e-4)
