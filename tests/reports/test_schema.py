"""The published schema says what `netdsl report --format json` writes, in each of its forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from netdsl.cli.app import run
from netdsl.reports.schema import ASKED_FOR, DOCUMENTS, published, report_schema

MADE = published("forbid")

FORMS = {
    "": "Report",
    "--explain": "Report",
    "--batch 3": "Report",
    "--convention thop,inside": "Report",
    "--backward": "Report",
    "--formulas": "Report",
    "--backward --formulas": "Report",
    "--training": "Report",
    "--device T4 --precision bf16": "Report",
    "--training --checkpoint d1 --optimizer sgd --device T4 --batch 600": "Report",
    "--explain-vs torchinfo": "Versus",
    "--sweep H=32..64:16,batch=1..4:x2": "SweepOfSizes",
}
UNET = ["report", "specs/unet.net", "--net", "UNetSame", "--set", "width=4", "--format", "json"]


def written(words: str, capsys: pytest.CaptureFixture[str]) -> Any:
    assert run([*UNET, *words.split()]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_schema_in_docs_is_current() -> None:
    found = json.loads(Path("docs/report.schema.json").read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(report_schema()))
    assert [part["$ref"].rpartition("/")[2] for part in found["anyOf"]] == [kind.__name__ for kind in DOCUMENTS]


@pytest.mark.parametrize("words", FORMS)
def test_every_form_is_in_the_schema(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each key is in it, and holds what it says: pydantic refuses all others."""
    found = written(words, capsys)
    TypeAdapter(MADE[FORMS[words]]).validate_python(found)
    asked = {"formulas": "--formulas" in words, "fitting": "--training" in words or "--device" in words}
    assert {key: key in found for key in ASKED_FOR} == asked


def test_a_key_that_is_not_in_the_schema_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    found = written("--training", capsys)
    found["fitting"]["rows"][0]["seen"] = 1
    with pytest.raises(ValidationError, match=r"fitting\.rows\.0\.seen"):
        TypeAdapter(MADE["Report"]).validate_python(found)
