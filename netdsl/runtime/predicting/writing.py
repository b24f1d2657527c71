"""Predictions as files of a folder: masks, overlays, probabilities, pictures, arrays, and a sheet of them all.

A folder says in `predictions.json` which of its files are ours. Those are replaced when it is written again; any other
file that is in the way is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.base.files import WriteError, replacing, write_text
from netdsl.graph.meaning import OutputKind
from netdsl.runtime.pictures.colours import overlaid, painted, palette, present, write_mask
from netdsl.runtime.pictures.lettering import with_legend
from netdsl.runtime.pictures.sheet import MOST, titled_sheet, write_sheet
from netdsl.runtime.predicting.answers import Prediction, probabilities, require_bounded, view_of
from netdsl.runtime.predicting.listing import MANIFEST
from netdsl.runtime.predicting.samples import bytes_of
from netdsl.runtime.runs import kinds

ENDINGS = {"masks": ".png", "overlays": ".png", "probabilities": ".npy", "pictures": ".png", "arrays": ".npz"}
"""What is written for each sample, in a folder of that name, and the endings of its files."""
SHEET = "sheet.png"
LARGEST = 2**26
"""Bytes of a `predictions.json` that is read."""

_manifest = kinds.fields({"predictions": kinds.anything}, netdsl=kinds.text, files=kinds.listed(kinds.text))

MASKS = ("masks", "overlays", "sheet", "probabilities", "arrays")
WRITABLE: dict[OutputKind, tuple[str, ...]] = {
    OutputKind.SCORES: ("sheet", "arrays"),
    OutputKind.LABELS: ("sheet", "arrays"),
    OutputKind.MASK: MASKS,
    OutputKind.FIGURE: MASKS,
    OutputKind.NUMBERED: ("masks", "overlays", "sheet", "arrays"),
    OutputKind.PICTURE: ("pictures", "sheet", "arrays"),
    OutputKind.NUMBERS: ("arrays",),
}
"""What can be written of each kind of output."""
LARGE = ("probabilities", "arrays")
"""What is written when it is asked for, or where there is nothing else."""


def chosen(meaning: OutputKind, asked: Sequence[str]) -> list[str]:
    """The kinds of files to write; `RunError` says which cannot be made of an output."""
    can = WRITABLE[meaning]
    if "all" in asked:
        return list(can)
    unfit = next((kind for kind in asked if kind not in can), None)
    if unfit is not None:
        raise RunError(f"there are no {unfit} of {meaning.value}: --write can be {', '.join((*can, 'all'))}")
    return list(asked) or [kind for kind in can if kind not in LARGE] or list(can)


def stems(named: Iterable[tuple[str, str]]) -> list[str]:
    """A name without ending for the files of each sample, none twice: `(name, the folder that it was found in)`.

    What was found in a folder keeps its place in it. Equal names are told apart by their endings, else by numbers.
    """
    paths = [(_within(PurePath(name), root), PurePath(name).suffix) for name, root in named]
    bare = [str(path.with_suffix("")) if suffix else str(path) for path, suffix in paths]
    whole = _apart(bare, [str(path) for path, _ in paths])
    return _apart(whole, [f"{stem}-{number}" for number, stem in enumerate(whole)])


def _within(path: PurePath, root: str) -> PurePath:
    inner = path.relative_to(root) if root else PurePath(path.name)
    return PurePath(*[part for part in inner.parts if part not in ("..", "/")])


def _apart(names: list[str], others: list[str]) -> list[str]:
    """Names, and instead of those that are there twice the others; letters count alike, large or small."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name.casefold()] = counts.get(name.casefold(), 0) + 1
    return [other if counts[name.casefold()] > 1 else name for name, other in zip(names, others, strict=True)]


class SheetCells:
    """Pictures with titles, gathered for a sheet."""

    def __init__(self) -> None:
        self.pictures: list[Array] = []
        self.titles: list[list[str]] = []
        self.classes: set[int] = set()
        self.colours = palette()

    def add(self, found: Prediction, scale: tuple[Array, Array]) -> None:
        shown = pictured(found, scale)
        if shown is None or len(self.pictures) >= MOST:
            return
        self.pictures.append(_small(shown))
        self.titles.append([Path(found.name).name, *captions(found)])
        if found.mask is not None:
            self.classes.update(present(found.mask))
            self.colours = found.palette

    def sheet(self) -> Array | None:
        if not self.pictures:
            return None
        made = titled_sheet(self.pictures, self.titles)
        return with_legend(made, self.colours, sorted(self.classes)) if self.classes else made


def _small(picture: Array, most: int = 512) -> Array:
    """A picture as it is kept for a sheet: a large one with every n-th pixel."""
    step = max(1, max(picture.shape[:2]) // most)
    return np.ascontiguousarray(picture[::step, ::step])


def captions(found: Prediction) -> list[str]:
    """What is said under a picture."""
    if found.top:
        best = found.top[0]
        wrong = f" (is {found.truth})" if found.truth not in (None, best.name) else ""
        return [f"{best.name} {best.probability:.1%}{wrong}"]
    return []


def pictured(found: Prediction, scale: tuple[Array, Array]) -> Array | None:
    """The picture that shows a prediction best: bytes `[h, w, 3]`."""
    shown = found.sample.shown if found.sample is not None else None
    if found.mask is not None:
        fits = shown is not None and shown.shape[:2] == found.mask.shape
        colours = found.palette
        return overlaid(shown, found.mask, colours) if shown is not None and fits else painted(found.mask, colours)
    return picture_made(found, scale) if found.meaning is OutputKind.PICTURE else shown


def picture_made(found: Prediction, scale: tuple[Array, Array]) -> Array | None:
    """The first output as a picture, laid back on that which it was made of: bytes `[h, w, 3]`."""
    first = found.first
    planes = first[None] if first.ndim == 2 else first
    if found.sample is not None and planes.ndim == 3:
        view = view_of(found.sample, planes)
        if view.input == planes.shape[1:]:
            planes = view.laid_back(planes.astype(np.float32))
    return bytes_of(planes, *scale)


class Folder:
    """A folder of predictions, written sample by sample."""

    def __init__(
        self, path: Path, kinds: Sequence[str], stems: Sequence[str], scale: tuple[Array, Array], overwrite: bool
    ) -> None:
        self.path, self.kinds, self.stems, self.scale = path, kinds, stems, scale
        self.cells = SheetCells()
        self.files: list[str] = []
        self.ours = _ours(path)
        if not overwrite:
            self._refuse_others()

    def _refuse_others(self) -> None:
        """Refuse files in the way that are not ours, before anything is written."""
        if self.path.exists() and not self.path.is_dir():
            raise WriteError(f"{self.path} is a file: name a folder for what --write makes of many samples")
        planned = [self._file(kind, stem) for kind in self.kinds if kind in ENDINGS for stem in self.stems]
        for name in (*planned, *([SHEET] if "sheet" in self.kinds else []), MANIFEST):
            if name not in self.ours and (self.path / name).exists():
                raise WriteError(f"{self.path / name} is there, and not of an earlier predict: --overwrite replaces it")

    def _file(self, kind: str, stem: str) -> str:
        return f"{kind}/{stem}{ENDINGS[kind]}"

    def add(self, number: int, found: Prediction) -> list[str]:
        """Write what is wanted of the sample of a number; the names of its files in the folder."""
        made: list[str] = []
        for kind in self.kinds:
            if kind == "sheet":
                self.cells.add(found, self.scale)
            elif WRITERS[kind](self.path / (name := self._file(kind, self.stems[number])), found, self.scale):
                made.append(name)
        self.files += made
        return made

    def kept(self) -> list[str]:
        """What is in the folder, in words."""
        counts = {kind: sum(f.startswith(f"{kind}/") for f in self.files) for kind in self.kinds if kind in ENDINGS}
        return [f"{n} {kind}" for kind, n in counts.items() if n] + [SHEET] * (SHEET in self.files) + [MANIFEST]

    def close(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write the sheet, and what was said of each sample with the list of all files."""
        sheet = self.cells.sheet()
        if sheet is not None:
            write_sheet(self.path / SHEET, sheet)
            self.files.append(SHEET)
        files = sorted({*self.files, *(name for name in self.ours if (self.path / name).is_file()), MANIFEST})
        said = {"netdsl": "predict", "predictions": list(rows), "files": files}
        write_text(self.path / MANIFEST, json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def _ours(folder: Path) -> set[str]:
    """The files of a folder that an earlier prediction wrote; none where nothing says so."""
    path = folder / MANIFEST
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return set()
        found = kinds.parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return set() if _manifest(found, "") else {*found["files"], MANIFEST}


def write_one(path: Path, found: Prediction, kind: str, scale: tuple[Array, Array]) -> None:
    """One file of one prediction; `RunError` where there is no such thing."""
    if kind == "sheet":
        cells = SheetCells()
        cells.add(found, scale)
        sheet = cells.sheet()
        if sheet is not None:
            write_sheet(path, sheet)
            return
    elif WRITERS[kind](path, found, scale):
        return
    raise RunError(f"{found.name or 'the sample'} is no picture, of which {path.name} could be made")


# ---------------------------------------------------------------- one writer a kind


def _masks(path: Path, found: Prediction, scale: tuple[Array, Array]) -> bool:
    if found.mask is None:
        return False
    write_mask(path, found.mask, found.palette)
    return True


def _overlays(path: Path, found: Prediction, scale: tuple[Array, Array]) -> bool:
    shown = pictured(found, scale)
    if shown is None or found.mask is None:
        return False
    write_sheet(path, with_legend(shown, found.palette, present(found.mask)))
    return True


def _probabilities(path: Path, found: Prediction, scale: tuple[Array, Array]) -> bool:
    """`[classes, height, width]` float32, written some rows at a time."""
    assert found.sample is not None
    first = found.first
    view = view_of(found.sample, first)
    classes = 2 if found.meaning is OutputKind.FIGURE else len(first)
    require_bounded(classes, view)
    with replacing(path) as temporary:
        file = np.lib.format.open_memmap(temporary, "w+", np.float32, (classes, *view.original))
        top = 0
        for strip in probabilities(first, found.meaning, view, found.chances):
            file[:, top : top + strip.shape[1]] = strip
            top += strip.shape[1]
        file.flush()
        del file
    return True


def _pictures(path: Path, found: Prediction, scale: tuple[Array, Array]) -> bool:
    made = picture_made(found, scale)
    if made is None:
        return False
    write_sheet(path, made)
    return True


def _arrays(path: Path, found: Prediction, scale: tuple[Array, Array]) -> bool:
    with replacing(path) as temporary:
        np.savez(temporary, **found.outputs)  # type: ignore[arg-type]
    return True


WRITERS: dict[str, Callable[[Path, Prediction, tuple[Array, Array]], bool]] = {
    "masks": _masks,
    "overlays": _overlays,
    "probabilities": _probabilities,
    "pictures": _pictures,
    "arrays": _arrays,
}
"""By kind: what writes a file of a prediction; False where there is nothing to write."""
