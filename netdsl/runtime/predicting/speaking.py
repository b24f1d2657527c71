"""Texts said token by token: what is said at each place is read at the next."""

from __future__ import annotations

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims.tensors import DType
from netdsl.runtime.data.fields import TYPES
from netdsl.runtime.data.vocabulary import TextVocabulary, kept
from netdsl.runtime.predicting.models import Model
from netdsl.runtime.predicting.saying import Chooser, Saying


def said(
    model: Model, fields: dict[str, Array], name: str, words: TextVocabulary, saying: Saying, seed: int
) -> tuple[dict[str, Array], list[str]]:  # fmt: skip
    """The outputs of a net behind the last token that it says under a `name`, and by sample what it said.

    At each place the likeliest token, or one that is drawn: a net whose scores at a place follow from the tokens up to
    that place says so what it has learned. It ends where all samples have, or their places are full.
    """
    tokens, choose = fields[name].copy(), Chooser(saying, seed)
    fields[name] = tokens
    spoken = np.full(tokens.shape, words.end)
    done = np.zeros(len(tokens), bool)
    outputs: dict[str, Array] = {}
    most = min(tokens.shape[1], saying.length or tokens.shape[1])
    for place in range(most):
        outputs = model.compute(fields, seed)
        best = choose(_scores(model, outputs, tokens)[:, place])
        spoken[:, place] = np.where(done, words.end, best)
        done |= best == words.end
        if done.all() or place + 1 == most:
            break
        tokens[:, place + 1] = np.where(done, words.padding, best)
        _show(model, fields, words, place + 1, ~done)
    return outputs, [words.text(row) for row in spoken.tolist()]


def own_words(model: Model) -> TextVocabulary | None:
    """What the numbers stand for that a net says by itself, a row of them as its first output; None of other nets."""
    spoken = {name: words for name, words in kept(model.facts).items() if words.spoken}
    if len(spoken) != 1 or model.first.type.rank != 1 or model.first.type.dtype is not DType.INT:
        return None
    name, words = next(iter(spoken.items()))
    return None if name in {value.name for value in model.net.fed} else words


def _scores(model: Model, outputs: dict[str, Array], tokens: Array) -> Array:
    """The first output, `[samples, places, tokens]`."""
    name, scores = next(iter(outputs.items()))
    if scores.ndim != 3 or scores.shape[:2] != tokens.shape:
        raise RunError(
            f"{model.net.name} says no text: `{name}` {list(scores.shape[1:])} is no score for each token that may "
            f"stand at each of {tokens.shape[1]} places"
        )
    return scores


def _show(model: Model, fields: dict[str, Array], words: TextVocabulary, place: int, where: Array) -> None:
    """Mark in the mask, where the net reads it, what has been said."""
    value = next((v for v in model.net.fed if v.name == words.mask), None)
    if value is not None:
        fields[words.mask] = fields[words.mask].copy()
        fields[words.mask][:, place] = where.astype(TYPES[value.type.dtype])
