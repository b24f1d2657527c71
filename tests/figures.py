"""The figures of the house: `python tests/figures.py [FOLDER …]` prints them side by side for checkouts.

A room is a folder with modules, or a loose module at the top; an arrow is a pair of rooms with an import, early or late.
A circle is a set of files each of which imports, by way of the others, itself.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent


class House:
    """The package of one checkout, read as syntax."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = {self._name(p): p for p in sorted((root / "netdsl").rglob("*.py"))}
        self.trees = {name: ast.parse(p.read_text(encoding="utf-8")) for name, p in self.files.items()}

    def _name(self, path: Path) -> str:
        return ".".join(path.relative_to(self.root).with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """For each module, the modules of the package that it imports."""
        return {name: set(self._imported(tree)) - {name} for name, tree in self.trees.items()}

    def _imported(self, tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (a.name for a in node.names if a.name in self.files)
            elif isinstance(node, ast.ImportFrom) and node.module in self.files:
                full = [f"{node.module}.{a.name}" for a in node.names]
                yield from (name if name in self.files else str(node.module) for name in full)

    def room(self, module: str) -> str:
        """The folder of a module, or the module where it is loose at the top."""
        folder = self.files[module].parent.relative_to(self.root).as_posix().replace("/", ".")
        return module if folder == "netdsl" else folder

    @property
    def arrows(self) -> set[tuple[str, str]]:
        pairs = ((self.room(a), self.room(b)) for a, found in self.imports.items() for b in found)
        return {(a, b) for a, b in pairs if a != b}

    @property
    def circles(self) -> list[list[str]]:
        """Sets of modules that import one another in a circle, the largest first."""
        found = {frozenset(b for b in reach[a] if a in reach[b]) for reach in (self._reach(),) for a in reach}
        return sorted((sorted(c) for c in found if len(c) > 1), key=lambda c: (-len(c), c))

    def _reach(self) -> dict[str, set[str]]:
        """Every module that one imports, by way of others too."""
        reach: dict[str, set[str]] = {}
        for start in self.imports:
            seen, todo = set[str](), [start]
            while todo:
                new = self.imports[todo.pop()] - seen
                seen |= new
                todo += new
            reach[start] = seen
        return reach

    @property
    def bodies(self) -> list[int]:
        """Lines of the body of every function, its docstring not counted."""
        found = [n for tree in self.trees.values() for n in ast.walk(tree)]
        return sorted(_length(n) for n in found if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))

    @property
    def modules(self) -> list[int]:
        """Lines of every module."""
        return sorted(len(p.read_text(encoding="utf-8").splitlines()) for p in self.files.values())

    @property
    def classes(self) -> dict[str, list[str]]:
        """The names of classes and of types that stand in more than one module."""
        found: dict[str, list[str]] = defaultdict(list)
        for module, tree in self.trees.items():
            for node in tree.body:
                for name in _types(node):
                    found[name].append(module)
        return {name: places for name, places in sorted(found.items()) if len(places) > 1}

    @property
    def any(self) -> tuple[int, int]:
        """How many annotations hold `Any`, of how many there are."""
        notes = [a for tree in self.trees.values() for n in ast.walk(tree) for a in _annotations(n)]
        return sum("Any" in {n.id for n in ast.walk(a) if isinstance(n, ast.Name)} for a in notes), len(notes)


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _types(node: ast.stmt) -> Iterator[str]:
    """The class or alias of a type that a statement at the top of a module defines."""
    if isinstance(node, ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        name = node.targets[0].id
        if name[:1].isupper() and not name.isupper():
            yield name


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield node.returns
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield node.annotation


def figures(house: House) -> dict[str, str]:
    """What is measured, each with its value as shown."""
    bodies, modules = house.bodies, house.modules
    circles, (unsaid, notes) = house.circles, house.any
    top = [p for p in house.files.values() if p.parent.name == "netdsl"]
    return {
        "modules at the top": f"{len(top)}",
        "modules": f"{len(modules)}",
        "rooms": f"{len({house.room(m) for m in house.files})}",
        "arrows": f"{len(house.arrows)}",
        "files in circles": ", ".join(f"{len(c)}" for c in circles) or "none",
        "lines of a body, median, ninth decile and most": f"{statistics.median(bodies):g}, "
        f"{bodies[len(bodies) * 9 // 10]}, {bodies[-1]}",
        "lines of a module, median and most": f"{statistics.median(modules):g}, {modules[-1]}",
        "names of types that stand twice": f"{len(house.classes)}",
        "annotations that hold Any": f"{unsaid} of {notes} ({unsaid / notes:.1%})",
    }


def main(folders: list[str]) -> None:
    columns = [figures(House(Path(f))) for f in folders or [str(ROOT)]]
    for name in columns[0]:
        print(f"{name:<50}" + "".join(f"{column[name]:>28}" for column in columns))


if __name__ == "__main__":
    main(sys.argv[1:])
