"""`netdsl layers FILE`: how many layers a net has."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from netdsl.cli.opening import open_net
from netdsl.cli.options import add_net


def add_arguments(parser: ArgumentParser) -> None:
    add_net(parser)


def run(given: Namespace) -> None:
    print(len(open_net(given).say().nodes))
