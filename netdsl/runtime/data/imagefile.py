"""Image files of every kind of pixel, as planes of numbers together with the number that is white."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError

FORMATS = {
    ".bmp": "BMP", ".gif": "GIF", ".jpeg": "JPEG", ".jpg": "JPEG", ".pgm": "PPM", ".png": "PNG", ".ppm": "PPM",
    ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP",
}  # fmt: skip
"""Endings of image files, and what Pillow calls their formats. It is asked for these alone, whatever a file holds."""

ENDINGS = frozenset(FORMATS)
PIXELS = 2**26
"""The largest picture that is opened: 8,192×8,192. Files of a few kB can claim billions of pixels."""

OPAQUE = {"JPEG", "PPM"}
"""Formats without transparency."""

ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
"""The EXIF tag that says how a camera was held, and what it says where height and width are exchanged."""

PHOTOMETRIC, BITS, SAMPLE_FORMAT = 262, 258, 339
"""TIFF tags: whether 0 is white, bits a number, and whether it is unsigned (1), signed (2) or a float (3)."""

warnings.filterwarnings("ignore", module=r"PIL\.")  # remarks on odd files, which would break into a run's table


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A decoded image file."""

    planes: Array
    """`[1 or 3, height, width]` as `uint8`, or `float32` for a deeper picture."""
    white: float
    """The number that is white; 0 is black."""
    transparent: bool = False
    """Whether some pixels were transparent, and so lie on black."""


def read_image(path: Path) -> DecodedImage:
    """An image file upright, opaque, grey or in colours; `DataError` names a file that is none or too large.

    Integers are from 0 (black) to the largest number of their type: 255 for 8 bits, 65,535 for 16. Floats are from 0
    to 1. The first frame of an animation counts. A camera's orientation (EXIF) is applied, and transparent pixels are
    laid on black.
    """
    with decoding(path) as image:
        return _decoded(str(path), image)


def decoded(content: bytes, name: str) -> DecodedImage:
    """As `read_image` for the bytes of an image file; `name` is what a `DataError` calls it."""
    with decoding_bytes(content, name) as image:
        return _decoded(name, image)


def _decoded(name: str, image: Image.Image) -> DecodedImage:
    image.load()
    scan = _deep(name, image) if _is_deep(image) else _plain(image)
    return DecodedImage(upright(scan.planes, image), scan.white, scan.transparent)


@contextlib.contextmanager
def decoding(path: Path) -> Iterator[Image.Image]:
    """An image file whose head is read and whose pixels are to be; what goes wrong with them is a `DataError`.

    Pillow gets a stream: by its name it would map a file, and turn what it maps wrong.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")
    with _told(str(path)), path.open("rb") as file, _opened(file, str(path)) as image:
        yield image


@contextlib.contextmanager
def decoding_bytes(content: bytes, name: str) -> Iterator[Image.Image]:
    """As `decoding` for the bytes of an image file."""
    if not content:
        raise DataError(f"{name}: the picture is empty")
    with _told(name), _opened(io.BytesIO(content), name) as image:
        yield image


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """What goes wrong with a picture is a `DataError`."""
    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError:
        kind = "by its content it is no picture, or has a kind of pixel that Pillow does not read"
        raise DataError(f"{path}: cannot be decoded as an image: {kind}") from None
    except Image.DecompressionBombError:
        raise DataError(_too_large(path)) from None
    except Exception as error:  # Pillow's decoders raise many kinds: OSError, SyntaxError, struct.error …
        raise DataError(f"{path}: cannot be decoded as an image ({error})") from None


def stored_size(path: Path) -> tuple[int, int]:
    """Height and width as a picture is seen, by the head of its file."""
    with decoding(path) as image:
        return (image.width, image.height) if _orientation(image) in SIDEWAYS else (image.height, image.width)


def has_transparency(path: Path) -> bool:
    """Whether a file's head says that its pixels may be transparent; False where it cannot be read."""
    if FORMATS.get(path.suffix.lower()) in OPAQUE:
        return False
    with contextlib.suppress(Exception), path.open("rb") as file, _opened(file, str(path)) as image:
        return bool(image.has_transparency_data)
    return False


@contextlib.contextmanager
def _opened(file: IO[bytes], path: str) -> Iterator[Image.Image]:
    """The head of an image file."""
    with Image.open(file, formats=sorted(set(FORMATS.values()))) as image:
        if image.width * image.height > PIXELS:
            raise DataError(_too_large(path, f" ({image.width:,}×{image.height:,})"))
        yield image


def _too_large(path: str, size: str = "") -> str:
    return f"{path}: a picture of more than {PIXELS:,} pixels{size} is not opened: make it smaller first"


# ---------------------------------------------------------------- 8 bits


def _plain(image: Image.Image) -> DecodedImage:
    """Eight bits a channel, whatever the colours are called."""
    transparent = False
    if image.has_transparency_data:
        seen = image.convert("LA").convert("RGBA") if image.mode == "La" else image.convert("RGBA")
        transparent = seen.getchannel("A").getextrema()[0] < 255  # type: ignore[operator]
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "black"), seen)
    kind = "L" if image.mode in ("1", "L") else "RGB"
    pixels = np.asarray(image if image.mode == kind else image.convert(kind))
    return DecodedImage(pixels[None] if kind == "L" else pixels.transpose(2, 0, 1), 255.0, transparent)


# ---------------------------------------------------------------- more bits


def _tags(image: Image.Image) -> Any:
    return getattr(image, "tag_v2", {})


def _is_deep(image: Image.Image) -> bool:
    signed = image.mode == "L" and set(_tags(image).get(SAMPLE_FORMAT, ())) == {2}
    return image.mode.startswith("I") or image.mode == "F" or signed


def _deep(path: str, image: Image.Image) -> DecodedImage:
    """One channel of 16 or 32 bits, of a signed type or of floats."""
    stored, white = _numbers(image)
    low, high = stored.min(initial=0), stored.max(initial=0)
    if not (low >= 0 and high <= white):  # NaN is neither
        kind = "floats are taken from 0 to 1" if image.mode == "F" else f"0 is black and {white:,.0f} white"
        raise DataError(f"{path}: has pixels from {low:g} to {high:g}, but {kind}: scale them first")
    values = stored.astype(np.float32)
    if image.mode != "L" and _tags(image).get(PHOTOMETRIC) == 0:
        values = np.float32(white) - values
    hidden = image.info.get("transparency")
    gone = stored == hidden if isinstance(hidden, int) else np.zeros(1, bool)
    if gone.any():
        values[gone] = 0
    return DecodedImage(values[None], white, bool(gone.any()))


def _numbers(image: Image.Image) -> tuple[Array, float]:
    """The pixels in their own type, and its largest number."""
    pixels = np.asarray(image)
    if image.mode == "F":
        return pixels, 1.0
    tags = _tags(image)
    bits = int(max(tags.get(BITS, (16,))))
    if set(tags.get(SAMPLE_FORMAT, ())) == {2}:
        return pixels.view(np.int8) if image.mode == "L" else pixels, float(2 ** (bits - 1) - 1)
    if bits == 32:
        return pixels.view(np.uint32), float(2**32 - 1)
    return pixels, float(2**bits - 1)


# ---------------------------------------------------------------- how the camera was held


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF counts; 1, upright, where it says nothing that can be read."""
    with contextlib.suppress(Exception):
        return int(image.getexif().get(ORIENTATION, 1))
    return 1


def upright(planes: Array, image: Image.Image) -> Array:
    """The pixels `[c, h, w]` of an opened picture as they are meant to be seen."""
    orientation = _orientation(image)
    if orientation in SIDEWAYS:
        planes = planes.swapaxes(1, 2)
    if orientation in (2, 3, 6, 7):
        planes = planes[:, :, ::-1]
    if orientation in (3, 4, 7, 8):
        planes = planes[:, ::-1]
    return planes
