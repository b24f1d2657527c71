"""The conventions by name. A module is imported when one of its conventions is asked for."""

from __future__ import annotations

from importlib import import_module

from netdsl.base.asking import unknown_word
from netdsl.conventions.names import HOMES
from netdsl.conventions.rule import Convention


def convention(name: str) -> Convention:
    """The convention of that name. Raises `ArgumentError` where there is none."""
    if name not in HOMES:
        raise unknown_word("convention", name, HOMES)
    module, _, attribute = HOMES[name].partition(".")
    found = getattr(import_module(f"netdsl.conventions.{module}"), attribute)
    assert isinstance(found, Convention)
    return found
