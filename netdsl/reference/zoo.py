"""The page of the networks that come with the project: what their texts say of themselves, what they count beside what
others count, and what they say after they were trained.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from netdsl.analysis.report import Report
from netdsl.analyzer import analyze
from netdsl.graph import Net
from netdsl.program import Program, load_file
from netdsl.reference.counted import CountedElsewhere, counted_elsewhere
from netdsl.reference.shown import FOLDER, UNDRAWN, LessonShown, read_shown

HEAD = """# Zoo

<!-- Made by `python -m netdsl.reference docs` from the texts in `specs`, their reports, `specs/references.csv` and
`docs/zoo/made.json`. -->

Every network that comes with netdsl: where it is from, what it was held against and what its report counts, for one
sample of the size that stands beside it, and which sizes it takes. The field is the receptive field of the last layer,
in pixels or steps of the input: `all` of it, or – where its layers have none. Lines are those of the whole file with
its comments and recipes.

The last column is what somebody else counts, and who. Libraries and repositories were run and counted: `torchvision`
is 0.28.0 under torch 2.13.0, `timm` 1.0.31, `transformers` 5.24.0, `diffusers` 0.42.1, a repository has its commit;
MACs are half of what torch's own counter of operations finds. `prototxt` is what the authors' or BVLC's Caffe files
come to, `tests/references` a module written from the paper, `built` such a module that was made for the count alone,
`formula` arithmetic on paper, for nets that no one else has. `equal` is both numbers to the last digit; parameters
alone where the source has no MACs. Below a table stand counts with other settings and sizes, which the tests hold in
the same way.

Below that stands what a net says after it was trained here, for those whose recipe has data that come along or are
drawn: the command that trains it, its loss and metrics on the test split, and some samples of that split. A class is
said with its share, and what it is where that is wrong; of masks there is the picture, what is labelled and what is
said. Runs that a command names were made by the command of their net, with `--folder` and, where they are numbered,
that `--seed`. Kept are the weights of the best epoch. `make zoo` trains and draws what has changed, `make zoo NET=LeNet
AGAIN=1` one anew.
"""
COLUMNS = "| net | input | sizes | parameters | MACs | field | recipes | reference |\n|---|---|---|--:|--:|--:|---|---|"
OTHERS = "| net | with | parameters | MACs | reference |\n|---|---|--:|--:|---|"


def zoo_page(docs: Path, specs: Path) -> str:
    """The page, of every text in the folder `specs` in the order of their names; pictures lie in `docs`."""
    counted, shown = counted_elsewhere(specs), read_shown(docs / FOLDER)
    paths = sorted(specs.glob("*.net"))
    return "\n".join([HEAD, *_contents(paths), *(_family(path, counted, shown) for path in paths)])


def _contents(paths: Sequence[Path]) -> Iterator[str]:
    """Links to the families, as many in a line as there is room for."""
    yield from textwrap.wrap(" ".join(f"[{path.stem}](#{path.stem})" for path in paths), 118, break_long_words=False)
    yield ""


def _family(path: Path, all_counted: Sequence[CountedElsewhere], all_shown: Mapping[str, LessonShown]) -> str:
    counted = [c for c in all_counted if c.file == path.stem]
    shown = {name: one for name, one in all_shown.items() if one.file == path.stem}
    text = path.read_text(encoding="utf-8")
    program = load_file(path)
    lines = f"`specs/{path.name}`, {len(text.splitlines())} lines."
    parts = [f"## {path.stem}", "", *_head(text), "", lines, "", COLUMNS, *_rows(program, counted), *_others(counted)]
    parts += [line for name in program.names for line in _said(name, shown)]
    return "\n".join([*parts, ""])


def _head(text: str) -> Iterator[str]:
    """The comment that a text begins with."""
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        yield line[1:].strip()


def _rows(program: Program, counted: Sequence[CountedElsewhere]) -> Iterator[str]:
    for name in program.names:
        net = program.net(name, trained=False)
        report = analyze(net)
        theirs = [c for c in counted if c.net == name]
        cells = (_inputs(report), _sizes(report), _parameters(report), f"{report.totals.macs:,}", _field(report))
        yield " | ".join((f"| `{name}`", *cells, _recipes(net), f"{compared(report, theirs)} |"))


def _others(counted: Sequence[CountedElsewhere]) -> Iterator[str]:
    """What is counted with other settings and sizes, as a table of its own."""
    found = [c for c in counted if not c.as_written]
    if found:
        yield from ("", OTHERS)
    for other in found:
        said = ", ".join(f"`{name}={value}`" for name, value in (*other.settings, *other.sizes))
        cells = (said, _counts(other.params, other.frozen), "–" if other.macs is None else f"{other.macs:,}")
        yield " | ".join((f"| `{other.net}`", *cells, f"{other.source} |"))


def _said(net: str, shown: Mapping[str, LessonShown]) -> Iterator[str]:
    """What a net said after it was trained by each recipe: the numbers, a picture, lines of text."""
    if net in UNDRAWN and net not in shown:
        yield from ("", f"`{net}` has no picture yet: `make zoo NET={net}` trains and draws it.")
    for name, one in shown.items():
        if one.net != net:
            continue
        scores = ", ".join(f"{metric} {value:.3g}" for metric, value in (*one.metrics.items(), ("loss", one.loss)))
        yield from ("", f"`{one.command}`: {scores} on {one.samples:,} samples{_after(one)}.", "")
        if one.picture:
            yield f"![{name} after training]({FOLDER}/{name}.png)"
        if one.lines:
            yield from ("```text", *(line.rstrip().replace("`" * 3, "` ` `") for line in one.lines), "```")


def _after(one: LessonShown) -> str:
    """How long it was trained; nothing of a net that is put together of others."""
    if not one.command.startswith("netdsl train"):
        return ""
    return f", the best of {one.epochs} epochs" if one.epochs > 1 else " after an epoch"


def compared(report: Report, counted: Sequence[CountedElsewhere]) -> str:
    """Whether others count the same, who they are, and what they count where they do not."""
    found = [f"{_difference(report, theirs)}; {theirs.source}" for theirs in counted if theirs.as_written]
    return "; ".join(found) or ("below" if counted else "–")


def _difference(report: Report, theirs: CountedElsewhere) -> str:
    totals = report.totals
    frozen = totals.params - totals.trainable_params
    same = (totals.params, frozen) == (theirs.params, theirs.frozen), theirs.macs in (None, totals.macs)
    if all(same):
        return "equal" if theirs.macs is not None else "equal parameters"
    told = [] if same[0] else [f"{_counts(theirs.params, theirs.frozen)} parameters"]
    return ", ".join(told + ([] if same[1] else [f"{theirs.macs:,} MACs"]))


def _inputs(report: Report) -> str:
    """`image [3, 224, 224]`, with numbers for the symbols."""
    return ", ".join(f"`{i.name} [{', '.join(str(report.at.get(str(s), s)) for s in i.shape)}]`" for i in report.inputs)


def _sizes(report: Report) -> str:
    """Which numbers the symbols of the inputs can be, those of one rule in one clause."""
    alike: dict[str, list[str]] = {}
    for symbol, rule in report.sizes.items():
        alike.setdefault(rule.says, []).append(f"`{symbol}`")
    return "; ".join(f"{', '.join(symbols)}: {says}" for says, symbols in alike.items()) or "–"


def _parameters(report: Report) -> str:
    totals = report.totals
    return _counts(totals.params, totals.params - totals.trainable_params)


def _counts(params: int, frozen: int) -> str:
    """All, and how many of them are not trained."""
    return f"{params:,}" + (f", {frozen:,} frozen" if frozen else "")


def _field(report: Report) -> str:
    """The receptive field of the last layer: its size, or the two bounds of it where places differ."""
    seen = next((row.receptive_field for row in reversed(report.rows) if row.kind == "layer"), None)
    if seen is None:
        return "–"
    if seen.whole:
        return "all"
    sides = dict.fromkeys(f"{a}–{b}" if a != b else f"{b}" for a, b in zip(seen.smallest, seen.size, strict=True))
    return "×".join(sides)


def _recipes(net: Net) -> str:
    """The names of its recipes; that without one is `train`."""
    return ", ".join(f"`{name or 'train'}`" for name in net.sections) or "–"
