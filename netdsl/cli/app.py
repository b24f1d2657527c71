"""The list of commands. `argparse` because a report must not wait for its command line: it loads in a hundredth of a
second, where the libraries above it take as long as all the rest."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, HelpFormatter, Namespace
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from netdsl.base.terminal import plain_lines
from netdsl.reports import terminal_width

COMMANDS = {
    "report": "print shapes, parameters, MACs, memory and receptive field of every layer",
    "diff": "print what is not the same in two nets",
    "draw": "draw a net as boxes and arrows",
    "check": "say everything that is wrong with some files",
    "fmt": "bring files into their canonical form",
    "compile": "write a net as PyTorch source or as an ONNX model",
    "train": "train a net by its recipe",
    "data": "count what a data set holds, and draw it",
    "evaluate": "score a trained net on a split of its data",
    "predict": "run a trained net on samples",
    "look": "draw filters, feature maps, saliency and attention of a trained net",
    "parity": "compute a net with PyTorch and with onnxruntime and compare",
    "convolutionize": "make a classifier of patches a net that slides over images",
    "weights": "show what a file of weights holds, or propose a map for it",
}


class Help(HelpFormatter):
    """Help as wide as the terminal, which argparse would import shutil to ask for."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal_width() - 2)


class Parser(ArgumentParser):
    """Of what it quotes of a command line, a terminal obeys nothing."""

    def error(self, message: str) -> NoReturn:
        option, found, value = message.partition(": ignored explicit argument ")
        if found:
            from netdsl.cli.foreign import no_value  # late: right command lines need none

            message = f"{option} {no_value(option, value.strip(chr(39)))}"
        self.exit(2, plain_lines(f"{self.prog}: error: {message}\n  try `{self.prog} --help`") + "\n")

    def option_strings(self) -> tuple[str, ...]:
        return tuple(self._option_string_actions)


def run(arguments: Sequence[str]) -> int:
    """Parse a command line and carry it out; only the module of the command at work is imported."""
    name = next((a for a in arguments if a == "-" or not a.startswith("-")), None)
    if name is not None and name not in COMMANDS:
        return _unknown(name)
    parser = _parser(name if name in COMMANDS else None)
    parsed, unknown = parser.parse_known_args(arguments)
    unknown = _placed(parsed, unknown)
    if unknown:
        return _unknown_option(parsed, unknown, arguments)
    if parsed.command is None:
        parser.print_help()
        return 0
    code: int | None = parsed.run(parsed)
    return code or 0


def _placed(parsed: Namespace, unknown: list[str]) -> list[str]:
    """What is unknown still: the last argument of a command may stand behind options too, where argparse finds none."""
    last: str | None = getattr(parsed, "last", None)
    if last is None or any(re.match(r"-\D", word) for word in unknown):
        return unknown
    held = getattr(parsed, last)
    if isinstance(held, list):
        held += unknown
    elif len(unknown) != 1 or held is not None:
        return unknown
    else:
        setattr(parsed, last, unknown[0])
    return []


def _unknown(name: str) -> int:
    """A word that is no command: misspelt, or a file."""
    import sys

    from netdsl.cli.streams import say
    from netdsl.text.diagnostics import did_you_mean

    near, known = did_you_mean(name, COMMANDS), ", ".join(COMMANDS)
    if name == "-" or name.endswith(".net") or (near is None and os.path.isfile(name)):
        near = f"a command stands before the file, as in `netdsl report {name}`: {known}"
    from netdsl.cli.foreign import command_of

    help = command_of(name) or near or f"commands are {known}"
    say(f"netdsl: there is no command `{name}`\n  {help}", sys.stderr)
    return 2


def _unknown_option(parsed: Namespace, unknown: Sequence[str], arguments: Sequence[str]) -> int:
    """An argument that the command does not take: an option of another program, or one file too many."""
    import sys

    from netdsl.cli.foreign import help_of
    from netdsl.cli.streams import say

    parser = getattr(parsed, "parser", None)
    options = parser.option_strings() if isinstance(parser, Parser) else ("--help", "--version")
    kind = "option" if unknown[0].startswith("-") else "place for"
    name = f"netdsl {parsed.command}" if parsed.command else "netdsl"
    help = help_of(unknown, options, arguments, parsed.command or "")
    say(plain_lines(f"{name}: there is no {kind} `{unknown[0]}`\n  {help}"), sys.stderr)
    return 2


def _parser(chosen: str | None) -> ArgumentParser:
    from netdsl import __version__

    parser = Parser(
        "netdsl",
        description="Write a network down once, as the table in the paper; get the rest for nothing.",
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"netdsl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, help in COMMANDS.items():
        if chosen is None or name == chosen:
            _command(commands.add_parser(name, help=help, formatter_class=Help, allow_abbrev=False), name, chosen)
    return parser


def _command(parser: ArgumentParser, name: str, chosen: str | None) -> None:
    if name != chosen:
        return
    module = import_module(f"netdsl.cli.{name}")
    parser.description = (module.__doc__ or "").split("\n\n", 1)[-1].strip()
    module.add_arguments(parser)
    parser.set_defaults(run=module.run, parser=parser)
