"""What an author meant who wrote what the grammar has no place for: the words of syntax errors.

Each guess looks at the tokens around the one that does not fit and either explains the mistake or passes. The first
that explains it is taken, so the guesses stand from the particular to the general.
"""

from __future__ import annotations

from collections.abc import Callable

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.mistakes import (
    bodies,
    commas,
    conditions,
    elsewhere,
    equals,
    expressions,
    heads,
    loops,
    outputs,
    pipelines,
    recipe_rows,
)
from netdsl.text.mistakes.mistake import Mistake, described, words

__all__ = ["Mistake", "explain"]


def explain(mistake: Mistake) -> Diagnostic:
    for guess in GUESSES:
        found = guess(mistake)
        if found is not None:
            return found
    return anything_else(mistake)


def anything_else(m: Mistake) -> Diagnostic:
    if m.ends and m.last is not None:
        return m.say("unexpected-end", f"`{words(m)}` is not complete", m.last, help=wanted(m))
    return m.say("unexpected-token", f"{described(m.token)} does not belong here", help=wanted(m))


EXPECTED_SIGNS = {
    "LBRACE": "{",
    "LPAR": "(",
    "RPAR": ")",
    "RSQB": "]",
    "COLON": ":",
    "ASSIGN": "=",
    "ARROW": "->",
    "COMMA": ",",
    "IN": "in",
}


def wanted(m: Mistake) -> str | None:
    """What could stand here, where that is few things."""
    if m.value_wanted:
        return "expected a value"
    found = [f"`{sign}`" for kind, sign in EXPECTED_SIGNS.items() if kind in m.expected]
    if "NAME" in m.expected:
        found.insert(0, "a name")
    return f"expected {' or '.join(found)}" if 0 < len(found) <= 4 else None


GUESSES: tuple[Callable[[Mistake], Diagnostic | None], ...] = (
    elsewhere.path,
    recipe_rows.part,
    recipe_rows.unbraced,
    recipe_rows.settings,
    recipe_rows.staged,
    recipe_rows.listed,
    bodies.comment_sign,
    elsewhere.slices,
    elsewhere.counted,
    conditions.sizes_of,
    loops.loop_head,
    loops.each_row,
    bodies.ellipsis,
    bodies.open_bracket,
    expressions.comprehension,
    expressions.function,
    expressions.formatted,
    expressions.inputs_told,
    heads.frozen_word,
    expressions.braced,
    equals.augmented,
    outputs.output_row,
    heads.late_frozen,
    heads.let_word,
    heads.python_word,
    elsewhere.input_row,
    elsewhere.listed_input,
    elsewhere.table_row,
    heads.foreign_file,
    heads.dashed_name,
    heads.misplaced_recipe,
    heads.misplaced_recipe_row,
    heads.misplaced_definition,
    heads.unknown_item,
    heads.misspelt_row_word,
    heads.use_names,
    heads.named_recipe,
    heads.reserved_word,
    recipe_rows.weights,
    recipe_rows.unbracketed,
    recipe_rows.called,
    equals.single_equals,
    equals.equals_for_colon,
    bodies.missing_body,
    equals.colon_for_equals,
    pipelines.decimal_comma,
    bodies.angled,
    commas.several_lets,
    commas.several_names,
    commas.several_states,
    commas.joined_by_comma,
    heads.row_name,
    heads.missing_name,
    bodies.wrong_bracket,
    bodies.shapeless_kind,
    bodies.unequal_steps,
    bodies.lone_else,
    conditions.unit,
    conditions.message_of,
    conditions.spoken,
    conditions.else_if,
    conditions.then,
    conditions.conditional,
    pipelines.stray_arrow,
    pipelines.broken_off,
    pipelines.missing_value,
    pipelines.chained_comparison,
    pipelines.bare_claim,
    pipelines.after_claim,
    pipelines.side_by_side,
    heads.recipe_word,
    heads.row_start,
)
