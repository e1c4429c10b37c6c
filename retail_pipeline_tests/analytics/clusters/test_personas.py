"""Numbers and names of clusters: they say what is so, and stay."""

import numpy as np
import pytest

from retail_pipeline.analytics.clusters.matching import by_value, match
from retail_pipeline.analytics.clusters.personas import NOISE_PERSONA, levels, personas, sentence
from retail_pipeline.analytics.clusters.profiles import LEVEL_MEASURES, Population, standardised_difference
from retail_pipeline_tests.analytics.clusters.blobs import codes, customers


def profile(cluster: int, *, one_time_share: float = 0.2, **positions: float) -> dict[str, object]:
    """A profile in the middle of all customers but for the positions given."""
    middle = dict.fromkeys(LEVEL_MEASURES, 0.5) | positions
    return {
        "cluster": cluster, "one_time_share": one_time_share, "weekday": 1, "weekday_share": 0.2,
        **{f"position_{name}": value for name, value in middle.items()},
    }  # fmt: skip


def test_a_relabelled_division_gets_the_old_numbers() -> None:
    before = np.array([1, 1, 2, 2, 3, 3, 3, -1])
    now = np.array([2, 2, 0, 0, 1, 1, 1, -1])
    assert match(now, before) == {2: 1, 0: 2, 1: 3}


def test_the_overlap_of_all_pairs_together_decides() -> None:
    before = np.repeat([1, 2], [60, 40])
    now = np.repeat([0, 1, 0, 1], [40, 20, 5, 35])
    assert match(now, before) == {0: 1, 1: 2}


def test_a_cluster_like_none_before_has_a_new_number() -> None:
    before = np.repeat([1, 2], [50, 50])
    now = np.concatenate([np.repeat([0, 2], [48, 2]), np.repeat([1, 2], [42, 8])])
    assert match(now, before) == {0: 1, 1: 2, 2: 3}


def test_the_first_numbers_go_by_value() -> None:
    assert by_value(np.array([0, 0, 1, 2, -1]), np.array([1.0, 1, 9, 5, 100])) == {1: 1, 2: 2, 0: 3}


def test_personas_say_what_the_medians_show() -> None:
    frame = customers()
    population = Population(frame)
    told = personas(population.profile(codes(frame)))
    names = dict(zip(sorted(frame["group"].unique()), (told[number]["name"] for number in sorted(told)), strict=True))
    assert names["regulars"].startswith("Frequent big spenders") or names["regulars"] == "Recent frequent big spenders"
    assert names["lapsed"].startswith("Lapsed")
    assert "big spenders" not in names["new"]
    assert len(set(names.values())) == 3


@pytest.mark.parametrize(
    ("positions", "one_time", "name"),
    [
        ({"recency_days": 0.1, "total_spend": 0.9, "orders": 0.9}, 0.0, "Recent frequent big spenders"),
        ({"recency_days": 0.9, "total_spend": 0.1, "orders": 0.2}, 0.5, "Lapsed one-time small spenders"),
        ({"recency_days": 0.9, "total_spend": 0.9}, 0.2, "Lapsed big spenders"),
        ({"orders": 0.1}, 0.45, "Rare middling spenders"),
        ({}, 0.2, "Middling spenders"),
    ],
)
def test_a_name_is_made_of_what_stands_out(positions: dict[str, float], one_time: float, name: str) -> None:
    assert personas([profile(1, one_time_share=one_time, **positions)])[1]["name"] == name


def test_clusters_called_alike_are_told_apart_by_what_differs_most() -> None:
    told = personas([profile(1, avg_order_value=0.9), profile(2, avg_order_value=0.2), profile(3, recency_days=0.9)])
    assert [told[cluster]["name"] for cluster in (1, 2, 3)] == [
        "Middling spenders with large orders", "Middling spenders with small orders", "Lapsed middling spenders",
    ]  # fmt: skip


def test_many_clusters_called_alike_all_have_names_of_their_own() -> None:
    told = personas([profile(number, avg_order_value=0.5 + number / 100) for number in range(1, 9)])
    assert len({one["name"] for one in told.values()}) == 8
    assert len({one["name"] for one in personas([profile(1), profile(2), profile(3)]).values()}) == 3


def test_clusters_of_different_weekdays_are_told_by_them() -> None:
    one, other = ({**profile(n), "weekday": n, "weekday_share": 0.9} for n in (1, 7))
    told = personas([one, other])
    assert told[1]["name"] == "Middling spenders buying on Mondays"
    assert told[7]["name"] == "Middling spenders buying on Sundays"


def test_a_word_is_kept_a_little_beyond_its_boundary() -> None:
    barely = profile(1, total_spend=0.65)
    assert levels(barely)["total_spend"] == "middle"
    assert levels(barely, {"total_spend": "high"})["total_spend"] == "high"
    assert levels(profile(1, total_spend=0.60), {"total_spend": "high"})["total_spend"] == "middle"
    assert levels(profile(1, total_spend=0.69), {"total_spend": "middle"})["total_spend"] == "middle"
    assert levels(profile(1, total_spend=0.69))["total_spend"] == "high"
    was, was_not = ({"one_time": word} for word in ("yes", "no"))
    shares = (0.44, 0.46, 0.54, 0.56)
    assert [levels(profile(1, one_time_share=one), was)["one_time"] for one in shares] == ["no", "yes", "yes", "yes"]
    assert [levels(profile(1, one_time_share=one), was_not)["one_time"] for one in shares] == ["no", "no", "no", "yes"]
    assert [levels(profile(1, one_time_share=one))["one_time"] for one in shares] == ["no", "no", "yes", "yes"]


def test_noise_has_its_own_name() -> None:
    assert personas([profile(-1, total_spend=0.9)])[-1]["name"] == NOISE_PERSONA


def test_a_persona_is_told_with_its_weight() -> None:
    assert sentence("Big spenders", 0.12, 0.48) == "Big spenders, 12 % of customers, 48 % of revenue"
    assert sentence("Big spenders", 0.0001, None) == "Big spenders, under 1 % of customers"


def test_a_profile_counts_its_customers_and_takes_their_medians() -> None:
    frame = customers()
    for told in Population(frame).profile(codes(frame)):
        inside = frame[codes(frame) == told["cluster"]]
        assert told["customers"] == 60
        assert told["share_customers"] == pytest.approx(1 / 3)
        assert told["median_total_spend"] == inside["total_spend"].median()
        assert told["weekday"] == inside["preferred_weekday"].iloc[0]
        assert told["weekday_share"] == 1
        below = (frame["orders"] < inside["orders"].median()).mean()
        equal = (frame["orders"] == inside["orders"].median()).mean()
        assert told["position_orders"] == pytest.approx(below + equal / 2)


def test_a_difference_is_in_pooled_standard_deviations() -> None:
    values = np.array([2.0, 4.0, 10.0, 12.0])
    assert standardised_difference(values, np.array([False, False, True, True])) == pytest.approx(8.0)
    assert standardised_difference(np.ones(4), np.array([False, False, True, True])) == 0
