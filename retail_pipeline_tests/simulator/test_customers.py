"""Customers come, buy and leave as the models say that the parameters belong to."""

from datetime import date, timedelta
from math import exp, lgamma, sqrt

import numpy as np
import pytest
from scipy import stats

from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.fitting import fit
from retail_pipeline.analytics.btyd.summaries import summarise
from retail_pipeline.simulator import StoreParameters, preset
from retail_pipeline.simulator.clock import Clock
from retail_pipeline.simulator.customers import FIRST_GUEST, Histories, Population, expected_repeats
from retail_pipeline.simulator.parameters import Channel, Tier
from retail_pipeline_tests.simulator.shops import plain, sales, traded

TIER = Tier(name="all", share=1, r=0.8, alpha=40, a=1, b=3, gamma=20)


def population(parameters: StoreParameters) -> Population:
    return Population(parameters, Clock(parameters))


def all_histories(people: Population) -> Histories:
    (histories,) = (found for _, found in people.histories())
    return histories


def bgnbd_probability(x: int, t: float, tier: Tier) -> float:
    """P(X(t) = x), equation 8 of Fader, Hardie & Lee (2005)."""
    r, alpha, a, b = tier.r, tier.alpha, tier.a, tier.b

    def log_beta(first: float, second: float) -> float:
        return lgamma(first) + lgamma(second) - lgamma(first + second)

    def negative_binomial(j: int) -> float:
        ways = exp(lgamma(r + j) - lgamma(r) - lgamma(j + 1))
        return ways * float((alpha / (alpha + t)) ** r * (t / (alpha + t)) ** j)

    stayed = exp(log_beta(a, b + x) - log_beta(a, b)) * negative_binomial(x)
    if x == 0:
        return stayed
    left = exp(log_beta(a + 1, b + x - 1) - log_beta(a, b))
    return stayed + left * (1 - sum(negative_binomial(j) for j in range(x)))


@pytest.mark.parametrize("repeats", [0, 1, 2, 5, 9])
def test_repeat_purchases_follow_the_bgnbd_distribution(repeats: int) -> None:
    people = population(plain(customers=20_000, tiers=(TIER,)))
    histories = all_histories(people)
    left = people.clock.first + people.clock.days - histories.first_order / 86_400
    chances = np.array([bgnbd_probability(repeats, time, TIER) for time in left])
    found = np.count_nonzero(histories.orders - 1 == repeats)
    # the first order's moment is known up to the hours of a day, in which busy time runs unevenly
    assert abs(found - chances.sum()) < 4 * sqrt((chances * (1 - chances)).sum()) + 0.002 * found


def test_expected_repeats_are_the_papers() -> None:
    """Equation 9 of Fader, Hardie & Lee (2005), by way of the probabilities."""
    expected = sum(x * bgnbd_probability(x, 100, TIER) for x in range(1, 150))
    assert expected_repeats(TIER.r, TIER.alpha, TIER.a, TIER.b, np.array([100.0]))[0] == pytest.approx(
        expected, rel=0.01
    )


def test_as_many_orders_come_as_the_parameters_let_expect() -> None:
    people = population(preset("calm", customers=20_000))
    orders = all_histories(people).orders
    assert abs(orders.mean() - people.expected_orders()) < 4 * orders.std() / sqrt(len(orders))


def test_what_is_expected_of_each_customer_comes_about() -> None:
    """A shop that goes on has the same past, and in the mean the future that its state at the end promised."""
    end = date(2023, 12, 31)
    asked = {"customers": 30_000, "newcomers_until": date(2023, 6, 30)}
    before = all_histories(population(preset("calm", **asked, end=end)))
    people = population(preset("calm", **asked, end=end + timedelta(180)))
    after = all_histories(people)
    assert (before.first_order == after.first_order).all()
    clock, region = people.clock, before.traits.region
    ahead = clock.busy[region, clock.days] - clock.busy[region, clock.days - 180]
    expected = -np.expm1(-before.rate * before.dropout * ahead) / before.dropout * before.is_active
    came = after.orders - before.orders
    assert (came[~before.is_active] == 0).all()
    for group in (slice(None), before.traits.tier == 0, before.orders == 1, before.orders > 10):
        error = (came - expected)[group]
        assert abs(error.sum()) < 4 * sqrt((error**2).sum())


def test_a_larger_shop_repeats_the_histories_of_a_smaller_one() -> None:
    small, large = (sales(traded(preset("demo", customers=count))) for count in (300, 700))
    same = large.take(large.customer < 300)
    known = small.take(small.customer < FIRST_GUEST)
    for name in ("ts", "customer", "number", "line_no", "product", "units", "pence", "discount", "region", "channel"):
        assert (getattr(same, name) == getattr(known, name)).all(), name


def test_new_customers_come_by_channel_as_their_shares_and_growth_say() -> None:
    channels = (Channel(name="old", share=3, growth=-1.5), Channel(name="new", share=1, growth=1.0))
    people = population(plain(customers=40_000, channels=channels, end=date(2024, 12, 31)))
    histories = all_histories(people)
    years = 2.0
    mass = [share * (exp(growth * years) - 1) / growth for share, growth in ((3, -1.5), (1, 1.0))]
    share = mass[0] / sum(mass)
    found = (histories.traits.channel == 0).mean()
    assert abs(found - share) < 4 * sqrt(share * (1 - share) / 40_000) + 0.002  # a day more than two years
    first_half = (histories.first_order / 86_400 - people.clock.first) < 365.25
    for channel, growth in ((0, -1.5), (1, 1.0)):
        early = (exp(growth) - 1) / (exp(growth * years) - 1)
        of_channel = first_half[histories.traits.channel == channel]
        assert abs(of_channel.mean() - early) < 4 * sqrt(early * (1 - early) / len(of_channel)) + 0.005


def test_tiers_regions_and_tastes_have_their_shares() -> None:
    parameters = preset("demo", customers=50_000)
    traits = population(parameters).traits(np.arange(50_000))
    for numbers, asked in (
        (traits.tier, parameters.tiers),
        (traits.region, parameters.regions),
        (traits.taste, parameters.tastes),
    ):
        shares = np.array([item.share for item in asked])
        found = np.bincount(numbers, minlength=len(shares))
        assert stats.chisquare(found, 50_000 * shares / shares.sum()).pvalue > 0.001


def test_guests_place_their_share_of_the_orders_where_and_when_others_buy() -> None:
    lines = sales(traded(preset("demo", customers=6_000, dirt={"guests": 0.2})))
    first = lines.take(lines.line_no == 1)
    is_guest = first.customer >= FIRST_GUEST
    assert abs(is_guest.mean() - 0.2) < 4 * sqrt(0.16 / len(first))
    for values in (first.region.astype(int), first.ts // 86_400 // 28):
        table = np.array(
            [np.bincount((values - values.min())[chosen], minlength=30) for chosen in (is_guest, ~is_guest)]
        )
        assert stats.chi2_contingency(table[:, table.sum(axis=0) > 50]).pvalue > 0.001
    assert len(set(zip(first.customer.tolist(), first.number.tolist(), strict=True))) == len(first)


def test_a_later_end_continues_the_same_histories_of_guests_and_others() -> None:
    dirt = {"late_cancellations": 0.3, "returns": 0.3}
    asked = {"customers": 400, "newcomers_until": date(2023, 3, 31), "dirt": dirt}
    end = date(2023, 6, 30)
    shorter, longer = (traded(preset("demo", **asked, end=each)) for each in (end, date(2023, 12, 31)))
    known = longer.take(longer.ts < ((end - date(1970, 1, 1)).days + 1) * 86_400)
    for name in ("kind", "ts", "customer", "number", "line_no", "part", "product", "units", "pence", "discount"):
        assert (getattr(shorter, name) == getattr(known, name)).all(), name


def test_later_orders_come_by_the_first_channel_as_often_as_customers_are_loyal_to_it() -> None:
    channels = (Channel(name="a", share=1, loyalty=0.9), Channel(name="b", share=3, loyalty=0.1))
    lines = sales(traded(plain(customers=4_000, channels=channels)))
    orders = lines.take(lines.line_no == 1)
    firsts = np.zeros(4_000, dtype=int)
    firsts[orders.customer[orders.number == 0]] = orders.channel[orders.number == 0]
    later = orders.take(orders.number > 0)
    for channel, loyalty, share in ((0, 0.9, 0.25), (1, 0.1, 0.75)):
        same = later.channel[firsts[later.customer] == channel] == channel
        expected = loyalty + (1 - loyalty) * share
        assert abs(same.mean() - expected) < 4 * sqrt(expected * (1 - expected) / len(same))


def test_the_days_of_the_btyd_preset_tell_its_parameters() -> None:
    """Models see a purchase a day: of customers who often order twice on one, that would be another process."""
    parameters = preset("btyd")
    (tier,) = parameters.tiers
    lines = sales(traded(parameters))
    customer, day = lines.customer.astype(np.int64), lines.ts // 86_400
    different = np.unique(np.stack([customer, day]), axis=1)
    repeats = len(customer) - parameters.customers
    assert len(customer) - different.shape[1] < 0.01 * repeats
    last = (parameters.end - date(1970, 1, 1)).days
    firsts, x = np.unique(different[0], return_index=True)[1], np.bincount(different[0]) - 1
    first, latest = different[1][firsts], different[1][np.append(firsts[1:], different.shape[1]) - 1]
    found = fit(BgNbd, summarise(x, (latest - first).astype(float), (last - first).astype(float)))
    true = np.array([tier.r, tier.alpha, tier.a, tier.b])
    errors = np.log(np.array(found.values) / true) / np.sqrt(np.diag(found.covariance))
    assert np.abs(errors).max() < 3
