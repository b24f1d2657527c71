"""Options of `report` about memory in training: what a step takes, and whether a card holds it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from netdsl.cli.opening import Opened


def add_fitting(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        "will it fit", "what PyTorch allocates; goes with --size, --batch, --depth, --expand"
    )
    group.add_argument("--training", action="store_true", help="memory of a training step, row by row, and its MACs")
    group.add_argument(
        "--precision", metavar="WORD", help="no, fp16 or bf16, as in a recipe (default: the recipe's with --training)"
    )
    group.add_argument(
        "--optimizer", metavar="WORD", help="adamw or 'sgd(momentum=0.9)', with --training (default: the recipe's)"
    )
    group.add_argument(
        "--device",
        metavar="CARD",
        help="a card such as 'H100 80GB', or a memory, 8GB: whether it fits, the largest batch, a time by roofline",
    )
    group.add_argument(
        "--checkpoint", metavar="ROW,…",
        help="what it saves that the blocks of these rows run again in the backward pass, with --training (default: "
        "the recipe's; none for no rows)",
    )  # fmt: skip


def _rows(given: Namespace) -> list[str] | None:
    """The rows that run again: None for those of the recipe."""
    if given.checkpoint is None:
        return None
    rows = [w.strip() for w in given.checkpoint.split(",") if w.strip()]
    if not rows:
        given.parser.error("--checkpoint names no row: say some, or none for no rows")
    return [] if rows == ["none"] else rows


def fits(opened: Opened, given: Namespace) -> str:
    """The report that these options ask for; empty where none does."""
    words = {name: getattr(given, name) for name in ("precision", "optimizer", "device", "checkpoint")}
    if not given.training and all(word is None for word in words.values()):
        return ""
    from netdsl.fitting.asked import asked
    from netdsl.fitting.fit import fit
    from netdsl.reports import terminal_width
    from netdsl.reports.fitting import render_fit

    words |= {"training": given.training, "batch": given.said, "checkpoint": _rows(given)}
    found = fit(opened.net, asked(opened.net, **words), given.size)
    width = given.width if given.width is not None else terminal_width()
    return render_fit(found, given.format, width=width, depth=given.depth, expand=given.expand)
