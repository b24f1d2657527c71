"""Diagnostics for what shows them beside the text: SARIF 2.1.0, and the workflow commands of GitHub Actions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from netdsl.base.terminal import printable
from netdsl.text.diagnostics import Diagnostic, Severity
from netdsl.text.source import Source, Span

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
"""The workflow commands of GitHub Actions."""


# ---------------------------------------------------------------- SARIF


def to_sarif(found: Sequence[Diagnostic], version: str) -> dict[str, Any]:
    """A SARIF log of one run; `version` is that of this package. Columns count code points, ends are not included."""
    codes = list(dict.fromkeys(d.code for d in found))
    driver = {"name": "netdsl", "version": version, "rules": [{"id": code} for code in codes]}
    results = [_result(d, codes.index(d.code)) for d in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(d: Diagnostic, rule: int) -> dict[str, Any]:
    help = [f"help: {d.help}"] if d.help else []
    result: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": rule,
        "level": d.severity.value,
        "message": _message("\n".join([d.message, *d.notes, *help])),
        "locations": [_location(d.span)],
    }
    others = [label for label in d.labels if label.text]
    if others:
        result["relatedLocations"] = [{**_location(label.span), "message": _message(label.text)} for label in others]
    if d.fix:
        replacement = {"deletedRegion": _region(d.fix.span), "insertedContent": {"text": d.fix.replacement}}
        change = {"artifactLocation": _artifact(d.fix.span.source), "replacements": [replacement]}
        result["fixes"] = [{"artifactChanges": [change]}]
    return result


def _message(text: str) -> dict[str, str]:
    """A plain message: in SARIF braces hold places for arguments, and brackets before a parenthesis are a link."""
    text = text.replace("\\", "\\\\").replace("{", "{{").replace("}", "}}")
    return {"text": text.replace("[", "\\[").replace("]", "\\]") if "](" in text else text}


def _location(span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": _artifact(span.source), "region": _region(span)}}


def _artifact(source: Source) -> dict[str, str]:
    path = Path(source.name)
    return {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}


def _region(span: Span) -> dict[str, int]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


# ---------------------------------------------------------------- GitHub


def to_github(found: Sequence[Diagnostic]) -> str:
    """A workflow command for each; "" for none."""
    return "".join(_command(d) + "\n" for d in found)


def _command(d: Diagnostic) -> str:
    region = _region(d.span)
    properties = {
        "file": printable(d.span.source.name),
        "line": region["startLine"],
        "endLine": region["endLine"],
        "col": region["startColumn"],
        "endColumn": region["endColumn"],
        "title": d.code,
    }
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    help = [f"help: {d.help}"] if d.help else []
    return f"::{COMMANDS[d.severity]} {given}::{_data(chr(10).join([d.message, *d.notes, *help]))}"


def _data(text: str) -> str:
    """What stands behind the second `::` of a command."""
    written = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(written)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
