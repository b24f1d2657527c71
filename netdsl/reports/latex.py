"""The report as a table for a paper: LaTeX with the rules of booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdsl.analysis.columns import Column, Form, drawn
from netdsl.analysis.report import Report, Row, Shape
from netdsl.base.terminal import spelled
from netdsl.reports.folding import DrawnRow, lines
from netdsl.reports.text import NONE, conditions, ports, title, writer

SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "`": r"\textasciigrave{}", '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}", "<": r"$<$", ">": r"$>$", "|": r"$|$", "-": "{-}", "×": r"$\times$", "→": r"$\to$",
    "–": "--", "…": r"\dots{}", "·": r"$\cdot$", "−": "$-$", "²": "$^2$",
}  # fmt: skip
"""Signs that mean something to LaTeX, and those that are none of ASCII."""
LONG = 45
"""Rows that one page has room for."""


def escape(text: str) -> str:
    """Text in which no character is taken for a command; letters that ASCII can spell are spelt so, others stay."""
    return "".join(SIGNS.get(c) or (c if " " <= c <= "\x7e" else _spelt(c)) for c in text)


def _spelt(letter: str) -> str:
    found = spelled(letter)
    if found == "?":
        return letter if letter.isprintable() else "?"
    return "".join(SIGNS.get(c, c) for c in found if " " <= c <= "\x7e")


def as_latex(report: Report, *, depth: int | None = None, expand: bool = False) -> str:
    """A table with a caption; one that a page has no room for is a `longtable`."""
    shown = lines(report.rows, depth, expand)
    out = list(_long(report, shown) if len(shown) > LONG else _short(report, shown))
    if not all(map(str.isascii, out)):
        out[0] += "; its letters beyond ASCII need LuaLaTeX or XeLaTeX"
    return "\n".join(out) + "\n"


def _short(report: Report, shown: Sequence[DrawnRow]) -> Iterator[str]:
    yield r"% \usepackage{array,booktabs,textcomp}"
    yield r"\begin{table}"
    yield r"  \centering\footnotesize\setlength{\tabcolsep}{3pt}"
    yield rf"  \caption{{{_caption(report)}}}"
    yield rf"  \label{{tab:{_key(report)}}}"
    yield rf"  \begin{{tabular}}{{{_form()}}}"
    yield r"    \toprule"
    yield f"    {_heads(report)}"
    yield r"    \midrule"
    yield from (f"    {line}" for line in _lines(report, shown))
    yield r"    \bottomrule"
    yield r"  \end{tabular}"
    yield r"\end{table}"


def _long(report: Report, shown: Sequence[DrawnRow]) -> Iterator[str]:
    yield r"% \usepackage{array,booktabs,longtable,textcomp}"
    yield r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}"
    yield rf"\begin{{longtable}}{{{_form()}}}"
    yield rf"  \caption{{{_caption(report)}}}\label{{tab:{_key(report)}}} \\"
    yield r"  \toprule"
    yield f"  {_heads(report)}"
    yield r"  \midrule"
    yield r"  \endfirsthead"
    yield r"  \toprule"
    yield f"  {_heads(report)}"
    yield r"  \midrule"
    yield r"  \endhead"
    yield r"  \bottomrule"
    yield r"  \endlastfoot"
    yield from (f"  {line}" for line in _lines(report, shown))
    yield r"\end{longtable}"
    yield r"\endgroup"


def _key(report: Report) -> str:
    return "".join(c for c in report.net if c.isascii() and c.isalnum())


def _caption(report: Report) -> str:
    """What the table has, of which net, at which sizes."""
    at = conditions(report).replace("; --size to change", "")
    what = (
        "its layers with output, parameters, multiply-accumulates, memory of activations and receptive field (stride)"
    )
    return escape(f"{title(report)}, {ports(report)}" + (f", {at}" if at else "") + f": {what}.")


def _form() -> str:
    """How columns are set: words to the left, layers in several lines, numbers to the right."""
    return r"l>{\raggedright\arraybackslash}p{0.2\linewidth}l" + "r" * len(drawn())


UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K"))


def _unit(report: Report, column: Column[object, object]) -> tuple[int, str]:
    """What the numbers of a column are multiples of: one unit for all, by their total."""
    total = getattr(report.totals, column.name)
    scale, prefix = (
        next(((n, u) for n, u in UNITS if total >= n), (1, "")) if column.form is not Form.FIELD else (1, "")
    )
    return scale, prefix + ("B" if column.form is Form.BYTES and prefix else "")


def _heads(report: Report) -> str:
    units = [(column.heading, _unit(report, column)[1]) for column in drawn()]
    headings = [f"{heading} [{unit}]" if unit else heading for heading, unit in units]
    return " & ".join(map(escape, ["name", "layer", "output", *headings])) + r" \\"


def _lines(report: Report, shown: Sequence[DrawnRow]) -> Iterator[str]:
    for line in shown:
        yield " & ".join(_cells(report, line)) + r" \\"
    if shown:
        yield r"\midrule"
    yield " & ".join(["total", "", "", *_totals(report)]) + r" \\"


def _cells(report: Report, line: DrawnRow) -> list[str]:
    row = line.row
    name = r"\enspace " * row.depth + rf"\texttt{{{escape(line.name)}}}"
    shapes = ", ".join(map(_shape, row.outputs)) or escape(NONE)
    return [name, rf"\texttt{{{escape(line.layer)}}}", shapes, *_numbers(report, row)]


def _shape(shape: Shape) -> str:
    return "$" + (r"{\times}".join(map(str, shape)) or "1") + "$"


def _numbers(report: Report, row: Row) -> Iterator[str]:
    yield from (_number(report, column, getattr(row, column.name)) for column in drawn())


def _number(report: Report, column: Column[object, object], value: object) -> str:
    """A number in the unit of its column, to two places."""
    scale, _ = _unit(report, column)
    if not isinstance(value, int) or not value or scale == 1:
        return escape(writer(column)(value))
    return f"{value / scale:,.2f}" if value * 100 >= scale else "$<$0.01"


def _totals(report: Report) -> Iterator[str]:
    for column in drawn():
        value = getattr(report.totals, column.name)
        yield "" if column.form is Form.FIELD else _number(report, column, value)
