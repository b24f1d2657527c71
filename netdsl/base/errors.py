"""What goes wrong outside the text: a file of data, a folder of a run, a device. One line each, for the terminal."""

from __future__ import annotations


def first_line(error: Exception) -> str:
    """What an error of another library says, in one line; its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class RunError(Exception):
    """A run that cannot start or go on."""


class ArgumentError(RunError, ValueError):
    """An argument that cannot be; the message begins with its name, which a command spells as an option."""

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(message)
        self.argument = argument


class DataError(RunError):
    """Data that is missing, damaged or of another kind; the message names the file."""
