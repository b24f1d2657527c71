"""Parquet tables, written by pyarrow: kinds of columns, missing cells, row groups, damaged files."""

from __future__ import annotations

import datetime
import decimal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from sklearn.datasets import load_iris
from test_tables import CLASSES, loaded, whole

import netdsl
from netdsl.base.errors import DataError
from netdsl.recipe import DATA
from netdsl.runtime.data.tablefile import open_table


def written(path: Path, columns: dict[str, Any], **options: Any) -> str:
    parquet.write_table(pa.table(columns), path, **options)
    return str(path)


KINDS: dict[str, tuple[pa.Array, list[float]]] = {
    "whole numbers": (pa.array([1, -2, 3], pa.int8()), [1, -2, 3]),
    "large ones": (pa.array([2**40, 0, 1], pa.uint64()), [2**40, 0, 1]),
    "half precision": (pa.array(np.array([0.5, 2, -1], np.float16)), [0.5, 2, -1]),
    "double precision": (pa.array([0.1, 1e300 * 0, 2e30]), [0.1, 0, 2e30]),
    "decimals": (pa.array([decimal.Decimal("1.50"), decimal.Decimal("-2.25"), decimal.Decimal(3)]), [1.5, -2.25, 3]),
    "numbers in a dictionary": (pa.array([7.0, 8.0, 7.0]).dictionary_encode(), [7, 8, 7]),
    "numbers as texts": (pa.array(["1", " 2.5 ", "-3e1"], pa.large_string()), [1, 2.5, -30]),
}


@pytest.mark.parametrize(("column", "read"), KINDS.values(), ids=list(KINDS))
def test_numbers_of_every_kind(tmp_path: Path, column: pa.Array, read: list[float]) -> None:
    path = written(tmp_path / "a.parquet", {"a": column, "b": [1, 2, 3], "t": [1, 2, 3]})
    found = whole(loaded(path, target=("t",), validation=0, test=0))
    assert found["x"][:, 0].tolist() == np.array(read, np.float32).tolist()


CATEGORIES: dict[str, tuple[pa.Array, tuple[str, ...], list[int]]] = {
    "texts": (pa.array(["u", "w", "u"]), ("u", "w"), [0, 1, 0]),
    "a dictionary": (pa.array(["w", "u", "w"]).dictionary_encode(), ("u", "w"), [1, 0, 1]),
    "whole numbers": (pa.array([10, 9, 10]), ("9", "10"), [1, 0, 1]),
    "real ones that are whole": (pa.array([10.0, 9.0, 10.0]), ("9.0", "10.0"), [1, 0, 1]),
    "bytes, as older writers keep texts": (pa.array([b"w", b"u", b"w"]), ("u", "w"), [1, 0, 1]),
    "truth values": (pa.array([True, False, True]), ("False", "True"), [1, 0, 1]),
    "days": (
        pa.array([datetime.date(2020, 1, 2), datetime.date(2020, 1, 1)] * 2)[:3],
        ("2020-01-01", "2020-01-02"),
        [1, 0, 1],
    ),
}


@pytest.mark.parametrize(("column", "classes", "read"), CATEGORIES.values(), ids=list(CATEGORIES))
def test_categories_of_every_kind(tmp_path: Path, column: pa.Array, classes: tuple[str, ...], read: list[int]) -> None:
    path = written(tmp_path / "a.parquet", {"a": [1, 2, 3], "b": [1, 2, 3], "t": column})
    found = loaded(path, CLASSES, target=("t",), validation=0, test=0)
    assert (found.classes, whole(found)["label"].tolist()) == (classes, read)


def test_columns_that_are_no_cells_are_left_out(tmp_path: Path) -> None:
    columns = {"a": [1, 2], "many": [[1, 2], [3]], "inner": [{"x": 1}, {"x": 2}], "b": [3, 4], "t": [5, 6]}
    found = loaded(written(tmp_path / "a.parquet", columns), target=("t",), validation=0, test=0)
    assert whole(found)["x"].tolist() == [[1, 3], [2, 4]]
    assert found.notes[0] == "left out, as they are no numbers: `many`, `inner`"


def test_rows_of_several_groups_are_one_table(tmp_path: Path) -> None:
    rows = 10_000
    path = written(tmp_path / "a.parquet", {name: np.arange(rows) for name in ("a", "b", "t")}, row_group_size=999)
    assert parquet.ParquetFile(path).num_row_groups == 11
    found = whole(loaded(path, target=("t",), validation=0, test=0))
    assert found["label"][:, 0].tolist() == list(range(rows))
    places = [place for rows_read in open_table(Path(path)).rows() for place in rows_read.places]
    assert places == list(range(1, rows + 1)), "rows are counted from 1 through all groups"


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no number": ({"a": [1.0, None, 2.0]}, ", row 2: the cell of `a` is empty, where a number belongs"),
    "NaN": ({"a": [1.0, 2.0, float("nan")]}, ', row 3: `a` is "nan", where a number belongs'),
    "a truth value": ({"t": [True, False, True]}, ', row 1: `t` is "True", where a number'),
    "a number too large": ({"a": [1, 1e39, 2.0]}, ', row 2: `a` is "1e+39"'),
    "too many columns": ({"c": [1, 2, 3]}, ": 3 columns of numbers: `a`, `b`, `c`, where `x` is [2]"),
}


@pytest.mark.parametrize(("columns", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes_are_told_by_row_and_column(tmp_path: Path, columns: dict[str, Any], said: str) -> None:
    path = written(tmp_path / "a.parquet", {**{name: [1, 2, 3] for name in "abt"}, **columns})
    with pytest.raises(DataError) as error:
        loaded(path, target=("t",), validation=0, test=0)
    assert str(error.value).startswith(path + said)


@pytest.mark.parametrize(
    "column", [["x" * 200_000], [b"x" * 200_000], [[1.0] * 200_000]], ids=["text", "bytes", "list"]
)
def test_a_cell_that_is_too_long_is_refused_before_it_is_made(tmp_path: Path, column: list[Any]) -> None:
    """In a dictionary it is kept once, and would be made in every row."""
    kinds = [pa.array(column)]
    if not isinstance(column[0], list):  # of lists Parquet keeps no dictionaries
        kinds.append(pa.DictionaryArray.from_arrays(pa.array([0] * 4000, pa.int32()), kinds[0]))
    for given in kinds:
        rows = np.arange(len(given))
        parquet.write_table(pa.table({"a": rows, "b": rows, "t": given}), tmp_path / "a.parquet")
        with pytest.raises(DataError, match=r"row 1 or below: a cell of more than 131,072 letters"):
            loaded(str(tmp_path / "a.parquet"), CLASSES, target=("t",))
        assert whole(loaded(str(tmp_path / "a.parquet"), target=("b",), columns=("a", "b"), validation=0, test=0))


def test_a_missing_class_is_told_by_its_row(tmp_path: Path) -> None:
    rows = ["u"] * 5000
    rows[4500] = None  # type: ignore[call-overload]  # behind the first piece that is read
    path = written(tmp_path / "a.parquet", {"a": np.arange(5000), "b": np.arange(5000), "t": rows})
    with pytest.raises(DataError, match=r"row 4,501: the cell of `t` is empty, where a class belongs"):
        loaded(path, CLASSES, target=("t",))


def test_files_that_are_no_parquet(tmp_path: Path) -> None:
    good = Path(written(tmp_path / "a.parquet", {"a": [1.0, 2.0], "b": [1, 2], "t": [1, 2]}))
    bad = tmp_path / "b.parquet"
    for content in (b"", b"a,b,t\n1,2,3\n", good.read_bytes()[:-9], b"PAR1" + b"\0" * 40 + b"PAR1"):
        bad.write_bytes(content)
        with pytest.raises(DataError, match=r"b.parquet: not a whole Parquet file \("):
            loaded(str(bad), target=("t",))


def test_whatever_is_changed_in_a_file_is_told_or_read(tmp_path: Path) -> None:
    good = Path(written(tmp_path / "a.parquet", {"a": np.arange(90.0), "s": ["u", "w", "v"] * 30}, row_group_size=30))
    content, generator, told = good.read_bytes(), np.random.default_rng(0), 0
    for _ in range(300):
        spoilt = bytearray(content)
        spoilt[int(generator.integers(len(content)))] = int(generator.integers(256))
        good.write_bytes(spoilt)
        try:
            list(open_table(good).rows())
        except DataError as error:
            told += str(error).startswith(str(good))
    assert told > 30


def test_without_pyarrow_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.parquet", {"a": [1.0], "b": [1], "t": [1]})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        DataError, match=r"which is not installed: `pip install 'netdsl\[parquet\]'`, or save the table"
    ):
        loaded(path, target=("t",))


@pytest.mark.parametrize("engine", [pytest.param("torch", marks=pytest.mark.slow), "onnx"])
def test_a_run_on_parquet_is_that_on_csv(tmp_path: Path, engine: str) -> None:
    data = load_iris()
    columns = {name: data.data[:, i] for i, name in enumerate(("sl", "sw", "pl", "pw"))}
    columns["t"] = data.target_names[data.target]
    path = written(tmp_path / "iris.parquet", columns)
    lines = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "iris.csv").write_text("\n".join([",".join(columns), *lines]))
    made = netdsl.load_text(
        "net Iris {\n  input x [4]\n  output y: linear(3)\n}\n"
        f'train Iris {{\n  data table("{path}", target=t, standardize=true)\n  loss (y, label) -> cross_entropy\n'
        "  epochs 2\n}"
    )
    other = DATA["table"](str(tmp_path / "iris.csv"), target=("t",), standardize=True)
    options: dict[str, Any] = {"engine": engine, "quiet": True}
    run, again = (
        netdsl.train(made, tmp_path / "a", **options),
        netdsl.train(made, tmp_path / "b", data=other, **options),
    )
    losses = [[row["train"]["losses"] for row in made.history] for made in (run, again)]
    assert losses[0] == losses[1]
