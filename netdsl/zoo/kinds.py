"""What shows a net best: pictures with classes, masks, outlines, charts, or lines of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netdsl.zoo import plots, said, sheets
from netdsl.zoo.showing import Exhibit, Showing

Show = Callable[[Showing], Exhibit]

KINDS: Mapping[str, Show] = {
    **dict.fromkeys(("Line", "Polynomial"), plots.curve),
    **dict.fromkeys(("LinearSVM", "PointsMLP", "PerceptronPoints"), plots.plane),
    "PointsMLP-overfit": plots.parting,
    "SiameseDigits": plots.places,
    "Perceptron": sheets.scores,
    **dict.fromkeys(("CharRNN", "GPTChars", "LlamaChars", "MambaChars", "MixtralChars"), said.going_on),
    **dict.fromkeys(("T5Chars", "WhisperChars"), said.characters),
    "BERTChars": said.guessed,
    **dict.fromkeys(("Sentiment", "SentimentMean"), said.judged),
    **dict.fromkeys(("Seq2Seq", "Context", "Attention"), said.translated),
    **dict.fromkeys(("CaptionShapes", "ShowAndTellShapes", "NeuralTalk2Shapes", "ShowAttendTellShapes"), sheets.spoken),
    "CaptionDigits": sheets.spelled,
    "FrameLabels": sheets.films,
    "PolygonShapes": sheets.outlines,
    "FirstVertexShapes": sheets.heats,
    "VQVAEDigits": sheets.made,
}
"""By the name of a lesson, where it is neither classes nor masks."""


def show(showing: Showing) -> Exhibit:
    """What is seen of a run. Raises `RunError` where it says neither classes nor masks and has no kind of its own."""
    if sampler := showing.beside("Sample"):
        return sheets.drawn(showing, sampler)
    own = KINDS.get(showing.lesson.name)
    return own(showing) if own is not None else sheets.pictured(showing)
