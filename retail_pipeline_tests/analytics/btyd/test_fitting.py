"""What is fitted: published parameters, those of drawn customers, and nothing that the order of rows changes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retail_pipeline.analytics.btyd import fitting
from retail_pipeline.analytics.btyd.bg_nbd import BgNbd
from retail_pipeline.analytics.btyd.fitting import LOG_LIMIT, bootstrap, fit
from retail_pipeline.analytics.btyd.gamma_gamma import GammaGamma, spends
from retail_pipeline.analytics.btyd.mbg_nbd import MbgNbd
from retail_pipeline.analytics.btyd.pareto_nbd import ParetoNbd
from retail_pipeline.analytics.btyd.summaries import Summaries, summarise
from retail_pipeline_tests.analytics.btyd.populations import drawn

TRUE = [
    BgNbd(r=0.6, alpha=10, a=0.8, b=3),
    MbgNbd(r=0.8, alpha=8, a=0.6, b=2),
    ParetoNbd(r=0.8, alpha=8, s=0.9, beta=25),
]
LAST_DAY = pd.Timestamp("1997-09-30")


def by_name(model: object) -> str:
    return getattr(model, "__name__", type(model).__name__)


@pytest.fixture(scope="module")
def cdnow_days(cdnow: Path) -> pd.DataFrame:
    """CDNOW: a row a customer and day with a purchase in the 39 weeks of calibration."""
    lines = pd.read_csv(cdnow, sep=r"\s+", header=None, names=["master", "id", "day", "cds", "dollars"])
    lines["day"] = pd.to_datetime(lines["day"].astype(str))
    return lines[lines["day"] <= LAST_DAY].groupby(["id", "day"], as_index=False)["dollars"].sum()


@pytest.mark.parametrize(
    ("model", "parameters", "log_likelihood"),
    [
        (BgNbd, (0.243, 4.414, 0.793, 2.426), -9582.4),  # Fader, Hardie & Lee (2005), table 2
        (MbgNbd, (0.525, 6.183, 0.891, 1.614), None),  # Batislam, Denizel & Filiztekin (2007)
        (ParetoNbd, (0.553, 10.578, 0.606, 11.668), -9595.0),
    ],
    ids=by_name,
)
def test_parameters_of_cdnow_are_the_published_ones(
    cdnow_days: pd.DataFrame, model: type[BgNbd], parameters: tuple[float, ...], log_likelihood: float | None
) -> None:
    days = cdnow_days.groupby("id")["day"]
    first, last = days.min(), days.max()
    data = summarise(days.count() - 1, (last - first).dt.days / 7, (LAST_DAY - first).dt.days / 7)
    assert data.customers == 2_357
    fitted = fit(model, data)
    assert fitted.converged
    assert fitted.values == pytest.approx(parameters, abs=0.0011)  # the papers round their days
    if log_likelihood:
        assert fitted.log_likelihood == pytest.approx(log_likelihood, abs=0.05)


def test_spend_of_cdnow_is_the_published_one(cdnow_days: pd.DataFrame) -> None:
    repeats = cdnow_days[cdnow_days["day"] > cdnow_days.groupby("id")["day"].transform("min")]
    told = repeats.groupby("id")["dollars"].agg(["count", "mean"])
    data = spends(told["count"], told["mean"])
    assert data.customers == 946
    assert fit(GammaGamma, data).values == pytest.approx((6.25, 3.74, 15.44), abs=0.006)


@pytest.fixture(scope="module", params=TRUE, ids=by_name)
def population(request: pytest.FixtureRequest) -> tuple[BgNbd, Summaries]:
    """A model and 3,000 customers drawn from it."""
    x, t_x, total, _ = drawn(request.param, 3_000, until=60, after=0, seed=11)
    return request.param, summarise(x, np.ceil(t_x), total)


def test_the_parameters_of_drawn_customers_are_found(population: tuple[BgNbd, Summaries]) -> None:
    true, data = population
    fitted = fit(type(true), data)
    errors = np.sqrt(np.diag(fitted.covariance))
    assert fitted.converged
    away = (np.log(fitted.values) - np.log([getattr(true, letter) for letter in true.letters()])) / errors
    assert (np.abs(away) < 3.5).all()
    # nothing near is likelier, the truth included
    assert fitted.log_likelihood > data.weights @ true.scores(data)[0]
    for move in 0.05 * np.vstack([np.eye(4), -np.eye(4)]):
        assert fitted.log_likelihood > data.weights @ type(true)(*fitted.values * np.exp(move)).scores(data)[0]


def test_starts_far_away_lead_to_the_same_parameters(population: tuple[BgNbd, Summaries]) -> None:
    true, data = population
    one, other = (fit(type(true), data, [start]) for start in ((1.0, 1.0, 1.0, 1.0), (0.1, 50.0, 3.0, 40.0)))
    assert one.values == pytest.approx(other.values, rel=1e-3)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-3)


def test_the_order_of_customers_changes_nothing(population: tuple[BgNbd, Summaries]) -> None:
    true, data = population
    mixed = np.random.default_rng(5).permutation(np.repeat(np.arange(len(data)), data.weights.astype(int)))
    again = summarise(data.x[mixed], data.t_x[mixed], data.T[mixed])
    assert fit(type(true), again).values.tolist() == fit(type(true), data).values.tolist()


def test_a_sample_only_shows_where_to_begin(
    population: tuple[BgNbd, Summaries], monkeypatch: pytest.MonkeyPatch
) -> None:
    true, data = population
    whole = fit(type(true), data)
    monkeypatch.setattr(fitting, "SAMPLE", 500)
    by_sample = fit(type(true), data)
    assert by_sample.converged
    assert by_sample.values == pytest.approx(whole.values, rel=2e-3)
    assert by_sample.std_errors == pytest.approx(whole.std_errors, rel=1e-2)


def test_identical_customers_weigh_as_many_as_they_are() -> None:
    x, t_x, total = [0, 0, 1, 3, 8], [0, 0, 5, 20, 29], [30, 12, 30, 25, 30]
    many = fit(BgNbd, summarise(np.repeat(x, 4_000), np.repeat(t_x, 4_000), np.repeat(total, 4_000)))
    few = fit(BgNbd, summarise(x, t_x, total))
    assert many.values == pytest.approx(few.values, rel=1e-6)
    assert many.log_likelihood == pytest.approx(4_000 * few.log_likelihood, rel=1e-9)


def test_standard_errors_and_bootstrap_agree() -> None:
    x, t_x, total, _ = drawn(TRUE[0], 2_000, until=60, after=0, seed=2)
    data = summarise(x, np.ceil(t_x), total)
    fitted = fit(BgNbd, data)
    spread = np.log(bootstrap(fitted, data, resamples=60, seed=1)).std(axis=0, ddof=1)
    assert spread == pytest.approx(np.sqrt(np.diag(fitted.covariance)), rel=0.35)
    lower, upper = fitted.intervals
    assert (lower < fitted.values).all()
    assert (fitted.values < upper).all()


def test_where_nobody_ever_leaves_the_limit_is_told_without_errors() -> None:
    # the last purchase of everyone is on the last day: a goes to nothing
    x = np.arange(1, 60)
    fitted = fit(BgNbd, summarise(x, np.full(59, 100.0), np.full(59, 100.0)))
    assert np.isfinite(fitted.values).all()
    assert fitted.model.a / (fitted.model.a + fitted.model.b) < 1e-3
    at_limit = np.abs(np.log(fitted.values)) > LOG_LIMIT - 0.01
    assert at_limit.any()
    assert np.isnan(fitted.std_errors[at_limit]).all()
    # how often they buy is known all the same
    assert np.isfinite(fitted.std_errors[:2]).all()
    assert fitted.converged


ALIKE = {
    "nobody came again": (0, 0, [30, 90, 200]),
    "a purchase every day": (200, 200, 200),
    "all the same": (3, 30, 200),
    "nobody after the second day": (2, 2, 300),
    "thousands of purchases": ([10, 900, 3_000], 700, 730),
}


@pytest.mark.parametrize("model", [BgNbd, MbgNbd, ParetoNbd], ids=by_name)
@pytest.mark.parametrize("told", ALIKE.values(), ids=ALIKE.keys())
def test_strange_customers_lead_to_finite_parameters(
    model: type[BgNbd], told: tuple[int | list[int], int, int | list[int]]
) -> None:
    x, t_x, total = (np.resize(values, 600) for values in told)
    fitted = fit(model, summarise(x, t_x, total))
    assert (fitted.values > 0).all()
    assert np.isfinite(fitted.values).all()
    assert np.isfinite(fitted.log_likelihood)
    assert np.isfinite(fitted.model.conditional_expected_orders(365, x, t_x, total)).all()


def test_nobody_is_no_data() -> None:
    with pytest.raises(ValueError, match="no customers"):
        fit(BgNbd, summarise([], [], []))


@pytest.mark.parametrize(
    "customer", [(-1, 0, 5), (0.5, 1, 5), (1, 6, 5), (1, -1, 5), (0, 2, 5), (1, np.nan, 5), (0, 0, np.inf)]
)
def test_what_is_no_customer_is_refused(customer: tuple[float, float, float]) -> None:
    x, t_x, total = customer
    with pytest.raises(ValueError, match="is no customer"):
        summarise([1, x], [2, t_x], [3, total])


def test_a_sample_is_taken_evenly() -> None:
    data = summarise([0, 1], [0, 5], [10, 10], [900, 100])
    assert data.sample(10).weights.tolist() == [9, 1]
    assert data.resample(np.random.default_rng(1)).customers == 1_000
