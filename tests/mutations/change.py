"""A change of one place of one module, which can be found again in the module's text."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from mutations import ROOT


@dataclass(frozen=True)
class Change:
    """What is changed where: `function` is the outermost function, with its class, or "" outside of functions."""

    file: str
    function: str
    line: int
    kind: str
    what: str
    nth: int = 0
    """Which of those that look the same in one function."""

    @property
    def key(self) -> str:
        """Its name, which no change elsewhere in the file alters."""
        return f"{self.file} {self.function or '-'}: {self.what}" + f" ({self.nth + 1})" * bool(self.nth)

    def rank(self, seed: int) -> str:
        """The order in which a seed draws."""
        return sha256(f"{seed} {self.key}".encode()).hexdigest()


@dataclass
class Site:
    """A change with what makes it in the tree that it was found in."""

    line: int
    function: str
    kind: str
    said: Callable[[], str]
    apply: Callable[[], None]

    @cached_property
    def what(self) -> str:
        return self.said()


Finder = Callable[[ast.Module], Iterator[Site]]


def tree_of(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


def named(file: str, sites: Sequence[Site]) -> list[Change]:
    """The changes at these sites, those that look the same told apart by a number."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for site in sites:
        found.append(Change(file, site.function, site.line, site.kind, site.what, seen[site.function, site.what]))
        seen[site.function, site.what] += 1
    return found


def changes(file: str, finder: Finder) -> list[Change]:
    return named(file, list(finder(tree_of(file))))


def changed(change: Change, finder: Finder) -> ast.Module:
    """The module's tree with the change made. Raises `LookupError` where the text has no such place (any more)."""
    tree = tree_of(change.file)
    sites = [site for site in finder(tree) if site.function == change.function]
    for site, found in zip(sites, named(change.file, sites), strict=True):
        if found.key == change.key:
            site.apply()
            return ast.fix_missing_locations(tree)
    raise LookupError(change.key)


def modules(*folders: str) -> list[str]:
    """The modules in folders, with those under them, as paths from the root."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path.relative_to(ROOT).as_posix() for path in paths]


def module_name(file: str) -> str:
    return ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")


def shown(node: ast.AST, width: int = 70) -> str:
    """A node as text, on one line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= width else text[: width - 1] + "…"
