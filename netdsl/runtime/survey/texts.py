"""Some samples of a data set of texts, as the words that its tokens stand for."""

from __future__ import annotations

import numpy as np

from netdsl.graph import Net
from netdsl.recipe.data.tokens import Tokenized
from netdsl.runtime.data.vocabulary import TextVocabulary
from netdsl.runtime.survey.count import Surveyed, inputs_of, loaded, own_data
from netdsl.runtime.survey.found import spread


def sample_texts(data: Surveyed, count: int, split: str) -> list[str] | None:
    """A line for each of some samples of a split, spread evenly: its text, and its class or its translation.

    None where samples are no texts.
    """
    net = data if isinstance(data, Net) else None
    own = own_data(data)
    if not isinstance(own, Tokenized):
        return None
    dataset = loaded(own, inputs_of(own, net), net)
    samples = dataset.split(split)
    places = spread(len(samples), count)
    fields = samples.fetch(np.array(places, np.int64))
    words = {name: TextVocabulary(**one) for name, one in dataset.facts["words"].items()}
    said = [[one.text(row) for row in fields[name]] for name, one in words.items()]
    if len(said) == 1:
        said.append([dataset.classes[int(n)] for n in fields["label"]])
    return [f"{place}: {first} → {second}" for place, first, second in zip(places, *said, strict=True)]
