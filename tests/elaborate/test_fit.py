"""Nets and data that do not belong together are refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from netdsl.base.errors import RunError
from netdsl.program import load_text
from netdsl.runtime.data.fit import check_fit
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.runs.recipes import plan_of


def reader(file: Path, first: str) -> str:
    return (
        f"net Reader(known = 5) {{\n  input tokens int[T = 4]\n  read: {first}\n"
        f"  output logits: linear(12)\n}}\n"
        f'train Reader {{\n  data text("{file}")\n  loss (logits, label) -> cross_entropy\n}}\n'
    )


@pytest.mark.parametrize("first", ["embedding(known, 3)", "one_hot(known)"])
def test_more_characters_than_a_net_knows_are_refused(tmp_path: Path, first: str) -> None:
    file = tmp_path / "text.txt"
    file.write_text("hello world " * 20)
    few = load_text(reader(file, first)).net()
    plan = plan_of(few)
    dataset = load_data(plan.data, few, few.defaults)
    with pytest.raises(RunError, match="text has 8 characters, but `read` knows 5"):
        check_fit(few, plan, dataset)
    enough = load_text(reader(file, first), settings={"known": "8"}).net()
    check_fit(enough, plan_of(enough), dataset)
