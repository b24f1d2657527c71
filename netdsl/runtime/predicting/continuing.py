"""Texts that go on from a beginning, by a net of whole pieces or by one that keeps states between characters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, RunError
from netdsl.dims.tensors import DType, Value
from netdsl.runtime.data.vocabulary import RUNNING, TextVocabulary, kept
from netdsl.runtime.predicting.models import Model
from netdsl.runtime.predicting.saying import Chooser, Saying

LENGTH = 200
"""Characters that are said where nothing says how many."""


def running(model: Model) -> tuple[str, TextVocabulary] | None:
    """The input that reads characters of one long text, and which there are; None where none does."""
    words = next((words for words in kept(model.facts).values() if words.by == RUNNING), None)
    fed = model.net.fed
    if words is None or len(fed) != 1 or fed[0].type.dtype is not DType.INT or fed[0].type.rank > 1:
        return None
    return fed[0].name, words


def beginning(model: Model, words: TextVocabulary, text: str) -> list[int]:
    """The characters of a text by number, the last of which the next one follows."""
    found = words.numbers(text)
    if not found:
        raise DataError("there are no characters in the text: it begins with one at least")
    if model.net.fed[0].type.rank and not _window(model.net.fed[0], words):
        raise RunError(f"`{model.net.fed[0].name}` takes no character")
    return found


def first_piece(model: Model, words: TextVocabulary, start: Sequence[int]) -> Array:
    """What the net reads at first, with a batch axis: one character, or a piece as long as it takes."""
    value = model.net.fed[0]
    if model.net.states or not value.type.rank:
        return _single(value, start[0])
    return _piece(value, words, start)


def continued(
    model: Model, fields: dict[str, Array], words: TextVocabulary, start: Sequence[int], saying: Saying, seed: int
) -> tuple[dict[str, Array], str]:  # fmt: skip
    """The outputs at the last character that is read, and the text: the beginning, and what is said behind it."""
    said, choose, most = list(start), Chooser(saying, seed), saying.length or LENGTH
    stepping = model.net.states or not model.net.fed[0].type.rank
    read = partial(_steps if stepping else _pieces, model, dict(fields), words, seed)
    outputs, scores = read(said, len(said))
    for many in range(1, most + 1):
        said.append(int(choose(scores)[0]))
        if saying.told is not None:
            saying.told(many)
        if many < most:
            outputs, scores = read(said, 1)
    return outputs, words.text(said)


def _steps(
    model: Model, fields: dict[str, Array], words: TextVocabulary, seed: int, said: Sequence[int], new: int
) -> tuple[dict[str, Array], Array]:  # fmt: skip
    """The last characters one by one, the states going on in `fields`; the scores behind the last."""
    value = model.net.fed[0]
    outputs: dict[str, Array] = {}
    for number in said[-new:]:
        fields[value.name] = _single(value, number)
        outputs = model.compute(fields, seed)
        fields.update({state.name: outputs[state.output] for state in model.net.states})
    return outputs, _scores(model, words, outputs, -1)


def _pieces(
    model: Model, fields: dict[str, Array], words: TextVocabulary, seed: int, said: Sequence[int], new: int
) -> tuple[dict[str, Array], Array]:  # fmt: skip
    """All characters, or the last of them, as many as a piece of training has; the scores behind the last."""
    value = model.net.fed[0]
    fields[value.name] = _piece(value, words, said)
    outputs = model.compute(fields, seed)
    return outputs, _scores(model, words, outputs, min(len(said), _window(value, words)) - 1)


def _window(value: Value, words: TextVocabulary) -> int:
    size = value.shape[0]
    return size if isinstance(size, int) else words.length


def _piece(value: Value, words: TextVocabulary, said: Sequence[int]) -> Array:
    """`[1, T]`: behind what is said stand zeros, where an input asks for more."""
    window = _window(value, words)
    found = np.array([said[-window:]], np.int64)
    most = window if isinstance(value.shape[0], int) else found.shape[1]
    return np.pad(found, ((0, 0), (0, most - found.shape[1])))


def _single(value: Value, number: int) -> Array:
    return np.full((1,) * (1 + value.type.rank), number, np.int64)


def _scores(model: Model, words: TextVocabulary, outputs: dict[str, Array], place: int) -> Array:
    """`[1, characters]`: the first output behind a place, of the characters that there are."""
    name, found = next(iter(outputs.items()))
    rank = 2 + model.net.fed[0].type.rank
    if found.ndim != rank or found.shape[-1] < len(words.tokens):
        raise RunError(
            f"{model.net.name} says no text: `{name}` {list(found.shape[1:])} is no score for each of the "
            f"{len(words.tokens):,} characters at each place"
        )
    return found.reshape(1, -1, found.shape[-1])[:, place, : len(words.tokens)]
