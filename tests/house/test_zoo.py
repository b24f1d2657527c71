"""The page of the zoo: what stands in it beside a net is what its reference counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from netdsl.analyzer import analyze
from netdsl.program import load_text
from netdsl.reference.counted import COLUMNS, CountedElsewhere, counted_elsewhere
from netdsl.reference.zoo import compared

REPORT = analyze(load_text("net Two { input x [2]\n output y: linear(3) }").net())
"""Nine parameters, six products."""


def counted(params: int, macs: int | None, frozen: int = 0, size: int = 0) -> CountedElsewhere:
    sizes = (("H", size),) if size else ()
    return CountedElsewhere("two", "Two", (), sizes, params, frozen, macs, "formula")


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ([], "–"),
        ([counted(9, 6)], "equal; formula"),
        ([counted(9, None)], "equal parameters; formula"),
        ([counted(10, 6)], "10 parameters; formula"),
        ([counted(9, 7)], "7 MACs; formula"),
        ([counted(9, 6, frozen=3)], "9, 3 frozen parameters; formula"),
        ([counted(9, 7, size=4)], "below"),
    ],
)
def test_a_difference_is_shown(theirs: list[CountedElsewhere], said: str) -> None:
    assert compared(REPORT, theirs) == said


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("two,Two,,,9,0,6", "line 2: 7 cells where there are 8 columns"),
        ("two,Two,classes,,9,0,6,formula", "line 2: settings are"),
        ("two,Two,,,nine,0,6,formula", "line 2: settings are"),
    ],
)
def test_a_wrong_row_is_told_by_its_line(row: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "references.csv").write_text(f"{','.join(COLUMNS)}\n{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        counted_elsewhere(tmp_path)


def test_a_head_of_other_columns_is_told(tmp_path: Path) -> None:
    (tmp_path / "references.csv").write_text("net,macs\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: its columns are file, net"):
        counted_elsewhere(tmp_path)
