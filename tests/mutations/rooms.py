"""Which tests belong to which room, the most telling files first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mutations import TESTS
from mutations.change import Change, Finder, changes, modules
from mutations.small import small
from mutations.whole import factors, gradients, rules

GRADIENTS = (
    "test_cases.py", "test_gradients_functions.py", "test_gradients_layers.py", "test_gradients_recurrence.py",
    "test_gradients_dropout.py", "test_gradients_state.py", "test_gradients_graphs.py", "test_step_types.py",
)  # fmt: skip
NUMBERS = (
    "test_cases.py", "test_ops_layers.py", "test_ops_functions.py", "test_gather.py", "test_metrics.py",
    "test_broadcasting.py", "test_ranges.py", "test_averages.py", "test_batchless.py", "test_label_edges.py",
    "test_windows.py", "test_extremes.py",
)  # fmt: skip
STEPS = (
    "test_step_graphs.py",
    "test_optimize.py",
    "test_precision.py",
    "test_passes.py",
    "test_labels.py",
    "test_step.py",
)
COSTS = (
    "test_step_costs.py", "test_facts.py", "test_registry.py", "test_stated_costs.py", "test_same_costs.py",
    "test_analyzer.py",
)  # fmt: skip
READ = ("test_receptive_windows.py", "test_receptive_fields.py", "test_drawn_fields.py")
SOURCES = (
    "test_spellings.py", "test_pytorch.py", "test_arguments.py", "test_source_kinds.py", "test_emitted_lines.py", "test_emitted_sizes.py",
    "test_live_module.py", "test_drawn_sources.py", "test_golden.py",
)  # fmt: skip
MODELS = ("test_onnx_forms.py", "test_onnx.py", "test_exactness.py", "test_fused.py", "test_onnx_weights.py")


@dataclass(frozen=True)
class Room:
    """Folders of the package with the test files that are theirs."""

    folders: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> list[str]:
        """Those of its test files that there are."""
        return [name for name in dict.fromkeys(self.tests) if (TESTS / name).exists()]


ROOMS = {
    "ops": Room(
        ("netdsl/ops",),
        (
            *GRADIENTS, *NUMBERS, *STEPS, *COSTS, *READ, "test_declared.py", "test_language.py", "test_elaborate.py",
            "test_explained.py",
        ),
    ),
    "dims": Room(
        ("netdsl/dims",),
        (
            "test_exact_sizes.py", "test_dims.py", "test_language.py", "test_elaborate.py", "test_analyzer.py",
            "test_effort.py", "test_emitted_sizes.py", "test_amounts.py", "test_form.py", "test_reports.py",
            "test_explained.py", "test_receptive_windows.py", "test_stdlib.py", "test_slips.py", "test_hostile.py",
            "test_windows.py",
        ),
    ),
    "analysis": Room(
        ("netdsl/analysis",),
        (
            *READ, "test_report_numbers.py", "test_analyzer.py", "test_explained.py", "test_columns.py", "test_reports.py",
            "test_golden.py", "test_same_costs.py", "test_specs.py", "test_language.py", "test_plain.py", "test_warnings.py",
            "test_effort.py", "test_step_costs.py", "test_amounts.py", "test_hostile.py", "test_slips.py",
        ),
    ),
    "passes": Room(
        ("netdsl/passes",),
        (
            *GRADIENTS, *STEPS, "test_averages.py", "test_batchless.py", "test_label_edges.py", "test_ranges.py",
            "test_form.py", "test_onnx.py", "test_counting.py", "test_golden.py", "test_language.py",
        ),
    ),
    "elaborate": Room(
        ("netdsl/elaborate",),
        (
            "test_language.py", "test_elaborate.py", "test_ways_out.py", "test_foreign.py", "test_warnings.py",
            "test_labels.py", "test_recipe.py", "test_recipe_words.py", "test_neighbours.py", "test_nested_rows.py",
            "test_batchless.py", "test_broadcasting.py", "test_formatter.py", "test_effort.py", "test_amounts.py",
            "test_hostile.py", "test_plain.py", "test_slips.py", "test_golden.py",
        ),
    ),
    "PyTorch's rules": Room(("netdsl/codegen/pytorch/rules",), (*NUMBERS, *SOURCES)),
    "ONNX's rules": Room(("netdsl/codegen/onnx/rules",), (*GRADIENTS, *NUMBERS, *MODELS, *STEPS)),
}  # fmt: skip

FINDERS: dict[str, Finder] = {"rule": rules, "gradient": gradients, "factor": factors, "small": small}
WHOLE = {
    "rule": ("PyTorch's rules", "ONNX's rules"),
    "gradient": ("ops",),
    "factor": ("ops",),
}
"""Of which rooms every change of a kind is made."""


def everywhere(kind: str) -> Iterable[tuple[str, Change]]:
    """Every change of a kind that is made at every place there is, with its room."""
    for room in WHOLE[kind]:
        for file in modules(*ROOMS[room].folders):
            yield from ((room, change) for change in changes(file, FINDERS[kind]))


def drawn(room: str, seed: int, count: int) -> list[Change]:
    """A sample of a room's small changes. What else changes in a file leaves the others where they are."""
    found = [change for file in modules(*ROOMS[room].folders) for change in changes(file, small)]
    return sorted(found, key=lambda change: change.rank(seed))[:count]
