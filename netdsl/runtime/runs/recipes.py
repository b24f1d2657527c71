"""A recipe as JSON and back: what a run folder keeps of the settings that were in force."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdsl.base.errors import RunError
from netdsl.graph import Net, Part, Recipe, RecipeTerm
from netdsl.graph.reruns import blocks_in, blocks_of
from netdsl.ops.base import RuleError, read_setting
from netdsl.ops.declared import Declared
from netdsl.ops.fields import FieldError, spelled
from netdsl.recipe import (
    AIMS,
    AUGMENT,
    DATA,
    OPTIMIZERS,
    SCHEDULES,
    SETTINGS,
    WEIGHTS,
    Aim,
    Augmentation,
    Data,
    Optimizer,
    Schedule,
    Steering,
    Weights,
    default_settings,
    steering_of,
)
from netdsl.recipe.data.tables import HandedData
from netdsl.recipe.optimizers import Adam
from netdsl.recipe.schedules import ConstantRate
from netdsl.runtime.runs import kinds
from netdsl.text.diagnostics import Diagnostic, Label, NetError


@dataclass
class Plan:
    """A recipe with everything decided."""

    name: str
    """Nothing of the recipe that has none."""
    data: Data
    augment: tuple[Augmentation, ...]
    losses: list[RecipeTerm]
    metrics: list[RecipeTerm]
    optimizer: Optimizer
    schedule: Schedule
    weights: Weights | None
    """Where it starts; None for weights that are drawn."""
    epochs: int
    batch: int
    seed: int
    clip: float | None
    accumulate: int
    precision: str
    workers: int
    patience: int | None
    ema: float | None
    freeze: tuple[Aim, ...]
    rate: tuple[Aim, ...]
    decay: tuple[Aim, ...]
    checkpoint: tuple[str, ...]
    """Rows whose blocks run again in the backward pass."""
    turns: list[Part]
    """What takes its turn on each batch: the parts of the recipe, or all of it as one."""

    @property
    def settings(self) -> dict[str, Any]:
        """Its plain settings."""
        return {name: getattr(self, name) for name in SETTINGS}

    @property
    def steering(self) -> Steering:
        """What it says of single weights."""
        return steering_of(self.settings)

    def share(self, number: int) -> float:
        """With `ema`: which share of the averages becomes the new weights in a step of the run, counted from 0.

        The averages follow quickly at first, as in timm's `ModelEmaV3` with `use_warmup`.
        """
        assert self.ema is not None
        return 1 - min(self.ema, 1 - float((1 + number) ** (-2 / 3)))

    @property
    def parts(self) -> list[str]:
        """The names of its parts; none where it is one."""
        return [turn.name for turn in self.turns if turn.name]


def plan_of(net: Net, data: Data | None = None) -> Plan:
    """The recipe of a net, defaults filled in, with other `data` if asked; `RunError` when it cannot be trained."""
    recipe = recipe_of(net)
    if not recipe.losses and recipe.span == net.span:  # another net of a run, which says nothing of its own
        raise RunError(no_section(net))
    if not recipe.losses:
        raise RunError(f"the `train` section of {net.name} has no `loss` row")
    settings = {**default_settings(), **recipe.settings}
    turns = recipe.turns
    return Plan(
        recipe.name,
        data_of(net, data),
        recipe.augment,
        recipe.losses,
        recipe.metrics,
        recipe.optimizer or Adam(),
        recipe.schedule or ConstantRate(),
        recipe.weights,
        **settings,
        turns=turns,
    )


def recipe_of(net: Net) -> Recipe:
    if net.faults:
        raise NetError(list(net.faults))
    if net.recipe is None and net.sections:
        return recipe_of(net.by(""))
    if net.recipe is None:
        raise RunError(no_section(net))
    return net.recipe


def no_section(net: Net) -> str:
    """What to say where nothing says how a net is trained or scored."""
    section = f"train {net.name} {{ data …  loss …  optimizer … }}"
    options = "`netdsl train FILE --data … --loss …`"
    return f"{net.name} has no `train` section: write `{section}` behind it, or say {options} (docs/recipes.md)"


def data_of(net: Net, data: Data | None = None, known: Mapping[str, object] | None = None) -> Data:
    """The data to use: what was asked for, else what the recipe says; `NetError` when it says nothing.

    What was asked for leaves `known` settings as they are wherever it does not say them: those by which an input was
    made in training, by the recipe unless they are given.
    """
    if data is not None:
        data = data.prepared_like(known_of(net) if known is None else known)
    found = data or recipe_of(net).data
    if found is None:
        message = f"the recipe of `{net.name}` has no `data`"
        help = (
            "add a row such as `data digits`, say --data, hand samples over from Python (`data={…}`), or feed the step "
            "that `compile --to onnx-train` writes"
        )
        raise NetError([Diagnostic("missing-data", message, (Label(recipe_of(net).span),), help=help)])
    assert isinstance(found, Data)
    found = located(found, net)
    try:
        found.sample({value.name: value.type for value in net.fed})
    except RuleError as error:
        raise RunError(f"{error}" + (f" ({error.help})" if error.help else "")) from None
    return found


def known_of(net: Net) -> dict[str, Any]:
    """The settings by which the data of a net's recipe makes an input; empty without data, or where it does not fit."""
    data = None if net.recipe is None else net.recipe.data
    try:
        return {} if data is None else data.prepared({v.name: v.type for v in net.fed}, net.defaults)
    except RuleError:
        return {}


def departures(data: Data | None, known: Mapping[str, object]) -> list[str]:
    """What was asked for of data and is not as it was in training, in words."""
    if data is None:
        return []
    kinds = {f.name: f.kind for f in data.settings()}
    pairs = [(name, getattr(data, name), was) for name, was in known.items() if name in data.said]
    return [
        f"{data.name} is asked for with {name}={spelled(kinds[name], now)}, "
        f"but the net was trained with {name}={spelled(kinds[name], was)}"
        for name, now, was in pairs
        if not _alike(now, was)
    ]


def _alike(now: object, was: object) -> bool:
    """Whether two values mean the same; one number stands for all channels or both sides."""
    a, b = (tuple(v) if isinstance(v, (list, tuple)) else (v,) for v in (now, was))
    most = max(len(a), len(b))
    return (a * most if len(a) == 1 else a) == (b * most if len(b) == 1 else b)


def located(data: Data, net: Net) -> Data:
    """The same data with the place of its files in full: looked for here, then beside the net's text."""
    beside = net.span.source.path if net.span else None
    bases = [Path.cwd(), *([beside.resolve().parent] if beside else [])]
    if not data.paths():
        return data
    given = data.given()
    for name, there in data.paths().items():
        found = next((base for base in bases if (base / Path(there).expanduser()).exists()), None)
        if found is not None:
            given[name] = str((found / Path(given[name]).expanduser()).resolve())
    return type(data)(**given)


def describe(declared: Declared) -> dict[str, Any]:
    """A declaration as JSON: its name and the settings that were given."""
    return {"name": declared.name, **declared.given()}


def written(declared: Declared, only: Collection[str] | None = None) -> str:
    """A declaration as an author would write it, with all settings that were given or some of them."""
    kinds = {f.name: f.kind for f in declared.settings()}
    shown = {name: value for name, value in declared.given().items() if only is None or name in only}
    given = ", ".join(f"{name}={spelled(kinds[name], value)}" for name, value in shown.items())
    return f"{declared.name}({given})" if given else declared.name


def setting_words(value: object) -> str:
    """A plain setting as an author would write it."""
    if isinstance(value, (list, tuple)):  # what is said of rows of the net
        found = ", ".join(row if isinstance(row, str) else str(Aim(*row)) for row in value)
        return f"({found})" if len(value) > 1 else found or "none"
    return "none" if value is None else str(value)


def pipeline(stages: Sequence[Declared]) -> str:
    """Declarations in a row as an author would write them."""
    return " -> ".join(map(written, stages)) or "none"


def restore(table: Mapping[str, type[Declared]], stored: Mapping[str, Any]) -> Any:
    """A declaration from its JSON; `RuleError` where it is none of the table's."""
    name = stored["name"]
    if name not in table:
        raise RuleError(f"there is no `{name}`")
    known = {f.name: f for f in table[name].settings()}
    unknown = next((key for key in stored if key != "name" and key not in known), None)
    if unknown is not None:
        raise RuleError(f"`{name}` has no setting `{unknown}`")
    missing = next((f.name for f in known.values() if f.required and f.name not in stored), None)
    if missing is not None:
        raise RuleError(f"`{name}` needs its `{missing}`")
    return table[name](**{f.name: read_setting(f, stored[f.name]) for f in known.values() if f.name in stored})


def restore_safely(table: Mapping[str, type[Declared]], stored: Mapping[str, object], name: str) -> Any:
    """As `restore`; a `RunError` names the file."""
    try:
        return restore(table, stored)
    except (RuleError, FieldError) as error:
        raise RunError(f"{name} is damaged: {error}") from None


NEWER = frozenset({"patience", "ema", *AIMS, "checkpoint"})
"""Settings that runs of earlier versions do not have."""

_declared = kinds.fields(name=kinds.text)
_part = kinds.fields(
    name=kinds.text,
    moves=kinds.listed(kinds.text),
    optimizer=_declared,
    schedule=_declared,
    clip=kinds.anything,
)

recipe_kind = kinds.fields(
    {"name": kinds.text, "parts": kinds.listed(_part), "augment": kinds.listed(_declared), "weights": _declared},
    data=kinds.optional(_declared),
    losses=kinds.listed(kinds.text),
    metrics=kinds.listed(kinds.text),
    optimizer=_declared,
    schedule=_declared,
    settings=kinds.fields(
        dict.fromkeys(NEWER, kinds.anything), **dict.fromkeys(SETTINGS.keys() - NEWER, kinds.anything)
    ),
)
"""What `recipe_json` gives."""


def recipe_json(plan: Plan) -> dict[str, Any]:
    """The whole recipe as JSON; losses and metrics by name, for their meaning is in the text."""
    parts = {"parts": [_part_json(turn) for turn in plan.turns]} if plan.parts else {}
    weights = {"weights": describe(plan.weights)} if plan.weights is not None else {}
    return {
        "name": plan.name,
        "data": None if isinstance(plan.data, HandedData) else describe(plan.data),
        "augment": [describe(stage) for stage in plan.augment],
        "losses": [t.name for t in plan.losses],
        "metrics": [t.name for t in plan.metrics],
        "optimizer": describe(plan.optimizer),
        "schedule": describe(plan.schedule),
        "settings": {name: _plain(value) for name, value in plan.settings.items()},
        **weights,
        **parts,
    }


def _plain(value: object) -> object:
    """A setting as JSON has it: lists in place of tuples."""
    return [row if isinstance(row, str) else list(row) for row in value] if isinstance(value, tuple) else value


def _part_json(part: Part) -> dict[str, Any]:
    """What a part has for itself; its losses and metrics are among those of the recipe."""
    return {
        "name": part.name,
        "moves": sorted(part.moves or ()),
        "optimizer": describe(part.optimizer),
        "schedule": describe(part.schedule),
        "clip": part.clip,
    }


def apply_recipe(net: Net, stored: Mapping[str, Any], name: str = "the recipe of the run") -> None:
    """Put the settings of a stored recipe, read from the file `name`, in force for a net loaded from its text."""
    recipe = recipe_of(net)
    said = recipe_kind(stored, "recipe")
    if said:
        raise RunError(f"{name} is damaged: {said}")
    recipe.data = None if stored["data"] is None else restore_safely(DATA, stored["data"], name)
    recipe.augment = tuple(restore_safely(AUGMENT, stage, name) for stage in stored.get("augment", ()))
    recipe.optimizer = restore_safely(OPTIMIZERS, stored["optimizer"], name)
    recipe.schedule = restore_safely(SCHEDULES, stored["schedule"], name)
    recipe.weights = restore_safely(WEIGHTS, stored["weights"], name) if "weights" in stored else None
    kept: list[dict[str, Any]] = stored.get("parts", [])
    if [part["name"] for part in kept] != [part.name for part in recipe.parts]:
        raise RunError(f"{name} is damaged: its parts are not those of the text")
    try:
        kept_settings = {**default_settings(), **stored["settings"]}
        recipe.settings = {key: read_setting(field, kept_settings[key]) for key, field in SETTINGS.items()}
        _require_blocks(net, recipe.settings["checkpoint"], name)
        for part, own in zip(recipe.parts, kept, strict=True):
            part.optimizer = restore_safely(OPTIMIZERS, own["optimizer"], name)
            part.schedule = restore_safely(SCHEDULES, own["schedule"], name)
            part.clip = read_setting(SETTINGS["clip"], own["clip"])
    except (RuleError, FieldError) as error:
        raise RunError(f"{name} is damaged: {error}") from None


def _require_blocks(net: Net, rows: Sequence[str], name: str) -> None:
    """Rows that shall run again must be, or hold, blocks of the net, which a damaged file may not know."""
    blocks = blocks_of(net) if rows else {}
    lost = next((row for row in rows if not blocks_in(blocks, row)), None)
    if lost is not None:
        raise RunError(f"{name} is damaged: `{net.name}` has no block `{lost}`")
