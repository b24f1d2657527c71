"""What the nets of the zoo said after they were trained: `docs/zoo/made.json`, beside their pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER, FILE, FORMAT = "zoo", "made.json", "netdsl zoo 1"
UNDRAWN: tuple[str, ...] = ()
"""Nets with a small recipe that nobody has had drawn yet."""


@dataclass(frozen=True)
class LessonShown:
    """A net as it was trained by one of its recipes, and what that came to."""

    file: str
    """The stem of its text's name."""
    net: str
    recipe: str
    command: str
    """What trains it from the folder of the project."""
    digest: str
    """Of the net and its recipe as they were."""
    engine: str
    seed: int
    epochs: int
    samples: int
    """Of the test split, which the numbers are of."""
    loss: float
    metrics: dict[str, float]
    picture: bool
    """Whether there is one, under the name of the lesson."""
    lines: list[str] = field(default_factory=list)
    """What it says, where that is text."""


def read_shown(folder: Path) -> dict[str, LessonShown]:
    """By name, in the order of the file; nothing where there is none. Raises `ValueError` where it is damaged."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.get("format") != FORMAT:
            raise ValueError(f"its format is not `{FORMAT}`")
        return {name: LessonShown(**one) for name, one in found["lessons"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} is not what `make zoo` writes: {error}") from None


def written(shown: Mapping[str, LessonShown]) -> str:
    """The file's text."""
    lessons = {name: asdict(one) for name, one in sorted(shown.items())}
    return json.dumps({"format": FORMAT, "lessons": lessons}, indent=1, ensure_ascii=False) + "\n"
