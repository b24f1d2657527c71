"""Files and what they define: neighbours by `use "./x.net"`, the standard library by `use std.x`, and nothing else."""

from __future__ import annotations

import errno
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

import netdsl.elaborate.damage as damage
from netdsl.base.record import anew, entity
from netdsl.dims import Account
from netdsl.elaborate.scope import Scope
from netdsl.ops import REGISTRY
from netdsl.stdlib import STDLIB
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, Label, NetError, Severity, did_you_mean
from netdsl.text.limits import BYTES, NETS, RECIPES, USES
from netdsl.text.parser import kind_of
from netdsl.text.source import Source, Span

CHAIN = 50
"""How many files may be at work inside each other."""
PRELUDE = "std.prelude"
"""Composites that every file may use without saying so."""

Parse = Callable[[Source, Collector], syntax.File]
ReadFile = Callable[[Path], Source]


@entity
class Module:
    """One file with its definitions and what it uses of others."""

    key: str
    file: syntax.File
    scope: Scope
    own: dict[str, syntax.Definition] = anew(factory=dict)
    used: dict[str, tuple[syntax.Definition, Scope]] = anew(factory=dict)
    places: dict[str, Span] = anew(factory=dict)
    """Where each used name was asked for."""
    lets: deque[syntax.LetRow] = anew(factory=deque)
    """Those of the file that no net has worked out yet."""
    given: dict[str, object] = anew(factory=dict)
    """Values that `--set` gave such rows, by name."""
    shared: dict[str, syntax.LayerRow] = anew(factory=dict)
    """The layers that all nets of the file share, by name."""
    trains: dict[str, list[syntax.Train]] = anew(factory=dict)
    """The `train` sections of each net."""
    broken: set[str] = anew(factory=set)
    """Names asked for in vain: that has been reported, so what reads them stays silent."""

    @property
    def let_names(self) -> list[str]:
        """What the file names by `let` at its top."""
        return [item.name.id for item in self.file.items if isinstance(item, syntax.LetRow)]


class Library:
    """All files of one program, each read once."""

    def __init__(self, parse: Parse, read: ReadFile, collector: Collector) -> None:
        self.parse = parse
        self.read = read
        self.collector = collector
        self.modules: dict[str, Module] = {}
        self.loading: list[str] = []
        self.at_work: list[syntax.Definition] = []
        self.root: Path | None = None
        self.uses = 0
        self.letters = 0
        """What the files that were read hold."""
        self.effort = 0
        """What building the nets of the program has cost so far (see `netdsl.elaborate.bounds.EFFORT`)."""
        self.exhausted = False
        """True when a limit of the whole file is reached: no further net is built."""
        self.sizes = Account()
        """What is left for following the sizes of the nets of the program."""
        self.reported: set[tuple[str, Span]] = set()
        """Mistakes inside blocks by code and place: one that several nets use is reported once."""
        self.looked_through: set[Span | str] = set()
        """Definitions and files whose unread names have been told of."""
        self.damage: list[Span] = []
        """Where texts could not be parsed: rows are missing there."""
        self.homes: list[syntax.Item | None] = []
        """Of each such place the item of the program's file that it concerns alone (`damage.homes`)."""
        self.hiding: set[str] = set()
        """Names of operations that something of the author's is called by: which of the two is meant is not known."""

    def open(self, file: syntax.File) -> Module:
        """The program's own file."""
        path = file.source.path
        self.root = path.resolve().parent if path else None
        self.letters = len(file.source.text)
        module = self._load(str(path.resolve()) if path else file.source.name, file)
        self.damage = [d.span for d in self.collector.found if d.severity is Severity.ERROR]
        self.homes = damage.homes(file, self.damage)
        whole = [d for d in self.damage if not any(i.span.start <= d.start <= i.span.end for i in file.items)]
        module.broken |= damage.definitions([d for d in whole if d.source is file.source])
        for name in sorted(module.broken & {path.stem for path in STDLIB.glob("*.net")}):
            asked = self.standard(f"std.{name}")  # `use std.resnet` without its braces
            module.broken |= set(asked.own) if asked else set()
        return module

    @contextmanager
    def inside(self, definitions: tuple[syntax.Definition, ...]) -> Iterator[None]:
        """While something written inside some definitions is at work."""
        before, self.at_work = self.at_work, list(definitions)
        try:
            yield
        finally:
            self.at_work = before

    def damaged(self) -> bool:
        """True when the body at work has lost rows to mistakes of syntax, so that names may be missing in it."""
        return bool(self.at_work) and self.damaged_within(self.at_work[-1].span)

    def hurt(self, span: Span) -> bool:
        """True for a place on a line that was not read as it is written."""
        return any(d.source is span.source and damage.line_start(d) == damage.line_start(span) for d in self.damage)

    def damaged_within(self, body: Span) -> bool:
        """True when rows of a stretch of text could not be read."""
        return any(damage.inside(place, body) for place in self.damage)

    def misses(self, definition: syntax.Definition) -> bool:
        """True when a text that could not be read may belong to what this net is made of.

        Another net that nothing is made of may be as broken as it likes, and a `train` section too.
        """
        return any(home is None or home is definition for home in self.homes)

    # ------------------------------------------------------------ looking up

    def definition(self, scope: Scope, name: str) -> tuple[syntax.Definition, Scope] | None:
        """The block, net or composite of that name as the file around a scope sees it."""
        module = self.modules.get(scope.path)
        if module is None:
            return None
        if name in module.own:
            return module.own[name], module.scope
        if name in module.used:
            return module.used[name]
        if name in REGISTRY or module.key == PRELUDE or name not in prelude_names():
            return None
        prelude = self.standard(PRELUDE)
        found = prelude.own.get(name) if prelude else None
        return (found, prelude.scope) if found and prelude else None

    def broken(self, scope: Scope) -> set[str]:
        """The names that a `use` of the file around a scope did not find."""
        module = self.modules.get(scope.path)
        return module.broken if module else set()

    def names(self, scope: Scope) -> set[str]:
        module = self.modules.get(scope.path)
        prelude = self.standard(PRELUDE)
        own = set(module.own) | set(module.used) if module else set()
        return own | (set(prelude.own) if prelude else set())

    # ------------------------------------------------------------ reading

    def standard(self, dotted: str) -> Module | None:
        """A file of the standard library, by its dotted name; None when there is none."""
        if dotted in self.modules:
            return self.modules[dotted]
        file = shipped(self.parse, dotted)
        return self._load(dotted, file) if file else None

    def _load(self, key: str, file: syntax.File) -> Module:
        module = Module(key, file, Scope(path=key))
        self.modules[key] = module
        self.loading.append(key)
        nets = recipes = 0
        for item in file.items:
            nets += isinstance(item, syntax.Definition) and item.keyword == "net"
            recipes += isinstance(item, syntax.Train)
            if self.collector.full or self._refuses(item, nets, recipes):
                break
            self._read_item(module, item)
        self.loading.pop()
        return module

    def _read_item(self, module: Module, item: syntax.Item) -> None:
        if isinstance(item, syntax.Use):
            self._use(module, item)
        elif isinstance(item, syntax.Definition):
            self._define(module, item)
        elif isinstance(item, syntax.LetRow):
            module.lets.append(item)
        elif isinstance(item, syntax.LayerRow):
            self._share(module, item)
        else:
            module.trains.setdefault(item.net.id, []).append(item)

    def _refuses(self, item: syntax.Item, nets: int, recipes: int) -> bool:
        """True for the item of a file that is one too many."""
        self.uses += isinstance(item, syntax.Use)
        message = f"the file has more than {NETS:,} nets" if nets > NETS else None
        message = f"the file has more than {RECIPES:,} `train` sections" if recipes > RECIPES else message
        message = f"there are more than {USES:,} `use` rows" if self.uses > USES else message
        if message:
            help = "one `use` may name several blocks" if self.uses > USES else "part it into files"
            self.collector.report(
                "file-too-long", message, Span(item.span.source, item.span.start, item.span.start + 1), help=help
            )
        return message is not None

    def _define(self, module: Module, item: syntax.Definition) -> None:
        name = item.name
        if name.id in REGISTRY:
            message = f"`{name.id}` is the name of an operation: a {item.keyword} called so would hide it"
            self.collector.report("shadowed-layer", message, name.span, help="choose another name")
            self.hiding.add(name.id)
        elif name.id in module.shared:
            first = module.shared[name.id].names[0].span
            message = f"the name `{name.id}` is taken already"
            self.collector.report("duplicate-name", message, name.span, Label(first, "first here"))
        elif name.id in module.own or name.id in module.used:
            message = f"`{name.id}` is defined twice"
            first = module.own[name.id].name.span if name.id in module.own else module.places[name.id]
            self.collector.report("duplicate-name", message, name.span, Label(first, "first here"))
        else:
            module.own[name.id] = item

    def _share(self, module: Module, row: syntax.LayerRow) -> None:
        name = row.names[0]
        first = module.shared[name.id].names[0].span if name.id in module.shared else None
        first = module.own[name.id].name.span if name.id in module.own else first
        if first is not None:
            message = f"the name `{name.id}` is taken already"
            self.collector.report("duplicate-name", message, name.span, Label(first, "first here"))
        else:
            module.shared[name.id] = row

    def _use(self, module: Module, use: syntax.Use) -> None:
        target = self._neighbour(module, use) if use.is_file else self._standard_use(use)
        for name in use.names:
            if self.collector.full:
                return
            found = target.own.get(name.id) if target else None
            if target is not None and found is not None:
                self._take(module, name, found, target)
                continue
            module.broken.add(name.id)
            if target is not None:
                help = did_you_mean(name.id, target.own) or f"it has {', '.join(target.own)}"
                if name.id in target.shared or name.id in target.let_names:
                    help = "what stands at the top of that file is its blocks' own: it comes with those that read it"
                self.collector.report("unknown-name", f"`{use.path}` has no `{name.id}`", name.span, help=help)

    def _take(self, module: Module, name: syntax.Name, found: syntax.Definition, target: Module) -> None:
        """Make a definition of another file known under its name."""
        first = module.places.get(name.id) or (module.own[name.id].name.span if name.id in module.own else None)
        if first is not None and module.used.get(name.id, (None,))[0] is not found:
            message = f"`{name.id}` is the name of another block already"
            self.collector.report("duplicate-name", message, name.span, Label(first, "first here"))
            return
        module.used[name.id] = (found, target.scope)
        module.places[name.id] = name.span

    def _standard_use(self, use: syntax.Use) -> Module | None:
        found = self.standard(use.path) if use.path.startswith("std.") else None
        if found is None:
            known = sorted(f"std.{p.stem}" for p in STDLIB.glob("*.net"))
            help = did_you_mean(use.path, known) or f"there are {', '.join(known)}"
            if not use.path.startswith("std."):
                help = 'files beside are used by their path, `use "./blocks.net" { … }`, others are in `std`'
            self.collector.report("unknown-import", f"there is no `{use.path}`", use.path_span, help=help)
        return found

    def _neighbour(self, module: Module, use: syntax.Use) -> Module | None:
        base = module.file.source.path
        if base is None or self.root is None:
            message = "a text without a file has no neighbours to use"
            self.collector.report("unknown-import", message, use.path_span)
            return None
        target = _resolved(base.parent, use.path)
        if isinstance(target, str):
            self.collector.report("unknown-import", f"`{_cut(use.path)}` leads to no file: {target}", use.path_span)
            return None
        if Path(use.path).is_absolute() or not target.is_relative_to(self.root):
            message = f"`{_cut(use.path)}` lies outside the folder of the file"
            help = "files may use only what lies beside or below them, and `std`"
            self.collector.report("import-outside-folder", message, use.path_span, help=help)
            return None
        return self._read_neighbour(base, target, use)

    def _missing(self, use: syntax.Use, beside: Iterable[str] = ()) -> None:
        near = did_you_mean(Path(use.path).name, beside)
        if use.path.startswith("std."):
            near = f"the library is named without quotes: `use {use.path} {{ … }}`"
        self.collector.report("unknown-import", f"there is no file `{_cut(use.path)}`", use.path_span, help=near)

    def _read_neighbour(self, base: Path, target: Path, use: syntax.Use) -> Module | None:
        key = str(target)
        if key in self.loading:
            chain = " → ".join(Path(k).name for k in [*self.loading[self.loading.index(key) :], key])
            self.collector.report("import-cycle", f"these files use each other: {chain}", use.path_span)
            return None
        if key in self.modules:
            return self.modules[key]
        if not target.exists():
            self._missing(use, [p.name for p in target.parent.glob("*.net")] if target.parent.is_dir() else [])
            return None
        kind = kind_of(target)
        if kind is not None:
            self.collector.report("unknown-import", f"`{_cut(use.path)}` is {kind}, not a text", use.path_span)
            return None
        if len(self.loading) >= CHAIN:
            message = f"files use each other more than {CHAIN} deep"
            self.collector.report("nested-too-deep", message, use.path_span, help="use the last of them directly")
            return None
        try:
            source = self.read(_shown(base, use, target))
        except NetError as error:
            self.collector.extend(error.diagnostics)
            return None
        self.letters += len(source.text)
        if self.letters > BYTES:
            message = f"the files that are used hold more than {BYTES:,} letters"
            self.collector.report("file-too-large", message, use.path_span, help="use fewer of them")
            return None
        return self._load(key, self.parse(source, self.collector))


@lru_cache(maxsize=64)
def shipped(parse: Parse, dotted: str) -> syntax.File | None:
    """A file of the standard library, parsed once a process: it is part of the package, and its words no author's."""
    path = STDLIB.joinpath(*dotted.split(".")[1:]).with_suffix(".net")
    if not path.is_file():
        return None
    collector = Collector()
    file = parse(Source(dotted, path.read_text(encoding="utf-8")), collector)
    collector.check()
    return file


@cache
def prelude_names() -> frozenset[str]:
    """What the prelude defines: it is read whole only where a text uses some of it."""
    text = STDLIB.joinpath("prelude.net").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^(?:block|net|recurrent) (\w+)", text, re.MULTILINE))


def _cut(path: str) -> str:
    return path if len(path) <= 60 else f"{path[:60]}…"


def _resolved(folder: Path, path: str) -> Path | str:
    """Where a path leads, seen from a folder; in words why it can lead nowhere."""
    try:
        target = (folder / path).resolve()
        target.stat()
    except FileNotFoundError:
        return target
    except OSError as error:  # too long, a link to itself
        return error.strerror or "it cannot be read"
    except RuntimeError:
        return os.strerror(errno.ELOOP)
    except ValueError:
        return "a zero stands in it"
    return target


def _shown(base: Path, use: syntax.Use, target: Path) -> Path:
    """The neighbour's path as seen from where the program was opened, where links do not make that another file."""
    path = Path(os.path.normpath(base.parent / use.path))
    return path if path.resolve() == target else target
