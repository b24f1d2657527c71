"""The parts that exact sizes are made of, each by itself: functions, sums, sets, texts and phrases against brute force."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import reduce
from itertools import product

import pytest

from netdsl.dims import Dim, Domain, Extent, SizeSet, Verdict, compare, solve
from netdsl.dims.effort import Account, charged
from netdsl.dims.extent import QuasiAffine, sample
from netdsl.dims.quasi import Quasi, primes
from netdsl.dims.tensors import TensorType

H, W = Dim.symbol("H"), Dim.symbol("W")
FAR = 400


# ---------------------------------------------------------------- functions of one symbol


def drawn_function(draw: random.Random) -> tuple[int, int, list[int]]:
    """Period, increment and values, of which a shorter period may say the same."""
    shorter, times = draw.randint(1, 5), draw.randint(1, 3)
    rise, values = draw.randint(-6, 6), [draw.randint(-9, 9) for _ in range(shorter)]
    return shorter * times, rise * times, [values[x % shorter] + rise * (x // shorter) for x in range(shorter * times)]


def test_prime_factors() -> None:
    for number in range(1, 200):
        divisors = [d for d in range(2, number + 1) if number % d == 0]
        assert primes(number) == tuple(d for d in divisors if not any(d % e == 0 for e in range(2, d)))


@pytest.mark.parametrize("seed", range(60))
def test_functions_by_their_values(seed: int) -> None:
    draw = random.Random(seed)
    period, increment, values = drawn_function(draw)
    found = Quasi.of(period, increment, values)
    wanted = [values[x % period] + increment * (x // period) for x in range(FAR)]
    assert [found(x) for x in range(FAR)] == wanted == found.values(FAR)
    repeats = [p for p in range(1, period + 1) if len({wanted[x + p] - wanted[x] for x in range(FAR - p)}) == 1]
    assert found.period == repeats[0]
    assert found.constant == (len(set(wanted)) == 1)
    number, inner = draw.randint(1, 7), Quasi.of(*drawn_function(draw))
    assert found.divided(number).values(FAR) == [v // number for v in wanted]
    assert found.plus(inner).values(FAR) == [v + inner(x) for x, v in enumerate(wanted)]
    assert [found.after(inner)(x) for x in range(60)] == [found(inner(x)) for x in range(60)]
    content = found.content()
    if content:
        assert max(d for d in range(1, 80) if all(v % d == 0 for v in wanted)) == content
        assert found.reduced(content).values(FAR) == [v // content for v in wanted]


@pytest.mark.parametrize("seed", range(60))
def test_least_and_greatest_values(seed: int) -> None:
    draw = random.Random(seed)
    found = Quasi.of(*drawn_function(draw))
    for first, length in product(range(1, 14), range(14)):
        values = [found(x) for x in range(first, first + length + 1)]
        assert (found.low(first, first + length), found.high(first, first + length)) == (min(values), max(values))
    endless = [found(x) for x in range(first, FAR)]
    assert found.low(first, None) == (min(endless) if found.increment >= 0 else None)
    assert found.high(first, None) == (max(endless) if found.increment <= 0 else None)


# ---------------------------------------------------------------- texts


def test_one_remainder_is_written_as_one() -> None:
    for period, offset, sign, factor, base in product(range(2, 6), range(-3, 8), (1, -1), (-3, -1, 1, 2), (-3, 0, 1)):
        says_the_same(lambda x: factor * ((sign * x + offset) % period) + base, 1)


def test_one_floor_is_written_as_one() -> None:
    bases, factors, slopes = (-4, 0, 1, 7), (-2, -1, 1, 3), (-1, 0, 1, 2)
    for period, a, b, factor, slope in product(range(2, 6), (-3, -1, 1, 2, 3), bases, factors, slopes):
        for base in (-3, 0):
            says_the_same(lambda x: slope * x + factor * ((a * x + b) // period) + base, 1)


def says_the_same(function: Callable[[Extent], Extent], steps: int) -> None:
    """A size is written as what it is, with no more divisions than it needs."""
    size = function(H)
    text = str(size)
    assert eval(f"[{text} for H in range(1, 13)]") == [function(x) for x in range(1, 13)], text
    assert text.count("//") + text.count("%") <= steps, text
    assert not text.startswith("-") or " + " not in re.sub(r"\([^()]*\)", "", text), text


def test_a_sum_begins_with_what_is_added() -> None:
    for h, w, more in product(range(-2, 3), range(-2, 3), range(-2, 3)):
        text = str(h * H + w * W + more)
        assert eval(text, {}, {"H": 5, "W": 31}) == 5 * h + 31 * w + more
        assert not text.startswith("-") or max(h, w, more) <= 0, text


LINES = (H, H // 2, (H + 1) // 2, H % 3, 2 * H + 1, (H - 3) // 4, -H, 3 * (H // 2), H - H // 3)


@pytest.mark.parametrize(("one", "other"), [(a, b) for a in LINES for b in LINES])
def test_products_that_share_a_factor_are_one(one: Extent, other: Extent) -> None:
    """They read as the product of the sum, or of the difference."""
    assert str(one * W + other * W) == str((one + other) * W)
    assert str(other * W - one * W).count("W") <= 1
    assert str(one * W + 5 + other * W) == str((one + other) * W + 5)


SIMPLEST = {
    "((H + W) // 2 + 3) // 2": "(H + W + 6) // 4",
    "((H + W) // 2) // 3": "(H + W) // 6",
    "(2 * H * W + 6) // 4": "(H * W + 3) // 2",
    "(4 * H + 2 * W + 1) // 2": "2 * H + W",
    "(H + 1) * (H + 1) - H * H": "2 * H + 1",
    "(H // 2) * (H // 2) - (H // 2 - 1) * (H // 2 - 1)": "2 * (H // 2) - 1",
    "H * (H + W) - H * W - H * H": "0",
    "(H % 2) * H - (H % 2) * (H - 4)": "4 * (H % 2)",
    "(H % 2) * (H % 2)": "H % 2",
    "H * H - 4 * (H // 2) * (H // 2) - 4 * (H % 2) * (H // 2) + H": "2 * ((H + 1) // 2)",
    "(H % 3) * (W // 2 + 1) + (H % 2) - H % 2": "(H % 3) * ((W + 2) // 2)",
}
"""Sums with their texts."""


def test_a_sum_is_in_its_simplest_form() -> None:
    assert {made: str(eval(made)) for made in SIMPLEST} == SIMPLEST


def test_a_sum_of_many_steps_is_cut() -> None:
    """Eight steps in a period are written out, nine are not."""
    eight, nine = (reduce(lambda size, i: size + (H + i * i) // 97, range(1, n + 1), 0) for n in (8, 9))
    for size, shown in (
        (Quasi.of(97, 8, eight.quasi.values(97)), True),
        (Quasi.of(97, 9, nine.quasi.values(97)), False),
    ):
        text = str(QuasiAffine("H", size))
        assert ("…" not in text) == shown
        assert not shown or [eval(text, {}, {"H": x}) for x in range(1, 200)] == [size(x) for x in range(1, 200)]


INTRICATE = {
    "(H // 2 + H // 5) // 3": "(H // 2 + H // 5) // 3",
    "(H // 2 + H // 3) % 4": "(H // 2 + H // 3) % 4",
    "(H // 2 + H // 3) * 2": "2 * (H // 2 + H // 3)",
    "H % 3 - (H // 2 + 1)": "H % 3 - (H + 2) // 2",
    "H // 2 - (H % 3 + H % 5)": "H // 2 - (H % 3 + H % 5)",
}
"""Sizes with their texts."""


def test_an_intricate_size_reads_as_it_was_made() -> None:
    for made, text in INTRICATE.items():
        size = eval(made)
        assert str(size) == text
        assert all(eval(made, {}, {"H": x}) == size.at({"H": x}) for x in range(1, 40))


def test_what_comes_back_to_a_short_text_forgets_how_it_was_made() -> None:
    """However long the way was, what follows is written as if it had begun there."""
    more = reduce(lambda size, i: size + H // (2 + i % 2), range(30), H)
    size: Extent = H // 2
    for _ in range(6):
        assert str(size + more) == str(H // 2 + more)
        size = size + more - more
        assert str(size) == "H // 2"


def test_what_is_zero_wherever_one_looks_is_not_zero() -> None:
    """Sizes are told apart by all values that tell, not only where they are tried out."""
    near = [1, *(sample("H", i) + more for i in range(3) for more in (0, i + 1))]
    zeros = reduce(lambda so_far, at: so_far * (H - at), near, 1)
    size = zeros * (H + 7) - zeros * (H // 2)
    assert isinstance(size, Dim)
    assert {size.at({"H": x}) for x in near} == {0}
    assert size.at({"H": 2}) == reduce(lambda so_far, at: so_far * (2 - at), near, 1) * (9 - 1)


def test_a_type_is_open_where_a_size_is_no_number() -> None:
    assert not TensorType((3, 4, 5)).is_open
    assert TensorType((3, H, 5)).is_open
    assert TensorType((H,)).is_open
    assert not TensorType(()).is_open


# ---------------------------------------------------------------- sets


def drawn_set(draw: random.Random) -> tuple[SizeSet, set[int]]:
    """A set, and its members as far as 400."""
    modulus = draw.randint(1, 8)
    kept = [r for r in range(modulus) if draw.random() < 0.5]
    first, last = draw.randint(1, 30), draw.choice((draw.randint(1, 60), FAR))
    more, fewer = draw.sample(range(1, 50), draw.choice((0, 2))), draw.sample(range(1, 50), draw.choice((0, 1)))
    found = SizeSet.congruent(modulus, kept) & (SizeSet.between(first) if last == FAR else SizeSet.between(first, last))
    members = {x for x in range(first, last + 1) if x % modulus in kept} | set(more)
    return (found | SizeSet.of(more)) - SizeSet.of(fewer), members - set(fewer)


@pytest.mark.parametrize("seed", range(150))
def test_what_a_set_says_of_itself(seed: int) -> None:
    found, members = drawn_set(random.Random(seed))
    assert found.first(30) == tuple(sorted(members))[:30]
    assert found.size == (len(members) if found.finite else float("inf"))
    assert found.finite == (not members or max(members) < FAR - 10)
    assert found.maximum == (max(members, default=None) if found.finite else None)
    for size in range(1, 70):
        assert found.smallest_from(size) == min((x for x in members if x >= size), default=None)
    filled = {x for x in range(found.minimum or 1, (found.maximum or FAR) + 1) if x % found.modulus in found.remainders}
    assert not {x for x in members if found.start is not None and x >= found.start} - filled
    assert found.regular == (filled == members or not members)
    assert set(found.gaps.first(100)) == filled - members or not members
    if found.regular and members:
        fills = {m: {x for x in filled if x % m in {y % m for y in members}} for m in range(1, found.modulus)}
        spans = {
            m: {x for x in range(min(members), max(members) + 1) if x % m in {y % m for y in fills[m]}} for m in fills
        }
        assert all(spans[m] != members for m in spans), "the least modulus that says it"
        assert found.start == found.minimum
        assert found.exceptions.empty


# ---------------------------------------------------------------- phrases


def read(text: str, far: int) -> set[int]:
    """The sizes that a phrase names, as far as `far`."""
    whole = set(range(1, far + 1))
    if ", and " in text:
        few, _, rest = text.partition(", and ")
        return read(few, far) | read(rest, far)
    if " except " in text:
        text, _, left_out = text.rpartition(" except ")
        return read(text, far) - read(left_out.replace(" and ", " or "), far)
    if found := re.fullmatch(r"(.*?) from (\d+)(?: to (\d+))?", text):
        last = int(found[3] or far)
        return {x for x in read(found[1], far) if int(found[2]) <= x <= last}
    if found := re.fullmatch(r"(?:(\d+)k \+ (\d+)|H % (\d+) is ([\d, or]+))(?:: ([\d, ]+), …)?", text):
        modulus, remainders = int(found[1] or found[3]), {int(r) for r in re.findall(r"\d+", found[2] or found[4])}
        shown = [int(x) for x in (found[5] or "1").split(", ")]
        sizes = {x for x in whole if x % modulus in remainders and x >= shown[0]}
        assert not found[5] or sorted(sizes)[: len(shown)] == shown, text
        return sizes
    if found := re.fullmatch(r"multiples of (\d+)", text):
        return {x for x in whole if x % int(found[1]) == 0}
    named = {"any size": whole, "no size": set(), "even sizes": whole & set(range(0, far + 1, 2)),
             "odd sizes": whole & set(range(1, far + 1, 2))}  # fmt: skip
    return named[text] if text in named else listed(text.removeprefix("exactly "))


def listed(text: str) -> set[int]:
    sizes: set[int] = set()
    for part in text.replace(" or ", ", ").split(", "):
        first, _, last = part.partition(" to ")
        sizes |= set(range(int(first), int(last or first) + 1))
    return sizes


@pytest.mark.parametrize("seed", range(300))
def test_phrases_say_the_set(seed: int) -> None:
    found, members = drawn_set(random.Random(seed))
    text = found.describe("H")
    if "sizes)" not in text and "of every" not in text:  # what is cut names only some
        assert read(text, FAR) == members, text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (SizeSet.of([1, 4, 8, 11, 15, 19]), "1, 4, 8, 11, 15 or 19"),
        (SizeSet.of([1, 4, 8, 11, 15, 19, 30]), "1, 4, 8, 11, …, 30 (7 sizes)"),
        (SizeSet.of([1, 2, 3, 7, 8, 11, 15, 19, 24, 30]), "1 to 3, 7, 8, 11, 15, …, 30 (10 sizes)"),
        (SizeSet.congruent(5, [2]) & SizeSet.between(1, 32), "5k + 2 from 2 to 32"),
        (SizeSet.congruent(5, [2]) & SizeSet.between(1, 28), "2, 7, 12, 17, 22 or 27"),
        (SizeSet.congruent(16, [0, 1, 2, 4, 8, 11, 13]), "7 of every 16 sizes: 1, 2, 4, …"),
        (SizeSet.congruent(16, [0, 1, 2, 4, 8, 11]), "H % 16 is 0, 1, 2, 4, 8 or 11: 1, 2, 4, …"),
        (SizeSet.congruent(16, [0, 1, 2, 4, 8, 11]) & SizeSet.between(3), "H % 16 is 0, 1, 2, 4, 8 or 11: 4, 8, …"),
        (~SizeSet.congruent(5, [2]) & SizeSet.between(3), "any size from 3 except 5k + 2"),
    ],
)
def test_long_lists_are_cut(found: SizeSet, text: str) -> None:
    assert found.describe("H") == text


# ---------------------------------------------------------------- relations and work


def test_an_equation_far_out_is_exact() -> None:
    """The first sizes from 60 on that fit are 1200 and 7: further than sizes are tried."""
    domain = Domain(["H", "W"])
    domain.demand(compare("==", H // 60, 20 * (W // 7)), "join")
    fitting = [h for h in range(1, 4000) if (h // 60) % 20 == 0]
    assert domain.sizes("H").first(200) == tuple(fitting[:200])
    assert domain.decide(compare(">=", H, 60)) is Verdict.SOMETIMES
    assert domain.decide(compare("==", (H // 60) % 20, 0)) is Verdict.ALWAYS


WORK: dict[str, Callable[[Extent], object]] = {
    "a sum": lambda size: size + H // 2,
    "a quotient": lambda size: size // 2,
    "a text": str,
    "a text of steps": lambda size: str(QuasiAffine("H", size.quasi)),
    "a product": lambda size: size * W + H * W,
    "a comparison": lambda size: compare(">=", size, 3),
    "a square compared": lambda size: compare(">=", size * size, H),
}


@pytest.mark.parametrize("name", WORK)
def test_work_on_sizes_is_counted(name: str) -> None:
    """Each question about a size whose pattern is ten times as long costs more, and much of what it costs is charged."""
    costs = []
    for period in (400, 4000):
        size = reduce(lambda so_far, i: so_far + (H + i * i) // period, (1, 2, 3), H // period)
        account = Account()
        with charged(account):
            WORK[name](size)
        costs.append(Account().left - account.left)
    assert costs[1] > max(2 * costs[0], 4000 // 4), costs


def test_sets_are_charged_for() -> None:
    account = Account()
    with charged(account):
        found = solve(compare("==", H % 97, 0), "H") & solve(compare("==", H % 89, 0), "H")
    assert found.minimum == 97 * 89
    assert Account().left - account.left > 97 * 89
