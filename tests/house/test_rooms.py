"""The rooms of the package: who may import whom, what is never imported early, and the figures of the house style."""

from __future__ import annotations

import ast
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest
from figures import House

from netdsl.elaborate import LEAVES

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "netdsl"
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS: dict[str, set[str]] = {
    "base": set(),
    "dims": {"base"},
    "ops": {"base", "dims"},
    "stdlib": set(),
    "text": {"base", "ops", "stdlib"},
    "recipe": {"base", "dims", "ops"},
    "graph": {"base", "dims", "ops", "text", "recipe"},
    "elaborate": {"base", "dims", "ops", "stdlib", "text", "graph", "recipe", "analysis"},
    "weights": {"base", "dims", "text", "graph", "recipe"},
    "passes": {"dims", "ops", "text", "graph", "recipe"},
    "analysis": {"base", "dims", "ops", "text", "graph"},
    "analyzer": {"base", "dims", "ops", "text", "graph", "analysis"},
    "codegen": {"base", "dims", "ops", "text", "graph", "recipe", "passes", "weights"},
    "lesson": {"base", "dims", "ops", "text", "graph", "recipe", "passes", "analysis", "analyzer"},
    "program": {"base", "text", "graph", "recipe", "elaborate", "analyzer"},
    "rewriting": {"base", "dims", "ops", "text", "graph", "program"},
    "comparison": {"base", "dims", "ops", "text", "graph", "analysis", "analyzer"},
    "runtime": {
        "base",
        "dims",
        "ops",
        "text",
        "graph",
        "recipe",
        "passes",
        "weights",
        "analyzer",
        "codegen",
        "program",
        "rewriting",
    },
    "fitting": {"base", "dims", "ops", "text", "graph", "recipe", "analysis", "analyzer"},
    "sizing": {"base", "dims", "ops", "text", "graph", "analysis", "analyzer"},
    "conventions": {"base", "dims", "ops", "text", "graph", "analysis", "codegen"},
    "reports": {"base", "dims", "text", "analysis", "comparison", "fitting", "sizing"},
    "drawing": {"base", "dims", "ops", "graph", "analysis", "reports"},
    "page": {"base", "dims", "ops", "text", "graph", "analysis", "analyzer", "reports", "drawing"},
    "strictness": {"base", "text", "graph", "analysis", "analyzer", "program", "conventions"},
    "surface": {
        "strictness",
        "base",
        "dims",
        "text",
        "graph",
        "analysis",
        "analyzer",
        "lesson",
        "program",
        "conventions",
        "reports",
        "drawing",
        "fitting",
        "page",
    },
    "reference": {
        "dims",
        "ops",
        "stdlib",
        "text",
        "graph",
        "recipe",
        "analysis",
        "analyzer",
        "codegen",
        "program",
        "drawing",
        "reports",
    },
    "zoo": {"base", "ops", "text", "graph", "recipe", "program", "weights", "runtime", "reference"},
    "": {
        "base",
        "text",
        "graph",
        "recipe",
        "analyzer",
        "codegen",
        "comparison",
        "conventions",
        "lesson",
        "runtime",
        "sizing",
        "surface",
    },
    "cli": {
        "base",
        "text",
        "graph",
        "elaborate",
        "analysis",
        "analyzer",
        "codegen",
        "comparison",
        "lesson",
        "program",
        "weights",
        "runtime",
        "reports",
        "sizing",
        "fitting",
        "conventions",
        "drawing",
        "page",
        "strictness",
        "",
    },
    "__main__": {"cli"},
}
"""Each room (a module or folder of the package, "" for its front) with the rooms that it may import, early or late."""

TARGETS: dict[str, set[str]] = {"python": set(), "pytorch": {"python"}, "onnx": set()}
"""Each room of `codegen` with those that it may import; what is in none of them is open to all."""

RUNTIME: dict[str, set[str]] = {
    "runs": set(),
    "sessions": set(),
    "pictures": {"runs"},
    "augment": {"runs", "pictures", "data"},
    "data": {"runs", "pictures", "augment"},
    "survey": {"runs", "pictures", "data"},
    "generated": {"pictures", "data"},
    "datasets": {"runs", "pictures", "data", "survey", "generated"},
    "scoring": {"runs", "sessions", "data"},
    "engines": {"runs", "sessions", "data", "scoring"},
    "judging": {"runs", "sessions", "pictures", "data", "scoring", "engines"},
    "predicting": {"runs", "sessions", "pictures", "data", "scoring", "engines"},
    "looking": {"runs", "sessions", "pictures", "scoring", "engines", "predicting"},
    "training": {"runs", "pictures", "augment", "data", "scoring", "engines"},
}
"""Each room of `runtime` with those that it may import. The files beside them are what is asked of `runtime`, and may
import all of them; no room imports such a file."""

MEASURING = tuple(f"ops/{name}.py" for name in ("measure", "metric", "tally", "ranking", "deviation"))
"""What counts over batches, which it does with arrays."""

HEAVY: dict[str, tuple[str, ...]] = {
    "torch": ("codegen/pytorch/module.py", "weights/pickled.py", "runtime/"),
    "onnx": ("codegen/onnx/", "runtime/"),
    "onnxruntime": ("runtime/",),
    "numpy": ("base/arrays.py", "codegen/onnx/", "weights/", "runtime/", "zoo/", *MEASURING, "cli/predict.py"),
    "pydantic": ("reports/schema.py",),
    "rich": ("runtime/", "cli/demo.py"),
    "accelerate": ("runtime/",),
    "lark": ("text/tables.py",),
    "pyarrow": ("runtime/",),
    "datasets": ("runtime/",),
    "graphlay": ("drawing/layered.py",),
    "resvg_py": ("drawing/png.py",),
}
"""Libraries that take long to import, and the only files that may."""

LIGHT_COMMANDS = (
    ["report", "specs/alexnet.net"],
    ["report", "specs/unet.net", "--format", "json"],
    ["check", "specs/resnet.net"],
    ["fmt", "--check", "specs/lenet.net"],
    ["compile", "specs/lenet.net", "--to", "pytorch"],
)


@cache
def house() -> House:
    """All files, read once."""
    return House(ROOT)


def module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


@cache
def imports(path: Path) -> list[str]:
    """Every module that a file imports, anywhere in it, by its full name."""
    return list(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            within = node.module == "netdsl"
            yield from (f"netdsl.{a.name}" if within and is_room(a.name) else node.module for a in node.names)


def is_room(name: str) -> bool:
    return (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()


def test_imports_go_one_way() -> None:
    new = {room(module(path)) for path in FILES} - ROOMS.keys()
    assert new == set(), "new rooms: say in ROOMS (and in ARCHITECTURE.md) what they may import"
    found = {module(path): others(path) - ROOMS[room(module(path))] for path in FILES}
    assert {name: rooms for name, rooms in found.items() if rooms} == {}, "these may not import these"


def others(path: Path) -> set[str]:
    """The rooms that a file imports from, but for its own."""
    return {room(name) for name in imports(path) if name.partition(".")[0] == "netdsl"} - {room(module(path))}


def test_the_rooms_have_an_order() -> None:
    order = list(TopologicalSorter(ROOMS).static_order())
    assert set(order) == set(ROOMS)
    print("rooms:", " → ".join(name or "netdsl" for name in order))


def test_no_circle_of_imports_has_more_than_two_files() -> None:
    """Early or late: where three files need one another, what they share has no place of its own yet."""
    circles = house().circles
    print("circles of two:", ", ".join(" ↔ ".join(c) for c in circles) or "none")
    assert [c for c in circles if len(c) > 2] == []


def test_elaboration_is_a_star() -> None:
    """What says what a kind of row, layer or expression does knows the tables, and nothing else that registers there."""
    read, leaves = house(), {leaf.__name__ for leaf in LEAVES}
    registering = {n for n in read.files if n.startswith("netdsl.elaborate.") and _registers(read.trees[n])}
    assert registering == leaves
    assert {leaf: sorted(read.imports[leaf] & leaves) for leaf in leaves if read.imports[leaf] & leaves} == {}
    assert read.imports["netdsl.elaborate.core"] & leaves == set()


def test_the_drawing_of_the_elaboration_holds() -> None:
    """No module of ARCHITECTURE's drawing imports one that stands above it."""
    read, text = house(), (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawing = text.partition("**Elaboration is a star.**")[2].split("```")[1].strip("\n").splitlines()
    steps = {
        f"netdsl.elaborate.{name}": len(line) - len(line.lstrip())
        for line in drawing
        for name in re.split(r"\s{3,}", line.strip())[0].split()
    }
    assert set(steps) <= set(read.files), "what is drawn is there"
    assert {leaf.__name__ for leaf in LEAVES} <= set(steps), "and what registers is drawn"
    arrows = ((name, other) for name in steps for other in read.imports[name] if other in steps)
    assert [(name, other) for name, other in arrows if steps[other] < steps[name]] == []


def _registers(tree: ast.Module) -> bool:
    found = [
        d.func for n in tree.body if isinstance(n, ast.FunctionDef) for d in n.decorator_list if isinstance(d, ast.Call)
    ]
    return any(isinstance(f, ast.Attribute) and f.attr in ("evaluates", "applies", "runs") for f in found)


@pytest.mark.parametrize("target", TARGETS)
def test_targets_share_what_is_no_target_s(target: str) -> None:
    folder = PACKAGE / "codegen" / target
    found = {name.split(".")[2] for path in folder.rglob("*.py") for name in imports(path) if _is_codegen(name)}
    assert found & TARGETS.keys() - {target} <= TARGETS[target]


def _is_codegen(name: str) -> bool:
    return name.startswith("netdsl.codegen.")


@pytest.mark.parametrize("inner", RUNTIME)
def test_rooms_of_runtime_import_one_way(inner: str) -> None:
    folder = PACKAGE / "runtime" / inner
    found = {
        name.split(".")[2] for p in folder.rglob("*.py") for name in imports(p) if name.startswith("netdsl.runtime.")
    }
    assert found - {inner} <= RUNTIME[inner]


def test_every_room_of_runtime_is_known() -> None:
    """And they have an order, but for pictures that are varied while data are read."""
    assert {p.parent.name for p in (PACKAGE / "runtime").glob("*/__init__.py")} == set(RUNTIME)
    TopologicalSorter({**RUNTIME, "augment": RUNTIME["augment"] - {"data"}}).prepare()


def test_every_room_of_a_target_is_known() -> None:
    assert {p.parent.name for p in (PACKAGE / "codegen").glob("*/__init__.py")} == set(TARGETS)


def test_python_source_knows_no_target() -> None:
    found = {path.name: re.findall(r"(?i)torch|\bnn\.", path.read_text("utf-8")) for path in FILES if _is_shared(path)}
    assert len(found) > 20
    assert {name: words for name, words in found.items() if words} == {}


def _is_shared(path: Path) -> bool:
    return path.is_relative_to(PACKAGE / "codegen" / "python")


def test_every_room_is_described() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert [name for name in ROOMS if name not in ("", "__main__") and not re.search(rf"\b{name}\b", text)] == []


def test_slow_libraries_stay_where_they_are_used() -> None:
    places = ((path.relative_to(PACKAGE).as_posix(), name) for path in FILES for name in imports(path))
    assert [(here, name) for here, name in places if not allowed(here, name)] == []


def allowed(here: str, name: str) -> bool:
    places = HEAVY.get(name.partition(".")[0])
    return places is None or here.startswith(places)


@pytest.mark.parametrize("arguments", LIGHT_COMMANDS, ids=lambda a: " ".join(a))
def test_light_commands_import_no_slow_library(arguments: list[str]) -> None:
    code = (
        "import sys, json, netdsl.cli as cli\n"
        "try:\n    cli.main()\n"
        "except SystemExit as ended:\n    assert not ended.code, ended.code\n"
        "print('\\n' + json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "netdsl" in loaded
    assert loaded & {*HEAVY, "typer", "click", "matplotlib", "sklearn", "PIL", "safetensors"} == set()


def test_a_report_makes_no_dataclass() -> None:
    """Its rooms have records instead, which are made in a twentieth of the time (`netdsl/base/record.py`)."""
    rooms = {"codegen", "passes", "weights", "runtime", "reference", "zoo"}
    assert [module(p) for p in FILES if room(module(p)) not in rooms and "dataclasses" in early(p)] == []


def early(path: Path) -> set[str | None]:
    return {n.module for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ImportFrom)}


def test_the_package_imports_nothing_by_itself() -> None:
    code = "import sys, netdsl; print([m for m in sys.modules if m.startswith('netdsl.')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------- the house style

MEDIAN, NINTH_DECILE, LONGEST, MODULE = 8, 25, 60, 450
"""Lines of a function's body (its docstring not counted), and of a module."""


def bodies() -> Iterator[tuple[int, str]]:
    """Lines of every function's body, with its place."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                yield lines, f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_functions_are_short() -> None:
    found = sorted(bodies())
    lengths = [lines for lines, _ in found]
    median, decile = statistics.median(lengths), lengths[len(lengths) * 9 // 10]
    print(
        f"{len(lengths)} functions: median {median:g}, 90th percentile {decile}, longest {lengths[-1]} ({found[-1][1]})"
    )
    assert median <= MEDIAN
    assert decile <= NINTH_DECILE
    assert [place for lines, place in found if lines > LONGEST] == []


def test_modules_are_rooms_not_halls() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in FILES}
    longest = sorted(lengths.items(), key=lambda item: -item[1])[:5]
    print("longest modules: " + ", ".join(f"{name} {lines}" for name, lines in longest))
    assert {name: lines for name, lines in lengths.items() if lines > MODULE} == {}


UNTYPED, SLACK = 0.031, 0.003
"""The largest share of annotations that hold `Any`, and how far it may fall before this number has to follow."""


def test_no_more_types_are_left_open() -> None:
    untyped, annotations = house().any
    share = untyped / annotations
    print(f"{untyped} of {annotations} annotations hold Any ({share:.1%})")
    assert share <= UNTYPED, "say what it is, rather than Any"
    assert share > UNTYPED - SLACK, f"fewer types are left open: lower UNTYPED to {share + SLACK / 3:.3f}"


def test_no_name_of_a_type_stands_for_two_things() -> None:
    assert house().classes == {}


def test_files_of_tests_have_names_of_their_own() -> None:
    """Tests are no packages: of two files of one name one would be left out."""
    names = [path.name for path in (PACKAGE.parent / "tests").rglob("test_*.py") if "golden" not in path.parts]
    assert sorted(names) == sorted(set(names))


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base_utils", "tools"}
    assert [module(path) for path in FILES if path.stem in vague] == []


def test_no_file_speaks_of_unfinished_work() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X")
    texts = chain(
        FILES, (ROOT / "specs").glob("*.net"), (ROOT / "docs").glob("*.md"), (PACKAGE / "stdlib").glob("*.net")
    )
    found = [p.relative_to(ROOT).as_posix() for p in texts if any(w in p.read_text(encoding="utf-8") for w in words)]
    assert found == []
