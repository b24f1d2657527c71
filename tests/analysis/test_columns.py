"""One table of columns: what stands in it stands in every form of a report, and nothing has to be told of it elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from netdsl.analysis.columns import COLUMNS, budget_words, drawn, in_rows, in_totals, summed
from netdsl.analysis.report import Row, Totals
from netdsl.analyzer import analyze
from netdsl.program import load_text

TEXT = """
block b(c) { conv(c, 3, pad=1) -> relu }
net N {
  input x [4, 8, 8]
  head: b(4) * 3
  tail: conv(2, 1)
  assert all_weights < 100
  assert weights > 0
}
"""

NEW = f"""
import json
from netdsl.analysis.columns import Column, COLUMNS

class Further:
    all_weights = Column(
        lambda layer: sum(elements for _, elements in layer.weights),
        heading="weights", share="weights %", says="{{}} numbers of any kind", aliases=("weights",),
    )

from netdsl.reports.schema import report_schema
from netdsl.analyzer import analyze
from netdsl.program import check_text, load_text
from netdsl.reports import render

report = analyze(load_text({TEXT!r}).net())
print(json.dumps({{
    "table": render(report, width=200), "narrow": render(report, width=70), "folded": render(report, width=200, depth=1),
    "markdown": render(report, "markdown"), "csv": render(report, "csv"), "json": json.loads(render(report, "json")),
    "schema": report_schema(), "said": [d.message for d in check_text({TEXT!r})],
}}))
"""
"""A process of its own, in which the table has one more line."""

INSIDE, LAST = 4 * 4 * 9 + 4, 4 * 2 + 2
TOTAL = 3 * INSIDE + LAST


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", NEW], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def line(text: object, start: str) -> str:
    return next(each for each in str(text).splitlines() if each.startswith(start))


def test_a_new_column_is_drawn(found: dict[str, object]) -> None:
    assert line(found["table"], "name").split()[-3:] == ["weights", "weights", "%"]
    assert line(found["table"], "tail").split()[-2:] == [str(LAST), f"{100 * LAST / TOTAL:.1f}"]
    assert line(found["table"], "weights") == f"weights      {TOTAL} numbers of any kind"
    assert line(found["markdown"], "| name").endswith("| weights | weights % |")
    assert line(found["markdown"], "| `tail`").endswith(f"| {LAST} | {100 * LAST / TOTAL:.1f} |")
    assert f"- **weights**: {TOTAL} numbers of any kind" in str(found["markdown"])


def test_a_new_column_goes_first_where_a_table_is_narrow(found: dict[str, object]) -> None:
    assert line(found["narrow"], "name").split()[-2:] != ["weights", "%"]
    assert "params" in line(found["narrow"], "name")


def test_a_new_column_adds_up_over_blocks_and_copies(found: dict[str, object]) -> None:
    assert line(found["folded"], "head").split()[-2:] == [str(3 * INSIDE), f"{100 * 3 * INSIDE / TOTAL:.1f}"]


def test_a_new_column_is_in_the_documents(found: dict[str, object]) -> None:
    document, schema = found["json"], found["schema"]
    assert isinstance(document, dict)
    assert isinstance(schema, dict)
    assert [row["all_weights"] for row in document["rows"] if row["kind"] == "layer"] == [INSIDE, 0] * 3 + [LAST]
    assert [row["all_weights"] for row in document["rows"] if row["kind"] == "block"] == [INSIDE] * 3
    assert document["totals"]["all_weights"] == TOTAL
    assert schema["$defs"]["Row"]["properties"]["all_weights"]["type"] == "integer"
    assert "all_weights" in schema["$defs"]["Totals"]["required"]
    heads, *rows = [each.split(",") for each in str(found["csv"]).splitlines()]
    assert heads[-1] == "all_weights"
    assert rows[-1][-1] == str(LAST)


def test_a_new_column_may_be_held_to_a_budget(found: dict[str, object]) -> None:
    assert found["said"] == [f"`all_weights < 100` does not hold: all_weights is {TOTAL}"]


def test_the_table_is_as_it_was_here() -> None:
    assert "all_weights" not in {column.name for column in COLUMNS} | set(vars(Row)) | set(vars(Totals))


def test_no_line_of_the_table_is_lost() -> None:
    """Whatever a column is, it stands in rows or among the totals, and a number of the totals is a word of budgets."""
    assert {c.name for c in in_rows()} <= {c.name for c in in_totals()} == {c.name for c in COLUMNS}
    assert set(drawn()) <= set(in_rows())
    assert set(budget_words()) >= {c.name for c in COLUMNS if c.total != "str"}


def test_what_adds_up_adds_up() -> None:
    """The numbers of a net are the sums of those of its layers, whichever columns are added."""
    report = analyze(load_text(re.sub("assert .*", "", TEXT)).net())
    added = {column.name for column, _ in summed()}
    assert {"params", "macs", "flops"} <= added
    assert added.isdisjoint({"receptive_field", "peak_inference_bytes", "peak_at"})
    for name in added & {column.name for column in in_rows()}:
        layers = [getattr(row, name) for row in report.rows if row.kind == "layer"]
        assert getattr(report.totals, name) == sum(layers), name
