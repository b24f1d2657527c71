"""Maps: text files that say what another program's weights are called here, a rule a line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from netdsl.weights.changes import ChangeError, TensorChange, read_change
from netdsl.weights.files import WeightsError
from netdsl.weights.patterns import LITERAL, Pattern, PatternError, Template, read_pattern, read_template

LARGEST = 1 << 20
"""Bytes of a map."""
MOST_ROWS = 2_000
WIDEST = 4_000
"""Letters of a row."""
MOST_TENSORS = 1_000
"""Tensors on one side of a rule."""
NETS = re.compile(r"[A-Za-z_]\w*(\s*,\s*[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class MapRule:
    """Which tensors become which weights."""

    line: int
    source: Pattern
    further: tuple[Template, ...] = ()
    """More tensors that are taken with the first, by what it captures."""
    changes: tuple[TensorChange, ...] = ()
    targets: tuple[Template, ...] = ()
    """Empty for what is dropped."""
    like: Template | None = None
    """What it must hold the same numbers as to be dropped."""
    optional: bool = False
    """Whether nothing need be there that it matches."""


NO_MAP = (
    "those of published models lie in specs/weights, to be copied beside the text, and "
    "`netdsl weights map FILE.net FILE -o theirs.map` proposes one"
)


@dataclass
class WeightMap:
    """The rows of a map for one net."""

    name: str
    prefixes: list[str] = field(default_factory=list)
    """What may stand in front of all names of a file, and is left out."""
    rules: list[MapRule] = field(default_factory=list)


def read_map(path: Path, net: str) -> WeightMap:
    """The rules of a map for a net; `WeightsError` names the line that is wrong."""
    found, here, named = WeightMap(str(path)), True, list[str]()
    for line, row in enumerate(_lines(path), 1):
        text = row.partition("#")[0].strip()
        if not text:
            continue
        word, _, rest = text.partition(" ")
        if word == "net" and "->" not in text:
            names = _nets(path, line, rest.strip())
            here, named = net in names, [*named, *names]
        elif here:
            _read(found, path, line, text)
    if named and net not in named:
        way = f"add `{net}` to the `net` row whose rules fit it, as in `net {named[0]}, {net}`"
        raise WeightsError(f"{path} has rules for {', '.join(dict.fromkeys(named))}, but none for {net}: {way}")
    if found.prefixes and not found.rules:
        found.rules.append(_rule(0, "{rest**} -> {rest}", False))
    if not found.rules:
        raise WeightsError(f"{path} has no rule: `theirs.weight -> ours.weight` is one")
    return found


def _lines(path: Path) -> list[str]:
    try:
        if not path.is_file():
            raise WeightsError(f"there is no map {path}: {NO_MAP}")
        if path.stat().st_size > LARGEST:
            raise WeightsError(f"{path} is larger than {LARGEST:,} bytes: no map")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} cannot be read as a map: {error}") from None
    if len(lines) > MOST_ROWS or any(len(row) > WIDEST for row in lines):
        raise WeightsError(f"{path} has more than {MOST_ROWS:,} lines, or one of more than {WIDEST:,} letters")
    return lines


def _nets(path: Path, line: int, text: str) -> list[str]:
    if NETS.fullmatch(text) is None:
        raise WeightsError(f"{path}, line {line}: `net` names nets, as in `net ResNet18, ResNet34`")
    return [name.strip() for name in text.split(",")]


def _read(found: WeightMap, path: Path, line: int, text: str) -> None:
    """Add one row."""
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    try:
        if word == "prefix" and "->" not in text:
            found.prefixes.append(_prefix(rest))
        elif word == "drop" and "->" not in text:
            found.rules.append(_dropped(line, rest))
        elif "->" not in text:
            raise PatternError("a row is `theirs -> ours`, `drop theirs`, `prefix module.` or `net Name`")
        else:
            found.rules.append(_rule(line, rest if word == "maybe" else text, word == "maybe"))
    except (PatternError, ChangeError) as error:
        raise WeightsError(f"{path}, line {line}: {error}") from None


def _dropped(line: int, text: str) -> MapRule:
    """`drop head.weight`, `drop head.weight as words.weight`."""
    name, as_, other = text.partition(" as ")
    source = read_pattern(name.strip())
    like = read_template(other.strip(), source.captures) if as_ else None
    return MapRule(line, source, like=like, optional=True)


def _prefix(text: str) -> str:
    if LITERAL.fullmatch(text) is None:
        raise PatternError("`prefix` takes the letters in front of all names, as in `prefix module.`")
    return text


def _rule(line: int, text: str, optional: bool) -> MapRule:
    first, *changes, last = [stage.strip() for stage in text.split("->")]
    sources, targets = _tensors(first), _tensors(last)
    source = read_pattern(sources[0])
    further, into = (tuple(read_template(n, source.captures) for n in names) for names in (sources[1:], targets))
    made = tuple(map(read_change, changes))
    return MapRule(line, source, further, made, into, optional=optional)


def _tensors(text: str) -> list[str]:
    """One name, or several in brackets."""
    inside = re.fullmatch(r"\((.*)\)", text)
    names = [name.strip() for name in inside[1].split(",")] if inside else [text]
    if len(names) > MOST_TENSORS or any(not name or " " in name for name in names):
        raise PatternError(f"`{text[:60]}` is neither a name nor several in brackets with commas between them")
    return names
