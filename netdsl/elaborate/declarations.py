"""Rows of a recipe that name a thing and its settings: data, optimizer, schedule, and single numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import netdsl.elaborate.core as core
from netdsl.elaborate.arguments import bind_op
from netdsl.elaborate.context import Site
from netdsl.graph import TERMS, Recipe
from netdsl.ops.base import RuleError, read_setting
from netdsl.ops.declared import Declared
from netdsl.ops.fields import FieldError
from netdsl.text import syntax
from netdsl.text.diagnostics import did_you_mean

EXAMPLES = {"lr": "as in `sgd(lr=0.1)`", "every": "as in `step(every=10)`"}


def declared_row(
    site: Site, recipe: Recipe, row: syntax.RecipeRow, rows: Sequence[syntax.RecipeRow], output: str
) -> None:
    """Keep what a row declares; `rows` are all of the recipe, and `output` is one of its net."""
    from netdsl.recipe import DATA, OPTIMIZERS, SCHEDULES, SETTINGS, WEIGHTS

    keyword = row.keyword.id
    tables: dict[str, Mapping[str, type[Declared]]] = {
        "data": DATA, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "weights": WEIGHTS,
    }  # fmt: skip
    if keyword in tables:
        setattr(recipe, keyword, declaration(site, tables[keyword], row))
    elif keyword in SETTINGS:
        recipe.settings[keyword] = _setting(site, SETTINGS[keyword], row)
    else:
        from netdsl.elaborate.recipe_words import row_of  # late: right texts need none

        known = ["data", "augment", "optimizer", "schedule", "weights", *TERMS, *SETTINGS]
        help = (
            row_of(site, rows, row, output)
            or did_you_mean(keyword, known)
            or f"rows of a recipe are {', '.join(known)}"
        )
        site.error("unknown-setting", f"a recipe has no `{keyword}`", row.keyword.span, help=help)


def _only_stage(site: Site, row: syntax.RecipeRow) -> syntax.Expr:
    stage = row.value.stages[0]
    if len(row.value.stages) > 1 or isinstance(stage, syntax.Claim):
        from netdsl.elaborate.recipe_words import climbing  # late: right texts need none

        help = climbing([s.span.text for s in row.value.stages]) if row.keyword.id == "schedule" else None
        site.error("wrong-kind", f"`{row.keyword.id}` takes one value, not a pipeline", row.value.span, help=help)
    return stage


def declaration(site: Site, table: Mapping[str, type[Declared]], row: syntax.RecipeRow) -> Declared:
    """`sgd(lr=0.05)`: looked up by name, its settings bound like an operation's."""
    stage = _only_stage(site, row)
    what = row.keyword.id
    call = _call(what, stage)
    if what == "weights" and not (isinstance(call.function, syntax.Name) and call.function.id in table):
        site.error("wrong-kind", "`weights` takes a file of weights, in quotes", stage.span, help=WEIGHTS_ROW)
    if not isinstance(call.function, syntax.Name):
        from netdsl.elaborate.recipe_words import unknown  # late: right texts need none

        message = f"`{what}` takes a name such as `{next(iter(table))}`"
        site.error("wrong-kind", message, stage.span, help=unknown(what, call.span.text))
    name = call.function.id
    if name not in table:
        from netdsl.elaborate.recipe_words import unknown  # late: right texts need none

        message = f"there is no {what} called `{name}`"
        site.error(f"unknown-{what}", message, call.function.span, help=unknown(what, call.span.text))
    _refuse_weights(site, what, table[name], call)
    bound = bind_op(site, table[name], call.arguments, call.span)  # type: ignore[arg-type]
    missing = [f.name for f in table[name].settings() if f.required and f.name not in bound]
    if missing:
        files = getattr(table[name], "files", None) or EXAMPLES.get(missing[0])
        site.error("missing-setting", f"`{name}` needs its `{missing[0]}`", call.span, help=files)
    try:
        return table[name](**{k: s.value for k, s in bound.items()})
    except RuleError as error:
        place = bound[error.field].span if error.field in bound else call.span
        site.error(error.code, str(error), place, help=error.help)


def _call(what: str, stage: syntax.Expr) -> syntax.Call:
    """The call that a row says; of `weights` a text is the file."""
    if isinstance(stage, syntax.Call):
        return stage
    if what == "weights" and isinstance(stage, syntax.Literal) and isinstance(stage.value, str):
        return syntax.Call(stage.span, syntax.Name(stage.span, "file"), (syntax.Argument(stage.span, None, stage),))
    return syntax.Call(stage.span, stage, ())


WEIGHTS_ROW = (
    'write `weights "resnet18.safetensors"`, or with settings `weights file("r.pth", map="r.map", partial=true)`'
)


def _refuse_weights(site: Site, what: str, kind: type[Declared], call: syntax.Call) -> None:
    """`adam(model.parameters(), lr=0.001)`: PyTorch is told what learns."""
    first = call.arguments[0] if call.arguments and what == "optimizer" else None
    if first is None or first.name is not None:
        return
    text = first.span.text
    if text in ("params", "parameters", "weights", "model") or text.endswith((".parameters()", ".trainable_weights")):
        import netdsl.elaborate.parts as parts  # late: right texts need none

        help = f"the weights are those of the net{parts.anew(kind, call.arguments[1:])}"
        site.error("unknown-setting", f"`{call.function.span.text}` takes no weights", first.span, help=help)


def _setting(site: Site, field: Any, row: syntax.RecipeRow) -> Any:
    stage = _only_stage(site, row)
    value = core.evaluate_setting(site, stage)
    try:
        return read_setting(field, value)
    except (RuleError, FieldError) as error:
        if isinstance(stage, syntax.Name) and not site.scope.find(stage.id):
            import netdsl.elaborate.names as names

            names.refuse_setting(site, stage)
        from netdsl.elaborate.single_rows import instead  # late: right texts need none

        site.error("wrong-kind", str(error), stage.span, help=instead(row.keyword.id, stage.span.text))


def fill_defaults(recipe: Recipe) -> None:
    """Give a recipe what its rows leave out."""
    from netdsl.recipe import OPTIMIZERS, SCHEDULES, default_settings

    recipe.settings = {**default_settings(), **recipe.settings}
    recipe.optimizer = recipe.optimizer or OPTIMIZERS["adam"]()
    recipe.schedule = recipe.schedule or SCHEDULES["constant"]()
