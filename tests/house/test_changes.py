"""What CONTRIBUTING says that a change costs: each is made in a copy of the project, tried, and thrown away.

`tests/changes/KIND` holds the files of one change of each kind, under the paths where they go. What ends with `.added`
are lines for a file that is there already: they come at its end, or behind the line that `# after:` names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHANGES = ROOT / "tests/changes"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "golden", "*.egg-info")
NET = "net Few {\n  input image [1, 8, 8]\n  output logits: flatten -> linear(2)\n}\n"
RECIPE = "train Few {\n  data dots\n  loss (logits, label) -> cross_entropy\n  metric (logits, label) -> accuracy\n}\n"

TRIALS: dict[str, tuple[tuple[str, ...], ...]] = {
    "operation": (
        (
            "pytest",
            "-k",
            "cube",
            "tests/ops/test_cases.py",
            "tests/ops/test_facts.py",
            "tests/ops/test_registry.py",
            "tests/ops/test_stated_costs.py",
        ),
        ("netdsl.reference", "docs"),
        ("pytest", "-k", "generated", "tests/house/test_docs.py"),
    ),
    "composite": (("netdsl", "report", "wide.net"),),
    "column": (
        ("netdsl.reference", "docs"),
        ("pytest", "-k", "schema_in_docs", "tests/reports/test_schema.py"),
        ("netdsl", "report", "few.net", "--format", "csv"),
    ),
    "pass": (
        ("pytest", "-k", "LeNet and not cuda", "tests/passes/test_step.py"),
        ("netdsl", "compile", "specs/lenet.net", "--to", "onnx-train", "-o", "step.onnx"),
    ),
    "target": (
        ("netdsl", "compile", "few.net", "--to", "jax", "-o", "few.py"),
        ("netdsl.reference", "docs"),
        (
            "pytest",
            "-k",
            "target or rule or generated or room",
            "tests/ops/test_registry.py",
            "tests/house/test_docs.py",
        ),
    ),
    "data set": (
        ("netdsl", "train", "dots.net", "--optimizer", "adam(lr=0.03)", "--epochs", "20"),
        ("netdsl", "evaluate", "runs/Few"),
    ),
    "command": (("netdsl", "layers", "few.net"),),
    "diagnostic": (
        ("netdsl.reference", "docs"),
        (
            "pytest",
            "-k",
            "small or capital or explained",
            "tests/elaborate/test_language.py",
            "tests/house/test_docs.py",
        ),
    ),
}
"""What shows of each kind that nothing else is needed."""


ADDED = ".added"


def files_of(kind: str) -> dict[Path, Path]:
    """Where the files of a change go, each with what it holds."""
    folder = CHANGES / kind
    found = sorted(f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    return {Path(str(f.relative_to(folder)).removesuffix(ADDED)): f for f in found}


def add(text: str, more: str) -> str:
    """A text with what a change adds to it."""
    for hunk in re.split(r"^(?=# after: )", more, flags=re.MULTILINE):
        head, _, rest = hunk.partition("\n")
        line = head.removeprefix("# after: ")
        if line == head:
            text += hunk
            continue
        assert text.count(f"{line}\n") == 1, f"{line!r} stands there {text.count(line)} times"
        text = text.replace(f"{line}\n", f"{line}\n{rest}")
    return text


LONG = {"operation", "pass", "data set", "target"}
"""Those whose trials wait for torch several times."""


@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.slow] * (k in LONG)) for k in TRIALS])
def test_a_change_costs_no_more_files_than_its_recipe_says(kind: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    for file, held in files_of(kind).items():
        more, place = held.read_text("utf-8"), copy / file
        place.parent.mkdir(parents=True, exist_ok=True)
        assert place.exists() == (held.suffix == ADDED)
        place.write_text(add(place.read_text("utf-8"), more) if place.exists() else more, "utf-8")
    (copy / "few.net").write_text(NET)
    (copy / "dots.net").write_text(NET + RECIPE)
    (copy / "wide.net").write_text("net Wide {\n  input image [3, 8, 8]\n  output y: wide_residual(8)\n}\n")
    for words in TRIALS[kind]:
        said = carried_out(words, copy)
    if kind == "data set":
        assert float(re.findall(r"accuracy +([\d.]+)", said)[-1]) > 0.9, said
    if kind == "column":
        heads, *rows = [line.split(",") for line in said.splitlines()]
        assert rows[-1][heads.index("stored")] == str(2 * 64 + 2)
    if kind == "command":
        assert said.strip() == "2"
    if kind == "pass":
        assert re.match(r"\d+ nodes\n", said), said


def carried_out(words: tuple[str, ...], folder: Path) -> str:
    """What a command prints in the copy, which must succeed."""
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist") if words[0] == "pytest" else ()
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
    command = [sys.executable, "-m", words[0], *quiet, *words[1:]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


RECIPES = re.compile(
    r"^### (?:A|An) (?P<kind>[\w ]+): (?P<count>\d+) files?$(?P<text>.*?)(?=^#)", re.MULTILINE | re.DOTALL
)


def test_the_recipes_say_what_the_changes_hold() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    found = {m["kind"]: m for m in RECIPES.finditer(page)}
    assert found.keys() == TRIALS.keys()
    for kind, recipe in found.items():
        files = files_of(kind)
        assert int(recipe["count"]) == len(files), kind
        named = re.findall(r"^\d+\. `([^`]+)`", recipe["text"], re.MULTILINE)
        assert len(named) == len(files), kind
        assert all(any(str(file).startswith(name) for file in files) for name in named), kind
