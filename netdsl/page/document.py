"""All that a page knows of a net, as data: rows, exact sizes, the schedule, and which sizes the net can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netdsl.analysis.columns import Column, in_rows
from netdsl.analysis.memory import Timeline
from netdsl.analysis.report import Port, Report, SizeRule
from netdsl.analyzer import bounded
from netdsl.dims.domain import Limitation
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Net
from netdsl.graph.phases import inference_graph
from netdsl.page.costs import Costs
from netdsl.page.forms import Forms, Json
from netdsl.page.rows import PageRow, listed, page_rows
from netdsl.reports.text import conditions, facts, opening, title, total_name

RECKONED = ("parameters", "FLOPs", "model size", "activations", "peak memory")
"""Facts of a report that a page reckons itself, for any size; so are those that are called as a column."""


def document(net: Net, report: Report, others: Sequence[str] = ()) -> dict[str, Json]:
    """The data of a page, which begins where a report stands. Raises `NetError` for sizes that are too complex."""
    with bounded(net):
        return _document(net, report, others)


def _document(net: Net, report: Report, others: Sequence[str]) -> dict[str, Json]:
    graph, forms = inference_graph(net), Forms(net.symbols)
    costs = Costs(forms, {row.path for row in report.rows})
    costs.net(graph)
    rows = page_rows(report.rows, graph, costs.rows, forms)
    places = _places(rows)
    return {
        **_told(report, others),
        "columns": [_column(column) for column in in_rows()],
        "rows": list(listed(rows, forms)),
        "schedule": _timeline(costs.held, costs.schedule, places, costs),
        "modelBytes": report.totals.model_bytes,
        "ports": _ports(report, graph, forms),
        "sizes": _sizes(net, report),
        "demands": [_limitation(each, forms) for each in _about(net, net.domain.demands)],
        "wishes": [_limitation(each, forms) for each in _about(net, net.domain.preferences)],
        "numbers": forms.numbers,
        "forms": forms.forms,
    }


def _told(report: Report, others: Sequence[str]) -> dict[str, Json]:
    known = {*RECKONED, *(column.heading for column in in_rows())}
    return {
        "net": report.net,
        "title": title(report),
        "file": report.file,
        "doc": opening(report),
        "at": conditions(report).replace("; --size to change", ""),
        "batch": report.batch,
        "facts": [fact for fact in facts(report, tuple(others)) if fact[0] not in known],
        "notCounted": [missing.path for missing in report.not_counted],
        "estimated": bool(report.estimates),
    }


def _column(column: Column[object, object]) -> dict[str, Json]:
    return {
        "name": column.name,
        "heading": column.heading,
        "form": column.form.name.lower(),
        "share": column.share,
        "adds": column.number is not None,
        "title": column.title or column.heading or total_name(column),
    }


def _places(rows: Iterable[PageRow]) -> dict[str, int]:
    """The place in the list of every row that stands for a path."""
    found: dict[str, int] = {}
    count = 0
    pending = list(rows)[::-1]
    while pending:
        row = pending.pop()
        found.update(dict.fromkeys(row.paths, count))
        count += 1
        pending += row.inside[::-1]
    return found


def _timeline(held: list[int], timeline: Timeline, places: Mapping[str, int], costs: Costs) -> dict[str, Json]:
    """Steps are `[row, [[number, last step], …]]`, a third part being what runs inside one."""
    steps: list[Json] = []
    for index, step in enumerate(timeline.steps):
        made = [[storage.size, max(index, storage.last_use)] for storage in step.made]
        inner = [_timeline(*costs.inner[step.workspace - 1], places, costs)] if step.workspace else []
        steps.append([places[step.path], made, *inner])
    return {"held": held, "steps": steps}


def _ports(report: Report, graph: Graph, forms: Forms) -> dict[str, Json]:
    taken = {value.name: value for value in graph.inputs}
    given = {output.name: output.value for output in graph.outputs}
    return {
        "in": [_port(port, taken[port.name], forms) for port in report.inputs],
        "out": [_port(port, given[port.name], forms) for port in report.outputs],
        "states": [_port(port, taken[port.name], forms) for port in report.states],
    }


def _port(port: Port, value: Value, forms: Forms) -> dict[str, Json]:
    return {"name": port.name, "kind": port.numbers, "shape": [forms.form(extent) for extent in value.type.shape]}


def _sizes(net: Net, report: Report) -> Json:
    return [_symbol(symbol, report.at[symbol], report.sizes[symbol]) for symbol in net.symbols]


def _symbol(name: str, at: int, rule: SizeRule) -> Json:
    return {"name": name, "at": at, "least": rule.minimum, "most": rule.maximum, "says": rule.says}


def _about(net: Net, limits: Iterable[Limitation]) -> Iterable[Limitation]:
    """Those that concern the symbols of the net alone."""
    return (limit for limit in limits if limit.condition.symbols <= set(net.symbols))


def _limitation(limit: Limitation, forms: Forms) -> dict[str, Json]:
    source = limit.source
    told = {} if source is None else {"line": source.span.line, "text": source.message}
    return {"holds": forms.condition(limit.condition), **told}
