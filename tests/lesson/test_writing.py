"""Formulas as text: as many brackets as they need, and no more."""

from __future__ import annotations

import pytest

from netdsl.lesson.algebra import (
    DY,
    AsRows,
    AxisPart,
    ElementAt,
    Formula,
    IndexPlace,
    IndexSum,
    Indicator,
    Letter,
    Numeral,
    SizeOf,
    SumOver,
    Transposed,
    X,
    Y,
    called,
    letter,
)
from netdsl.lesson.writing import low, number_text, place_text, written

W, P, B = Letter("W"), Letter("p"), Letter("b")
ONE = Numeral(1)

TEXTS: list[tuple[Formula, str]] = [
    (Transposed(AsRows(DY)) @ AsRows(X), "(∂J/∂y)ᵀ · x"),
    (X @ Transposed(W) + B, "x · Wᵀ + b"),
    (DY * Y * (ONE - Y), "∂J/∂y ∘ y ∘ (1 − y)"),
    (DY * (ONE - Y**2), "∂J/∂y ∘ (1 − y²)"),
    (P * (DY @ Transposed(W)), "p ∘ (∂J/∂y · Wᵀ)"),
    ((P * DY) @ W, "(p ∘ ∂J/∂y) · W"),
    (X - (Y - B), "x − (y − b)"),
    (-(X + Y), "−(x + y)"),
    (X / (Y * B), "x / (y ∘ b)"),
    ((X - Y) / SizeOf(True, (7, 7)), "(x − y) / (N·7·7)"),
    (SumOver((X - Y) ** 2, (0,), "n") / SizeOf(True), "1/N Σₙ (x − y)²"),
    (-SumOver(P * called("log", X), (0, 1), "nk") / SizeOf(True), "−1/N Σₙₖ p ∘ log(x)"),
    ((Numeral(2) * (X - Y)) / SizeOf(True, (3,)), "2/(N·3) · (x − y)"),
    (DY**2, "(∂J/∂y)²"),
    (DY * Indicator(X, ">", Numeral(0)), "∂J/∂y ∘ [x > 0]"),
    (Numeral(0.01) * X, "0.01·x"),
    (called("√", X + Numeral(1e-5)), "√(x + 1e-5)"),
    (called("max of each 2×2 window", X), "max of each 2×2 window of x"),
    (AxisPart(DY, 1, 0, 64), "∂J/∂y[:, 0:64]"),
    (SumOver(X, (0,), "n", mean=True) - Y, "meanₙ(x) − y"),
]


@pytest.mark.parametrize(("formula", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_formulas_have_the_brackets_that_they_need(formula: Formula, text: str) -> None:
    assert written(formula) == text


def test_places_have_their_stride_and_padding() -> None:
    assert place_text(IndexPlace((("i", 2), ("u", 1)), -3)) == "2i+u−3"
    assert place_text(IndexPlace((("p", 1), ("u", -1)), 3, 2)) == "(p−u+3)/2"
    assert place_text(IndexPlace(())) == "0"
    assert place_text(IndexPlace((("p", 1),), 0, 2)) == "p/2"


def test_a_sum_over_places_says_of_which_it_is() -> None:
    seen = ElementAt(X, (letter("n"), IndexPlace((("i", 1), ("u", 1)))))
    ranges = (("n", None), ("i", 4), ("u", 3))
    plain = IndexSum((letter("u"),), seen, ranges, (3,))
    assert written(plain) == "Σₙᵢ x[n,i+u]  at [u]"
    added = IndexSum((letter("n"), IndexPlace((("i", 2), ("u", 1)))), seen, ranges, (None, 9))
    assert written(added) == "x[n,i+u]  added at [n,2i+u]"


@pytest.mark.parametrize(
    ("value", "text"), [(1e-8, "1e-8"), (0.1, "0.1"), (-2, "−2"), (50257, "50,257"), (1 / 3, "0.3333333333333333")]
)
def test_numbers_are_as_short_as_they_are_exact(value: float, text: str) -> None:
    assert number_text(value) == text


def test_letters_without_a_low_form_stand_in_brackets() -> None:
    assert low("nij") == "ₙᵢⱼ"
    assert low("cuv") == "[c,u,v]"
