"""Texts that a net is asked about, cut into the tokens that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, RunError
from netdsl.dims.tensors import Value
from netdsl.graph import Net
from netdsl.runtime.data.arrayfile import as_sample
from netdsl.runtime.data.fields import TYPES
from netdsl.runtime.data.vocabulary import TextVocabulary, kept, rows_of, shown_unknown, spoken_rows
from netdsl.runtime.predicting.models import Model

ENDING = ".txt"
LARGEST = 2**20
"""The largest file with a text, in bytes."""
SHOWN = 40
"""Letters of a text that its name has."""


@dataclass(frozen=True)
class GivenText:
    """A text that a net is asked about."""

    text: str
    name: str = ""
    """What it is called; nothing for its first letters."""


@dataclass
class TextInputs:
    """The inputs of one sample that has texts, with a batch axis, and what is worth saying of it."""

    fields: dict[str, Array]
    notes: tuple[str, ...] = ()
    unsaid: str = ""
    """The input whose tokens the net is to say itself."""


def vocabularies(model: Model) -> dict[str, TextVocabulary]:
    """By input: the vocabulary of the texts that a model was trained on, where they are inputs of its net."""
    inputs = {value.name for value in model.net.fed}
    return {name: words for name, words in kept(model.facts).items() if name in inputs}


def text_in(path: Path) -> GivenText:
    """The text of a file; `DataError` names one that is too large or not in UTF-8."""
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path}: {path.stat().st_size:,} bytes; a text has at most {LARGEST:,}")
    try:
        return GivenText(path.read_text("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start:,})") from None


def named_text(given: GivenText) -> str:
    """What a text is called."""
    line = " ".join(given.text.split())
    return given.name or (line if len(line) <= SHOWN else f"{line[:SHOWN]}…")


def text_inputs(model: Model, known: Mapping[str, TextVocabulary], given: Mapping[str, object]) -> TextInputs:
    """The inputs of a net of which some are given as texts, others as arrays; `RunError` says what does not fit.

    A mask follows from its text. What a net says token by token may be left out.
    """
    net, made = model.net, TextInputs({})
    values = {value.name: value for value in net.fed}
    strange = next((name for name in given if name not in values), None)
    if strange is not None:
        raise RunError(f"{net.name} takes {', '.join(values)}, not {strange}")
    for name, words in known.items():
        if isinstance(text := given.get(name), str):
            _add(made, values, name, words, text)
        elif name not in given and words.spoken:
            made.unsaid = name
            made.fields |= begun(model, name, words)
    for name in values.keys() - made.fields.keys():
        if name not in given or isinstance(given[name], str):
            raise RunError(_missing(net, name, name in given, known))
        made.fields[name] = as_sample(np.asarray(given[name]), values[name], f"`{name}`")
    return made


def _add(made: TextInputs, values: Mapping[str, Value], name: str, words: TextVocabulary, text: str) -> None:
    """The tokens of a text, and their mask where the net reads it."""
    length = _length(values[name], words)
    if words.spoken:
        rows = rows_of([text], words, length - 1, name)
        tokens, _, mask = spoken_rows(rows, words, length, 0)
    else:
        rows = rows_of([text], words, length, name)
        tokens, mask = rows.tokens, rows.mask
    if not rows.mask.any():
        raise DataError(f"`{name}`: there are no tokens in the text")
    made.fields |= _masked(values, name, words, tokens, mask)
    if rows.longest[0] > rows.mask.shape[1]:
        made.notes += (f"`{name}`: of {rows.longest[0]:,} tokens the first {rows.mask.shape[1]:,} are read",)
    made.notes += tuple(f"`{name}`: {note}" for note in shown_unknown(text, words))


def begun(model: Model, name: str, words: TextVocabulary) -> dict[str, Array]:
    """An input before the first token that is said, and its mask where the net reads it."""
    values = {value.name: value for value in model.net.fed}
    tokens = np.full((1, _length(values[name], words)), words.padding)
    tokens[0, 0] = words.begin
    return _masked(values, name, words, tokens, np.arange(tokens.shape[1])[None] < 1)


def _masked(
    values: Mapping[str, Value], name: str, words: TextVocabulary, tokens: Array, mask: Array
) -> dict[str, Array]:  # fmt: skip
    made = {name: tokens}
    if words.mask in values:
        made[words.mask] = mask.astype(TYPES[values[words.mask].type.dtype])
    return made


def _length(value: Value, words: TextVocabulary) -> int:
    """How many tokens an input has: what it says, else what it had in training."""
    if value.type.rank != 1:
        raise RunError(f"`{value.name}` {value.type} is no row of tokens")
    size = value.shape[0]
    return size if isinstance(size, int) else words.length


def _missing(net: Net, name: str, text: bool, known: Mapping[str, TextVocabulary]) -> str:
    if not text:
        return f"{net.name} takes {', '.join(v.name for v in net.fed)}, and nothing is given for `{name}`"
    readable = ", ".join(f"`{n}`" for n in known) or "no input"
    return f"`{name}` is given as a text, but of texts the weights know only how to read {readable}"


def main_text(model: Model, known: Mapping[str, TextVocabulary], given: GivenText) -> dict[str, object]:
    """A text for the input that reads one; `RunError` where none does."""
    read = [name for name, words in known.items() if not words.spoken]
    if len(read) != 1:
        raise RunError(
            f"{model.name} was not trained on texts by words (`labelled_text`, `pairs`), so that it cannot read one"
        )
    return {read[0]: given.text}
