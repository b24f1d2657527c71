"""Exact sizes against brute force: every answer is compared with what all sizes from 1 to 500 say."""

from __future__ import annotations

from functools import reduce
from itertools import product

import pytest
from calls import counted
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.dims import (
    Condition,
    Dim,
    Domain,
    Extent,
    SizeSet,
    SizeTooComplex,
    Verdict,
    at,
    both,
    compare,
    either,
    negate,
    solve,
    substitute,
)

H, W = Dim.symbol("H"), Dim.symbol("W")
SIZES = range(1, 501)
OPERATORS = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
few = settings(max_examples=60, deadline=None)

# An expression is a function of its symbols: called with dims it gives a size, with numbers a number.
NUMBERS = st.integers(-7, 7)
DIVISORS = st.integers(1, 6)


def expressions(*symbols: str, products: bool = False) -> st.SearchStrategy:
    leaves = st.sampled_from([("symbol", s) for s in symbols])

    def grow(inner: st.SearchStrategy) -> st.SearchStrategy:
        ways = [
            st.tuples(st.sampled_from(["+", "-", "*"]), inner, NUMBERS),
            st.tuples(st.sampled_from(["//", "%"]), inner, DIVISORS),
            st.tuples(st.sampled_from(["+", "-"]), inner, inner),
        ]
        return st.one_of(*ways, *([st.tuples(st.just("*"), inner, inner)] if products else []))

    return st.recursive(leaves, grow, max_leaves=5)


def value(tree, sizes):
    if isinstance(tree, int):
        return tree
    if tree[0] == "symbol":
        return sizes[tree[1]]
    left, right = value(tree[1], sizes), value(tree[2], sizes)
    match tree[0]:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//":
            return left // right
        case _:
            return left % right


def dim(tree) -> Extent:
    return value(tree, {"H": H, "W": W})


ALONG = expressions("H")
SQUARED = expressions("H", products=True)
PLANE = expressions("H", "W", products=True)
POINTS = [{"H": h, "W": w} for h, w in product((1, 2, 3, 5, 8, 12, 977, 5_003), repeat=2)]
SPREAD = (*range(1, 30), *range(30, 9_000, 601))


@few
@given(ALONG)
def test_arithmetic_along_one_symbol(tree):
    size = dim(tree)
    assert all(at(size, {"H": x}) == value(tree, {"H": x}) for x in SIZES)
    assert isinstance(size, Dim) == (len({value(tree, {"H": x}) for x in SIZES}) > 1)


@few
@given(PLANE)
def test_arithmetic_over_two_symbols(tree):
    size = dim(tree)
    for point in POINTS:
        assert at(size, point) == value(tree, point)
    if isinstance(size, Dim):
        for symbol in ("H", "W"):
            rows = {tuple(value(tree, {**p, symbol: x}) for p in POINTS) for x in SPREAD}
            assert (symbol in size.symbols) == (len(rows) > 1)


@few
@given(PLANE, st.integers(1, 30))
def test_substitution_gives_the_same_value(tree, number):
    half = substitute(dim(tree), {"H": number})
    for point in POINTS:
        assert at(half, point) == value(tree, {**point, "H": number})


@few
@given(ALONG, ALONG)
def test_substituting_a_size_composes(outer, inner):
    composed = substitute(dim(outer), {"H": dim(inner)})
    assert all(at(composed, {"H": x}) == value(outer, {"H": value(inner, {"H": x})}) for x in range(1, 60))


@few
@given(PLANE)
def test_text_says_the_value(tree):
    size = dim(tree)
    text = str(size)
    if "…" not in text:
        for point in POINTS:
            assert eval(text, {}, dict(point)) == at(size, point), text


@few
@given(ALONG, ALONG)
def test_equality_is_decided_by_values(left, right):
    same = all(value(left, {"H": x}) == value(right, {"H": x}) for x in range(1, 3000))
    assert (dim(left) == dim(right)) == same
    if same:
        assert hash(dim(left)) == hash(dim(right))


@few
@given(PLANE, PLANE)
def test_different_forms_of_one_size_are_equal(a, b):
    one, other = dim(a), dim(b)
    left = (one + other) * (one - other)
    right = one * one - other * other
    assert left == right
    assert hash(left) == hash(right)
    assert left - right == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (H, "H"),
        (H // 2, "H // 2"),
        (2 * (H // 2), "2 * (H // 2)"),
        ((H - 1) // 2 + 1, "(H + 1) // 2"),
        (H - 4, "H - 4"),
        (4 - H, "4 - H"),
        (-(H // 2), "-(H // 2)"),
        (H % 16, "H % 16"),
        ((H + 3) % 16 - 1, "(H + 3) % 16 - 1"),
        ((-H) % 16, "(-H) % 16"),
        (H + 2 * (H // 2), "H + 2 * (H // 2)"),
        ((3 * H + 10) // 2, "(3 * H + 10) // 2"),
        (3 * (H // 4) + H // 5, "3 * (H // 4) + H // 5"),
        (256 * (H // 32) * (W // 32), "256 * (H // 32) * (W // 32)"),
        ((H // 16) * (W // 16) + 1, "(H // 16) * (W // 16) + 1"),
        ((H + W) // 2, "(H + W) // 2"),
        ((H * W) % 2, "(H * W) % 2"),
        (96 * H * W, "96 * H * W"),
    ],
)
def test_text(size, text):
    assert str(size) == text


def test_equality_of_known_forms():
    assert 2 * (H // 2) != H
    assert (H - 1) // 2 + 1 == (H + 1) // 2
    assert -(-H // 2) == (H + 1) // 2
    assert (H * W + W) - W * (H + 1) == 0
    assert (H // 2) * W + ((H + 1) // 2) * W == H * W
    assert (H + 1) * (H + 1) - H * H == 2 * H + 1
    assert (H % 2) * ((H + 1) % 2) * W == 0
    assert (H * (H + 1)) // 2 * 2 == H * (H + 1)
    assert ((H + W) // 2 + 3) // 2 == (H + W + 6) // 4
    assert H != W
    assert (H // 2) * W != H * (W // 2)


def test_constants_are_numbers():
    assert type(H - H) is int
    assert type(H % 1) is int
    assert type((2 * H) % 2) is int
    assert type(0 * H) is int
    assert type(2 * (H * W) - W * H * 2 + 5) is int


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: bool(H),
        lambda: H < 3,
        lambda: H >= W,
        lambda: H // W,
        lambda: H % W,
        lambda: 7 // H,
        lambda: H * 0.5,
        lambda: H + "1",
        lambda: bool(compare("==", H, W)),
    ],
)
def test_misuse_is_a_type_error(misuse):
    with pytest.raises(TypeError):
        misuse()


def test_division_needs_a_positive_number():
    with pytest.raises(ZeroDivisionError):
        H // 0
    with pytest.raises(ZeroDivisionError):
        H % -2


def test_division_that_comes_out_even():
    assert (6 * H * W) // 3 == 2 * H * W
    assert (2 * H) // 2 == H


def test_too_complex_sizes_are_refused():
    with pytest.raises(SizeTooComplex):
        H // 1_000_003
    with pytest.raises(SizeTooComplex):
        reduce(lambda size, prime: size * (prime - 1) // prime, (101, 103, 107, 109), H)
    with pytest.raises(SizeTooComplex):
        reduce(lambda size, _: size * size, range(10), H + W)


def test_ten_thousand_operations_are_cheap():
    with counted() as calls:
        size: Extent = H
        for layer in range(10_000):
            size = (size - 3 + 2) // (2 if layer % 2000 == 1999 else 1) + 1
        text = str(size)
    assert calls[0] < 1_200_000
    assert text == "(H + 31) // 32"


def test_long_chains_of_unlike_steps_keep_short_texts():
    size: Extent = H
    for _ in range(3_000):
        size = size + (size % 3) * 2 - (H % 5)
    assert len(str(size)) < 2_000
    assert at(size, {"H": 15}) == 15


def test_six_thousand_demands_are_cheap():
    domain = Domain(["H"])
    with counted() as calls:
        size: Extent = H
        for _ in range(2_000):
            domain.demand(compare(">=", size, 3), None)
            domain.prefer(compare("==", (size - 3) % 1, 0), None)
            size = size - 2
            domain.demand(compare("==", size, 2 * (size // 2)), None)
        assert domain.sizes("H").describe("H") == "even sizes from 4002"
    assert calls[0] < 2_200_000


# ---------------------------------------------------------------- conditions


def conditions(inner: st.SearchStrategy) -> st.SearchStrategy:
    return st.tuples(st.sampled_from(sorted(OPERATORS)), inner, st.one_of(st.integers(-3, 120), inner))


@few
@given(conditions(SQUARED))
def test_comparisons_along_one_symbol_are_solved(condition):
    op, left, right = condition
    wanted = [OPERATORS[op](value(left, {"H": x}), value(right, {"H": x})) for x in SIZES]
    found = compare(op, dim(left), dim(right))
    if isinstance(found, bool):
        assert set(wanted) == {found}
        return
    sizes = solve(found, "H")
    assert not sizes.empty
    assert sizes != SizeSet.between(1)
    assert [x in sizes for x in SIZES] == wanted
    assert [found.at({"H": x}) for x in SIZES] == wanted
    opposite = negate(found)
    assert isinstance(opposite, Condition)
    assert solve(opposite, "H") == ~sizes


@few
@given(conditions(ALONG), conditions(ALONG))
def test_combinations_are_solved(one, other):
    def holds(condition, x):
        return OPERATORS[condition[0]](value(condition[1], {"H": x}), value(condition[2], {"H": x}))

    a, b = (compare(op, dim(left), dim(right)) for op, left, right in (one, other))
    assert [x in solve(both(a, b), "H") for x in SIZES] == [holds(one, x) and holds(other, x) for x in SIZES]
    assert [x in solve(either(a, b), "H") for x in SIZES] == [holds(one, x) or holds(other, x) for x in SIZES]
    assert solve(negate(both(a, b)), "H") == solve(either(negate(a), negate(b)), "H")


@few
@given(conditions(PLANE))
def test_comparisons_over_two_symbols(condition):
    op, left, right = condition
    found = compare(op, dim(left), dim(right))
    for point in POINTS:
        wanted = OPERATORS[op](value(left, point), value(right, point))
        assert (found if isinstance(found, bool) else found.at(point)) == wanted


def test_text_of_conditions():
    assert str(compare("==", H % 16, 0)) == "H % 16 == 0"
    assert str(both(compare(">=", H, 3), compare("<", W, 9))) == "H >= 3 and W < 9"
    assert str(negate(compare(">=", H - 4, 1))) == "H - 4 < 1"


def test_foregone_conclusions_are_bools():
    assert compare(">=", H, 1) is True
    assert compare("==", H + 3, H) is False
    assert compare(">=", H * W, 1) is True
    assert compare("==", 2 * H + 2 * W, 7) is False
    assert compare("!=", H * H, 2) is True
    assert compare("==", 3, 3) is True
    assert both(compare("==", H % 2, 0), compare("==", H % 2, 1)) is False
    assert either(compare("==", H % 2, 0), compare("==", H % 2, 1)) is True


def test_polynomials_are_solved_far_out():
    found = solve(compare(">=", H * H, 10**12), "H")
    assert found.minimum == 10**6
    assert solve(compare("<", (H // 2) * (H // 2) - 50 * H, -10), "H").maximum == 201


# ---------------------------------------------------------------- sets


@st.composite
def size_sets(draw):
    """A set and the same as a Python set of the members up to 500."""
    modulus = draw(st.integers(1, 12))
    chosen = draw(st.sets(st.integers(0, modulus - 1)))
    start = draw(st.integers(1, 60))
    extra = draw(st.sets(st.integers(1, 80), max_size=5))
    found = SizeSet.congruent(modulus, chosen) & SizeSet.between(start) | SizeSet.of(extra)
    return found, {x for x in SIZES if (x >= start and x % modulus in chosen) or x in extra}


@few
@given(size_sets(), size_sets())
def test_set_algebra(one, other):
    (a, x), (b, y) = one, other
    everything = set(SIZES)
    for found, wanted in ((a & b, x & y), (a | b, x | y), (a - b, x - y), (a ^ b, x ^ y), (~a, everything - x)):
        assert {n for n in SIZES if n in found} == wanted
        assert found.empty == (not wanted)
        assert found.minimum == min(wanted, default=None)
        assert found.first(5) == tuple(sorted(wanted))[: len(found.first(5))]
    assert (a == b) == (x == y)
    assert (a & b) | (a - b) == a
    assert ~~a == a
    assert a.maximum is None or a.maximum == max(x)


@few
@given(size_sets())
def test_minimal_form(one):
    found, members = one
    if found.empty or found.finite:
        return
    assert found.start is not None
    for x in range(found.start, 501):
        assert (x in found) == (x % found.modulus in found.remainders)
    assert {x for x in members if x < found.start} == set(found.exceptions)
    for shorter in range(1, found.modulus):
        tail = {x % shorter for x in members if x > 100}
        assert any(x not in members and x % shorter in tail for x in range(101, 501))


@few
@given(size_sets(), st.integers(-40, 40))
def test_shifting(one, distance):
    found, members = one
    moved = found.shifted(distance)
    assert all((x in moved) == (x - distance in members) for x in range(max(1, distance + 1), 450))
    assert 0 not in moved


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (SizeSet.between(1), "any size"),
        (SizeSet.between(188), "any size from 188"),
        (SizeSet.congruent(16, [0]), "multiples of 16"),
        (SizeSet.congruent(16, [0]) & SizeSet.between(40), "multiples of 16 from 48"),
        (SizeSet.congruent(16, [12]), "16k + 12: 12, 28, 44, …"),
        (SizeSet.congruent(16, [12]) & SizeSet.between(188), "16k + 12: 188, 204, …"),
        (SizeSet.between(227, 242), "227 to 242"),
        (SizeSet.of([224]), "exactly 224"),
        (SizeSet.of([224, 256]), "224 or 256"),
        (SizeSet.congruent(2, [1]), "odd sizes"),
        (SizeSet.congruent(2, [0]) & SizeSet.between(7), "even sizes from 8"),
        (SizeSet.of([3]) | SizeSet.congruent(2, [0]) & SizeSet.between(7), "exactly 3, and even sizes from 8"),
        (SizeSet.congruent(2, [0]) - SizeSet.of([10]), "even sizes except 10"),
        (SizeSet.congruent(6, [1, 5]), "H % 6 is 1 or 5: 1, 5, 7, …"),
        (~SizeSet.congruent(3, [0]), "any size except multiples of 3"),
        (SizeSet.congruent(16, [0]) & SizeSet.between(30, 512), "multiples of 16 from 32 to 512"),
        (SizeSet.of([1, 2, 3, 7, 12, 13]), "1 to 3, 7 or 12, 13"),
        (SizeSet.of([]), "no size"),
    ],
)
def test_descriptions(found, text):
    assert found.describe("H") == text


def test_far_thresholds_cost_nothing():
    found = SizeSet.congruent(2, [0]) & SizeSet.between(1, 10**12)
    assert found.maximum == 10**12
    assert found.describe("H") == f"even sizes from 2 to {10**12}"
    assert (found & SizeSet.between(10**12)).first(3) == (10**12,)
    assert found.smallest_from(10**11 + 1) == 10**11 + 2


# ---------------------------------------------------------------- domains


def unet(domain: Domain, valid: bool) -> Extent:
    """The sizes that a U-Net with four poolings demands; gives the size of its mask."""
    size: Extent = domain.declare("H")
    margin = 4 if valid else 0
    skips = []
    for level in range(4):
        domain.demand(compare(">=", size, margin + 1), f"d{level + 1}")
        size = size - margin
        skips.append(size)
        domain.prefer(compare("==", size % 2, 0), f"pool{level + 1}")
        size = size // 2
    domain.demand(compare(">=", size, margin + 1), "bottom")
    size = size - margin
    for skip in reversed(skips):
        size = 2 * size
        domain.demand(compare(">=" if valid else "==", skip, size), "up")
        domain.demand(compare(">=", size, margin + 1), "up")
        size = size - margin
    return size


def test_same_padded_unet_takes_multiples_of_16():
    domain = Domain()
    mask = unet(domain, valid=False)
    sizes = domain.sizes("H")
    assert (sizes.modulus, sizes.remainders, sizes.minimum) == (16, (0,), 16)
    assert sizes.describe("H") == "multiples of 16"
    assert domain.exact_sizes("H") == sizes
    assert str(mask) == "16 * (H // 16)"
    assert domain.decide(compare("==", mask, H)) is Verdict.ALWAYS
    assert domain.choose() == {"H": 224}
    assert "up" in [d.source for d in domain.demands]


def test_valid_unet_takes_any_size_from_188():
    domain = Domain()
    mask = unet(domain, valid=True)
    sizes, exact = domain.sizes("H"), domain.exact_sizes("H")
    assert (sizes.modulus, sizes.remainders, sizes.minimum) == (1, (0,), 188)
    assert (exact.modulus, exact.remainders, exact.minimum) == (16, (12,), 188)
    assert 572 in exact
    assert at(mask, {"H": 572}) == 388
    assert sizes.describe("H") == "any size from 188"
    assert exact.describe("H") == "16k + 12: 188, 204, …"
    assert domain.choose(at_least=572) == {"H": 572}
    assert domain.smallest() == {"H": 188}


def test_alexnet_takes_one_range():
    size: Extent = (H - 11) // 4 + 1
    for _ in range(3):
        size = (size - 3) // 2 + 1
    domain = Domain(["H"])
    assert domain.demand(compare("==", 6, size), "fc6") is Verdict.SOMETIMES
    sizes = domain.sizes("H")
    brute = [x for x in SIZES if (((((x - 11) // 4 + 1 - 3) // 2 + 1 - 3) // 2 + 1) - 3) // 2 + 1 == 6]
    assert list(sizes) == brute
    assert sizes.describe("H") == f"{brute[0]} to {brute[-1]}"
    assert sizes.minimum == 227
    assert domain.choose() == {"H": 227}
    assert domain.choose(at_least=1000) == {"H": sizes.maximum}


def test_a_contract_that_is_too_weak_shows_a_counter_example():
    domain = Domain(["H"])
    assert domain.demand(compare("==", H % 8, 0), "contract") is Verdict.SOMETIMES
    need = compare("==", H, 16 * (H // 16))
    assert domain.decide(need) is Verdict.SOMETIMES
    assert domain.failing(need) == {"H": 8}
    assert domain.holding(need) == {"H": 16}


def test_a_demand_that_no_size_fulfils_changes_nothing():
    domain = Domain(["H"])
    domain.demand(compare("==", H % 2, 0), 1)
    before = domain.sizes("H")
    assert domain.demand(compare("==", H % 4, 1), 2) is Verdict.NEVER
    assert domain.demand(False, 3) is Verdict.NEVER
    assert domain.demand(compare("==", H % 2, 0), 4) is Verdict.ALWAYS
    assert domain.sizes("H") == before
    assert [d.source for d in domain.demands] == [1]


def test_soft_demands_and_copies_narrow_nothing():
    domain = Domain(["H"])
    twin = domain.copy()
    assert twin.demand(compare(">=", H, 5), None) is Verdict.SOMETIMES
    assert domain.demand(compare("==", H % 2, 0), None, soft=True) is Verdict.SOMETIMES
    assert domain.sizes("H").describe("H") == "any size"
    assert domain.exact_sizes("H").describe("H") == "even sizes"
    assert domain.choose(at_least=7) == {"H": 8}


def test_equal_symbols_share_their_sizes():
    domain = Domain(["H", "W"])
    assert domain.demand(compare("==", H, W), "square") is Verdict.SOMETIMES
    assert domain.demand(compare("==", W % 16, 0), "net") is Verdict.SOMETIMES
    assert domain.sizes("H").describe("H") == "multiples of 16"
    assert domain.decide(compare("==", H * W, H * H)) is Verdict.ALWAYS
    assert domain.decide(compare("==", H, W + 1)) is Verdict.NEVER
    assert domain.failing(compare("==", H % 32, 0)) == {"H": 16, "W": 16}
    assert domain.choose() == {"H": 224, "W": 224}


def test_symbols_at_a_distance():
    domain = Domain(["H", "W"])
    domain.demand(compare("==", W, H + 3), "distance")
    domain.demand(compare("==", W % 5, 0), "fives")
    assert domain.sizes("W").describe("W") == "multiples of 5"
    assert domain.sizes("H").describe("H") == "5k + 2: 2, 7, 12, …"
    assert domain.choose(at_least=10) == {"H": 12, "W": 15}


@few
@given(ALONG, ALONG, st.integers(-5, 40))
def test_projection_of_an_equation(f, g, distance):
    left, right = dim(f), substitute(dim(g), {"H": W})
    domain = Domain(["H", "W"])
    condition = compare("==", left, right + distance)
    values = {value(g, {"H": w}) + distance for w in range(1, 3000)}
    wanted = {h for h in range(1, 120) if value(f, {"H": h}) in values}
    verdict = domain.demand(condition, None)
    assert (verdict is Verdict.NEVER) <= (not wanted)
    if verdict is not Verdict.NEVER:
        assert {h for h in range(1, 120) if h in domain.sizes("H")} >= wanted
        if domain.sizes("H").first(1):
            chosen = domain.smallest()
            assert value(f, {"H": chosen["H"]}) == value(g, {"H": chosen["W"]}) + distance


def test_equations_between_pooled_sizes_are_exact():
    domain = Domain(["H", "W"])
    domain.demand(compare("==", H // 2, 3 * (W // 4)), "join")
    assert domain.sizes("H").modulus == 6
    assert domain.sizes("H").remainders == (0, 1)
    assert domain.decide(compare("<=", H % 6, 1)) is Verdict.ALWAYS
    assert domain.decide(compare("==", H % 6, 2)) is Verdict.NEVER


def test_a_fixed_number_of_patches():
    domain = Domain(["H", "W"])
    patches = compare("==", (H // 16) * (W // 16) + 1, 197)
    assert domain.demand(patches, "position") is Verdict.SOMETIMES
    wanted = [h for h in range(1, 4000) if h // 16 and 196 % (h // 16) == 0]
    assert list(domain.sizes("H")) == wanted
    chosen = domain.choose()
    assert (chosen["H"] // 16) * (chosen["W"] // 16) == 196
    assert chosen["H"] >= 224
    assert domain.decide(compare(">=", H, 16)) is Verdict.ALWAYS


def test_conjunctions_over_symbols_narrow_each():
    domain = Domain(["H", "W"])
    domain.demand(both(compare("==", H % 4, 0), compare(">=", W, 9)), "contract")
    assert domain.relations == ()
    assert domain.sizes("H").describe("H") == "multiples of 4"
    assert domain.sizes("W").describe("W") == "any size from 9"


def test_alternatives_over_symbols():
    domain = Domain(["H", "W"])
    domain.demand(either(compare("==", H % 2, 0), compare("==", W % 2, 0)), "one even")
    assert domain.demand(compare("==", H % 2, 1), "odd") is Verdict.SOMETIMES
    assert domain.decide(compare("==", W % 2, 0)) is Verdict.ALWAYS
    assert domain.smallest() == {"H": 1, "W": 2}


@few
@given(st.lists(conditions(ALONG), min_size=1, max_size=5))
def test_verdicts_on_one_symbol(demands):
    domain = Domain(["H"])
    members = list(range(1, 4_000))
    for op, left, right in demands:
        holding = [x for x in members if OPERATORS[op](value(left, {"H": x}), value(right, {"H": x}))]
        condition = compare(op, dim(left), dim(right))
        verdict = Verdict.NEVER if not holding else Verdict.ALWAYS if holding == members else Verdict.SOMETIMES
        if holding:
            assert domain.holding(condition) == {"H": holding[0]}
        if holding != members:
            assert domain.failing(condition) == {"H": next(x for x in members if x not in set(holding))}
        assert domain.demand(condition, None) is verdict
        members = holding or members
    assert domain.smallest() == {"H": members[0]}
    assert domain.sizes("H").first(20) == tuple(members[:20])


@settings(max_examples=12, deadline=None)
@given(st.lists(conditions(PLANE), min_size=1, max_size=2))
def test_verdicts_on_two_symbols(demands):
    domain = Domain(["H", "W"])
    members = [{"H": h, "W": w} for h, w in product(range(1, 33), repeat=2)]
    for op, left, right in demands:
        condition = compare(op, dim(left), dim(right))
        holding = [p for p in members if OPERATORS[op](value(left, p), value(right, p))]
        verdict = domain.demand(condition, None)
        if holding:
            assert verdict is not Verdict.NEVER
        if len(holding) < len(members):
            assert verdict is not Verdict.ALWAYS
        if verdict is Verdict.NEVER:
            continue
        members = holding
        smallest = domain.smallest()
        assert domain.decide(condition) is Verdict.ALWAYS
        assert OPERATORS[op](value(left, smallest), value(right, smallest))
    assert all(p[s] in domain.sizes(s) for p in members for s in "HW")


def test_three_related_symbols_end_in_time():
    domain = Domain(["D", "H", "W"])
    volume = Dim.symbol("D") * H * W
    with counted() as calls:
        assert domain.demand(compare("==", volume, 1000), "volume") is Verdict.SOMETIMES
        assert all(h in domain.sizes("H") for h in range(1, 1001) if 1000 % h == 0)
        assert domain.sizes("H").maximum == 1000
        assert volume.at(domain.choose(at_least=1)) == 1000
    assert calls[0] < 4_000_000
