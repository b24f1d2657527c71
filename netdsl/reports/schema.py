"""What `netdsl report --format json` writes, as a JSON schema: a report, a comparison with a tool, or a sweep.

Pydantic sees the records of the documents as dataclasses here, and nowhere else: importing it takes as long as a whole
report may.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

from netdsl.analysis.counted import DifferenceKind, DifferentRow, Versus
from netdsl.analysis.report import PARTS, Report, Row, Totals, key
from netdsl.base.record import Fresh, keyed
from netdsl.fitting.fit import CheckpointFit, DeviceFit, MemoryFit, RowFit, WayOut


@keyed
class FormulaTerm:
    """A coefficient times powers of the sizes."""

    coefficient: int
    powers: dict[str, int]


@keyed
class TotalFormula:
    """A total as the sum of its terms over a denominator."""

    text: str
    denominator: int
    terms: tuple[FormulaTerm, ...]


@keyed
class SizesOfFormula:
    """The sizes of a symbol for which formulas hold: these leave a remainder."""

    modulus: int
    remainder: int


@keyed
class FormulasOfTotals:
    """The totals for every batch and every size, as `--formulas` adds them to a report."""

    batch: str
    """What the number of samples is called."""
    at: dict[str, SizesOfFormula]
    totals: dict[str, TotalFormula]


@keyed
class SizesInTurn:
    """Sizes that go through the same numbers together."""

    names: tuple[str, ...]
    values: tuple[int, ...]


@keyed
class TotalsAtSizes:
    """The totals at some sizes."""

    at: dict[str, int]
    batch: int
    totals: Totals | None
    """None where the net does not take these sizes."""
    dropping: tuple[int, ...]
    """Lines of the rows whose windows leave pixels out."""
    refused: str = ""
    """Why the net does not take them; there only where it does not."""


@keyed
class SweepOfSizes:
    """What `--sweep` writes."""

    net: str
    axes: tuple[SizesInTurn, ...]
    points: tuple[TotalsAtSizes, ...]


ASKED_FOR = {"fitting": MemoryFit, "formulas": FormulasOfTotals}
"""Keys of a report that are there where options asked for what they hold."""

ALL: tuple[type, ...] = (
    *(RowFit, WayOut, DeviceFit, CheckpointFit, MemoryFit),
    *(FormulaTerm, TotalFormula, SizesOfFormula, FormulasOfTotals),
    *PARTS,
    *(DifferentRow, DifferenceKind, Versus),
    *(SizesInTurn, TotalsAtSizes, SweepOfSizes),
)
"""Each after the parts that it holds."""

DOCUMENTS = (Report, Versus, SweepOfSizes)
"""What a whole file may be."""


def report_schema() -> dict[str, Any]:
    """The JSON schema of the documents, as published in `docs/report.schema.json`."""
    from pydantic import TypeAdapter  # late: importing pydantic takes longer than a whole report

    made = published()
    whole: Any = reduce(or_, (made[kind.__name__] for kind in DOCUMENTS))
    schema = TypeAdapter(whole).json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def published(extra: str = "ignore") -> dict[str, type]:
    """The documents and all their parts, by name, as dataclasses that pydantic can describe and read.

    `extra` is what it does with keys that are not theirs: `forbid` refuses them.
    """
    from dataclasses import field, make_dataclass
    from typing import get_type_hints

    made: dict[str, type] = {}
    for part in ALL:
        hints = get_type_hints(part, localns=made)
        fields = [(name, hints[name], *_default(part, name)) for name in vars(part)["__match_args__"]]
        if part is Report:
            fields += [(name, made[of.__name__] | None, field(default=None)) for name, of in ASKED_FOR.items()]
        config = {"extra": extra, **({"alias_generator": key} if part is Row else {})}
        space = {"__doc__": part.__doc__, "__module__": __name__, "__pydantic_config__": config}
        made[part.__name__] = make_dataclass(part.__name__, fields, kw_only=True, namespace=space)
    return made


def _default(part: type, name: str) -> tuple[Any, ...]:
    """The third element of a field's declaration, where it has a default."""
    from dataclasses import field

    defaults = vars(part)["_defaults"]
    if name not in defaults:
        return ()
    default = defaults[name]
    return (field(default_factory=default.make) if isinstance(default, Fresh) else field(default=default),)
