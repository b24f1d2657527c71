"""Words are found in the modules that a package says, which are read only where a word of theirs is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netdsl.base.registry import Registry
from netdsl.ops import INTERNAL, REGISTRY
from netdsl.recipe import DATA

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("registry", [REGISTRY, INTERNAL, DATA], ids=["operations", "internal", "data"])
def test_each_word_is_declared_where_the_table_says(registry: Registry[type]) -> None:
    declared = {word: kind.__module__ for word, kind in registry.items()}
    said = {word: f"{registry.package}.{home}" for word, home in registry.homes.items()}
    assert said.items() <= declared.items()
    assert [*registry][: len(said)] == [*said]  # messages list words in this order
    strays = {word: home for word, home in declared.items() if home.startswith(registry.package) and word not in said}
    assert all(".backward." in home for home in strays.values()), strays


def test_only_the_modules_of_the_words_of_a_text_are_read() -> None:
    asked = (
        "import sys; from netdsl.program import load_text;"
        "load_text('net A {\\n  input x [1, 8, 8]\\n  conv(2, 3) -> maxpool(2)\\n}\\n').net();"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    read = {name.removeprefix("netdsl.ops.") for name in done.stdout.split() if name.startswith("netdsl.ops.")}
    assert {"conv", "pool"} <= read
    assert not read & {"attention", "recurrent", "resize", "normalize", "tally", "ranking", "noise", "sample"}


def test_a_word_that_no_table_names_is_refused_at_once() -> None:
    words: Registry[type] = Registry("netdsl.ops")
    words.found_in({"conv": "conv"})
    with pytest.raises(AssertionError, match="does not say that `cube` is found in conv"):
        words.add("cube", REGISTRY["conv"])
    assert "cube" not in words
    assert words.get("cube") is None
