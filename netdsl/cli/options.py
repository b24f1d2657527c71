"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help="A `.net` file.", show_default=False)]
Net = Annotated[str | None, typer.Option("--net", help="Which net of the file; the first when left out.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="A setting of the net, such as `classes=10`.")]
Size = Annotated[str | None, typer.Option("--size", help="Numbers for symbols, such as `H=512,W=1024`.")]
Batch = Annotated[int, typer.Option("--batch", min=1, help="Samples at a time.")]
Device = Annotated[str | None, typer.Option("--device", help="`cpu` or `cuda`; chosen when left out.")]


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """`name=value` options as a table; anything else is bad usage."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier() or not value.strip():
            raise typer.BadParameter(f"`{text}` is not of the form name=value", param_hint=option)
        found[name.strip()] = value.strip()
    return found


def sizes(given: str | None) -> dict[str, int]:
    """`H=512,W=1024` as numbers."""
    found: dict[str, int] = {}
    for name, value in pairs([p for p in (given or "").split(",") if p.strip()], "--size").items():
        if not value.isdecimal() or int(value) < 1:
            raise typer.BadParameter(f"`{name}={value}` is not a whole number of 1 or more", param_hint="--size")
        found[name] = int(value)
    return found


def choose(value: str, choices: tuple[str, ...], option: str) -> str:
    """One of a few words; anything else is bad usage."""
    if value not in choices:
        raise typer.BadParameter(f"`{value}` is none of {', '.join(choices)}", param_hint=option)
    return value
