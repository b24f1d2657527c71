"""Calls of other frameworks that look up, sort and add up by places: each is led to what gives the same numbers."""

from __future__ import annotations

import re

import pytest

from netdsl.program import check_text

INPUTS = "input x [16, 64], i int[8]\n  param table [50, 6]"


def helps(row: str, inputs: str = INPUTS) -> str:
    """The way out of the one mistake of a row."""
    found = [d for d in check_text(f"net N {{\n  {inputs}\n  {row}\n}}\n") if d.severity == "error"]
    assert len(found) == 1, [d.message for d in found]
    assert found[0].help is not None
    return found[0].help


def led_to(row: str, wanted: str, inputs: str = INPUTS) -> None:
    """The help for a row ends with a text, which checks in its place."""
    assert helps(row, inputs).endswith(f"write `{wanted}`"), helps(row, inputs)
    assert not [d for d in check_text(f"net N {{\n  {inputs}\n  {wanted}\n}}\n") if d.severity == "error"]


LOOK_UPS = {
    "torch.index_select(x, 1, i)": "(x, i) -> gather(axis=0)",
    "torch.index_select(x, 2, i)": "(x, i) -> gather(axis=1)",
    "torch.index_select(x, dim=-1, index=i)": "(x, i) -> gather(axis=-1)",
    "x.index_select(2, i)": "(x, i) -> gather(axis=1)",
    "torch.index_select(table, 0, i)": "(table, i) -> gather(axis=0)",
    "table.index_select(1, i)": "(table, i) -> gather(axis=1)",
    "tf.gather(x, i, axis=1)": "(x, i) -> gather(axis=0)",
    "tf.gather(params=table, indices=i)": "(table, i) -> gather",
    "np.take(x, i, axis=2)": "(x, i) -> gather(axis=1)",
    "np.take(table, i, axis=1)": "(table, i) -> gather(axis=1)",
}
"""PyTorch, TensorFlow and numpy count the batch, which a param has none of."""


@pytest.mark.parametrize("call", LOOK_UPS)
def test_look_ups_are_gathers(call: str) -> None:
    led_to(call, LOOK_UPS[call])


def test_samples_are_not_looked_up() -> None:
    assert "write `" not in helps("torch.index_select(x, 0, i)")


@pytest.mark.parametrize("call", ["torch.gather(x, 1, i)", "x.gather(1, i)", "x -> torch.gather(1, i)"])
def test_pytorchs_gather_is_another_thing(call: str) -> None:
    """It takes a number for each place along all axes: only of one axis is it a look-up of items."""
    assert helps(call).startswith("netdsl has no such layer yet; `(x, y) -> gather` looks up whole items")


SORTS = {
    "torch.topk(x, 3)": "x -> top_k(3)",
    "torch.topk(x, 3, 1)": "x -> top_k(3, axis=0)",
    "x.topk(k=3, dim=2, largest=true, sorted=true)": "x -> top_k(3, axis=1, largest=true)",
    "torch.topk(x, 3, largest=false)": "x -> top_k(3, largest=false)",
    "torch.topk(x, 3, 1, false)": "x -> top_k(3, axis=0, largest=false)",
    "tf.math.top_k(x, k=3)": "x -> top_k(3)",
    "torch.sort(x)": "x -> sort",
    "torch.sort(x, 1, true)": "x -> sort(axis=0, descending=true)",
    "x.sort(dim=2, descending=true)": "x -> sort(axis=1, descending=true)",
    "torch.sort(table, 0)": "table -> sort(axis=0)",
    "np.sort(x, axis=1)": "x -> sort(axis=0)",
    "tf.sort(x, axis=-1)": "x -> sort(axis=-1)",
}


@pytest.mark.parametrize("call", SORTS)
def test_numbers_are_put_in_order_along_the_axis_that_was_meant(call: str) -> None:
    led_to(call, SORTS[call])


def test_places_in_order_are_the_second_of_two() -> None:
    led_to("torch.argsort(x)", "(x -> sort(indices=true))[1]")


SUMS = {
    "tf.math.unsorted_segment_sum(x, j, num_segments=8)": "(x, j) -> scatter_add(8)",
    "tf.math.unsorted_segment_sum(x, j, 8)": "(x, j) -> scatter_add(8)",
    "scatter_sum(x, j, dim_size=8)": "(x, j) -> scatter_add(8)",
}


@pytest.mark.parametrize("call", SUMS)
def test_sums_of_segments_are_added_up(call: str) -> None:
    led_to(call, SUMS[call], "input x [16, 64], j int[16]")


@pytest.mark.parametrize("call", ["torch.scatter_add(x, 1, i, x)", "x.scatter_add(1, i, x)", "x.index_add(1, i, x)"])
def test_pytorchs_scatter_add_is_another_thing(call: str) -> None:
    assert "`(x, y) -> scatter_add(16)` adds whole items up" in helps(call)


SAMPLES = {
    "F.grid_sample(x, y)": "(x, y) -> grid_sample",
    "F.grid_sample(x, y, align_corners=true)": "(x, y) -> grid_sample(align_corners=true)",
    'F.grid_sample(x, y, mode="nearest", padding_mode="border")': "(x, y) -> grid_sample(mode=nearest, pad=border)",
    'F.grid_sample(x, y, padding_mode="reflection")': "(x, y) -> grid_sample(pad=reflect)",
    'F.grid_sample(x, grid=y, mode="bilinear", padding_mode="zeros", align_corners=false)': "(x, y) -> "
    "grid_sample(mode=bilinear, pad=zeros, align_corners=false)",
}


@pytest.mark.parametrize("call", SAMPLES)
def test_images_are_read_at_positions(call: str) -> None:
    led_to(call, SAMPLES[call], "input x [3, 8, 8], y [4, 4, 2]")


def test_names_given_anew_line_by_line_end_in_a_right_text() -> None:
    """Each line by what its message says; the names count on, so that none is taken twice."""
    rows = ["conv1 = nn.Conv2d(1, 6, 5)", "x = F.relu(conv1(x))", "x = torch.flatten(x, 1)", "x = torch.tanh(x)"]
    text = "net N {\n  input x [1, 28, 28]\n" + "".join(f"  {row}\n" for row in rows) + "  linear(10)\n}\n"
    lines = text.split("\n")
    for found in check_text(text):
        meant = re.match(r"write `([^`]*)`", found.help or "")
        assert meant
        lines[found.span.line - 1] = f"  {meant[1]}"
    assert lines[2:6] == ["  conv1: conv(6, 5)", "  x1: relu", "  x2: x1 -> flatten", "  x3: x2 -> tanh"]
    assert not check_text("\n".join(lines))
