"""What a report says of a net that keeps states: all numbers are of one call, what is kept counts in its memory."""

from __future__ import annotations

import json

import pytest

from netdsl.analyzer import analyze
from netdsl.graph import Net
from netdsl.reports import render
from netdsl.surface import load_text

TEXT = """
net Scene {
  input frame [3, H = 8, 8]
  state mean [3, H, 8] = 0.5
  state calls int[2] = 0
  state bright bool[] = true
  seen: frame -> conv(3, 3, pad=1)
  next mean: mean + seen
  next calls: calls + 1
  next bright: not bright
  output y: mean -> maxpool(2)
}
"""


def given(text: str) -> Net:
    """The same net whose states are inputs and outputs like others."""
    for word in ("mean [3, H, 8] = 0.5", "calls int[2] = 0", "bright bool[] = true"):
        text = text.replace(f"state {word}", f"input {word.partition(' =')[0]}")
    for word in ("mean", "calls", "bright"):
        text = text.replace(f"next {word}:", f"output {word}_next:")
    return load_text(text.replace("output y: mean", "output y: mean_next"))


@pytest.mark.parametrize("batch", [1, 5])
def test_one_call_costs_what_it_costs_with_inputs_in_their_place(batch: int) -> None:
    kept, plain = (analyze(net, batch=batch).totals for net in (load_text(TEXT), given(TEXT)))
    assert kept.macs == plain.macs == batch * 3 * 3 * 3 * 3 * 64
    assert kept.peak_inference_bytes == plain.peak_inference_bytes
    frame = batch * 3 * 64 * 4
    held = 3 * frame + batch * (2 * 8 + 1)  # frame, state and seen, when the sum is still to be made
    assert kept.peak_inference_bytes >= held
    assert (kept.params, kept.activation_bytes) == (plain.params, plain.activation_bytes)


@pytest.mark.parametrize("batch", [1, 5])
def test_a_report_names_states_apart(batch: int) -> None:
    found = analyze(load_text(TEXT), batch=batch)
    assert [p.name for p in found.inputs] == ["frame"]
    assert [p.name for p in found.outputs] == ["y"]
    assert [(s.name, s.next, s.shape, s.start, s.bytes) for s in found.states] == [
        ("mean", "mean_next", (3, 8, 8), 0.5, batch * 768),
        ("calls", "calls_next", (2,), 0, batch * 16),
        ("bright", "bright_next", (), True, batch),
    ]
    assert found.states[0].symbolic == "[3, H, 8]"


def test_no_pixel_of_this_call_is_in_what_was_kept() -> None:
    rows = {row.name: row for row in analyze(load_text(TEXT)).rows}
    assert rows["calls"].receptive_field is None
    field = rows["mean"].receptive_field
    assert field is not None
    assert (field.size, field.stride) == ((3, 3), (1, 1))
    last = rows["y"].receptive_field
    assert last is not None
    assert last.size == (4, 4)


def test_every_format_says_it() -> None:
    found = analyze(load_text(TEXT))
    text = render(found, "table", width=200)
    assert "frame [3, H, 8] → y [3, H // 2, 4], keeps mean [3, H, 8], calls int[2], bright bool[]" in text
    assert "state        `mean` [3, 8, 8]: 768 B kept from call to call, at first 0.5" in text
    assert "state        `bright` []: 1 B kept from call to call, at first true" in text
    assert "keeps mean" in render(found, "markdown")
    held = json.loads(render(found, "json"))["states"]
    assert held[1] == {
        "name": "calls",
        "shape": [2],
        "symbolic": "int[2]",
        "numbers": "int",
        "next": "calls_next",
        "start": 0,
        "bytes": 16,
    }
