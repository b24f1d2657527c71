"""A classifier of patches made into a net that slides over an image: its text, its weights carried over, and what it
saves. Nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netdsl.analyzer import analyze
from netdsl.base.arrays import Array
from netdsl.base.asking import public
from netdsl.base.errors import RunError
from netdsl.base.files import WriteError, keep_apart, kind_of, write_text
from netdsl.codegen.onnx.weights import start
from netdsl.dims import at
from netdsl.graph import Net
from netdsl.program import Program, load_file
from netdsl.rewriting.convolutional import Convolutional, convolutional
from netdsl.rewriting.sliding import WindowSize
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import save_arrays
from netdsl.runtime.sessions.opening import open_net, run_once
from netdsl.weights.files import WeightsError
from netdsl.weights.given import WeightSource, weights_of

ENDING, WEIGHTS = ".net", ".safetensors"
PATCHES = 3
"""Patches of random numbers on which the two nets are compared."""


@dataclass
class Saving:
    """What sliding costs on an image of one size, in multiply-accumulates."""

    sizes: dict[str, int]
    places: WindowSize
    """How many windows lie one above and one beside the other."""
    apart: int
    """One window after the other by the classifier."""
    together: int
    """All at once by the net that slides."""


@dataclass
class Convolutionized:
    """The net that slides, with the files that were written."""

    made: Convolutional
    files: list[Path]
    saving: Saving
    difference: float | None = None
    """The largest difference of scores of a patch from those of the classifier; None without weights."""
    notes: tuple[str, ...] = ()
    """What is worth knowing of the weights, such as those that are not given, and so not kept."""

    @property
    def net(self) -> Net:
        return self.made.net


@public()
def convolutionize(
    file: str | Path | Program,
    output: str | Path,
    net: str | None = None,
    *,
    weights: WeightSource | None = None,
    settings: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Convolutionized:
    """Write the text of a classifier of patches as a net that slides over images, and its weights beside it.

    `file` is a `.net` file, one that is read already, or the folder of a run, whose settings and weights are taken.
    `output` ends in `.net`; weights are kept under its name with `.safetensors`. `sizes` are those of the image for
    which the saving is counted, twice the patch where they are not given. Raises `NetError` at a layer that is not the
    same at every place.
    """
    program, name, own = (file, net, None) if isinstance(file, Program) else opened(Path(file), net, settings)
    weights = own if weights is None else weights
    trained = program.net(name, trained=False)
    path = Path(output)
    made = convolutional(program, trained, path)
    beside = path.with_suffix(WEIGHTS) if weights is not None else None
    _keep(path, made.text, beside)
    saved = saving(made, trained, sizes or {})
    if weights is None or beside is None:
        write_text(path, made.text)
        return Convolutionized(made, [path], saved)
    given = weights_of(trained, weights)
    keep_apart(beside, given.given.files.values(), WEIGHTS)
    whole = {
        key: start(key, weight, given, 0) for key, weight in trained.weights()
    }  # both nets without some draw alike
    apart = difference(made, trained, whole, carried_over(trained, made.net, whole))
    write_text(path, made.text)
    kept = {key: array for key, array in whole.items() if key in given}
    save_arrays(beside, carried_over(trained, made.net, kept), dict(given.given.facts))
    return Convolutionized(made, [path, beside], saved, apart, tuple(given.notes()))


def _keep(path: Path, text: str, beside: Path | None) -> None:
    """Raise `WriteError` where another text lies, or weights of no such text: they may be somebody's work."""
    for place in filter(None, (path, beside)):
        kind_of(place)
    if beside is not None and beside.exists() and not path.exists():
        raise WriteError(f"{beside} is there already, of something else: name another file, or remove it first")
    if path.is_file() and path.read_bytes() not in (b"", text.encode()):
        raise WriteError(f"{path} is there already, with another text: name another file, or remove it first")


def opened(file: Path, net: str | None, settings: Mapping[str, str] | None) -> tuple[Program, str | None, Path | None]:
    """A text, the net of it that is asked for, and where its weights are if the folder of a run was named."""
    if not file.is_dir():
        return load_file(file, settings), net, None
    folder = RunFolder(file)
    stored = folder.stored()
    if settings or net not in (None, stored["net"]):
        raise RunError(
            f"{file} holds a trained {stored['net']} with settings of its own: name its text for another net"
        )
    return folder.program(stored), stored["net"], folder.weights


def carried_over(old: Net, new: Net, given: Mapping[str, Array]) -> dict[str, Array]:
    """Weights of a net under the keys and in the shapes of the one that slides.

    Layers stand in the same order in both, and the numbers of a matrix in that of its kernel.
    """
    pairs = list(zip(old.weights(), new.weights(), strict=True))
    odd = next((key for (key, weight), (_, other) in pairs if weight.elements != other.elements), None)
    if odd is not None:
        raise WeightsError(f"`{odd}` has no counterpart in {new.name}: its numbers are not as many")
    return {new_key: given[key].reshape(weight.shape) for (key, _), (new_key, weight) in pairs if key in given}


def difference(made: Convolutional, old: Net, own: Mapping[str, Array], carried: Mapping[str, Array]) -> float:
    """How far apart the two nets are on patches at most; onnxruntime computes both.

    Their answers stand in the same order: one without a label is called after its layer, which may be another now.
    """
    before, after = open_net(old, dict(own), "cpu"), open_net(made.net, dict(carried), "cpu")
    name, sizes = old.inputs[0].name, made.plan.sizes
    shape = (PATCHES, *(at(extent, sizes) for extent in old.inputs[0].shape))
    patches = {name: np.random.default_rng(0).standard_normal(shape, np.float32)}
    pairs = zip(run_once(before, patches).values(), run_once(after, patches).values(), strict=True)
    return max(float(np.abs(found.reshape(wanted.shape) - wanted).max(initial=0)) for wanted, found in pairs)


def saving(made: Convolutional, old: Net, sizes: Mapping[str, int]) -> Saving:
    """What the windows of an image cost one by one, and in one pass."""
    names = [str(extent) for extent in made.net.inputs[0].shape[1:]]
    known = {**{name: _twice(made.net, name, side) for name, side in zip(names, made.plan.patch, strict=True)}, **sizes}
    whole = analyze(made.net, sizes=known)
    one = analyze(old, sizes={s: n for s, n in made.plan.sizes.items() if s in old.symbols}).totals.macs
    scores = made.net.outputs[made.plan.scored].value
    high, wide = (at(extent, known) for extent in scores.shape[1:])
    assert isinstance(one, int)  # all layers are counted
    assert isinstance(whole.totals.macs, int)
    return Saving(dict(whole.at), (high, wide), high * wide * one, whole.totals.macs)


def _twice(net: Net, name: str, side: int) -> int:
    """The first size that a net takes from twice the patch on; that of the patch where it takes none."""
    return net.domain.sizes(name).smallest_from(2 * side) or side
