"""Which model serves for which kind of demand: tried on one window after another, judged on the last.

A model is chosen, its parameters and the shape of its distribution with it, on the windows before the last; the last
tells how good that is, and may refuse it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retail_pipeline.analytics.demand import measures
from retail_pipeline.analytics.demand.distributions import Shape, Width
from retail_pipeline.analytics.demand.kinds import KINDS
from retail_pipeline.analytics.demand.levels import Array, Candidate, candidates
from retail_pipeline.analytics.demand.outcomes import Outcome, calibrated
from retail_pipeline.analytics.demand.windows import ALL, TEST, VALIDATION, Limits, Part, Window

SERVED = "served"
"""In place of a model: those that serve, each for its kind."""
WITH_PRICES = "served with prices"
"""The same, taking prices into account."""
NOISES, DRIFTS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0), (0.0, 0.2, 0.4, 0.6, 0.9)
SAMPLE = 400
"""Forecasts of a kind by which the width of distributions is found, evenly spread over them."""
LEAST_BETTER = 0.975
"""Share of draws of products in which a model has to be ahead."""
FALLBACK = Candidate("historical_mean", {}, is_baseline=True)
"""What serves where there is too little to choose by."""
USUAL = Candidate("moving_average", {"weeks": 8})
"""By which the width is found that all models of a kind are given."""


@dataclass(frozen=True)
class Serving:
    """What serves for a kind of demand: a model with its parameters, the shape of its distribution, and why."""

    candidate: Candidate
    shape: Shape
    reason: str

    def told(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "model": self.candidate.model,
            "parameters": dict(self.candidate.parameters),
            "is_baseline": self.candidate.is_baseline,
            "shape": self.shape.told(),
            "reason": self.reason,
        }

    @classmethod
    def as_told(cls, told: Mapping[str, Any]) -> "Serving":
        """Of what :meth:`told` said."""
        candidate = Candidate(told["model"], told["parameters"], told["is_baseline"])
        return cls(candidate, Shape.as_told(told["shape"]), told["reason"])


@dataclass(frozen=True)
class Tried:
    """What came of a backtest: what serves for each kind, and every measure of every model."""

    serving: dict[str, Serving]
    with_prices: bool
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Entrant:
    """A model with the parameters that are best for a kind of demand, and its outcomes by split."""

    candidate: Candidate
    shape: Shape
    outcomes: dict[str, Outcome]


def run(windows: Sequence[Window], horizon: int, limits: Limits, before: Mapping[str, Serving]) -> Tried:
    """Choose what serves for each kind, and measure everything.

    Parameters
    ----------
    before
        What served so far: it stays where nothing is better beyond chance.
    """
    asked = candidates(horizon, windows[0].origin)
    parts = {kind: Part.of(windows, VALIDATION, kind) for kind in KINDS}
    is_own = {kind: len(np.unique(part.products)) >= limits.least_products for kind, part in parts.items()}
    of_all = [] if all(is_own.values()) else _fit(Part.of(windows, VALIDATION, ALL), asked)
    together = _enter(windows, ALL, of_all)
    serving, entrants = {}, {}
    for kind, part in parts.items():
        entrants[kind] = _enter(windows, kind, _fit(part, asked) if is_own[kind] else of_all)
        tried = entrants[kind] if is_own[kind] else together
        serving[kind] = _choose(tried, before.get(kind), is_own=is_own[kind], least=limits.least_products)
    rows = _rows(windows, entrants, serving)
    served, with_prices, more = _try_prices(windows, entrants, serving)
    for row in (*rows, *more):
        if row["kind"] == ALL:
            row["is_champion"] = row["model"] == (WITH_PRICES if with_prices else SERVED)
    return Tried(served, with_prices, [*rows, *more])


def _try_prices(
    windows: Sequence[Window], entrants: Mapping[str, Sequence[Entrant]], serving: Mapping[str, Serving]
) -> tuple[dict[str, Serving], bool, list[dict[str, Any]]]:
    """The models that serve, whether they take prices into account, and the measures of them if they do.

    It has to be better than without on the windows before the last, beyond chance, and no worse on that.
    """
    plain = {
        kind: next(one for one in of_kind if one.candidate == serving[kind].candidate)
        for kind, of_kind in entrants.items()
    }
    priced = [window.priced() for window in windows]
    fitted = {}
    for kind, one in plain.items():
        part, shape = Part.of(priced, VALIDATION, kind), one.shape
        if len(part.products):
            shape = calibrated(part, part.level(one.candidate), one.shape.width)
        (fitted[kind],) = _enter(priced, kind, [(one.candidate, shape)])
    without, found = _of_all(plain), _of_all(fitted)
    draws = {split: measures.draws_of(outcome.products) for split, outcome in found.items()}
    rows = []
    for split, outcome in found.items():
        told = {
            "kind": ALL, "model": WITH_PRICES, "parameters": "", "split": split, "is_champion": False,
            "is_baseline": False, "folds": sum(window.split == split for window in windows),
        }  # fmt: skip
        rows += [{**told, **row} for row in outcome.measures(draws[split])]
    (new, old), (new_test, old_test) = (
        [_score(outcomes[split], without[split]) for outcomes in (found, without)] for split in (VALIDATION, TEST)
    )
    if _ahead(draws[VALIDATION], new, old) < LEAST_BETTER or _mean(new_test) > _mean(old_test):
        return dict(serving), False, rows
    return {kind: replace(one, shape=fitted[kind].shape) for kind, one in serving.items()}, True, rows


def _of_all(entrants: Mapping[str, Entrant]) -> dict[str, Outcome]:
    """The outcomes of each kind's own model, one below the other, by split."""
    return {split: Outcome.together([one.outcomes[split] for one in entrants.values()]) for split in (VALIDATION, TEST)}


def _score(found: Outcome, against: Outcome) -> Array:
    """RMSSE and pinball loss against the means of another outcome, both counting alike [rows]."""
    error, loss = _mean(against.errors) or 1.0, _mean(against.pinball) or 1.0
    return np.asarray((found.errors / error + found.pinball / loss) / 2)


def _fit(part: Part, asked: Sequence[Candidate]) -> list[tuple[Candidate, Shape]]:
    """Each model with the parameters of the least RMSSE, and the chances of its distribution as they came true."""
    small = part.sample(SAMPLE)
    width = fit_width(small, small.level(USUAL))
    best: dict[str, tuple[float, Candidate]] = {}
    for candidate in asked:
        mean = _mean(measures.rmsse(part.actual, part.level(candidate)[:, None], part.squares))
        if candidate.model not in best or mean < best[candidate.model][0]:
            best[candidate.model] = (mean, candidate)
    return [(candidate, calibrated(part, part.level(candidate), width)) for _, candidate in best.values()]


def fit_width(part: Part, level: Array) -> Width:
    """The width of the least pinball loss, found by one number at a time."""
    losses: dict[Width, float] = {}
    best = Width()
    for _ in range(2):
        before = best
        for noises, drifts in (((best.noise,), DRIFTS), (NOISES, ())):
            for width in [Width(noise, drift) for noise in noises for drift in drifts or (best.drift,)]:
                if width not in losses:
                    losses[width] = _mean(Outcome.of(part, level, Shape(width)).pinball)
            best = min(losses, key=lambda width: losses[width])
        if best == before:
            break
    return best


def _enter(windows: Sequence[Window], kind: str, fitted: Sequence[tuple[Candidate, Shape]]) -> list[Entrant]:
    """The outcomes of fitted models on a kind."""
    parts = {split: Part.of(windows, split, kind) for split in (VALIDATION, TEST)}
    return [
        Entrant(
            candidate,
            shape,
            {split: Outcome.of(part, part.level(candidate), shape) for split, part in parts.items()},
        )
        for candidate, shape in fitted
    ]


def _choose(entrants: Sequence[Entrant], before: Serving | None, *, is_own: bool, least: int) -> Serving:
    """The entrant of the least score, if it is ahead of the baselines beyond chance, and not behind in the last window.

    The model that served before stays, with the parameters that are best by now, unless that one is ahead of it too.
    With fewer products than ``least``, of all kinds together, chance cannot be told: the mean of all weeks serves.
    """
    products = len(np.unique(entrants[0].outcomes[VALIDATION].products))
    if products < least:
        mean = next(one for one in entrants if one.candidate.model == FALLBACK.model)
        return Serving(
            mean.candidate, mean.shape, f"too little data: {products} products to choose by, fewer than {least}"
        )
    scores = [_scores(entrants, entrant, VALIDATION) for entrant in entrants]
    means = [_mean(score) for score in scores]
    order = [int(place) for place in np.argsort(means, kind="stable")]  # of equal ones the plainer
    best, plain = order[0], next(place for place in order if entrants[place].candidate.is_baseline)
    chosen, baseline = entrants[best], entrants[plain]
    draws = measures.draws_of(chosen.outcomes[VALIDATION].products)
    words = "" if is_own else "chosen for all kinds, for there are too few products of this one: "
    if best == plain or _ahead(draws, scores[best], scores[plain]) < LEAST_BETTER:
        words += "no model is ahead of the best baseline beyond chance"
        return Serving(baseline.candidate, baseline.shape, words)
    if _mean(_scores(entrants, chosen, TEST)) > _mean(_scores(entrants, baseline, TEST)):
        words += f"{chosen.candidate.model} was ahead before the last window, but not in that"
        return Serving(baseline.candidate, baseline.shape, words)
    if before is not None and not before.candidate.is_baseline:
        for entrant, score in zip(entrants, scores, strict=True):
            is_it = entrant.candidate.model == before.candidate.model and entrant is not chosen
            if is_it and _ahead(draws, scores[best], score) < LEAST_BETTER:
                words += f"it stays, for {chosen.candidate.model} is not better beyond chance"
                return Serving(entrant.candidate, entrant.shape, words)
    words += f"RMSSE and pinball loss are {means[best] / means[plain]:.2f} times those of the best baseline, "
    words += f"{baseline.candidate.model}, in the windows before the last"
    return Serving(chosen.candidate, chosen.shape, words)


def _scores(entrants: Sequence[Entrant], entrant: Entrant, split: str) -> Array:
    """RMSSE and pinball loss against those of the naive forecast, both counting alike [rows]."""
    naive = next(one for one in entrants if one.candidate.model == "naive")
    return _score(entrant.outcomes[split], naive.outcomes[split])


def _ahead(draws: Array, one: Array, other: Array) -> float:
    """The share of draws of products in which the first has the lower mean score."""
    lead = np.nan_to_num(other - one)
    return float((draws @ lead > 0).mean())


def _mean(values: Array) -> float:
    """Of what is defined; 0 if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0


def _rows(
    windows: Sequence[Window], entrants: Mapping[str, Sequence[Entrant]], serving: Mapping[str, Serving]
) -> "list[dict[str, Any]]":
    """Every measure of every model, by kind and of all kinds together."""
    rows = []
    for split in (VALIDATION, TEST):
        folds = sum(window.split == split for window in windows)
        found: list[tuple[str, str, str, bool, bool, Outcome]] = []
        for kind, of_kind in entrants.items():
            for one in of_kind:
                serves = one.candidate.model == serving[kind].candidate.model
                found.append(
                    (
                        kind,
                        one.candidate.model,
                        one.candidate.setting,
                        serves,
                        one.candidate.is_baseline,
                        one.outcomes[split],
                    )
                )
        for model in dict.fromkeys(name for _, name, *_ in found):
            of_model = [row for row in found if row[1] == model]
            found.append((ALL, model, "", False, of_model[0][4], Outcome.together([row[5] for row in of_model])))
        served = [row[5] for row in found if row[3]]
        found.append((ALL, SERVED, "", True, False, Outcome.together(served)))
        draws: dict[str, Array] = {}
        for kind, model, setting, serves, is_baseline, outcome in found:
            if not len(outcome.products):
                continue
            if kind not in draws:
                draws[kind] = measures.draws_of(outcome.products)
            told = {
                "kind": kind, "model": model, "parameters": setting, "split": split, "folds": folds,
                "is_champion": serves, "is_baseline": is_baseline,
            }  # fmt: skip
            rows += [{**told, **row} for row in outcome.measures(draws[kind])]
    return rows
