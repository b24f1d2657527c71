"""Image files of every kind of pixel and every format, held against the numbers that were written and what Pillow shows."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import decode, huge_png, postscript
from PIL import Image, ImageOps

from netdsl.base.errors import DataError
from netdsl.runtime.data.imagefile import ENDINGS, FORMATS, ORIENTATION, PIXELS, has_transparency, read_image
from netdsl.runtime.pictures.picture import Picture

RAMP = np.tile(np.arange(8, dtype=np.uint8) * 36, (8, 1))
GREY = RAMP / 255.0
COLOUR = np.stack([RAMP, RAMP.T, np.full_like(RAMP, 90)], axis=2)

FAITHFUL = sorted(set(FORMATS.values()) - {"JPEG", "WEBP"})
"""Formats that keep every pixel as it was."""

DRAWN: dict[str, Callable[[], Image.Image]] = {
    "1": lambda: Image.fromarray(RAMP).convert("1", dither=Image.Dither.NONE),
    "L": lambda: Image.fromarray(RAMP),
    "LA": lambda: Image.merge("LA", [Image.fromarray(RAMP), Image.fromarray(RAMP.T)]),
    "P": lambda: Image.fromarray(COLOUR).quantize(64),
    "RGB": lambda: Image.fromarray(COLOUR),
    "RGBA": lambda: Image.merge("RGBA", [*Image.fromarray(COLOUR).split(), Image.fromarray(RAMP.T)]),
    "CMYK": lambda: Image.fromarray(COLOUR).convert("CMYK"),
    "YCbCr": lambda: Image.fromarray(COLOUR).convert("YCbCr"),
    "I;16": lambda: Image.fromarray(RAMP.astype(np.uint16) * 257),
    "I": lambda: Image.fromarray(RAMP.astype(np.int32) * 257),
    "F": lambda: Image.fromarray(GREY.astype(np.float32)),
}
"""A small picture in every mode that a file of these formats can have."""

DEEP = {"I;16", "I", "F"}


def written(image: Image.Image, path: Path, **settings: Any) -> bool:
    """Whether a format can keep a picture in its mode at all."""
    try:
        image.save(path, FORMATS[path.suffix], **settings)
    except (OSError, ValueError, KeyError):
        return False
    return True


def in_colours(planes: Any, white: float) -> Any:
    return np.broadcast_to(planes, (3, *planes.shape[1:])).transpose(1, 2, 0) / white


def on_black(image: Image.Image) -> Any:
    """What a viewer shows before a black ground, by the arithmetic of transparency."""
    shown = np.asarray(image.convert("RGBA"), np.float64) / 255
    return shown[..., :3] * shown[..., 3:]


@pytest.mark.parametrize("ending", [e for e in sorted(ENDINGS) if FORMATS[e] in FAITHFUL])
@pytest.mark.parametrize("mode", sorted(set(DRAWN) - DEEP))
def test_every_mode_in_every_format_looks_as_it_is_shown(tmp_path: Path, mode: str, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    if not written(DRAWN[mode](), path):
        pytest.skip(f"{FORMATS[ending]} keeps no {mode}")
    scan = read_image(path)
    with Image.open(path) as stored:
        np.testing.assert_allclose(in_colours(scan.planes, scan.white), on_black(stored), atol=1.01 / 255)
        assert scan.transparent == (np.asarray(stored.convert("RGBA"))[..., 3] < 255).any()
        assert has_transparency(path) >= scan.transparent


@pytest.mark.parametrize("ending", [".jpg", ".webp"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_formats_that_change_pixels_come_close(tmp_path: Path, mode: str, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    settings = {"lossless": True} if ending == ".webp" else {"quality": 98, "subsampling": 0}
    if not written(DRAWN[mode](), path, **settings):
        pytest.skip(f"{FORMATS[ending]} keeps no {mode}")
    scan = read_image(path)
    assert np.abs(in_colours(scan.planes, scan.white) - on_black(DRAWN[mode]())).mean() < 0.03


def tiff(values: Any, bits: int, kind: int, photometric: int = 1, order: str = "<") -> bytes:
    """A grey TIFF written by the letter of TIFF 6.0: one strip, the tags in order."""
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    height, width = values.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 0), (277, 1), (278, height)]
    tags += [(279, len(data)), (339, kind)]
    start = 8 + 2 + 12 * len(tags) + 4
    found = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8) + struct.pack(f"{order}H", len(tags))
    for tag, number in tags:
        found += struct.pack(f"{order}HHII", tag, 4, 1, start if tag == 273 else number)
    return found + struct.pack(f"{order}I", 0) + data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("dtype", "kind", "white"),
    [
        (np.uint8, 1, 255), (np.int8, 2, 127), (np.uint16, 1, 65535), (np.int16, 2, 32767), (np.uint32, 1, 2**32 - 1),
        (np.int32, 2, 2**31 - 1), (np.float32, 3, 1),
    ],
)  # fmt: skip
def test_numbers_are_scaled_by_the_range_of_their_type(
    tmp_path: Path, dtype: Any, kind: int, white: int, order: str
) -> None:
    values = (np.linspace(0, 1, 64).reshape(8, 8) * white).astype(dtype)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(values, 8 * values.itemsize, kind, order=order))
    if dtype == np.uint32 and order == ">":  # Pillow does not read this one
        with pytest.raises(DataError, match="a kind of pixel that Pillow does not read"):
            read_image(path)
        return
    scan = read_image(path)
    np.testing.assert_allclose(scan.planes[0] / scan.white, values / white, rtol=1e-5)


@pytest.mark.parametrize(("dtype", "kind", "white"), [(np.uint8, 1, 255), (np.uint16, 1, 65535), (np.float32, 3, 1)])
def test_a_tiff_in_which_zero_is_white(tmp_path: Path, dtype: Any, kind: int, white: int) -> None:
    values = (np.linspace(0, 1, 64).reshape(8, 8) * white).astype(dtype)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(values, 8 * values.itemsize, kind, photometric=0))
    scan = read_image(path)
    np.testing.assert_allclose(scan.planes[0] / scan.white, 1 - values / white, atol=1e-6)


@pytest.mark.parametrize("maximum", [1, 15, 255, 1023, 65535])
def test_a_pgm_is_scaled_by_the_white_that_it_names(tmp_path: Path, maximum: int) -> None:
    values = np.arange(8) * maximum // 7
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 8 1 %d\n" % maximum + values.astype(">u2" if maximum > 255 else "u1").tobytes())
    scan = read_image(path)
    np.testing.assert_allclose(scan.planes[0, 0] / scan.white, values / maximum, atol=0.5 / 255)


def test_sixteen_bits_are_eight_bits_and_finer(tmp_path: Path) -> None:
    for mode in ("L", "I;16", "F"):
        DRAWN[mode]().save(tmp_path / f"{mode[0]}.{'tif' if mode == 'F' else 'png'}")
    picture = Picture(1, 8, 8, (1, 8, 8))
    eight, sixteen, real = (decode(tmp_path / name, picture) for name in ("L.png", "I.png", "F.tif"))
    np.testing.assert_array_equal(eight, sixteen)
    np.testing.assert_array_equal(eight, real)
    Image.fromarray(np.full((8, 8), 300, np.uint16)).save(tmp_path / "dark.png")
    np.testing.assert_allclose(decode(tmp_path / "dark.png", picture), 300 / 65535, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0.0, 255.0]], np.float32), "from 0 to 255, but floats are taken from 0 to 1"),
        (np.array([[0.0, np.nan]], np.float32), "nan"),
        (np.array([[-0.5, 1.0]], np.float32), "from -0.5"),
    ],
)
def test_floats_beyond_0_to_1_are_refused(tmp_path: Path, values: Any, message: str) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=rf"a\.tif: has pixels .*{message}"):
        read_image(tmp_path / "a.tif")


def test_a_sixteen_bit_picture_with_a_transparent_value(tmp_path: Path) -> None:
    values = np.array([[100, 200, 300]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=200)
    scan = read_image(tmp_path / "a.png")
    assert scan.planes.tolist() == [[[100.0, 0.0, 300.0]]]
    assert scan.transparent


# ---------------------------------------------------------------- how the camera was held, frames


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_may_be_held_in_any_way(tmp_path: Path, orientation: int, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    values = np.zeros((16, 24), np.uint8)
    values[:8, :8], values[:8, 16:] = 255, 120
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    Image.fromarray(values).convert("RGB").save(path, exif=tag, **({"lossless": True} if ending == ".webp" else {}))
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("L"), np.float32)
    assert expected.shape == ((24, 16) if orientation > 4 else (16, 24))
    np.testing.assert_allclose(read_image(path).planes[0], expected, atol=2)


TURNED: dict[int, Callable[[Any], Any]] = {
    2: lambda planes: planes[:, :, ::-1],
    3: lambda planes: planes[:, ::-1, ::-1],
    4: lambda planes: planes[:, ::-1],
    5: lambda planes: planes.swapaxes(1, 2),
    6: lambda planes: np.rot90(planes, -1, (1, 2)),
    7: lambda planes: planes[:, ::-1, ::-1].swapaxes(1, 2),
    8: lambda planes: np.rot90(planes, 1, (1, 2)),
}
"""What EXIF's numbers mean for `[c, h, w]`."""


@pytest.mark.parametrize("orientation", sorted(TURNED))
@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("mode", sorted(DRAWN))
def test_pictures_of_every_mode_are_turned(tmp_path: Path, mode: str, ending: str, orientation: int) -> None:
    tag = Image.Exif()
    tag[ORIENTATION] = orientation
    oblong = DRAWN[mode]().crop((0, 0, 7, 4))
    if not written(oblong, tmp_path / f"upright{ending}"):
        pytest.skip(f"{ending} has no mode {mode}")
    oblong.save(tmp_path / f"turned{ending}", exif=tag)
    upright, turned = (read_image(tmp_path / f"{name}{ending}") for name in ("upright", "turned"))
    np.testing.assert_array_equal(turned.planes, TURNED[orientation](upright.planes))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_an_orientation_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.jpg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff garbage")
    assert read_image(tmp_path / "a.jpg").planes.shape == (3, 8, 8)


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png", ".tif"])
def test_the_first_frame_counts(tmp_path: Path, ending: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    settings = {"lossless": True} if ending == ".webp" else {}
    frames[0].save(tmp_path / f"a{ending}", save_all=True, append_images=frames[1:], **settings)
    scan = read_image(tmp_path / f"a{ending}")
    assert (scan.planes == np.array([255, 0, 0])[:, None, None]).all()


# ---------------------------------------------------------------- what is no picture


@pytest.mark.parametrize("ending", sorted(ENDINGS))
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_file_is_named(tmp_path: Path, ending: str, share: float) -> None:
    path = tmp_path / f"a{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    image = Image.fromarray(noise).convert("L" if ending == ".pgm" else "RGB")
    image.save(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    said = "cannot be decoded as an image" if share else "the file is empty"
    with pytest.raises(DataError, match=rf"a\{ending}: {said}"):
        read_image(path)


def icon() -> bytes:
    kept = io.BytesIO()
    Image.fromarray(COLOUR).save(kept, "ICO")
    return kept.getvalue()


@pytest.mark.parametrize("ending", sorted(ENDINGS))
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (postscript(), "it is no picture"), (icon(), "it is no picture"), (b"not a picture", "it is no picture"),
        (b"\x93NUMPY", "it is no picture"), (huge_png(9000), f"more than {PIXELS:,} pixels"),
        (huge_png(2**31 - 1), f"more than {PIXELS:,} pixels"),
    ],
    ids=["eps", "icon", "words", "array", "large", "bomb"],
)  # fmt: skip
def test_what_is_no_picture_of_these_formats_is_not_opened(
    tmp_path: Path, ending: str, content: bytes, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.Popen", lambda *a, **k: pytest.fail("a program was started"))
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\{ending}: .*{message}"):
        read_image(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: no such file"):
        read_image(tmp_path / "a.png")


def test_a_wrong_ending_among_these_formats_is_forgiven(tmp_path: Path) -> None:
    Image.fromarray(COLOUR).save(tmp_path / "a.png", "JPEG")
    assert read_image(tmp_path / "a.png").planes.shape == (3, 8, 8)
