"""Characters of a text file, in pieces, with the character after each as its label."""

from __future__ import annotations

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.text import Characters
from netdsl.runtime.data.sets import Dataset, InMemory, Request, existing
from netdsl.runtime.data.vocabulary import RUNNING, TextVocabulary, characters, kept

LONGEST = 2**28
"""The largest text that is read, in bytes: its characters become numbers of 8 bytes each."""


def read(data: Characters) -> str:
    path = existing(data.file, data)
    if not path.is_file():
        raise DataError(f"{path}: not a file. {data.files}")
    if path.stat().st_size > LONGEST:
        raise DataError(f"{path}: {path.stat().st_size:,} bytes; more than {LONGEST:,} are not read")
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start:,})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def pieces(numbers: Array, length: int, name: str) -> InMemory:
    """Pieces of `length` characters that do not overlap, and the same shifted by one."""
    count = (len(numbers) - 1) // length
    used = count * length
    fields = {name: numbers[:used].reshape(count, length), "label": numbers[1 : used + 1].reshape(count, length)}
    return InMemory(fields)


def load(data: Characters, request: Request) -> Dataset:
    text = read(data)
    length = request.shape[0]
    tenth = len(text) // 10
    if tenth <= length:
        few = f"{len(text):,} characters are too few for pieces of {length} in three splits"
        raise DataError(f"{data.file}: {few}: it takes {10 * (length + 1):,}")
    words = kept(request.facts).get(request.name) or TextVocabulary(RUNNING, tuple(sorted(set(text))))
    if words.by != RUNNING:
        raise DataError(f"`text` cuts nothing into {words.by}s, on which the weights were trained")
    words.length = length
    numbers = characters(text, words.tokens, data.file)
    rest = len(text) - 2 * tenth
    parts = {"train": numbers[:rest], "validation": numbers[rest : rest + tenth], "test": numbers[rest + tenth :]}
    splits = {name: pieces(part, length, request.name) for name, part in parts.items()}
    facts = {"words": {request.name: words.facts()}}
    return Dataset(dict(splits), words.tokens, [f"{len(words.tokens)} different characters"], facts=facts)
