"""Which tests belong to which room, the most telling files first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mutations import TESTS
from mutations.change import Change, Finder, changes, modules
from mutations.small import small
from mutations.whole import factors, gradients, rules

GRADIENTS = (
    "ops/test_cases.py", "passes/test_gradients_functions.py", "passes/test_gradients_layers.py", "passes/test_gradients_recurrence.py",
    "passes/test_gradients_dropout.py", "passes/test_gradients_state.py", "passes/test_gradients_graphs.py", "passes/test_step_types.py",
)  # fmt: skip
NUMBERS = (
    "ops/test_cases.py", "ops/test_ops_layers.py", "ops/test_ops_functions.py", "ops/test_gather.py", "ops/test_metrics.py", "ops/test_metrics_elsewhere.py",
    "ops/test_broadcasting.py", "ops/test_ranges.py", "passes/test_averages.py", "ops/test_batchless.py", "ops/test_label_edges.py",
    "ops/test_windows.py", "ops/test_extremes.py",
)  # fmt: skip
STEPS = (
    "passes/test_step_graphs.py",
    "passes/test_optimize.py",
    "passes/test_precision.py",
    "passes/test_passes.py",
    "elaborate/test_labels.py",
    "passes/test_step.py",
)
COSTS = (
    "passes/test_step_costs.py", "ops/test_facts.py", "ops/test_registry.py", "ops/test_stated_costs.py", "analysis/test_same_costs.py",
    "analysis/test_analyzer.py",
)  # fmt: skip
READ = ("analysis/test_receptive_windows.py", "analysis/test_receptive_fields.py", "analysis/test_drawn_fields.py")
SOURCES = (
    "codegen/test_spellings.py", "codegen/test_pytorch.py", "codegen/test_arguments.py", "codegen/test_source_kinds.py", "codegen/test_emitted_lines.py", "codegen/test_emitted_sizes.py",
    "codegen/test_live_module.py", "codegen/test_drawn_sources.py", "house/test_golden.py",
)  # fmt: skip
MODELS = (
    "codegen/test_onnx_forms.py",
    "codegen/test_onnx.py",
    "codegen/test_exactness.py",
    "codegen/test_fused.py",
    "codegen/test_onnx_weights.py",
)


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
            *GRADIENTS, *NUMBERS, *STEPS, *COSTS, *READ, "recipe/test_declared.py", "elaborate/test_language.py", "elaborate/test_elaborate.py",
            "analysis/test_explained.py",
        ),
    ),
    "dims": Room(
        ("netdsl/dims",),
        (
            "dims/test_exact_sizes.py", "dims/test_dims.py", "elaborate/test_language.py", "elaborate/test_elaborate.py", "analysis/test_analyzer.py",
            "elaborate/test_effort.py", "codegen/test_emitted_sizes.py", "elaborate/test_amounts.py", "passes/test_form.py", "analysis/test_reports.py",
            "analysis/test_explained.py", "analysis/test_receptive_windows.py", "specs/test_stdlib.py", "text/test_slips.py", "text/test_hostile.py",
            "ops/test_windows.py",
        ),
    ),
    "analysis": Room(
        ("netdsl/analysis",),
        (
            *READ, "analysis/test_report_numbers.py", "analysis/test_analyzer.py", "analysis/test_explained.py", "analysis/test_columns.py", "analysis/test_reports.py",
            "house/test_golden.py", "analysis/test_same_costs.py", "specs/test_specs.py", "elaborate/test_language.py", "text/test_plain.py", "elaborate/test_warnings.py",
            "elaborate/test_effort.py", "passes/test_step_costs.py", "elaborate/test_amounts.py", "text/test_hostile.py", "text/test_slips.py",
        ),
    ),
    "passes": Room(
        ("netdsl/passes",),
        (
            *GRADIENTS, *STEPS, "passes/test_averages.py", "ops/test_batchless.py", "ops/test_label_edges.py", "ops/test_ranges.py",
            "passes/test_form.py", "codegen/test_onnx.py", "passes/test_counting.py", "house/test_golden.py", "elaborate/test_language.py",
        ),
    ),
    "elaborate": Room(
        ("netdsl/elaborate",),
        (
            "elaborate/test_language.py", "elaborate/test_elaborate.py", "elaborate/test_ways_out.py", "text/test_foreign.py", "elaborate/test_warnings.py",
            "elaborate/test_labels.py", "recipe/test_recipe.py", "elaborate/test_recipe_words.py", "elaborate/test_neighbours.py", "codegen/test_nested_rows.py",
            "ops/test_batchless.py", "ops/test_broadcasting.py", "text/test_formatter.py", "elaborate/test_effort.py", "elaborate/test_amounts.py",
            "text/test_hostile.py", "text/test_plain.py", "text/test_slips.py", "house/test_golden.py",
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
