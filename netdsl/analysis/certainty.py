"""How far a number can be relied on, said in one place: `exact`, `estimate` or `not counted`.

A number is exact where shapes alone decide it: whoever computes what the operation says does as much, whatever the
numbers are that come in. That is so of parameters, buffers, multiply-accumulates, additions of a bias, the memory of
results and receptive fields, always; and of what is done element by element unless the operation says by
`Op.estimated` what else decides it. Then the FLOPs are an estimate: a rule of thumb that stands in docs/operations.md.
A column of the totals that is one in every net says so itself (`Column.estimate`). What an operation does not state is
not counted: it is missing in the sums, and `--strict` refuses it. An estimate it does not refuse.
"""

from __future__ import annotations

EXACT = "exact"
ESTIMATE = "estimate"
NOT_COUNTED = "not counted"


def certainty(missing: bool, estimated: bool) -> str:
    """Of a layer, or of all in a block, of which a number is missing, or estimated."""
    return NOT_COUNTED if missing else ESTIMATE if estimated else EXACT
