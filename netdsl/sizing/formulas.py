"""TotalForms as formulas in the batch and the symbols of a net, exact.

A total is a sum of products of sizes, and a size a quasi-affine function of its symbol. Where every symbol leaves one
remainder these are polynomials. Peak memory is none: it is the largest of many sums, and which one that is may change
with the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from netdsl.analyzer import bounded, require_batch, sizes_of
from netdsl.base.asking import public
from netdsl.base.errors import ArgumentError
from netdsl.base.record import keyed
from netdsl.dims.quasi import primes
from netdsl.graph import Net
from netdsl.graph.phases import inference_graph
from netdsl.sizing.sums import Summing, TotalForms

BATCH = ("N", "B", "batch", "samples")
"""What the number of samples may be called, then `N2`, `N3` …: the first that is no symbol of the net."""

MOST_TRIED = 64
"""Remainders that are compared, to see whether a smaller modulus would do."""


@keyed
class SizeClass:
    """The sizes of a symbol that leave `remainder` when divided by `modulus`."""

    modulus: int
    remainder: int


@keyed
class Formulas:
    """TotalForms of a net at all batches, and at all sizes that it takes of some classes."""

    net: Net
    batch: str
    """What the number of samples is called."""
    at: dict[str, SizeClass]
    """Of each symbol the sizes for which the formulas hold; of others they hold for all that the net takes."""
    totals: TotalForms
    """Those that batch or sizes change; all others but the peak of memory are what they are."""

    @public()
    def number(self, column: str, batch: int = 1, sizes: Mapping[str, int] | None = None) -> int:
        """A total at some sizes; those of other symbols are as in a report.

        Raises `NetError` for sizes that the net does not take, `ArgumentError` for those for which the formulas do not
        hold and for a total that has none.
        """
        require_batch(self.net, batch)
        given = sizes_of(self.net, sizes)
        if column not in self.totals:
            raise ArgumentError("column", f"there is no formula of `{column}`: there are {', '.join(self.totals)}")
        other = next((s for s, c in self.at.items() if given[s] % c.modulus != c.remainder), None)
        if other is not None:
            one = self.at[other]
            rest = f" + {one.remainder}" if one.remainder else ""
            message = f"these formulas are for {other} = {one.modulus}k{rest}, not {given[other]}"
            raise ArgumentError("sizes", f"{message}: netdsl.formulas(net, sizes=…) gives those of other sizes")
        return int(self.totals[column].at({**given, self.batch: batch}))


@public()
def formulas(net: Net, sizes: Mapping[str, int] | None = None) -> Formulas:
    """The totals of a net that depend on its batch and sizes.

    They hold for all sizes alike where no floor-division is in the way; else for those that leave the same remainder
    as the `sizes` of a report. Raises `NetError` as `analyze` does.
    """
    at = sizes_of(net, sizes)
    with bounded(net):
        return _made(net, at, next(name for name in _batch_names() if name not in net.symbols))


def _batch_names() -> Iterator[str]:
    yield from BATCH
    yield from (f"{BATCH[0]}{number}" for number in count(2))


def _made(net: Net, at: Mapping[str, int], batch: str) -> Formulas:
    summing = Summing(inference_graph(net), batch)
    moduli = {s: summing.period(s) for s in net.symbols}
    totals = summing.totals({s: at[s] % modulus for s, modulus in moduli.items()})
    for symbol in moduli:
        moduli[symbol] = _least(summing, symbol, moduli, at, totals)
    classes = {s: SizeClass(modulus=m, remainder=at[s] % m) for s, m in moduli.items() if m > 1}
    return Formulas(net=net, batch=batch, at=classes, totals=totals)


def _least(summing: Summing, symbol: str, moduli: Mapping[str, int], at: Mapping[str, int], totals: TotalForms) -> int:
    """The least divisor of a modulus for which the totals are the same for all sizes with the same remainder."""
    found = moduli[symbol]
    others = {s: at[s] % modulus for s, modulus in moduli.items()}
    for prime in primes(found):
        while found % prime == 0 and prime <= MOST_TRIED:
            shorter = found // prime
            classes = [at[symbol] % shorter + turn * shorter for turn in range(moduli[symbol] // shorter)]
            if any(summing.totals({**others, symbol: remainder}) != totals for remainder in classes):
                break
            found = shorter
    return found
