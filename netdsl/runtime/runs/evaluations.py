"""The files of evaluations in the folder of a run, and which of the files there are such."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netdsl.runtime.runs import kinds

FORMAT = "netdsl evaluation"
"""What the first line of such a JSON file says."""
SOFTWARE = "netdsl"
"""What the head of a picture of ours says."""
PICTURES = ("confusion", "classes", "worst")
SPLITS = ("train", "validation", "test")
MOST_BYTES = 1 << 26

_evaluation = kinds.fields(
    split=kinds.text, samples=kinds.whole(0), loss=kinds.number, metrics=kinds.mapped(kinds.number)
)


def kept_at(folder: Path, split: str, net: str = "", picture: str = "") -> Path:
    """The file of one evaluation: what was found, or one of its pictures."""
    parts = ["evaluation", split, *([net] if net else []), *([picture] if picture else [])]
    return folder / ("-".join(parts) + (".png" if picture else ".json"))


def evaluations(folder: Path) -> Iterator[Path]:
    """Every file of an evaluation in a folder."""
    for split in SPLITS:
        for ending in ("json", "png"):
            yield from (p for p in sorted(folder.glob(f"evaluation-{split}*.{ending}")) if is_ours(p))


def read_evaluation(path: Path) -> dict[str, Any] | None:
    """What an evaluation found; None of a file that is none, or damaged."""
    try:
        if not is_ours(path) or path.stat().st_size > MOST_BYTES:
            return None
        found = kinds.parsed(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return None
    return found if _evaluation(found, "") is None else None


def is_ours(path: Path) -> bool:
    """Whether a file is one that an evaluation wrote; a link is not."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    if path.suffix == ".json":
        return head.startswith(b'{\n "format": ' + json.dumps(FORMAT).encode())
    return head.startswith(b"\x89PNG\r\n\x1a\n") and b"tEXtSoftware\0" + SOFTWARE.encode() in head
