"""The mistakes that are made on purpose: where they are made, and that a small run makes them, tells them, and goes on."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mutations import ROOT, TESTS
from mutations.change import changed, changes, modules
from mutations.reasons import REASONS
from mutations.results import Results, page
from mutations.rooms import FINDERS, ROOMS, everywhere
from mutations.small import small

from netdsl.reference.operations import target_rules

SAMPLE = '''
LIMIT: int = 3

def f(x: int, deep: bool = False) -> int:
    """Not 1 of these."""
    assert x > 0
    if x < LIMIT and not deep:
        raise ValueError(x)
    rows[1:x] += [x - 1]
    zip(rows, rows, strict=True)
    return x
'''
MADE = {
    "boundary: x < LIMIT => x <= LIMIT",
    "comparison turned: x < LIMIT => x >= LIMIT",
    "condition negated: x < LIMIT and (not deep) => not (x < LIMIT and (not deep))",
    "constant changed: 1 => 2",
    "constant changed: 3 => 4",
    "constant changed: False => True",
    "off by one: x => x + 1",
    "operator changed: rows[1:x] += [x - 1] => rows[1:x] -= [x - 1]",
    "operator changed: x - 1 => x + 1",
    "operator changed: x < LIMIT and (not deep) => x < LIMIT or not deep",
    "return replaced: return x => return None",
    "sign or `not` left out: not deep => deep",
    "statement left out: raise ValueError(x)",
    "statement left out: rows[1:x] += [x - 1]",
    "statement left out: zip(rows, rows, strict=True)",
}


def test_small_changes_are_made_where_they_can_matter() -> None:
    before = ast.unparse(ast.parse(SAMPLE))
    assert {site.what for site in small(ast.parse(SAMPLE))} == MADE
    for number in range(len(list(small(ast.parse(SAMPLE))))):
        tree = ast.parse(SAMPLE)
        list(small(tree))[number].apply()
        assert ast.unparse(ast.fix_missing_locations(tree)) != before


def test_every_rule_is_deleted_once() -> None:
    deleted = [change.file for _, change in everywhere("rule")]
    for rules in target_rules().values():
        own = [rule for rule in rules.table.values() if rule.__module__.startswith("netdsl.")]
        assert sum(f"codegen/{rules.target.lower()}/" in file for file in deleted) == len(own)


def none(returned: ast.expr | None) -> bool:
    """`{}`: a gradient of nothing, which has no sign."""
    return isinstance(returned, ast.Dict) and not returned.keys


def test_every_gradient_is_turned() -> None:
    written = [n for file in modules("netdsl/ops") for n in ast.walk(ast.parse((ROOT / file).read_text()))
               if isinstance(n, ast.FunctionDef) and n.name == "gradient"
               and any(isinstance(r, ast.Return) and not none(r.value) for r in ast.walk(n))]  # fmt: skip
    turned = [
        c for _, c in everywhere("gradient") if c.function.endswith(".gradient") and c.what.endswith("gradient turned")
    ]
    assert len(turned) == len(written)


@pytest.mark.parametrize("kind", FINDERS)
def test_a_change_is_found_again_by_its_key(kind: str) -> None:
    file = "netdsl/codegen/onnx/rules/conv.py" if kind == "rule" else "netdsl/ops/conv.py"
    found = changes(file, FINDERS[kind])
    assert len({change.key for change in found}) == len(found)
    for change in found[:: max(1, len(found) // 20)]:
        assert ast.unparse(changed(change, FINDERS[kind])) != ast.unparse(ast.parse((ROOT / file).read_text()))


def test_the_table_of_rooms_names_what_there_is() -> None:
    for room in ROOMS.values():
        assert modules(*room.folders)
        assert room.files() == list(dict.fromkeys(room.tests))


TESTED = """
from netdsl.ops.base import Window

def test_reach():
    assert Window(9).reach == 1
    assert Window(9, 3, dilation=2).reach == 5

def test_upward():
    assert Window(9, transposed=True).upward
"""
ONLY = r"Window\.(reach|upward): (operator|comparison|return)|base\.py Window\.: constant changed: 1 => 2$"


def run(folder: Path, **settings: str) -> str:
    tests = folder / "test_of_a_window.py"
    tests.write_text(TESTED)
    given = {"FOLDER": str(folder), "FILES": str(tests), "ROOM": "ops", "COUNT": "100000", "KIND": "small", **settings}
    path = f"{ROOT}{os.pathsep}{TESTS}"
    done = subprocess.run(
        [sys.executable, "-m", "mutations"],
        env={**os.environ, "PYTHONPATH": path, **given},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_small_run_notices_what_is_tested_and_goes_on_where_it_was(tmp_path: Path) -> None:
    said = run(tmp_path, ONLY=ONLY)
    outcomes = {r["key"].partition(" ")[2]: r["outcome"] for r in Results(tmp_path / "results.jsonl").sorted()}
    assert outcomes == {
        "Window.: constant changed: 1 => 2": "killed",  # the kernel's default, a change outside of functions
        "Window.reach: operator changed: self.dilation * (self.kernel - 1) => self.dilation // (self.kernel - 1)": "killed",
        "Window.reach: operator changed: self.dilation * (self.kernel - 1) + 1 => self.dilation * (self.kernel - 1) - 1": "killed",
        "Window.reach: operator changed: self.kernel - 1 => self.kernel + 1": "killed",
        "Window.reach: return replaced: return self.dilation * (self.kernel - 1) + 1 => return None": "killed",
        "Window.upward: comparison turned: self.up != 1 => self.up == 1": "survived",
        "Window.upward: operator changed: self.transposed or self.up != 1 => self.transposed and self.up != 1": "killed",
        "Window.upward: return replaced: return self.transposed or self.up != 1 => return None": "killed",
    }  # fmt: skip
    assert f"{len(outcomes)} to be tried" in said
    assert "self.up == 1" in (tmp_path / "RESULTS.md").read_text()
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    (tmp_path / "results.jsonl").write_text("\n".join(lines[1:]) + "\n")
    assert "1 to be tried" in run(tmp_path, ONLY=ONLY)
    assert sorted((tmp_path / "results.jsonl").read_text().splitlines()) == sorted(lines)


def test_what_was_found_is_told_and_every_survivor_named() -> None:
    """The page is made of the results, and no reason is given for what is noticed."""
    results = Results(TESTS / "mutations/results.jsonl")
    assert (TESTS / "mutations/RESULTS.md").read_text(encoding="utf-8") == page(results.sorted(), 0)
    survivors = {key for key, result in results.found.items() if result["outcome"] != "killed"}
    assert set(REASONS) <= survivors
    whole = [r for r in results.found.values() if r["kind"] in ("rule", "gradient", "factor")]
    assert [
        r["key"] for r in whole if r["outcome"] != "killed" and not REASONS.get(r["key"], "").startswith("equivalent")
    ] == []
