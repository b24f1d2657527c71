"""Reports as tables of LaTeX: whole rows, balanced braces, and nothing of a text that a compiler would obey."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import netdsl
from netdsl.reports.latex import escape

SPECS = Path(__file__).parents[2] / "specs"
COMMANDS = re.compile(
    "usepackage|begin|end|centering|caption|label|toprule|midrule|bottomrule|endfirsthead|endhead|endlastfoot|texttt|enspace|"
    "begingroup|endgroup|footnotesize|setlength|tabcolsep|raggedright|arraybackslash|linewidth|times|to|cdot|dots|textbackslash|textasciicircum|textasciitilde|textasciigrave|textquotedbl|textquotesingle"
)
PIECE = re.compile(r"\\([a-zA-Z]+)|\\(.)|([{}&$^_#~%])")
NETS = [("lenet", "LeNet"), ("gpt", "GPT2"), ("resnet", "ResNet152"), ("unet", "UNet"), ("whisper", "Whisper")]


def latex(file: str, net: str) -> str:
    return netdsl.report(netdsl.load(SPECS / f"{file}.net", net), format="latex", expand=True)


def followed(text: str) -> list[int]:
    """Follow a document: its commands are known, groups and environments close. How many cells each row has."""
    depth, maths, cells, rows, open_ = 0, False, 1, [], []
    for line in text.splitlines()[1:]:
        for command, sign, special in PIECE.findall(line):
            assert not command or COMMANDS.fullmatch(command), command
            depth += {"{": 1, "}": -1}.get(special, 0)
            maths ^= special == "$"
            cells += special == "&"
            assert special not in "#~%" or not special
            assert special not in ("^", "_") or maths
            if sign == "\\":
                rows, cells = [*rows, cells], 1
        for word, environment in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            open_ = (
                [*open_, environment] if word == "begin" else open_[:-1] if open_[-1] == environment else [*open_, "!"]
            )
        assert (depth, maths) == (0, False), line
    assert open_ == []
    return rows


@pytest.mark.parametrize(("file", "net"), NETS)
def test_tables_are_whole(file: str, net: str) -> None:
    text = latex(file, net)
    report = netdsl.analyze(netdsl.load(SPECS / f"{file}.net", net))
    long = "longtable" in text
    rows = [cells for cells in followed(text) if cells > 1]
    assert set(rows) == {7}
    assert len(rows) == len(report.rows) + 2 + long, "rows, total, headings, and these on further pages"
    assert long == (len(report.rows) > 45)
    total = re.search(r"total &  &  & ([\d.,]+) & ([\d.,]+) & ", text)
    units = [re.search(rf"{word} \[(\w)", text) for word in ("params", "MACs")]
    for found, unit, number in zip(
        total.groups() if total else (), units, (report.totals.params, report.totals.macs), strict=True
    ):
        scale = {"K": 1e3, "M": 1e6, "G": 1e9}[unit[1] if unit else ""]
        assert float(found.replace(",", "")) == round(number / scale, 2)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b & c", r"a\_b \& c"),
        ("50% #1 {x} $y$", r"50\% \#1 \{x\} \$y\$"),
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("x^2 ~ y", r"x\textasciicircum{}2 \textasciitilde{} y"),
        ("2 × 3 → 4…", r"2 $\times$ 3 $\to$ 4\dots{}"),
        ("--", "{-}{-}"),
        ("é\x1b網", "e網"),
    ],
)
def test_what_means_something_to_latex_is_escaped(text: str, written: str) -> None:
    assert escape(text) == written


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_tables_compile(tmp_path: Path) -> None:
    tables = "\\clearpage\n".join(latex(*each) for each in NETS)
    head = (
        r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{array,booktabs,longtable,textcomp}\begin{document}"
    )
    (tmp_path / "all.tex").write_text(f"{head}\n{tables}\\end{{document}}\n", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
