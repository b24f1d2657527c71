"""A picture as PNG: its SVG drawn by resvg, which needs no library of the system, with letters of DejaVu Sans."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from netdsl.base.errors import RunError

MOST = 100_000_000
"""Pixels of a PNG."""


class DrawingError(RunError):
    """A picture that cannot be drawn so."""


def rendered(svg: str, size: tuple[float, float], scale: float) -> bytes:
    """The bytes of a PNG file, of a picture of some width and height. Raises `DrawingError` beyond `MOST` pixels."""
    import resvg_py

    pixels = size[0] * scale * size[1] * scale
    if pixels > MOST:
        raise DrawingError(f"a PNG of {pixels / 1e6:,.0f} million pixels is too large: write an SVG, -o picture.svg")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, zoom=scale, skip_system_fonts=True, font_files=fonts(), font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
        )
    )  # fmt: skip


def fonts() -> list[str]:
    """The files of DejaVu Sans that matplotlib brings."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise DrawingError("letters of a PNG are those of matplotlib, which is not installed: write an SVG")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return [str(folder / name) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]
