"""Why a change survives, by its key: `equivalent: …` where it has no effect, `not tested: …` where it has one."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "netdsl/analysis/walk.py Walk.__init__: constant changed: False => True (2)": (
        "equivalent: only a survey leaves it out, and that explains nothing"
    ),
    "netdsl/analysis/fields.py FollowedAxes.join: constant changed: True => False": (
        "equivalent: every field has an entry for each axis that is followed"
    ),
    "netdsl/dims/polynomial.py _collapsed: constant changed: 2 => 3 (2)": (
        "equivalent: half as much again is charged for the question, and answered is the same"
    ),
    "netdsl/elaborate/nodes.py operate: statement left out: refuse(site, error, {}, span, Bundle(operands))": (
        "equivalent: arithmetic refuses truth values alone, and no arrow of a text has any"
    ),
}
