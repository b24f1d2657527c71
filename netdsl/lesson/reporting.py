"""A report that holds the lesson."""

from __future__ import annotations

from collections.abc import Mapping

from netdsl.analysis.lesson import Gradient, NetLesson
from netdsl.analysis.report import Report
from netdsl.analyzer import analyze
from netdsl.base.errors import ArgumentError
from netdsl.base.record import changed
from netdsl.graph import Net
from netdsl.graph.phases import training_graph
from netdsl.lesson.extents import bracketed
from netdsl.lesson.telling import gradients


def taught(
    net: Net,
    *,
    sizes: Mapping[str, int] | None = None,
    batch: int | None = None,
    at: Mapping[str, object] | None = None,
) -> Report:
    """The report of a net as it is trained, with the arithmetic of each row, forward and back, and the lesson.

    Without a `batch` it is of one sample, or of as many as there are numbers of. Raises what `gradients` does, which
    says what `at` is, and `ArgumentError` for another batch than that of the numbers.
    """
    lesson = gradients(net, sizes=sizes, at=at)
    batch = _samples(lesson, batch)
    training = training_graph(net) is not net or any(output.aux for output in net.outputs)
    report = analyze(net, sizes=sizes, batch=batch, training=training, explained=True)
    lines = _lines(lesson)
    rows = tuple(changed(r, explanation=(*r.explanation, *lines.get(r.path, ()))) for r in report.rows)
    return changed(report, rows=rows, lesson=lesson)


def _samples(lesson: NetLesson, batch: int | None) -> int:
    """How many samples a report is of."""
    given = next((turn.samples for turn in lesson.turns if turn.samples), None)
    if given is not None and batch not in (None, given):
        had = "1 sample" if given == 1 else f"{given} samples"
        message = f"`batch` is {batch:,}, and the numbers are of {had}: leave the batch out, or give as many samples"
        raise ArgumentError("batch", message)
    return given or 1 if batch is None else batch


def _lines(lesson: NetLesson) -> dict[str, list[str]]:
    """The gradients of each row as lines, by its path."""
    found: dict[str, list[str]] = {}
    for turn in lesson.turns:
        for lecture in turn.rows:
            found.setdefault(lecture.path, []).extend(map(line, lecture.gives))
    return found


def line(gradient: Gradient) -> str:
    """`∂J/∂W [10, 84] = (∂J/∂y)ᵀ · x: [10, N] · [N, 84]`."""
    factors = f": {gradient.factors}" if gradient.factors else ""
    return f"{gradient.of} {bracketed(gradient.shape)} = {gradient.formula}{factors}"
