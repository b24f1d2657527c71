"""Tables: which column is what, every mistake at its row and column, shares, and what a run keeps to read others alike."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.preprocessing import StandardScaler
from through_onnx import evaluate_run

import netdsl
from netdsl.base.errors import DataError
from netdsl.cli import attempt as command
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import Dataset, load_data
from netdsl.runtime.evaluate import evaluate_onnx
from netdsl.runtime.predict import predictions
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays

ENGINES = ("torch", "onnx")


def written(path: Path, *lines: str, encoding: str = "utf-8") -> str:
    path.write_bytes("\n".join(lines).encode(encoding))
    return str(path)


def net(inputs: str, output: str, loss: str, data: str = "") -> netdsl.Net:
    section = f"train T {{\n  {data}\n  loss {loss}\n}}"
    found = netdsl.load_text(f"net T {{\n  input {inputs}\n  output y: {output}\n}}\n{section}")
    assert not found.faults, found.faults
    return found


NUMBERS = ("x [2]", "linear(1)", "(y, label) -> mse")
CLASSES = ("x [2]", "linear(3)", "(y, label) -> cross_entropy")


def loaded(path: str, shape: tuple[str, str, str] = NUMBERS, **settings: Any) -> Dataset:
    return load_data(DATA["table"](path, **settings), net(*shape, f'data table("{path}")'))


def whole(dataset: Dataset, split: str = "train") -> dict[str, Any]:
    return dataset.splits[split].fetch(np.arange(len(dataset.splits[split])))


def test_columns_become_inputs_and_labels(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,name,b,t", "1,u,2,3", "4,v,5.5,-6", "7,u,8,9e2")
    found = loaded(path, target=("t",), validation=0, test=0)
    assert whole(found)["x"].tolist() == [[1, 2], [4, 5.5], [7, 8]]
    assert whole(found)["label"].tolist() == [[3], [-6], [900]]
    assert whole(found)["x"].dtype == np.float32
    assert found.notes[0] == "left out, as they are no numbers: `name`"
    chosen = loaded(path, target=("b",), columns=("t", "a"), validation=0, test=0)
    assert whole(chosen)["x"].tolist() == [[3, 1], [-6, 4], [900, 7]], "in the order that is asked for"


def test_columns_are_fields_under_their_names(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "size,colour,price", "1,red,3", "2,blue,4", "3,red,5", "4,green,6")
    shape = ("size [], colour int[]", "colour -> one_hot(3) -> linear(1) -> squeeze(0)", "(y, price, size) -> block")
    text = "block block() {\n  input a [], price [], weight []\n  (a * weight, price) -> mse\n}\n"
    made = netdsl.load_text(
        f"{text}net T {{\n  input {shape[0]}\n  output y: {shape[1]}\n}}\n"
        f'train T {{\n  data table("{path}")\n  loss (y, price, size) -> block\n}}'
    )
    found = whole(load_data(DATA["table"](path, validation=0, test=0), made))
    assert found["colour"].tolist() == [2, 0, 2, 1], "blue, green, red"
    assert found["size"].tolist() == [1, 2, 3, 4]
    assert found["price"].tolist() == [3, 4, 5, 6]


def test_categories_are_sorted_as_numbers_where_they_are(tmp_path: Path) -> None:
    rows = [f"1,2,{t}" for t in (10, 9, 100, 9, 10, 100)]
    found = loaded(written(tmp_path / "a.csv", "a,b,t", *rows), CLASSES, target=("t",), validation=0, test=0)
    assert found.classes == ("9", "10", "100")
    assert whole(found)["label"].tolist() == [1, 0, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.tsv", ("a\tb\tt", "1\t2\t3")),
        ("a.csv", ("a;b;t", "1;2;3")),
        ("b.csv", ("﻿a,b,t", "1,2,3")),
        ("c.csv", ('"a", b ,t', '"1", 2,3', "")),
        ("d.csv", ("a,b,t\r", "1,2,3\r")),
        ("e.csv", ('"a, in cm";b;t', "1;2;3")),
    ],
    ids=[
        "tabs",
        "semicolons",
        "a byte order mark",
        "quotes, spaces and an empty line",
        "ends of lines",
        "a comma in a name",
    ],
)
def test_ways_to_write_a_table(tmp_path: Path, name: str, lines: tuple[str, ...]) -> None:
    found = loaded(written(tmp_path / name, *lines), target=("t",), validation=0, test=0)
    assert whole(found)["x"].tolist() == [[1, 2]]
    assert whole(found)["label"].tolist() == [[3]]


MISTAKES = {
    "an empty cell": (("a,b,t", "1,2,3", "1,,3"), {}, "line 3: the cell of `b` is empty, where a number belongs"),
    "an empty class": (("a,b,t", "1,2,"), {"classes": True}, "line 2: the cell of `t` is empty, where a class belongs"),
    "a text among numbers": (
        ("a,b,t", "1,2,3", "1,NA,3"), {}, 'line 3: `b` is "NA", where a number belongs: mend the row or take it away, '
        "or leave the column out: `columns=[…]` names those that count",
    ),
    "a text as a target": (("a,b,t", "1,2,yes"), {}, 'line 2: `t` is "yes", where a number belongs'),
    "NaN": (("a,b,t", "1,2,3", "nan,2,3"), {}, 'line 3: `a` is "nan", where a number belongs'),
    "infinity": (("a,b,t", "1,2,3", "1,2,3", "1,-inf,3"), {}, 'line 4: `b` is "-inf"'),
    "too large a number": (("a,b,t", "1e39,2,3", "1,2,3"), {}, 'line 2: `a` is "1e39"'),
    "a number as a class": (
        ("a,b,t", "1,2,3", "1,2,3.5"), {"classes": True}, 'line 3: `t` is "3.5", which is no class: classes are whole '
        "numbers or names, and a loss such as `mse` reads numbers",
    ),
    "a ragged row": (("a,b,t", "1,2,3", "1,2"), {}, "line 3: 2 cells where the first line names 3 columns"),
    "two columns of one name": (("a,a,t", "1,2,3"), {}, "two columns are called `a`: give one another name"),
    "a column without a name": ((",a,t", "1,2,3"), {}, "column 1 has no name in the first line (pandas writes its index"),
    "no head": (("1,2,3", "4,5,6"), {}, "the first line is 1, 2, 3: put a line above it that names the columns"),
    "no rows": (("a,b,t",), {}, "no rows below the names of its columns"),
    "nothing": (("",), {}, "the first line is empty: it should name the columns"),
    "quotes that do not close": (("a,b,t", '1,"2,3'), {}, "quotes that do not close as they open"),
    "quotes that close too early": (("a,b,t", '1,"2"x,3'), {}, "line 2: quotes that do not close"),
    "quotes that close too early, far below": (
        ("a,b,t", '1,"2\n",3', "", '1,"2"x,3'), {}, "line 5: quotes that do not close",
    ),
    "a name of digits": (("a,b,t", "1,2,3", "1,2_000,3"), {}, 'line 3: `b` is "2_000", where a number belongs'),
    "digits of another script": (("a,b,t", "1,2,3", "1,٣,3"), {}, 'line 3: `b` is "٣", where a number belongs'),
    "a class in two spellings": (
        ("a,b,t", "1,2,3", "1,2,1", "1,2,1.0"), {"classes": True},
        'line 4: `t` is "1.0", and "1" in line 3: one class has one name: write both alike',
    ),
    "another target": (("a,b,tt", "1,2,3"), {}, "no column `t`, for `target`: there are `a`, `b`, `tt`"),
    "too few columns": (("a,t", "1,3"), {}, "1 column of numbers: `a`, where `x` is [2]: say which, `columns=[…]`"),
    "too many columns": (("a,b,c,t", "1,2,3,4"), {}, "3 columns of numbers: `a`, `b`, `c`, where `x` is [2]"),
    "a split of other words": (
        ("a,b,s,t", "1,2,train,3", "1,2,training,3"), {"split": "s"},
        'line 3: `s` is "training", which is neither train, validation nor test',
    ),
    "a class in the test split alone": (
        ("a,b,s,t", "1,2,train,u", "1,2,train,w", "1,2,test,v"), {"split": "s", "classes": True},
        'line 4: `t` is "v", which no training row has: they have `u`, `w`',
    ),
    "no training rows": (("a,b,s,t", "1,2,test,3"), {"split": "s"}, "has no samples to train on"),
    "too few rows": (("a,b,t", "1,2,3", "1,2,4"), {"validation": 0.2}, "validation=0.2 of 2 samples is none"),
    "columns that are not there": (("a,b,t", "1,2,3"), {"columns": ("a", "c")}, "no column `c`, for `columns`"),
    "more columns than the input": (
        ("a,b,c,t", "1,2,3,4"), {"columns": ("a", "b", "c")}, "`columns` names 3 columns, where `x` is [2]"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "settings", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes_are_told_by_file_line_and_column(
    tmp_path: Path, lines: tuple[str, ...], settings: dict[str, Any], said: str
) -> None:
    path = written(tmp_path / "a.csv", *lines)
    given = {"target": ("t",), "validation": 0, "test": 0, **settings}
    shape = CLASSES if given.pop("classes", False) else NUMBERS
    with pytest.raises(DataError) as error:
        loaded(path, shape, **given)
    assert said in str(error.value)
    assert "a.csv" in str(error.value)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-16", "a text in UTF-16: save it as UTF-8"), ("latin-1", "line 3: not UTF-8 (a byte 0xfc)")],
)
def test_other_encodings_are_named(tmp_path: Path, encoding: str, said: str) -> None:
    path = written(tmp_path / "a.csv", "a,b,t", "1,2,x", "1,2,grün", encoding=encoding)
    with pytest.raises(DataError) as error:
        loaded(path, CLASSES, target=("t",))
    assert said in str(error.value)


def test_a_number_that_never_changes_stays_small(tmp_path: Path) -> None:
    """A hundred times 0.1 has a deviation of 3e-17 by rounding; scikit-learn takes it for 0, too."""
    rows = [f"0.1,{i},{i},train" for i in range(100)] + ["0.2,3,3,test"]
    path = written(tmp_path / "a.csv", "a,b,t,s", *rows)
    found = loaded(path, target=("t",), split="s", standardize=True)
    scaler = StandardScaler().fit([[0.1, i] for i in range(100)])
    for split, stored in (("train", [[0.1, i] for i in range(100)]), ("test", [[0.2, 3]])):
        np.testing.assert_allclose(whole(found, split)["x"], scaler.transform(stored), atol=1e-6)
    assert np.ptp(whole(found)["x"][:, 0]) == 0


def test_columns_that_are_neither_numbers_nor_classes_are_told(tmp_path: Path) -> None:
    rows = [f"n{i},{'fm'[i % 2]},{i},{i if i % 7 else '-'},{'ab'[i % 3 // 2]}" for i in range(40)]
    path = written(tmp_path / "a.csv", "name,sex,age,odd,t", *rows)
    found = netdsl.survey(f'table("{path}", target=t)')
    assert [*found.fields] == ["sex", "age", "t", "label"]
    assert found.notes == ["neither numbers nor classes: `name`, `odd`"]
    assert {name: own.samples for name, own in found.splits.items()} == {"train": 32, "validation": 4, "test": 4}
    assert sum(own.counts[1] for own in found.splits.values()) == sum(i % 3 == 2 for i in range(40))
    alone = written(tmp_path / "b.csv", "name", *(f"n{i}" for i in range(40)))
    with pytest.raises(DataError, match=r"b.csv: nothing reads any of its columns \(`name`\)"):
        netdsl.survey(f'table("{alone}")')


def test_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        loaded(str(tmp_path / "a.csv"))
    with pytest.raises(DataError, match="not a file: name one with a table"):
        loaded(str(tmp_path))
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"pip install 'netdsl\[parquet\]'|not a whole Parquet file"):
        loaded(str(tmp_path / "a.parquet"))


def test_shares_are_drawn_by_the_seed_and_of_each_class(tmp_path: Path) -> None:
    rows = [f"{i},0,{'u' if i % 5 else 'v'}" for i in range(100)]
    path = written(tmp_path / "a.csv", "a,b,t", *rows)
    one, same, other = (loaded(path, CLASSES, target=("t",), test=0.2, seed=s) for s in (3, 3, 4))
    assert [len(one.splits[n]) for n in ("train", "validation", "test")] == [70, 10, 20]
    assert np.bincount(whole(one, "test")["label"]).tolist() == [16, 4], "of each class a fifth"
    numbers = [sorted(whole(d, "test")["x"][:, 0].tolist()) for d in (one, same, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    together = [i for n in ("train", "validation", "test") for i in whole(one, n)["x"][:, 0].tolist()]
    assert sorted(together) == list(range(100)), "each row is in one split"


def test_a_column_says_the_split(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,b,s,t", "1,2,train,3", "4,5,val,6", "7,8,test,9", "0,0,train,0")
    found = loaded(path, target=("t",), split="s")
    assert [whole(found, n)["label"].tolist() for n in ("train", "validation", "test")] == [[[3], [0]], [[6]], [[9]]]


def test_standardised_numbers_are_those_of_scikit_learn(tmp_path: Path) -> None:
    data = load_wine()
    path = table_of(tmp_path / "wine.csv", data)
    shape = ("x [13]", "linear(3)", "(y, label) -> cross_entropy")
    plain, scaled = (loaded(path, shape, target=("target",), standardize=s) for s in (False, True))
    fitted = StandardScaler().fit(whole(plain)["x"].astype(np.float64))
    for split in ("train", "test"):
        wanted = fitted.transform(whole(plain, split)["x"].astype(np.float64))
        np.testing.assert_allclose(whole(scaled, split)["x"], wanted, atol=2e-5)


def table_of(path: Path, data: Any) -> str:
    """One of scikit-learn's data sets (Fisher's iris, Forina's wine, Efron's diabetes) as a file."""
    names = [name.replace(" (cm)", "") for name in data.feature_names]
    classes = getattr(data, "target_names", None)
    target = [classes[t] if classes is not None else t for t in data.target]
    rows = [",".join(map(repr, row.tolist())) + f",{t}" for row, t in zip(data.data, target, strict=True)]
    return written(path, ",".join([*names, "target"]), *rows)


# ---------------------------------------------------------------- a run by a table


def line(folder: Path) -> netdsl.Net:
    """The line of a lecture, through 40 points."""
    generator = np.random.default_rng(5)
    x = generator.uniform(-2, 2, 40)
    noise = generator.normal(0, 0.3, 40)
    rows = [f"{a:.6f},{3 * a - 1 + e:.6f}" for a, e in zip(x, noise, strict=True)]
    path = written(folder / "points.csv", "x,y", *rows)
    data = f'data table("{path}", target=y, validation=0, test=0)\n  optimizer sgd(lr=0.35)\n  epochs 20\n  batch 40'
    return net("x [1]", "linear(1)", "(y, label) -> mse", data)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_line_through_points_is_that_of_least_squares(tmp_path: Path, engine: str) -> None:
    run = netdsl.train(line(tmp_path), tmp_path / "run", quiet=True, engine=engine)
    x, y = np.loadtxt(tmp_path / "points.csv", delimiter=",", skiprows=1).T
    slope, start = np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)[0]
    found = netdsl.predict(run.folder, 0, split="train", engine=engine)
    assert float(found.truth or "nan") == pytest.approx(y[0], abs=1e-4)
    assert found.outputs["y"] == pytest.approx([slope * x[0] + start], abs=1e-4)


SCORES = {
    "iris": (load_iris, "x [4]", "linear(16) -> relu -> linear(3)", "(y, label) -> cross_entropy", 0.93),
    "wine": (load_wine, "x [13]", "linear(3)", "(y, label) -> cross_entropy", 0.94),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", SCORES)
def test_real_tables_are_learned(tmp_path: Path, name: str, engine: str) -> None:
    read, inputs, output, loss, least = SCORES[name]
    path = table_of(tmp_path / f"{name}.csv", read())
    data = f'data table("{path}", target=target, standardize=true, test=0.2)\n  metric (y, label) -> accuracy'
    made = net(inputs, output, loss, f"{data}\n  optimizer adam(lr=0.02)\n  epochs 40\n  batch 32")
    run = netdsl.train(made, tmp_path / "run", quiet=True, engine=engine)
    score = netdsl.evaluate if engine == "torch" else evaluate_run
    assert score(run.folder)["metrics"]["accuracy"] >= least
    first = netdsl.predict(run.folder, 0, engine=engine)
    assert first.top[0].name == first.truth
    assert first.truth in read().target_names


def test_a_run_reads_other_tables_as_its_own(tmp_path: Path) -> None:
    """Means, deviations and the numbers of classes are those of training, with any file and any engine."""
    path = table_of(tmp_path / "wine.csv", load_wine())
    data = f'data table("{path}", target=target, standardize=true)\n  metric (y, label) -> accuracy'
    made = net("x [13]", "linear(3)", "(y, label) -> cross_entropy", f"{data}\n  optimizer adam(lr=0.05)\n  epochs 5")
    run = netdsl.train(made, tmp_path / "run", quiet=True)
    kept = load_arrays(run.weights)[1]["table"]["x"]
    assert len(kept["mean"]) == 13
    lines = (tmp_path / "wine.csv").read_text().splitlines()
    last = [text for text in lines if text.endswith("class_2")]
    other = written(tmp_path / "other.csv", lines[0], *last)
    declared = DATA["table"](other, target=("target",), validation=0, test=0)
    found = netdsl.evaluate(run.folder, "train", declared)
    assert found["samples"] == 48
    assert found["metrics"]["accuracy"] > 0.9, (
        "`class_2` has the number that it had, and numbers are scaled as they were"
    )
    assert evaluate_run(run.folder, "train", declared)["loss"] == pytest.approx(found["loss"], abs=1e-6)
    netdsl.save_onnx(run.net, tmp_path / "wine.onnx", weights=run.weights)
    assert evaluate_onnx(tmp_path / "wine.onnx", run.net, "train", declared)["loss"] == pytest.approx(found["loss"])
    unknown = written(tmp_path / "unknown.csv", lines[0], lines[1].replace("class_0", "class_9"))
    with pytest.raises(DataError, match='line 2: `target` is "class_9", which no training row has'):
        netdsl.evaluate(run.folder, "train", DATA["table"](unknown, target=("target",), validation=0, test=0))


def test_a_table_of_test_rows_alone_is_scored(tmp_path: Path) -> None:
    rows = [f"{i},{i % 3},{i % 2}" for i in range(40)]
    path = written(tmp_path / "a.csv", "a,b,t", *rows)
    text = f'data table("{path}", target=t, validation=0, test=0)'
    netdsl.train(net(*CLASSES, text), tmp_path / "run", quiet=True, engine="onnx")
    other = written(tmp_path / "b.csv", "a,b,t,s", *(f"{row},test" for row in rows))
    data = DATA["table"](other, target=("t",), split="s")
    found = netdsl.evaluate(tmp_path / "run", "test", data, engine="onnx")
    assert found["samples"] == 40
    assert found["loss"] == netdsl.evaluate(tmp_path / "run", "train", engine="onnx")["loss"]


def test_what_weights_keep_of_a_table_is_not_trusted(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,b,t", "1,2,3")
    made = net(*NUMBERS, f'data table("{path}")')
    sound = {"columns": ["a", "b"], "classes": [], "mean": [0, 0], "std": [1, 1]}
    for change in ({"std": [0, 1]}, {"mean": [1]}, {"columns": "ab"}, {"columns": ["a"]}, {"mean": ["1", "2"]}):
        facts = json.loads(json.dumps({"table": {"x": {**sound, **change}}}))
        with pytest.raises(DataError, match="what the weights keep of their table is damaged"):
            load_data(DATA["table"](path, target=("t",), validation=0, test=0), made, facts=facts)


def test_diabetes_is_fitted_as_by_least_squares(tmp_path: Path) -> None:
    """442 patients (Efron et al., 2004): a linear net ends at the error that scikit-learn's `LinearRegression` has."""
    data = load_diabetes(scaled=False)
    path = table_of(tmp_path / "diabetes.csv", data)
    row = f'data table("{path}", target=target, standardize=true, validation=0, test=0)'
    made = net("x [10]", "linear(1)", "(y, label) -> mse", f"{row}\n  optimizer adam(lr=3)\n  schedule cosine\n  epochs 30\n  batch 32")  # fmt: skip
    run = netdsl.train(made, tmp_path / "run", quiet=True, engine="onnx")
    assert evaluate_run(run.folder, "train")["loss"] == pytest.approx(2859.6963, rel=1e-2)


# ---------------------------------------------------------------- without a target, and rows of a file


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_without_a_target_is_learned(tmp_path: Path, engine: str) -> None:
    """An autoencoder: its loss reads what its input does. Of rows on a line two numbers of three can be told by one."""
    t = np.random.default_rng(0).normal(size=60)
    lines = [f"{a:.6f},{2 * a:.6f},{-a:.6f}" for a in t]
    path = written(tmp_path / "line.csv", "a,b,c", *lines)
    more = "optimizer adam(lr=0.05)\n  epochs 150\n  batch 60"
    made = net("x [3]", "linear(1) -> linear(3)", "(y, x) -> mse", f'data table("{path}", validation=0)\n  {more}')
    run = netdsl.train(made, tmp_path / "run", quiet=True, engine=engine)
    assert run.history[-1]["train"]["loss"] < 0.02 < run.history[0]["train"]["loss"]
    other = written(tmp_path / "other.csv", "c,a,b", "-1,1,2")
    found = list(predictions(run.folder, [other], engine=engine))
    assert found[0].first == pytest.approx([1, 2, -1], abs=0.4), "columns are found by their names"


COLOURS = ("weight,colour,t", *(f"{i},{('red', 'blue')[i % 2]},{('few', 'many')[i > 9]}" for i in range(20)))


@pytest.fixture(scope="module")
def sorter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tells by a number, beside a category."""
    folder = tmp_path_factory.mktemp("sorter")
    path = written(folder / "a.csv", *COLOURS)
    text = (
        "net T {\n  input weight []\n  input colour int[]\n  hue: colour -> one_hot(2)\n  own: weight -> reshape(1)\n"
    )
    text += "  output y: (own, hue) -> concat(axis=0) -> linear(2)\n}\n"
    text += f'train T {{\n  data table("{path}", target=t, standardize=true, validation=0, test=0)\n'
    text += "  loss (y, label) -> cross_entropy\n  optimizer adam(lr=0.1)\n  epochs 30\n}"
    return netdsl.train(netdsl.load_text(text), folder / "run", quiet=True, engine="onnx").folder


def asked(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    code = command(["predict", *map(str, words), "--engine", "onnx"])
    said = capsys.readouterr()
    return code, said.out or said.err


def test_rows_of_a_file_are_predicted(tmp_path: Path, sorter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the samples of training are: by columns of those names in any order, with its numbers of categories."""
    file = written(tmp_path / "rows.csv", "more,colour,weight", "x,blue,1", "y,red,18")
    code, said = asked(capsys, sorter, file, "--format", "csv", "--top", "1")
    lines = said.splitlines()
    assert (code, lines[0]) == (0, "sample,truth,class,probability,error")
    rows = list(csv.DictReader(lines))
    assert [(row["sample"], row["class"]) for row in rows] == [(f"{file}, line 2", "few"), (f"{file}, line 3", "many")]
    code, said = asked(capsys, sorter, file, "--format", "json")
    found = json.loads(said)["predictions"]
    assert [row["top"][0]["name"] for row in found] == ["few", "many"]
    trained = netdsl.predict(sorter, 18, split="train", engine="onnx")
    assert found[1]["outputs"]["y"]["values"] == pytest.approx(trained.first.tolist(), abs=1e-6)
    again = list(predictions(sorter, [file], engine="torch"))
    assert [p.top[0].name for p in again] == ["few", "many"]
    netdsl.save_onnx(RunFolder(sorter).load_net(), tmp_path / "m.onnx", weights=sorter / "weights.safetensors")
    assert [p.top[0].name for p in predictions(tmp_path / "m.onnx", [file])] == ["few", "many"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("weight,color", "1,red"), "no column `colour` for the input `colour`: did you mean `color`?"),
        (("weight,colour", "1,red", "2,green"), 'line 3: `colour` is "green", which no training row has: they have'),
        (("weight,colour", "1,red", "heavy,red"), 'line 3: `weight` is "heavy", where a number belongs'),
        (("weight,colour", "1,"), "line 2: the cell of `colour` is empty, where a class belongs"),
        (("weight,colour",), "no rows below the names of its columns"),
    ],
    ids=["column", "category", "number", "empty", "nothing"],
)
def test_rows_that_cannot_be_read_are_told(
    tmp_path: Path, sorter: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], said: str
) -> None:
    file = written(tmp_path / "rows.csv", *lines)
    code, told = asked(capsys, sorter, file)
    assert code == 1
    assert f"{file}" in told
    assert said in told


def test_values_of_rows_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.csv", "x,t", *(f"{i},{3 * i + 1}" for i in range(20)))
    more = "optimizer adam(lr=0.3)\n  schedule cosine\n  epochs 400"
    made = net(
        "x [1]", "linear(1)", "(y, label) -> mse", f'data table("{path}", target=t, validation=0, test=0)\n  {more}'
    )
    run = netdsl.train(made, tmp_path / "run", quiet=True, engine="onnx")
    file = written(tmp_path / "rows.tsv", "x", "2", "100")
    _, said = asked(capsys, run.folder, file, "--format", "csv")
    values = [float(row["value"]) for row in csv.DictReader(said.splitlines())]
    assert values == pytest.approx([7, 301], rel=0.02)
    _, said = asked(capsys, run.folder, file)
    assert float(said.splitlines()[1].rpartition("y: ")[2]) == pytest.approx(301, rel=0.02)
    picture = netdsl.load_text(
        "net N {\n input image [1, 8, 8]\n output y: flatten -> linear(10)\n}\ntrain N {\n  data digits\n  loss (y, label) -> cross_entropy\n  epochs 1\n}"
    )
    other = netdsl.train(picture, tmp_path / "other", quiet=True, engine="onnx")
    code, said = asked(capsys, other.folder, file)
    assert code == 1
    assert "`image` was not trained on a table's columns" in said
