"""A report that holds the lesson."""

from __future__ import annotations

from collections.abc import Mapping

from netdsl.analysis.lesson import Gradient, NetLesson
from netdsl.analysis.report import Report
from netdsl.analyzer import analyze
from netdsl.base.record import changed
from netdsl.graph import Net
from netdsl.graph.phases import training_graph
from netdsl.lesson.extents import bracketed
from netdsl.lesson.telling import gradients


def taught(
    net: Net,
    *,
    sizes: Mapping[str, int] | None = None,
    batch: int = 1,
    at: Mapping[str, object] | None = None,
) -> Report:
    """The report of a net as it is trained, with the arithmetic of each row, forward and back, and the lesson.

    Raises what `gradients` does, which says what `at` is.
    """
    lesson = gradients(net, sizes=sizes, at=at)
    training = training_graph(net) is not net or any(output.aux for output in net.outputs)
    report = analyze(net, sizes=sizes, batch=batch, training=training, explained=True)
    lines = _lines(lesson)
    rows = tuple(changed(r, explanation=(*r.explanation, *lines.get(r.path, ()))) for r in report.rows)
    return changed(report, rows=rows, lesson=lesson)


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
