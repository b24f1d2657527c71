"""Windows that do not divide: the last rows and columns of pixels that no window reads."""

from __future__ import annotations

from typing import NamedTuple

from netdsl.analysis.quantities import grouped, quantity
from netdsl.base.record import changed
from netdsl.ops.base import Window
from netdsl.ops.windows import left_over, slide

AXES = {1: (("position", "positions", "end"),), 2: (("row", "rows", "bottom"), ("column", "columns", "right"))}
VOLUME = (("plane", "planes", "back"), *AXES[2])


class LostPixels(NamedTuple):
    """Pixels of one window that are never read."""

    text: str
    """`1 row at the bottom and 1 column at the right are never read (447 of 50,176 positions)`."""
    help: str


def pixels_lost(window: Window) -> int:
    """How many real pixels at the far side of an axis no window reads because the stride does not divide."""
    if window.up != 1 or window.stride == 1:
        return 0
    left, allowed = left_over(window)
    assert isinstance(left, int), "sizes are numbers here"
    return left - max(window.after, 0) if left > allowed else 0


def find_loss(windows: tuple[Window, ...]) -> LostPixels | None:
    """What a layer drops, or None when every pixel is read."""
    each = [pixels_lost(w) for w in windows]
    if not any(each):
        return None
    words = AXES.get(len(windows), VOLUME)
    parts = [f"{quantity(n, one, many)} at the {side}" for n, (one, many, side) in zip(each, words, strict=False) if n]
    plural = len(parts) > 1 or sum(each) > 1
    text = f"{' and '.join(parts)} {'are' if plural else 'is'} never read{_share(windows, each)}"
    return LostPixels(text, _help(windows, each))


def _share(windows: tuple[Window, ...], each: list[int]) -> str:
    if len(windows) == 1:
        return ""
    total = kept = 1
    for window, gone in zip(windows, each, strict=True):
        total *= int(window.size)  # type: ignore[arg-type]
        kept *= int(window.size) - gone  # type: ignore[arg-type]
    return f" ({grouped(total - kept)} of {grouped(total)} positions)"


def _help(windows: tuple[Window, ...], each: list[int]) -> str:
    dropping = [w for w, gone in zip(windows, each, strict=True) if gone]
    near = dict.fromkeys(nearest_sizes(w) for w in dropping)
    says = " and ".join(" or ".join(grouped(n) for n in sizes) for sizes in near)
    return f"an input of {says} fits this layer, or pad it, or use ceil mode where the layer has it"


def nearest_sizes(window: Window) -> tuple[int, ...]:
    """The nearest sizes of the input, below and above, at which nothing is left over."""
    size = int(window.size)  # type: ignore[arg-type]
    below = next((s for s in range(size - 1, size - window.stride - 1, -1) if _fits(window, s)), None)
    above = next((s for s in range(size + 1, size + window.stride + 1) if _fits(window, s)), None)
    return tuple(s for s in (below, above) if s is not None)


def _fits(window: Window, size: int) -> bool:
    tried = changed(window, size=size)
    positions = slide(tried)
    return size > 0 and isinstance(positions, int) and positions > 0 and pixels_lost(tried) == 0
