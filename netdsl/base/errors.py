"""What goes wrong outside the text: a file of data, a folder of a run, a device. One line each, for the terminal."""

from __future__ import annotations


class RunError(Exception):
    """A run that cannot start or go on."""


class DataError(RunError):
    """Data that is missing, damaged or of another kind; the message names the file."""
