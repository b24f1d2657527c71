"""The folder of a run: text, recipe, metrics, curves, weights. Files are replaced whole: a kill leaves old or new."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.base.errors import RunError
from netdsl.base.files import replace_text
from netdsl.graph import Net, Recipe
from netdsl.ops.fields import Word
from netdsl.runtime.runs import kinds
from netdsl.runtime.runs.evaluations import evaluations
from netdsl.runtime.runs.lock import FolderLock
from netdsl.runtime.runs.recipes import apply_recipe, recipe_kind
from netdsl.text.diagnostics import Collector, Diagnostic, Severity

if TYPE_CHECKING:
    from netdsl.program import Program

RECIPE = "recipe.json"
CHECKPOINT = "checkpoint.safetensors"
WEIGHTS = "weights.safetensors"
METRICS = "metrics.jsonl"
CURVES = "curves.png"
MADE = "made.json"
CARD = "README.md"
TRACKED = "tracking"
"""What trackers write that want a folder."""
SPEC = "spec"
OWN = (CHECKPOINT, WEIGHTS, METRICS, CURVES, MADE, RECIPE)
"""The files that a run replaces. The recipe is the last that goes: by it a folder is known for that of a run."""
MOST_BYTES = 1 << 20
"""A recipe is a page of text."""

_stored = kinds.fields(
    {"started": kinds.mapped(kinds.text), "given": kinds.mapped(kinds.listed(kinds.text))},
    net=kinds.text,
    spec=kinds.text,
    settings=kinds.mapped(kinds.text),
    sizes=kinds.mapped(kinds.whole(1)),
    recipe=recipe_kind,
)


class RunFolder:
    """Paths of a run and what is read from and written to them."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoint = self.path / CHECKPOINT
        self.weights = self.path / WEIGHTS
        self.metrics = self.path / METRICS
        self.curves = self.path / CURVES
        self.made = self.path / MADE
        self.card = self.path / CARD
        self.lock: FolderLock | None = None
        self.began = False
        """Whether the folder was made to be held."""

    def hold(self, resume: bool = False, overwrite: bool = False) -> None:
        """Take the folder for one run, until `release`; `RunError` where it may not have it."""
        self.check_free(resume, overwrite)
        self.began = not self.path.exists()
        self.path.mkdir(parents=True, exist_ok=True)
        self.lock = FolderLock(self.path)
        self.check_free(resume, overwrite)  # another run may have ended in between

    def release(self) -> None:
        made = self.began and self.lock is not None and self.lock.is_there()
        if self.lock is not None:
            self.lock.release()
            self.lock = None
        if made:
            with suppress(OSError):
                self.path.rmdir()  # which takes it away where nothing was written

    def check_free(self, resume: bool, overwrite: bool) -> None:
        """Refuse to begin where something else is, or where nothing is to go on from."""
        if resume and not self.checkpoint.exists():
            raise RunError(f"{self.path} holds no checkpoint to resume from")
        if resume:
            self.require_own()
        if self.path.is_symlink() and not self.path.exists():
            raise RunError(f"{self.path} is a link that leads nowhere: remove it, or choose another folder")
        if resume or not self.path.exists():
            return
        if not self.path.is_dir():
            raise RunError(f"{self.path} is a file: name a folder for the run")
        found = sorted(path.name for path in self.path.iterdir() if not path.name.startswith("."))
        if found and RECIPE not in found:
            raise RunError(f"{self.path} is no folder of a run, and holds {found[0]}: choose another folder")
        if found and overwrite:
            self.stored()  # what can be read as a run is one
            self.require_own()
        elif found:
            rest = "" if CHECKPOINT in found else ", which has no checkpoint yet"
            way = "go on with it by --resume, " if CHECKPOINT in found else ""
            raise RunError(
                f"{self.path} holds a run already{rest}: {way}replace it with --overwrite, or choose another folder"
            )

    def require_own(self) -> None:
        """Refuse to write where a run's files would be something else, or lie elsewhere: a link, a device, a folder."""
        spec = self.path / SPEC
        places = [self.path / name for name in OWN]
        places += sorted(p for p in spec.rglob("*") if p.is_symlink() or not p.is_dir())
        wrong = next((p for p in places if p.is_symlink() or (p.exists() and not p.is_file())), None)
        if wrong is None and (spec.is_symlink() or (spec.exists() and not spec.is_dir())):
            wrong = spec
        if wrong is not None:
            kind = "link" if wrong.is_symlink() else "folder" if wrong.is_dir() else "file of another kind"
            raise RunError(
                f"{wrong} is a {kind}, where a run keeps what is its own: take it away, or choose another folder"
            )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Around all that is written: the folder must still be there, and what the disk refuses is said in words."""
        if self.lock is not None:
            self.lock.check_there()
        try:
            yield
        except OSError as error:
            kept = "; its last checkpoint is kept" if self.checkpoint.exists() else ""
            raise RunError(f"{self.path} cannot be written: {error.strerror or error}{kept}") from None

    def sweep(self, everything: bool = False) -> None:
        """Remove what a kill left half-written; with `everything` an earlier run as well."""
        for name in OWN:
            for left in self.path.glob(f".{name}.*"):
                left.unlink(missing_ok=True)
            if everything:
                (self.path / name).unlink(missing_ok=True)
        for found in [*evaluations(self.path), *self._tracked()] if everything else ():
            found.unlink(missing_ok=True)

    def _tracked(self) -> Iterator[Path]:
        """What TensorBoard was told of the run."""
        tracked = self.path / TRACKED
        if not tracked.is_symlink():
            for name in ("events.out.tfevents.*", "hparams.yml"):
                yield from (p for p in tracked.rglob(name) if p.is_file() and not p.is_symlink())

    def start(
        self, net: Net, recipe: Mapping[str, object], sizes: Mapping[str, int], started: Mapping[str, str]
    ) -> None:
        """Keep the text and all settings, so that the run needs nothing else to be loaded again.

        Of the files from which it `started` it keeps the names, each with the sha256 of its bytes.
        """
        files = dict(spec_files(net))
        for path, text in files.items():
            (self.path / SPEC / path).parent.mkdir(parents=True, exist_ok=True)
            replace_text(self.path / SPEC / path, text)
        stored = {
            "format": 1,
            "net": net.name,
            "spec": next(iter(files), ""),
            "settings": {k: spelt(v) for k, v in {**net.lets, **net.settings}.items() if spelt(v) is not None},
            "sizes": dict(sizes),
            "recipe": recipe,
            **({"started": dict(started)} if started else {}),
            **({"given": net.recipe.given} if net.recipe is not None and net.recipe.given else {}),
        }
        replace_text(self.path / RECIPE, json.dumps(stored, indent=2) + "\n")

    def stored(self) -> dict[str, Any]:
        """What `start` kept."""
        path = self.path / RECIPE
        if self.path.is_file() or not self.path.exists():
            what = "is a file" if self.path.is_file() else "is not there"
            own = self.path.is_file() and (self.path.parent / RECIPE).is_file()
            where = f"name {self.path.parent}" if own else "as `netdsl train` leaves in runs/"
            raise RunError(f"{self.path} {what}: the folder of a run is wanted, {where}")
        try:
            if path.exists() and not path.is_file():
                raise ValueError("it is no file")
            if path.stat().st_size > MOST_BYTES:
                raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
            found = kinds.parsed(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            held = sorted(path.parent for path in self.path.glob(f"*/{RECIPE}"))
            more = f"; {', '.join(map(str, held[:3]))} {'is one' if len(held) == 1 else 'are some'}" if held else ""
            raise RunError(f"{self.path} is not the folder of a run: it has no {RECIPE}{more}") from None
        except (ValueError, OSError) as error:
            raise RunError(f"{path} cannot be read: {error}") from None
        if not isinstance(found, dict) or found.get("format") != 1:
            raise RunError(f"{path} is not a recipe that this version can read")
        said = _stored(found, "")
        if said:
            raise RunError(f"{path} is damaged: {said}")
        return found

    def load_net(self) -> Net:
        """The net of the run, from the text and settings kept in the folder."""
        stored = self.stored()
        net = self.program(stored).net(stored["net"])
        apply_recipe(net, stored["recipe"], str(self.path / RECIPE))
        return net

    @property
    def recipe(self) -> str:
        """The name of the run's recipe; nothing of one without."""
        name: str = self.stored()["recipe"].get("name", "")
        return name

    def net_called(self, name: str | None, trained: Net) -> Net:
        """A net of the run's file by name, with the settings that it shares with the trained one.

        Its recipe is that of the run's name, where it has one, and it reads the run's data unless that says others.
        """
        stored = self.stored()
        if name is None or name == stored["net"]:
            return trained
        known = self.program(stored).parameters(name)
        kept = {key: value for key, value in stored["settings"].items() if key in known}
        net = self.program({**stored, "settings": kept, "recipe": {}, "given": {}}).net(name, trained=False)
        called = stored["recipe"].get("name", "")
        net = net.by(called) if called in net.sections else net
        data = trained.recipe.data if trained.recipe is not None else None
        if net.recipe is None and net.span is not None:
            net.recipe = Recipe(net.span)
        if net.recipe is not None:
            net.recipe.data = net.recipe.data or data
        return net

    def warnings(self) -> list[Diagnostic]:
        """What is doubtful about the net of the run."""
        from netdsl.analyzer import survey

        stored = self.stored()
        program = self.program(stored)
        net = program.net(stored["net"])
        found = Collector([*program.collector.found])
        survey(net, found)
        return [d for d in found.found if d.severity is not Severity.ERROR]

    def program(self, stored: Mapping[str, Any]) -> Program:
        """The text kept in the folder, read with the run's settings."""
        from netdsl.program import load_file

        if not stored["spec"]:
            raise RunError(f"{self.path} keeps no text of its net")
        if "\0" in stored["spec"]:
            raise RunError(f"{self.path / RECIPE} is damaged: its `spec` is no name of a file")
        kept = self.path / SPEC
        spec = kept / stored["spec"]
        if not Path(os.path.realpath(spec)).is_relative_to(os.path.realpath(kept)):
            raise RunError(f"{self.path / RECIPE} is damaged: its `spec` {stored['spec']} lies outside of {kept}")
        if not spec.is_file():
            raise RunError(f"{spec}: no such file, which the run's {RECIPE} names")
        given, place = stored.get("given", {}), f"{self.path / RECIPE}, "
        return load_file(spec, stored["settings"], given, stored["recipe"].get("name"), place)

    def write_history(self, history: Iterable[Mapping[str, object]]) -> None:
        """One line of JSON an epoch."""
        replace_text(self.metrics, "".join(json.dumps(row) + "\n" for row in history))


def spelt(value: object) -> str | None:
    """A setting in the language's own syntax, or None for what has none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        items = [spelt(v) for v in value]
        return None if None in items else "[" + ", ".join(map(str, items)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float, Word)):
        return str(value)
    text = getattr(value, "text", None)  # a layer
    return text if isinstance(text, str) else None


def spec_files(net: Net) -> list[tuple[str, str]]:
    """Relative path and text of the net's file, then of the neighbours it uses."""
    if net.span is None:
        return []
    main = net.span.source
    found = [(main.path.name if main.path else f"{net.name}.net", main.text)]
    if main.path is None:
        return found
    from netdsl.program import load_source

    folder = main.path.resolve().parent
    sources = [module.file.source for module in load_source(main).library.modules.values()]
    neighbours = [(s.path.resolve(), s.text) for s in sources if s.path is not None]
    for path, text in neighbours:
        if path != main.path.resolve() and path.is_relative_to(folder):
            found.append((path.relative_to(folder).as_posix(), text))
    return found
