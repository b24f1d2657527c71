"""How a picture of any size meets a net: resized, at its own size, or in tiles; and what comes out laid on it again.

By default a picture is resized to what the net was trained at and its scores are resized back, because that asks
nothing of the net or of memory and a mask then lies on its picture. A picture that is not one class but answered pixel
by pixel is stretched for that, never cut, so that all of it has an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from netdsl.analyzer import analyze
from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims import Dim, Extent, at
from netdsl.dims.tensors import Value
from netdsl.graph import Net
from netdsl.graph.phases import inference_graph
from netdsl.runtime.data.imagefile import DecodedImage
from netdsl.runtime.pictures.picture import Picture, in_channels, nearest, resize
from netdsl.runtime.predicting.models import Model

FAR = 40320
"""A multiple of every stride that nets have: over so many pixels a size that keeps its strides grows by as many."""


@dataclass(frozen=True)
class Fitting:
    """What to do with a picture of another size."""

    own: bool = False
    """Whether it is computed at its own size."""
    tile: int | None = None
    """The side of the tiles in which it is computed at its own size."""
    overlap: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Numbers for the symbols of the input, where they are not those of training."""

    def __post_init__(self) -> None:
        if self.own and (self.tile is not None or self.sizes):
            raise RunError(
                "a picture is computed at its own size, in tiles, or at the sizes that are given: choose one"
            )
        if self.overlap and self.tile is None:
            raise RunError("an overlap is that of tiles: say how large they are, such as --tile 512")
        if self.tile is not None and not 0 <= self.overlap < self.tile:
            raise RunError(f"tiles of {self.tile} overlap by 0 to {self.tile - 1} pixels, not {self.overlap}")


@dataclass(frozen=True)
class View:
    """Where a picture lies in the input that was made of it."""

    original: tuple[int, int]
    """Its height and width as it was."""
    high: int
    wide: int
    """What it covers of the input, from the upper left corner on."""
    input: tuple[int, int]
    """The input without a margin that its outputs do not have."""

    @property
    def whole(self) -> tuple[int, int]:
        """The height and width of the whole input, with what was padded, where the picture has its own."""
        high, wide = (
            round(n * own / size)
            for n, own, size in zip(self.input, self.original, (self.high, self.wide), strict=True)
        )
        return high, wide

    def laid_back(self, planes: Array, top: int = 0, bottom: int | None = None) -> Array:
        """What comes out, `[C, h, w]`, as `[C, rows, width]` on the picture: its rows from `top` to `bottom`.

        All of it is brought to the size of the input, however many pixels one number stands for, and then cut.
        """
        rows = slice(top, self.original[0] if bottom is None else bottom)
        return np.asarray(resize(planes[None], *self.whole, rows)[0][..., : self.original[1]])

    def numbers_back(self, numbers: Array) -> Array:
        """As `laid_back` of class numbers `[h, w]`: each pixel has that of the nearest."""
        high, wide = self.original
        return nearest(numbers, *self.whole, (0, 0, numbers.shape[1], numbers.shape[0]))[:high, :wide]

    def strips(self, channels: int, most: int = 2**24) -> Iterator[tuple[int, int]]:
        """Rows of the picture, so few at once that their numbers fit into little memory."""
        rows = max(1, most // (channels * self.original[1]))
        for top in range(0, self.original[0], rows):
            yield top, min(self.original[0], top + rows)


def whole_view(high: int, wide: int) -> View:
    """A picture that is the input itself."""
    return View((high, wide), high, wide, (high, wide))


def fitted(scan: DecodedImage, picture: Picture, model: Model, fitting: Fitting, pixelwise: bool) -> tuple[Array, View]:
    """The input `[1, …]` that a picture becomes, and where in it the picture lies."""
    original = (scan.planes.shape[1], scan.planes.shape[2])
    if not (fitting.own or fitting.tile is not None):
        return _resized(scan, picture, model, pixelwise, original)
    value = model.net.fed[0]
    if value.type.rank != 3:
        raise RunError(f"the input {value} is no picture [channels, height, width], which alone has a size of its own")
    margin = margin_of(model)
    planes = in_channels(scan.planes[None], picture.channels).astype(np.float32) / np.float32(scan.white)
    image = replace(picture, height=original[0], width=original[1], shape=(picture.channels, *original)).finish(planes)
    if fitting.tile is not None:
        wanted = tuple(max(n, fitting.tile - 2 * margin) for n in original)
    else:
        wanted = tuple(n - 2 * margin for n in allowed(model.net, original, margin))
    padded = np.pad(image[0], ((0, 0), *((0, w - n) for w, n in zip(wanted, original, strict=True))), "edge")
    return mirrored(padded, margin)[None], View(original, *original, (wanted[0], wanted[1]))


def _resized(
    scan: DecodedImage, picture: Picture, model: Model, pixelwise: bool, original: tuple[int, int]
) -> tuple[Array, View]:
    if not pixelwise:
        return picture.inputs(scan.planes[None], scan.white), View(original, *original, original)
    margin = margin_of(model) if len(picture.shape) == 3 else 0
    high, wide = picture.height - 2 * margin, picture.width - 2 * margin
    inner = replace(picture, fit="stretch")
    if margin:
        inner = replace(inner, height=high, width=wide, shape=(picture.channels, high, wide), stored=None)
    made = inner.inputs(scan.planes[None], scan.white)
    return (mirrored(made[0], margin)[None] if margin else made), View(original, high, wide, (high, wide))


def mirrored(image: Array, margin: int) -> Array:
    """A picture `[C, H, W]` with a margin around it in which it goes on as in a mirror."""
    if not margin:
        return image
    return np.pad(image, ((0, 0), (margin, margin), (margin, margin)), "symmetric")


def margin_of(model: Model) -> int:
    """The pixels that each side of an input has more than its output, of a net of unpadded windows; else 0.

    Where the output grows with the input, by one number for so many pixels, and covers less, it is the middle of it.
    """
    if model.margin is None:
        model.margin = _margin_of(model)
    return model.margin


def _margin_of(model: Model) -> int:
    taken, made = model.net.fed[0].shape, model.first.shape
    if len(taken) != 3 or len(made) != 3:
        return 0
    found = {_margin(model, inner, outer) for inner, outer in zip(made[1:], taken[1:], strict=True)}
    return found.pop() if len(found) == 1 else 0


def _margin(model: Model, inner: Extent, outer: Extent) -> int:
    """What is lost of each side of an axis that is otherwise covered, a number for so many pixels; else 0."""
    if isinstance(inner, int) and isinstance(outer, int):
        lost = outer - inner
        return lost // 2 if lost > 0 and lost % 2 == 0 and _keeps_pixels(model) else 0
    if not isinstance(inner, Dim) or not isinstance(outer, Dim) or set(inner.symbols) != {str(outer)}:
        return 0
    name, net = str(outer), model.net
    whole = (net.domain.exact_sizes(name).smallest_from(FAR) if name in net.symbols else None) or FAR
    near, far = (at(inner, {name: size}) for size in (whole, whole + FAR))
    if far <= near or FAR % (far - near):
        return 0
    stride = FAR // (far - near)
    lost = whole - stride * near
    return lost // 2 if lost > 0 and (stride > 1 or lost % 2 == 0) else 0


def _keeps_pixels(model: Model) -> bool:
    """Whether one number of the first output and the next see the input a pixel apart, where no size says it."""
    if model.bare:
        return False
    path = next((p for p, node in inference_graph(model.net).walk() if model.first in node.results), None)
    seen = next((row.receptive_field for row in analyze(model.net).rows if row.path == path), None)
    return seen is not None and seen.stride == (1, 1)


def allowed(net: Net, size: tuple[int, int], margin: int = 0) -> tuple[int, int]:
    """The sizes from a picture's own on that a net takes, and that drop no pixel where it has such."""
    value = net.fed[0]
    axes = value.shape[1:]
    found = []
    for axis, own in zip(axes, size, strict=True):
        least = own + 2 * margin
        if isinstance(axis, int):
            if axis < least:
                raise RunError(_fixed(net, value, size))
            found.append(axis)
            continue
        name = str(axis)
        exact = net.domain.exact_sizes(name).smallest_from(least) if name in net.symbols else least
        best = exact or net.domain.sizes(name).smallest_from(least)
        if best is None:
            taken = net.domain.sizes(name).describe(name)
            raise RunError(f"{net.name} takes no {name} from {least} on ({taken}): leave --own-size out, or use --tile")
        found.append(best)
    if axes[0] == axes[1]:
        found = [max(found)] * 2
    check_sizes(net, dict(zip(map(str, axes), found, strict=True)))
    return found[0], found[1]


def _fixed(net: Net, value: Value, size: tuple[int, int]) -> str:
    return (
        f"{net.name} takes {value} and no picture of {size[0]}×{size[1]} at its own size: leave --own-size out, use "
        f"--tile {value.shape[-1]}, or declare the input with open sizes, as [{value.shape[0]}, H, W]"
    )


def check_sizes(net: Net, sizes: Mapping[str, int]) -> None:
    """Refuse numbers for the symbols of a net that it does not take."""
    for name in sizes.keys() & set(net.symbols):
        taken = net.domain.sizes(name)
        if sizes[name] not in taken:
            raise RunError(f"{net.name} cannot take {name} = {sizes[name]}: it needs {taken.describe(name)}")
    for demand in net.domain.unmet(sizes):
        given = ", ".join(f"{symbol} = {sizes[symbol]}" for symbol in sorted(demand.condition.symbols))
        raise RunError(f"{net.name} cannot take {given}: {demand.source.message}")


def check_tile(model: Model, tile: int) -> None:
    """Refuse tiles that are no input of a net."""
    net, value = model.net, model.net.fed[0]
    if len(net.fed) != 1 or value.type.rank != 3:
        raise RunError(f"{net.name} reads no picture [channels, height, width] that could be cut into tiles")
    for axis in value.shape[1:]:
        if isinstance(axis, int) and axis != tile:
            raise RunError(f"{net.name} takes {value}: its tiles are --tile {axis}, not {tile}")
    check_sizes(net, {str(axis): tile for axis in value.shape[1:] if isinstance(axis, Dim)})
    if tile <= 2 * (margin := margin_of(model)):
        raise RunError(f"a tile of {tile} pixels is all margin, of which {net.name} has {margin} on each side")
