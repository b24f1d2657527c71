"""The workflow of README.md, run as far as it can be here: in a repository that is not this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKFLOW = next(text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "nets.yml" in text)
NET = "net N(width = {}) {{\n  input image [3, 32, 32]\n  output y: conv(width, 3, pad=1)\n}}\n"


def script() -> str:
    """The step that shows what a pull request does."""
    found = re.search(r"run: \|\n((?: {10}.*\n)+)", WORKFLOW)
    assert found is not None
    return dedent(found[1])


def test_netdsl_comes_from_a_wheel_that_is_made_here() -> None:
    assert "pip install ." not in WORKFLOW
    assert "pip install tools/netdsl-*.whl" in WORKFLOW
    made = subprocess.run(["make", "-n", "-o", ".venv/.installed", "wheel"], cwd=ROOT, capture_output=True, text=True)
    assert "pip wheel --quiet --no-deps -w dist ." in made.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the step is written for a shell")
def test_the_step_for_pull_requests_shows_what_became_of_each_net(tmp_path: Path) -> None:
    """All nets of changed files stand in the summary, others do not: a new one has nothing to be compared with."""
    (tmp_path / "netdsl").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netdsl "$@"\n', encoding="utf-8")
    (tmp_path / "netdsl").chmod(0o755)
    summary, origin = tmp_path / "summary.md", tmp_path / "origin"
    own = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    own |= {"GITHUB_BASE_REF": "main", "GITHUB_STEP_SUMMARY": str(summary)}
    own |= {f"GIT_{who}_{what}": "x@example.net" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def run(where: Path, *command: str) -> None:
        done = subprocess.run(command, cwd=where, env=os.environ | own, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    origin.mkdir()
    run(origin, "git", "init", "-q", "-b", "main")
    for name in ("same", "changed"):
        (origin / f"{name}.net").write_text(NET.format(8), encoding="utf-8")
    (origin / "blocks.net").write_text("block b() { conv(4, 3) }\n", encoding="utf-8")
    run(origin, "git", "add", ".")
    run(origin, "git", "commit", "-qm", "Two nets")
    run(tmp_path, "git", "clone", "-q", str(origin), "asked")
    asked = tmp_path / "asked"
    (asked / "changed.net").write_text(NET.format(16) + NET.format(2).replace("net N", "net Added"), encoding="utf-8")
    (asked / "blocks.net").write_text("block b() { conv(5, 3) }\n", encoding="utf-8")
    (asked / "added.net").write_text(NET.format(4), encoding="utf-8")
    run(asked, "git", "checkout", "-qb", "asked")
    run(asked, "git", "add", ".")
    run(asked, "git", "commit", "-qm", "One is wider, one is new")
    run(asked, "bash", "-eo", "pipefail", "-c", script())
    told = summary.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", told, re.MULTILINE) == ["N(width=8) → N(width=16)"]
    assert "| parameters | 224 | 448 |" in told
