"""Numbers for reading: thousands, SI prefixes, bytes, products."""

from __future__ import annotations

from collections.abc import Iterable

PREFIXES = ("", "K", "M", "G", "T", "P", "E", "Z", "Y")


def grouped(number: int) -> str:
    """`1,135,256,096`."""
    return f"{number:,}"


def scaled(number: float, space: str = " ") -> str:
    """Three digits and an SI prefix (K = 1000): `1.14 G`."""
    step = 0
    value = float(number)
    # 999.5 would round up to four digits, so it takes the next prefix.
    while abs(value) >= 999.5 and step < len(PREFIXES) - 1:
        value /= 1000
        step += 1
    if step == 0:
        return f"{number:g}"
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f}{space}{PREFIXES[step]}"


def byte_size(number: int) -> str:
    """Bytes with decimal prefixes: `2.94 MB` is 2,940,000 bytes."""
    text = scaled(number)
    return text + ("B" if " " in text else " B")


def percent(part: int, whole: int) -> str:
    """Share of a whole with one decimal."""
    return f"{100 * part / whole:.1f}" if whole else "0.0"


def product(factors: Iterable[object]) -> str:
    """`11·11·3·96`."""
    return "·".join(grouped(f) if isinstance(f, int) else str(f) for f in factors)


def step(length: float) -> str:
    """From one output to the next, in pixels: `32`, `0.5`, `1,048,576`."""
    if isinstance(length, int):
        return grouped(length)
    return f"{length:g}" if length < 1000 else f"{length:,.3f}"


def quantity(count: int, one: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{grouped(count)} {one if count == 1 else many or one + 's'}"
