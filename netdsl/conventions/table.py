"""The conventions by name. A module is imported when one of its conventions is asked for."""

from __future__ import annotations

from importlib import import_module

from netdsl.base.errors import ArgumentError
from netdsl.conventions.names import HOMES
from netdsl.conventions.rule import Convention

LONGEST = 40
"""Letters of a word that a message shows."""


def convention(name: str) -> Convention:
    """The convention of that name. Raises `ArgumentError` where there is none."""
    if name not in HOMES:
        raise ArgumentError("convention", f"no convention is called {name[:LONGEST]}: {', '.join(HOMES)}")
    module, _, attribute = HOMES[name].partition(".")
    found = getattr(import_module(f"netdsl.conventions.{module}"), attribute)
    assert isinstance(found, Convention)
    return found
