"""Shops for these tests: a preset with one thing changed, and its true lines."""

from datetime import date
from typing import Any

from retail_pipeline.simulator import StoreParameters, preset
from retail_pipeline.simulator.lines import SALE, Lines
from retail_pipeline.simulator.store import Store

PLAIN: dict[str, Any] = {"start": date(2023, 1, 1), "end": date(2023, 12, 31)}
ALL_DIRT = {
    "guests": 0.1, "returns": 0.08, "return_days": 6.0, "quick_cancellations": 0.02, "late_cancellations": 0.03,
    "test_orders": 0.01, "corrections": 0.01, "duplicates": 0.02, "missing_names": 0.02, "padded_names": 0.02,
    "mixed_case": 0.02, "malformed": 0.01,
}  # fmt: skip


def plain(**changes: Any) -> StoreParameters:
    """A shop of one region, channel and tier, of which all days are alike, without promotions, events and dirt."""
    return preset("baskets", **{**PLAIN, **changes})


def traded(parameters: StoreParameters) -> Lines:
    """All true lines of a shop."""
    return Lines.joined([window.lines for window in Store(parameters).trade()])


def sales(lines: Lines) -> Lines:
    """The sale lines among them."""
    return lines.take(lines.kind == SALE)
