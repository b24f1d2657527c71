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
    "netdsl/codegen/onnx/rules/backward/conv_weight.py conv_weight_gradient: comparison turned: taps == 1 => taps != 1": (
        "equivalent: two ways to the same numbers, of which it chooses the faster"
    ),
    "netdsl/codegen/onnx/rules/backward/pool.py adaptive_avg_gradient: operator changed: op.x.type.rank - 1 => op.x.type.rank + 1": (
        "equivalent: `along` takes the way that serves every axis, to the same numbers"
    ),
    "netdsl/codegen/onnx/rules/backward/recurrent.py gru_steps: sign or `not` left out: -1 => 1 (2)": (
        "equivalent: what is split has two axes, of which 1 is the last"
    ),
    "netdsl/codegen/onnx/rules/backward/recurrent.py lstm_steps: constant changed: 1 => 2": (
        "equivalent: onnxruntime transposes for every `transB` but 0"
    ),
    "netdsl/codegen/pytorch/rules/arithmetic.py is_number: operator changed: not value.type.batched and value.type.rank == 0 => not value.type.batched or value.type.rank == 0": (
        "equivalent: a parameter with axes is spelt as a number is, to the same values"
    ),
    "netdsl/codegen/pytorch/rules/loss.py distance: constant changed: True => False": (
        "equivalent: brackets around a call, which change nothing"
    ),
    "netdsl/ops/shape.py Concat.beside: boundary: len(self.x) > 1 => len(self.x) >= 1": (
        "equivalent: beside one value nothing is joined"
    ),
    "netdsl/passes/recurrence.py _arrive: condition negated: gradient.type.batched and (not value.type.batched) => not (gradient.type.batched and (not value.type.batched))": (
        "not tested: no recurrence of the tests lets a value out that is one for all samples and has a gradient of each"
    ),
    "netdsl/passes/step.py averaged: constant changed: False => True": (
        "equivalent: whether the output of a loss is `aux` nobody asks"
    ),
}
