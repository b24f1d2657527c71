"""The standard library: blocks written in the language itself, one file a family. This names their folder."""

from __future__ import annotations

from pathlib import Path

STDLIB = Path(__file__).parent
