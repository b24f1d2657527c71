"""`netdsl compile FILE --to TARGET`: a net as PyTorch source, an ONNX model or an ONNX training step.

Write a net as readable PyTorch source, as a checked ONNX model, or its whole training step (forward, loss, backward and
the optimizer's update) as one ONNX file of ordinary operators.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from netdsl.cli.opening import open_net, told_weights
from netdsl.cli.options import add_net, add_recipe, add_weights, weight_files, weights_in, whole
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import print_file, say
from netdsl.codegen.target import TARGETS, Target
from netdsl.graph import Net

OPTIONS: dict[str, dict[str, Any]] = {
    "seed": {"type": whole, "default": 0, "help": "draws the weights when none are given ({})"},
    "device": {
        "choices": ("cpu", "cuda"),
        "help": "what a training step should be fast on (default: cpu); it runs on both",
    },
    "state": {
        "type": Path,
        "metavar": "FILE",
        "help": "a safetensors file for what a training step starts from, where the step is not to hold it itself",
    },
    "opset": {
        "type": int,
        "choices": range(17, 22),
        "metavar": "17…21",
        "help": "the opset of a model, for a runtime that reads no newer one (default: 21, or 23 where it takes that)",
    },
}
"""Options that only some targets take, with how they are declared; `{}` stands for the titles of these targets."""

STATE = ".safetensors"
"""The ending of a file for what a training step starts from."""

REFUSALS = {
    "weights": "source holds no weights; load them into the module",
    "state": "only a training step starts from one: --to onnx-train",
    "opset": "only a model is written in an older one, not what `--to {}` makes",
    "device": "a training step is spelt for a device, {} runs on any as it is",
}
"""What is said where a target does not take an option; `{}` stands for its name. A seed that draws nothing is idle."""


def add_arguments(parser: ArgumentParser) -> None:
    targets = TARGETS.values()
    shown = " or ".join(t.makes for t in targets if not t.needs_file)
    add_net(parser)
    add_recipe(parser)
    parser.add_argument("--to", choices=tuple(TARGETS), required=True)
    parser.add_argument("-o", "--output", type=Path, help=f"where to write ({shown} goes to the terminal){MADE}")
    add_weights(parser, f"those of the model ({_takers('weights')})")
    for name, declared in OPTIONS.items():
        takers = _takers(name)
        parser.add_argument(f"--{name}", **{**declared, "help": declared["help"].format(takers)})


def _takers(option: str) -> str:
    """The titles of the targets that take an option."""
    return ", ".join(dict.fromkeys(t.title for t in TARGETS.values() if option in t.options))


def run(given: Namespace) -> None:
    from netdsl.cli.specs import read_by

    target = TARGETS[given.to]
    if given.output == Path("-"):  # the terminal, as with other programs, and no file of that name
        given.output = None
    _refuse(target, given)
    opened = open_net(given, trained=target.trains)
    net = opened.say()
    files: list[Path | None] = [None] if given.output is None else [*target.files(net, given.output)]
    if len(files) > 1 and given.output.exists() and not given.output.is_file():
        message = "is no file that others could be beside, and each part of the recipe is one"
        given.parser.error(f"{given.output} {message}: name it as in -o step{target.ending}")
    _keep_apart(files, [*read_by(opened.program), *weight_files(given)], target, given)
    _write(target, net, given)
    if not given.weights and _is_drawn(target, net):
        say(f"note: weights drawn by seed {given.seed}, not trained: --weights RUN has those of a run", sys.stderr)
    for note in target.notes(net):
        say(f"note: {note}", sys.stderr)
    if given.output is not None:
        say(f"{net.name} → {', '.join(map(str, [*files, *filter(None, [given.state])]))}")


def _is_drawn(target: Target, net: Net) -> bool:
    """Whether what is written holds weights, and is not what trains them."""
    return "weights" in target.options and not target.trains and any(True for _ in net.weights())


def _keep_apart(files: list[Path | None], read: list[Path], target: Target, given: Namespace) -> None:
    """Refuse to write over what is read, over other work, or one file over the other."""
    from netdsl.base.files import keep_apart

    for file in files:
        keep_apart(file, read, target.ending)
    keep_apart(given.state, read, STATE)
    if given.state is not None and given.state.resolve() in [file.resolve() for file in files if file is not None]:
        given.parser.error(f"--state: {given.state} is the step itself: name another file")


def _refuse(target: Target, given: Namespace) -> None:
    """End the command where it asks for what the target has no use for."""
    if target.needs_file and given.output is None:
        given.parser.error(f"{target.makes} needs a file: -o model{target.ending}")
    for option, refusal in REFUSALS.items():
        if option not in target.options and getattr(given, option) is not None:
            given.parser.error(f"--{option}: {refusal.format(target.name)}")


def _write(target: Target, net: Net, given: Namespace) -> None:
    weights = told_weights(net, weights_in(given))
    options = {name: weights if name == "weights" else getattr(given, name) for name in target.options}
    if given.output is not None:
        target.write(net, given.output, options)
    elif target.emit is not None:
        print_file(target.emit(net, options))
