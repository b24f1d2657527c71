"""TotalForms as formulas, below a report: `22,967·N·H·W/32 + 2,048,000·N`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import lcm
from typing import Any

from netdsl.analysis.quantities import grouped
from netdsl.analysis.report import Report
from netdsl.base.terminal import escaped
from netdsl.dims.closed import ClosedForm, Powers
from netdsl.reports.data import laid_out
from netdsl.reports.markdown import escape
from netdsl.reports.table import wrap
from netdsl.sizing.formulas import Formulas, SizeClass

FORMATS = ("table", "markdown", "json")
HEADINGS = {
    "macs": "MACs",
    "flops_core": "FLOPs",
    "flops": "with elementwise",
    "activation_bytes": "activations",
}
"""What a total is called here, where that is not its name; these come first, in this order."""
UNITS = {"activation_bytes": " bytes"}
NO_PEAK = "no formula: it is the largest of many sums, and which one that is may change with the sizes"
EXPONENTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def formula_text(number: ClosedForm, batch: str = "N") -> str:
    """The polynomial as it is written on a board, highest powers first and samples before sizes; exact."""
    out = ""
    for powers, coefficient in sorted(number.terms.items(), key=_order):
        sign = (" − " if coefficient < 0 else " + ") if out else ("−" if coefficient < 0 else "")
        factors = [_power(name, exponent) for name, exponent in sorted(powers, key=lambda p: (p[0] != batch, p[0]))]
        leading = abs(coefficient.numerator)
        shown = [grouped(leading), *factors] if leading != 1 or not factors else factors
        out += sign + "·".join(shown) + (f"/{grouped(coefficient.denominator)}" if coefficient.denominator > 1 else "")
    return out or "0"


def _order(item: tuple[Powers, object]) -> tuple[int, Powers]:
    return -sum(exponent for _, exponent in item[0]), item[0]


def _power(name: str, exponent: int) -> str:
    return name if exponent == 1 else name + str(exponent).translate(EXPONENTS)


def condition(classes: Mapping[str, SizeClass]) -> str:
    """For which sizes: `H and W multiples of 32`, `H = 16k + 12`."""
    alike: dict[tuple[int, int], list[str]] = {}
    for symbol, one in classes.items():
        alike.setdefault((one.modulus, one.remainder), []).append(symbol)
    return ", ".join(_class_text(" and ".join(symbols), *found) for found, symbols in alike.items())


def _class_text(symbols: str, modulus: int, remainder: int) -> str:
    if remainder:
        return f"{symbols} = {modulus}k + {remainder}"
    each = " and " in symbols
    if modulus == 2:
        return f"{symbols} even"
    return f"{symbols} multiples of {modulus}" if each else f"{symbols} a multiple of {modulus}"


def lines(found: Formulas, report: Report) -> Iterator[tuple[str, str]]:
    """Each total as a heading and a sentence, below what they hold for."""
    holds = condition(found.at) or ("all sizes" if report.at else "")
    other = "; other remainders by --size" if found.at else ""
    yield "formulas", f"{found.batch} samples" + (f", for {holds}{other}" if holds else "")
    for name in dict.fromkeys((*HEADINGS, *found.totals)):
        if found.totals.get(name):
            yield HEADINGS.get(name, name), formula_text(found.totals[name], found.batch) + UNITS.get(name, "")
    yield "peak memory", NO_PEAK
    if report.not_counted:
        yield "", "what is not counted above is in none of them"


def below(text: str, found: Formulas, report: Report, format: str, width: int) -> str:
    """A report with its totals as formulas."""
    if format == "json":
        return escaped(laid_out({**json.loads(text), "formulas": document(found)})) + "\n"
    told = list(lines(found, report))
    if format == "markdown":
        return text + "\n" + "".join(f"- **{escape(h)}**: {escape(s)}\n" if h else f"  - {s}\n" for h, s in told)
    margin = max(len(heading) for heading, _ in told) + 2
    shown = ((h, i, part) for h, s in told for i, part in enumerate(wrap(s, max(width - margin, 20))))
    return text + "\n" + "".join((h if i == 0 else "").ljust(margin) + part + "\n" for h, i, part in shown)


def document(found: Formulas) -> dict[str, Any]:
    """The formulas as JSON has them: a total is the sum of its terms over its denominator."""
    classes = {s: {"modulus": c.modulus, "remainder": c.remainder} for s, c in found.at.items()}
    totals = {name: _total(number, found.batch) for name, number in found.totals.items()}
    return {"batch": found.batch, "at": classes, "totals": totals}


def _total(number: ClosedForm, batch: str) -> dict[str, Any]:
    denominator = lcm(*(c.denominator for c in number.terms.values()))
    terms = [
        {"coefficient": int(c * denominator), "powers": dict(powers)}
        for powers, c in sorted(number.terms.items(), key=_order)
    ]
    return {"text": formula_text(number, batch), "denominator": denominator, "terms": terms}
