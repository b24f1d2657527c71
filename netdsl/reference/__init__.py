"""The reference pages, made from what the code states: `python -m netdsl.reference docs` rewrites them.

`docs/operations.md` comes from the registry of operations, the declarations of recipes and the standard library,
`docs/errors.md` from the tests that show texts and messages, `docs/zoo.md` from the texts in `specs`, their reports,
what others count and what `make zoo` keeps in `docs/zoo`, `docs/report.schema.json` from the classes of reports, and
the pictures in `docs/drawing` from the specs.
"""

from __future__ import annotations

import json
from pathlib import Path

from netdsl.reference.errors import errors_page
from netdsl.reference.operations import operations_page
from netdsl.reference.pictures import pictures
from netdsl.reference.zoo import zoo_page

__all__ = ["errors_page", "operations_page", "pages", "write", "zoo_page"]


def pages(docs: Path) -> dict[str, str]:
    """The text of every generated page by its name in `docs`, a folder beside `tests`."""
    from netdsl.reports.schema import report_schema

    return {
        "operations.md": operations_page(),
        "errors.md": errors_page(docs.resolve().parent / "tests" / "language"),
        "zoo.md": zoo_page(docs, docs.resolve().parent / "specs"),
        "report.schema.json": json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n",
        **pictures(docs.resolve().parent / "specs"),
    }


def write(docs: Path) -> list[str]:
    """Rewrite the pages that are not current; their names."""
    changed = []
    for name, text in pages(docs).items():
        path = docs / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return changed
