"""Sizes as lecture notes write them: the batch is N, all others are numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netdsl.analysis.lesson import ShapeText
from netdsl.dims import Extent, at
from netdsl.dims.tensors import TensorType
from netdsl.lesson.algebra import AsRows, Factors, Formula, Letter, MatrixProduct, Minus, Quotient, SumOver, Transposed

SizesGiven = Mapping[str, int]


def extents(type: TensorType, sizes: SizesGiven) -> ShapeText:
    """`("N", "6", "28", "28")`; items that lie in the batch are factors of it."""
    own = tuple(size_text(size, sizes) for size in type.shape)
    if not type.batched:
        return own
    folded = "".join(f"·{size_text(size, sizes)}" for size in type.folded)
    return ("1" if type.single else f"N{folded}", *own)


def size_text(size: Extent, sizes: SizesGiven) -> str:
    """A size as a number; by its letter where a loss reads the batch itself as an axis."""
    try:
        return str(at(size, sizes))
    except KeyError:
        return str(size)


def bracketed(shape: Sequence[str]) -> str:
    return f"[{', '.join(shape)}]"


def factors(formula: Formula, letters: Mapping[str, ShapeText]) -> str:
    """`[10, N] · [N, 84]`: what a product of matrices multiplies; nothing of any other formula."""
    match formula:
        case SumOver() | Minus():
            return factors(formula.term, letters)
        case Quotient():
            return factors(formula.above, letters)
        case MatrixProduct():
            shapes = _shape(formula.left, letters), _shape(formula.right, letters)
            return "" if None in shapes else " · ".join(bracketed(s) for s in shapes if s is not None)
    return ""


def _shape(part: Formula, letters: Mapping[str, ShapeText]) -> ShapeText | None:
    match part:
        case Letter():
            return letters.get(part.name)
        case Transposed():
            inner = _shape(part.term, letters)
            return None if inner is None or len(inner) < 2 else (*inner[:-2], inner[-1], inner[-2])
        case AsRows():
            inner = _shape(part.term, letters)
            return None if inner is None else (_product(inner[:-1]), inner[-1])
        case Factors():
            shapes = [s for s in (_shape(f, letters) for f in part.factors) if s is not None]
            return max(shapes, key=len, default=None)
    return None


def _product(sizes: ShapeText) -> str:
    """`N·7`."""
    return "·".join(size for size in sizes if size != "1") or "1"
