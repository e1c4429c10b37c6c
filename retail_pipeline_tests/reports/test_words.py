"""Figures in words."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.reports.words import Money, compared, counted, percent, wilson_interval


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal("1456145.2200"), "1,456,145 GBP"),
        (Decimal("99.994"), "99.99 GBP"),
        (99.996, "100 GBP"),
        (-191410.52, "-191,411 GBP"),
        (0, "0.00 GBP"),
        (-0.001, "0.00 GBP"),
    ],
)
def test_an_amount_is_told_as_exactly_as_its_size_asks(amount: float | Decimal, text: str) -> None:
    assert Money("GBP").text(amount) == text


def test_an_amount_without_a_known_currency_has_none() -> None:
    assert Money(None).text(12.5) == "12.50"
    assert Money(None).signed(12.5) == "+12.50"


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.0004, "0 %"),
        (0.034, "3.4 %"),
        (0.03, "3 %"),
        (0.0996, "10 %"),
        (0.357, "36 %"),
        (-0.0001, "0 %"),
    ],
)
def test_a_share_in_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("growth", "text"),
    [
        (0.357, "36 % above May"),
        (-0.021, "2.1 % below May"),
        (0.00001, "as in May"),
        (2.2, "3.2 times May"),
        (-1.0, "100 % below May"),
    ],
)
def test_a_figure_beside_another(growth: float, text: str) -> None:
    assert compared(growth, "May") == text


def test_one_is_no_plural() -> None:
    assert [counted(number, "order") for number in (0, 1, 3112)] == ["0 orders", "1 order", "3,112 orders"]


@settings(deadline=None)  # the first example imports scipy
@given(st.integers(1, 10_000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilsons_interval_solves_its_equation_and_holds_the_share(case: tuple[int, int]) -> None:
    hits, trials = case
    low, high = wilson_interval(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1
    for end in (low, high):  # Wilson (1927): (share - end)^2 = z^2 end (1 - end) / n
        assert (hits / trials - end) ** 2 == pytest.approx(1.959963984540054**2 * end * (1 - end) / trials, abs=1e-9)
