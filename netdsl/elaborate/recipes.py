"""`train` sections: data, losses, metrics, optimizer and schedule, checked against the net they train."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import netdsl.elaborate.given as given
import netdsl.elaborate.turns as turns
import netdsl.elaborate.varying as varying
from netdsl.elaborate.context import Site, site_of
from netdsl.elaborate.declarations import declaration, declared_row, fill_defaults
from netdsl.elaborate.files import Module
from netdsl.elaborate.given import BesideText
from netdsl.elaborate.measures import check_classes, check_ignored, fields_of
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import Exhausted, Failed
from netdsl.graph import TERMS, Net, Recipe, Section
from netdsl.graph.clock import of_clock
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, Diagnostic, Label, Severity


def attach(
    site: Site, module: Module, definition: syntax.Definition, net: Net, outside: BesideText, name: str = ""
) -> None:  # fmt: skip
    """Resolve the `train` sections of a net, that of a name with rows replaced by those given from outside.

    The recipe of that name is in force, where there is one; the one without a name may be made of what is given.
    Mistakes in a section are kept apart, in its `faults`: the net itself can be used without. Of a broken net outputs
    may be missing: what its recipes say of them is not looked at.
    """
    for section in module.trains.get(definition.name.id, ()):
        key = section.name.id if section.name else ""
        if key in net.sections:
            net.sections[key].faults.append(_named_twice(net, key, section, module))
        else:
            net.sections[key] = _section(site, section, net, outside if key == name else BesideText())
    if outside.rows and not name and (not net.sections or ("" not in net.sections and "loss" in outside.rows)):
        net.sections[""] = _section(site, given.section(definition.name, outside), net, outside, made=True)
    if name in net.sections:
        found = net.sections[name]
        net.recipe, net.faults = found.recipe, found.faults
        for doubt in found.doubts:
            site.errors.collector.add(doubt)


def _named_twice(net: Net, key: str, section: syntax.Train, module: Module) -> Diagnostic:
    first = next(s for s in module.trains[section.net.id] if (s.name.id if s.name else "") == key)
    place, before = (s.name.span if s.name else s.net.span for s in (section, first))
    message = f"`{net.name}` has two recipes called `{key}`" if key else f"`{net.name}` has two `train` sections"
    help = "give each a name of its own" if key else f"give one a name, as in `train small of {net.name} {{ … }}`"
    return Diagnostic("duplicate-name", message, (Label(place), Label(before, "first here")), help=help)


def _section(
    site: Site, section: syntax.Train, net: Net, outside: BesideText, made: bool = False
) -> Section:  # fmt: skip
    """What a section comes to, with everything that is said of it."""
    outer, site.errors.collector = site.errors.collector, Collector()
    recipe = None
    try:
        recipe = _resolve(site, section, net, outside, made)
    except (Failed, Exhausted):
        pass
    finally:
        found, site.errors.collector = site.errors.collector.found, outer
    faults = [d for d in found if d.severity is Severity.ERROR]
    return Section(recipe, faults, [d for d in found if d.severity is not Severity.ERROR])


def _resolve(
    site: Site, section: syntax.Train, net: Net, outside: BesideText, made: bool
) -> Recipe:  # fmt: skip
    from netdsl.recipe import AIMS  # late: nets without a recipe need none

    recipe = Recipe(section.span, section.name.id if section.name else "", made=made)
    turns.check_repeats(site, section.rows, TERMS)
    extra = [row for rows in outside.rows.values() for row in rows]
    rows = [r for r in section.rows if r.keyword.id not in outside.rows] + extra
    rows = turns.of_the_recipe(site, section, rows)
    declared = [r for r in rows if r.keyword.id not in TERMS]
    for row in declared:
        with suppress(Failed):  # one bad row does not silence the others
            if row.keyword.id in AIMS:
                import netdsl.elaborate.aims as aims  # late: few recipes steer single rows

                aims.aims_row(site, recipe, row, turns.movable_of(net, net.broken))
            elif row.keyword.id == "checkpoint":
                import netdsl.elaborate.checkpointing as checkpointing

                checkpointing.checkpoint_row(site, recipe, row, net, net.broken)
            elif row.keyword.id == "augment":
                recipe.augment = varying.stages(site, row)
            else:
                declared_row(site, recipe, row, declared, turns.scored(net))
    damaged = site.library.damaged_within(section.span)
    said = any(r.keyword.id == "data" for r in rows)
    known = not net.broken and (recipe.data is not None or (not said and not damaged))
    fields = fields_of(site, net, recipe, declared, section.net.span) if known else None
    if fields is not None:
        whole = recipe.data is not None and not recipe.data.open
        rows = given.completed(site, net, fields, rows, outside, whole)
        turns.measure(site, net, recipe, fields, rows)
    given.keep(recipe, [r for r in rows if r.keyword.id in outside.rows])
    if made and fields is not None:
        given.add_metric(site, net, recipe, fields, outside)
    turns.resolve(site, section, net, recipe, fields, net.broken)
    if fields is not None:
        _check_varied(site, net, recipe, declared)
    if fields is not None and recipe.data is not None:
        place = next((r.value.span for r in declared if r.keyword.id == "data"), None)
        check_classes(site, net, recipe, place)
        check_ignored(site, net, recipe, place)
    if made:
        given.require_loss(site, net, section, outside)
    elif not damaged and not section.parts:
        turns.require_loss(site, rows, f"recipe{f' `{recipe.name}`' * bool(recipe.name)}", net, section.net.span)
    fill_defaults(recipe)
    _require_measure(site, section, net, recipe, rows)
    if not net.broken and any(r.keyword.id == "freeze" for r in rows):
        import netdsl.elaborate.aims as aims

        aims.require_trained(site, recipe, net, rows)
    return recipe


def _require_measure(
    site: Site, section: syntax.Train, net: Net, recipe: Recipe, rows: Sequence[syntax.RecipeRow]
) -> None:  # fmt: skip
    """What follows how good the epochs are needs a measure, which losses of parts, and changing ones, are not."""
    aux = {o.name for o in net.outputs if o.aux}
    if any(aux.isdisjoint(v.name for v in m.graph.inputs) for m in recipe.metrics):
        return
    if not recipe.parts:
        _warn_of_clock(site, recipe)
        return
    asking = [r for r in rows if r.keyword.id == "patience" and recipe.settings["patience"] is not None]
    for part, written in zip(recipe.parts, section.parts, strict=False):
        asking += [r for r in written.rows if r.keyword.id == "schedule" and part.schedule.follows]
    for row in asking:
        message = "nothing says how good an epoch is: what one part loses the other may win"
        help = "add a `metric` on what comes out at inference, which then says it"
        site.errors.report("missing-metric", message, row.value.span, help=help)


def _check_varied(site: Site, net: Net, recipe: Recipe, rows: Sequence[syntax.RecipeRow]) -> None:
    for row in rows:
        if row.keyword.id == "augment":
            with suppress(Failed):
                varying.check(site, net, recipe, row)


def _warn_of_clock(site: Site, recipe: Recipe) -> None:
    """The lowest of losses that change from epoch to epoch says nothing."""
    term = next((t for t in recipe.losses if any(map(of_clock, t.graph.inputs))), None)
    if term is not None:
        message = "this `loss` changes from epoch to epoch, and the lowest is to say which epoch is the best"
        help = "add a `metric`, such as `metric (logits, label) -> accuracy`, which then says it"
        site.errors.report("moving-loss", message, term.span, help=help, severity=Severity.WARNING)


def read_data(text: str) -> Any:
    """A data declaration given on its own, `mnist("folder")`. Raises `NetError` when it cannot be read."""
    from netdsl.elaborate.files import Library
    from netdsl.recipe import DATA
    from netdsl.text.diagnostics import Collector
    from netdsl.text.parser import parse, parse_row, read_source

    collector = Collector()
    row = parse_row("data", text, collector, "--data", labelled=False)
    collector.check()
    assert row is not None
    site = site_of(collector, Library(parse, read_source, collector), Scope())
    try:
        return declaration(site, DATA, row)
    except Failed:
        collector.check()
        raise
