"""The package as it is installed: everything it reads is in the wheel, and it writes nothing into its own folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "lenet.net"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]  # the wheel is built in the checkout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's contents and nothing else; what it needs is taken from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # The backend is among what the tests need, so that nothing is fetched.
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = folder.glob("netdsl-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


def contents(site: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, bytecode left out."""
    files = [p for p in site.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    return {str(p.relative_to(site)): (p.stat().st_size, p.stat().st_mtime_ns) for p in files}


def run(site: Path, where: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """`netdsl …` from a folder outside the checkout."""
    code = (
        "import sys; from netdsl.cli import main; import netdsl;"
        f"assert netdsl.__file__.startswith({str(site)!r}), netdsl.__file__; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-P", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=where, env=environment, check=False)


def test_everything_works_outside_the_checkout(site: Path, tmp_path: Path) -> None:
    before = contents(site)
    for arguments, shown in (
        (["report", str(SPEC)], "61,706"),
        (["report", str(ROOT / "specs" / "alexnet.net")], "lrn"),
        (["check", str(ROOT / "specs" / "resnet.net")], ""),
        (["fmt", "--check", str(SPEC)], ""),
        (["compile", str(SPEC), "--to", "pytorch", "-o", "lenet.py"], ""),
        (["compile", str(SPEC), "--to", "onnx", "-o", "lenet.onnx"], ""),
    ):
        done = run(site, tmp_path, arguments)
        drawn = (
            "note: weights drawn by seed 0, not trained: --weights RUN has those of a run\n"
            if "onnx" in arguments
            else ""
        )
        assert (done.returncode, done.stderr) == (0, drawn), (arguments, done.stderr)
        assert shown in done.stdout
    assert "class LeNet" in (tmp_path / "lenet.py").read_text(encoding="utf-8")
    assert (tmp_path / "lenet.onnx").stat().st_size > 4 * 61_706
    assert contents(site) == before


def test_a_mistake_is_explained(site: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.net"
    wrong.write_text("net N {\n  input x [3, H, W]\n  output y: cnov(8, 3)\n}\n", encoding="utf-8")
    done = run(site, tmp_path, ["check", str(wrong)])
    assert done.returncode == 1
    assert "cnov" in done.stdout + done.stderr
    assert "conv" in done.stdout + done.stderr


def test_data_ships(site: Path, tmp_path: Path) -> None:
    """The digits of the demo, the standard library and the grammar's tables."""
    done = run(site, tmp_path, ["report", str(SPEC)])
    assert done.returncode == 0
    names = {Path(name).name for name in contents(site)}
    assert {"py.typed", "grammar.json", "grammar.lark", "prelude.net", "transformer.net"} <= names
    assert any(name.endswith(".npz") for name in names)


def test_the_command_is_installed(site: Path) -> None:
    (entries,) = site.glob("netdsl-*.dist-info/entry_points.txt")
    assert "netdsl = netdsl.__main__:main" in entries.read_text(encoding="utf-8")


TYPED = """
import netdsl

net = netdsl.load("lenet.net")
text: str = netdsl.report(net)
count: int = netdsl.report(net)  # a text is no number
reveal_type(net)
"""


def test_a_type_checker_sees_the_types(site: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(TYPED, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "script.py"]
    environment = {**os.environ, "MYPYPATH": "", "PYTHONPATH": str(site)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("script.py")]
    assert [line.split(":")[1] for line in found] == ["6", "7"], done.stdout
    assert 'expression has type "str", variable has type "int"' in found[0]
    assert 'Revealed type is "netdsl.graph.Net"' in found[1]
