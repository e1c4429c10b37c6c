"""Which model serves for which kind of demand: tried on one window after another, judged on the last.

A model is chosen, its parameters and the shape of its distribution with it, on the windows before the last; the last
tells how good that is, and may refuse it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
NOISES, DRIFTS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0), (0.0, 0.2, 0.4, 0.6, 0.9)
SAMPLE = 800
"""Forecasts of a kind by which the width of distributions is found, evenly spread over them."""
LEAST_BETTER = 0.975
"""Share of draws of products in which a model has to be ahead."""
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
    of_all = _fit(Part.of(windows, VALIDATION, ALL), asked)
    serving, entrants = {}, {}
    for kind in KINDS:
        part = Part.of(windows, VALIDATION, kind)
        is_own = len(np.unique(part.products)) >= limits.least_products
        serves = [before[kind].candidate] if kind in before and before[kind].candidate not in asked else []
        fitted = _fit(part, [*asked, *serves]) if is_own else of_all
        entrants[kind] = _enter(windows, kind, fitted)
        serving[kind] = _choose(
            entrants[kind] if is_own else _enter(windows, ALL, of_all), before.get(kind), is_own=is_own
        )
    return Tried(serving, list(_rows(windows, entrants, serving)))


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
    best, least = Width(), np.inf
    for _ in range(2):
        before = best
        tried = [Width(best.noise, drift) for drift in DRIFTS]
        best, least = _narrowest(part, level, tried, best, least)
        tried = [Width(noise, best.drift) for noise in NOISES]
        best, least = _narrowest(part, level, tried, best, least)
        if best == before:
            break
    return best


def _narrowest(part: Part, level: Array, tried: Sequence[Width], best: Width, least: float) -> tuple[Width, float]:
    for width in tried:
        loss = _mean(Outcome.of(part, level, Shape(width)).pinball)
        if loss < least:
            best, least = width, loss
    return best, least


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


def _choose(entrants: Sequence[Entrant], before: Serving | None, *, is_own: bool) -> Serving:
    """The entrant of the least score, if it is ahead of the baselines beyond chance, and no worse in the last
    window.
    """
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
            is_it = entrant.candidate == before.candidate and entrant is not chosen
            if is_it and _ahead(draws, scores[best], score) < LEAST_BETTER:
                words += f"it stays, for {chosen.candidate.model} is not better beyond chance"
                return Serving(entrant.candidate, entrant.shape, words)
    words += f"RMSSE and pinball loss are {means[best] / means[plain]:.2f} times those of the best baseline, "
    words += f"{baseline.candidate.model}, in the windows before the last"
    return Serving(chosen.candidate, chosen.shape, words)


def _scores(entrants: Sequence[Entrant], entrant: Entrant, split: str) -> Array:
    """RMSSE and pinball loss against those of the naive forecast, both counting alike [rows]."""
    naive = next(one for one in entrants if one.candidate.model == "naive").outcomes[split]
    found = entrant.outcomes[split]
    error, loss = _mean(naive.errors) or 1.0, _mean(naive.pinball) or 1.0
    return np.asarray((found.errors / error + found.pinball / loss) / 2)


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
