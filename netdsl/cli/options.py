"""Options that several commands share."""

from __future__ import annotations

import re
from argparse import Action, ArgumentParser, ArgumentTypeError, Namespace, _ArgumentGroup
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netdsl.weights.given import WeightSource

    Arguments = ArgumentParser | _ArgumentGroup

SPLITS = ("train", "validation", "test")
DIGITS = 18
"""Numbers of more are no sizes of anything that a machine holds."""
LONGEST = 100
"""Letters of an argument that a message shows."""


def add_net(parser: ArgumentParser) -> None:
    """The file, which of its nets, and settings of the net."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a `.net` file, or `-` for standard input")
    add_choice(parser)


def add_choice(parser: ArgumentParser) -> None:
    parser.add_argument("--net", metavar="NAME", help="which net of the file (default: the first)")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", type=pair, action=EachOnce, default=[], dest="settings",
        help="a setting of the net, such as classes=10; may be repeated",
    )  # fmt: skip


def add_recipe(parser: Arguments) -> None:
    parser.add_argument(
        "--recipe", metavar="NAME",
        help="`small` for the recipe `train small of LeNet` (default: the one that has no name)",
    )  # fmt: skip


def add_size(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--size", metavar="H=512,W=1024", type=sizes, action=EachOnce, default={},
        help="numbers for the symbols of the input",
    )  # fmt: skip


def add_device(parser: ArgumentParser) -> None:
    parser.add_argument("--device", help="cpu, cuda or, of several, cuda:1 (default: what is there)")


def add_split(parser: ArgumentParser, default: str | None = "test") -> None:
    parser.add_argument("--split", choices=SPLITS, default=default)


def add_weights(parser: Arguments, what: str) -> None:
    """Files of weights, with how their names become those of the net."""
    parser.add_argument(
        "--weights", type=filling, action="append", metavar="[LABEL=]FILE",
        help=f"safetensors, the folder of a run, or `.pth` of PyTorch: {what}; `a=FILE` fills the row `a` "
        "alone, and may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--map", type=Path, metavar="FILE", help="how the names of these weights become those of the net"
    )
    parser.add_argument(
        "--partial", action="store_true", help="leave as initialised, and list, what of these weights does not fit"
    )


def add_filled(parser: ArgumentParser) -> None:
    """What makes of a text something to compute with, where a command takes it in the place of a run."""
    text = parser.add_argument_group("of a `.net` file in the place of a run")
    text.add_argument(
        "--set", metavar="NAME=VALUE", type=pair, action=EachOnce, default=[], dest="settings",
        help="a setting of the net; may be repeated",
    )  # fmt: skip
    add_recipe(text)
    add_weights(text, "what it computes with")


def filling(text: str) -> tuple[str, Path]:
    """`a=runs/one` as a label and a file; a file alone has the label "". One that is there is no label."""
    label, equals, name = text.partition("=")
    if not equals or not all(part.isidentifier() for part in label.split(".")) or Path(text).exists():
        return "", Path(text)
    if not name:
        raise ArgumentTypeError(f"`{text[:LONGEST]}` names no file: write `{label}=FILE`")
    return label, Path(name)


def weights_in(given: Namespace) -> WeightSource | None:
    """The weights that options name, by label where they have some; None where they name none."""
    if not given.weights:
        stray = next((name for name in ("map", "partial") if getattr(given, name)), None)
        if stray is not None:
            given.parser.error(f"--{stray} is about weights: name their file by --weights")
        return None
    from netdsl import Weights

    labels = [label for label, _ in given.weights]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if len(labels) > 1 and "" in labels:
        given.parser.error(
            "--weights is one file for the whole net, or each file fills a row: --weights a=FILE --weights b=FILE"
        )
    if twice is not None:
        given.parser.error(f"--weights: `{twice}` is filled twice; each label has one file")
    named = None if given.map is None else str(given.map)
    found = {label: Weights(str(file), map=named, partial=given.partial) for label, file in given.weights}
    return found.get("", found)


def weight_files(given: Namespace) -> list[Path]:
    """The files that options of weights name."""
    return [*(file for _, file in given.weights or ()), *filter(None, [given.map])]


def add_engine(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--engine", choices=("torch", "onnx"), default="torch",
        help="what computes: PyTorch, or onnxruntime without PyTorch (default: torch)",
    )  # fmt: skip


def pair(text: str, option: str = "--set") -> tuple[str, str]:
    """`name=value` behind an option; anything else is bad usage."""
    name, equals, value = text.partition("=")
    several = [p.strip() for p in _parted(text)]
    if len(several) > 1 and all(re.match(r"[A-Za-z_]\w*\s*=[^=]", p) for p in several):
        each = " ".join(f"{option} {p}" for p in several)
        raise ArgumentTypeError(f"each has an option of its own: write `{each[:LONGEST]}`")
    if not equals or not name.strip().isidentifier() or not value.strip():
        raise ArgumentTypeError(f"`{text[:LONGEST]}` is not of the form name=value")
    return name.strip(), value.strip()


def _parted(text: str) -> list[str]:
    """What commas part that stand in no bracket and in no quotes."""
    return re.findall(r"(?:\([^()]*\)|\[[^\[\]]*\]|\"[^\"]*\"|[^,])+", text)


def sizes(text: str) -> dict[str, int]:
    """`H=512,W=1024` as numbers."""
    found: dict[str, int] = {}
    for part in filter(str.strip, text.split(",")):
        if re.fullmatch(r"\s*\d+(\s*[x×]\s*\d+)*\s*", part):
            raise ArgumentTypeError(
                f"`{part[:LONGEST]}` names no size: each has the name of the text, as in H=224,W=224"
            )
        name, value = pair(part)
        if name in found:
            raise ArgumentTypeError(f"`{name}` has two sizes, {found[name]} and {value}: leave one of them out")
        found[name] = count(value)
    if not found:
        raise ArgumentTypeError("there is no size: write H=224,W=224")
    return found


class EachOnce(Action):
    """An option that may stand several times, each time with other names: none is said twice."""

    def __call__(
        self, parser: ArgumentParser, given: Namespace, values: object, option_string: str | None = None
    ) -> None:
        before = getattr(given, self.dest) or ()
        names = [name for name, _ in _pairs(before)]
        twice = next((name for name, _ in _pairs(values) if name in names), None)
        if twice is not None:
            parser.error(f"{option_string} says {twice[:LONGEST]} twice: leave one of them out")
        joined = [*_pairs(before), *_pairs(values)]
        setattr(given, self.dest, dict(joined) if isinstance(values, dict) else joined)


def _pairs(found: object) -> list[tuple[str, object]]:
    """`{"H": 1}`, `[("a", "1")]` or `("a", "1")` as pairs."""
    if isinstance(found, dict):
        return list(found.items())
    assert isinstance(found, (list, tuple))
    return [(found[0], found[1])] if isinstance(found, tuple) and found else list(found)


def count(text: str) -> int:
    """A whole number of 1 or more."""
    return _number(text, 1)


def whole(text: str) -> int:
    """A whole number of 0 or more."""
    return _number(text, 0)


def chosen(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """What reads `masks,overlays`, each one of the choices; anything else is bad usage."""

    def read(text: str) -> list[str]:
        found = [part.strip() for part in text.split(",") if part.strip()]
        unknown = next((part for part in found if part not in choices), None)
        if unknown is not None:
            from netdsl.text.diagnostics import did_you_mean  # late: right command lines need none

            help = did_you_mean(unknown, choices) or f"choose of {', '.join(choices)}"
            raise ArgumentTypeError(f"nothing is called `{unknown[:40]}`: {help}")
        if not found:
            raise ArgumentTypeError(f"it names nothing: choose of {', '.join(choices)}")
        return found

    return read


def scales(text: str) -> tuple[float, ...]:
    """`0.5,0.75,1.0` as numbers above 0."""
    found = tuple(positive(part.strip()) for part in text.split(","))
    if len(found) > SCALES or max(found) > LARGEST_SCALE:
        raise ArgumentTypeError(f"{SCALES} sizes at most, each up to {LARGEST_SCALE} times that of the picture")
    return found


SCALES, LARGEST_SCALE = 16, 32


def positive(text: str) -> float:
    """A number above 0, with or without a point."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < inf:
        raise ArgumentTypeError(f"`{text[:DIGITS]}` is not a number above 0")
    return number


def _number(text: str, least: int) -> int:
    if len(text) > DIGITS:
        raise ArgumentTypeError(f"a number may have {DIGITS} digits, not {len(text):,}")
    if not (text.isascii() and text.isdecimal()) or int(text) < least:
        raise ArgumentTypeError(f"`{text}` is not a whole number of {least} or more")
    return int(text)
