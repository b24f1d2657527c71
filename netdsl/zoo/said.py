"""What nets of texts say, in lines."""

from __future__ import annotations

from netdsl.base.arrays import Array
from netdsl.runtime.data.vocabulary import TextVocabulary, kept
from netdsl.runtime.predicting.answers import Prediction
from netdsl.runtime.predicting.models import open_model
from netdsl.runtime.predicting.said import line_of
from netdsl.runtime.predicting.saying import Saying
from netdsl.runtime.predicting.texts import GivenText
from netdsl.zoo.showing import Exhibit, Showing, field_of

BEGINNING = "Each row of the table says what the net "
LENGTH, TEMPERATURE = 240, 0.5
PIECES, TEXTS = 4, 10
"""Samples of the test split that are shown."""


def going_on(showing: Showing) -> Exhibit:
    """A text that goes on behind a beginning."""
    found = showing.answers([GivenText(BEGINNING)], saying=Saying(TEMPERATURE, LENGTH))
    return Exhibit(lines=[line for one in found for line in (one.text or "").split("\n")])


def characters(showing: Showing) -> Exhibit:
    """Pieces of a text, and below each what is said of its places."""
    words = _words(showing)["tokens"]
    lines = list[str]()
    for one in showing.answers(PIECES):
        scores = one.first[:, : len(words.tokens)]
        lines += [
            f"text  {_flat(words, field_of(one, 'label'))[-len(scores) :]}",
            f"said  {_flat(words, scores.argmax(-1))}",
        ]
    return Exhibit(lines=lines)


def guessed(showing: Showing) -> Exhibit:
    """Pieces of a text, and below each what is guessed at the places that were hidden."""
    words = _words(showing)["tokens"]
    lines = list[str]()
    for one in showing.answers(PIECES):
        text, said = (_flat(words, n) for n in (field_of(one, "tokens"), one.first[:, : len(words.tokens)].argmax(-1)))
        lines += [f"text  {text}", f"said  {''.join(c if _hidden(n) else ' ' for n, c in enumerate(said))}".rstrip()]
    return Exhibit(lines=lines)


def _hidden(place: int) -> bool:
    """As `sevenths` of `specs/bert.net` has it."""
    return place % 7 == 3


def _flat(words: TextVocabulary, numbers: Array) -> str:
    """Characters on one line."""
    return words.text(numbers.tolist()).replace("\n", "⏎")


def _words(showing: Showing) -> dict[str, TextVocabulary]:
    """The vocabularies of a run by field."""
    return kept(open_model(showing.run, showing.engine, "cpu", None).facts)


def judged(showing: Showing) -> Exhibit:
    """Texts, each behind the class that is said of it."""
    words = _words(showing)["tokens"]
    return Exhibit(
        lines=[f"{_class(one):<32} {words.text(field_of(one, 'tokens').tolist())}" for one in showing.answers(TEXTS)]
    )


def _class(found: Prediction) -> str:
    return line_of(found).partition(";")[0].strip()


def translated(showing: Showing) -> Exhibit:
    """Texts with what a net makes of them by its own words."""
    words = _words(showing)
    given = showing.answers(TEXTS)
    sources = [words["source"].text(field_of(one, "source").tolist()) for one in given]
    truths = [words["target"].text(field_of(one, "label").tolist()) for one in given]
    said = [one.text or "" for one in showing.answers([GivenText(source) for source in sources])]
    return Exhibit(lines=[_beside(*three) for three in zip(sources, said, truths, strict=True)])


def _beside(source: str, said: str, truth: str) -> str:
    return f"{source:<18} {said}" + (f"   (is {truth})" if said != truth else "")
