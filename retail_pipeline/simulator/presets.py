"""The shops one can have without setting anything."""

from collections.abc import Callable
from datetime import date
from typing import Any

from pydantic import BaseModel

from retail_pipeline.errors import SettingsError
from retail_pipeline.simulator.parameters import (
    Baskets,
    Catalogue,
    Category,
    Channel,
    Dirt,
    Event,
    Holiday,
    Promotions,
    Region,
    Seasons,
    StoreParameters,
    Taste,
    Tier,
)

Parameters = dict[str, Any]

REGIONS = (
    Region(name="United Kingdom", share=0.62),
    Region(name="Germany", share=0.16),
    Region(name="France", share=0.13),
    Region(name="Netherlands", share=0.09),
)
CHANNELS = (
    Channel(name="search", share=0.34, growth=-0.85, loyalty=0.55),
    Channel(name="direct", share=0.22, growth=-0.95, loyalty=0.8),
    Channel(name="social", share=0.14, growth=-0.15, loyalty=0.4),
    Channel(name="e-mail", share=0.10, growth=-0.8, loyalty=0.7),
    Channel(name="affiliates", share=0.08, growth=-1.1, loyalty=0.3),
    Channel(name="marketplace", share=0.12, growth=-0.4, loyalty=0.75),
)
TIERS = (
    Tier(name="premium", share=0.15, r=1.3, alpha=68.3, a=0.9, b=22, gamma=306.25),
    Tier(name="standard", share=0.35, r=1.0, alpha=80.2, a=0.9, b=16, gamma=181.25),
    Tier(name="basic", share=0.50, r=0.75, alpha=89.3, a=0.9, b=10, gamma=110),
)
CATEGORIES = (
    Category(name="kitchen", share=1.3, price=29, elasticity=1.6, return_factor=0.8),
    Category(name="tableware", share=1.4, price=20.5, elasticity=1.8),
    Category(name="textiles", share=1.0, price=42, elasticity=2.0, return_factor=1.6),
    Category(name="lighting", share=0.7, price=66, elasticity=1.4, return_factor=1.2,
             months=(1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.75, 0.85, 1.0, 1.2, 1.4, 1.5)),
    Category(name="garden", share=0.9, price=28, elasticity=2.2,
             months=(0.4, 0.6, 1.1, 1.7, 2.0, 1.7, 1.3, 1.0, 0.8, 0.6, 0.4, 0.4)),
    Category(name="stationery", share=1.1, price=12, elasticity=1.2, return_factor=0.5),
    Category(name="bath", share=1.2, price=17, elasticity=1.5, return_factor=0.6),
    Category(name="toys", share=0.8, price=35, elasticity=2.4,
             months=(0.7, 0.6, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8, 0.9, 1.1, 1.9, 2.4)),
)  # fmt: skip
TASTES = (
    Taste(name="even", share=0.4),
    Taste(name="host", share=0.2, favourites={"kitchen": 3, "tableware": 4}),
    Taste(name="gardener", share=0.12, favourites={"garden": 6}),
    Taste(name="nester", share=0.16, favourites={"textiles": 4, "lighting": 3, "bath": 2}),
    Taste(name="giver", share=0.12, favourites={"toys": 5, "stationery": 3}),
)
SEASONS = Seasons(
    yearly_growth=0.06,
    months=(0.84, 0.82, 0.90, 0.94, 0.98, 0.94, 0.90, 0.88, 1.00, 1.10, 1.40, 1.60),
    weekdays=(0.90, 0.88, 0.94, 1.00, 1.14, 1.24, 0.90),
    holidays=(
        Holiday(name="summer sale", first="07-01", last="07-14", demand=1.2, discount=0.2, products=0.4),
        Holiday(name="Black Friday", first="11-22", last="11-30", demand=1.4, discount=0.25, products=0.5),
        Holiday(name="Christmas days", first="12-25", last="12-26", demand=0.25),
        Holiday(name="New Year", first="01-01", last="01-01", demand=0.4),
    ),
)
EVENTS = (
    Event(kind="slump", name="carrier strike", region="Germany", first=date(2023, 3, 6), last=date(2023, 4, 16),
          factor=0.45),
    Event(kind="stock_out", name="best seller gone", product_rank=1, first=date(2023, 6, 5), last=date(2023, 7, 2)),
    Event(kind="viral", name="seen on social media", product_rank=40, first=date(2023, 10, 9), last=date(2023, 10, 22),
          factor=15),
    Event(kind="price_rise", name="dearer glass and brass", category="lighting", first=date(2024, 2, 1), factor=1.15),
    Event(kind="outage", name="export failed", first=date(2024, 4, 17)),
)  # fmt: skip
DIRT = Dirt(
    guests=0.08,
    returns=0.03,
    quick_cancellations=0.006,
    late_cancellations=0.006,
    test_orders=0.0005,
    corrections=0.001,
    duplicates=0.004,
    missing_names=0.002,
    padded_names=0.002,
    mixed_case=0.005,
    malformed=0.001,
)


def _demo() -> Parameters:
    return {
        "regions": REGIONS,
        "channels": CHANNELS,
        "tiers": TIERS,
        "tastes": TASTES,
        "seasons": SEASONS,
        "catalogue": Catalogue(products=400, categories=CATEGORIES),
        "promotions": Promotions(),
        "events": EVENTS,
        "dirt": DIRT,
    }


def _calm() -> Parameters:
    return {**_demo(), "events": (), "dirt": Dirt()}


def _events() -> Parameters:
    return {**_calm(), "events": EVENTS}


def _plain(**more: Any) -> Parameters:
    """A shop without seasons, promotions, events and dirt, in one region, with one channel and one tier."""
    return {
        "regions": (REGIONS[0],),
        "channels": (Channel(name="direct", share=1, loyalty=1),),
        "tiers": (TIERS[1].model_copy(update={"name": "all", "share": 1.0}),),
        "seasons": Seasons(yearly_growth=0),
        "catalogue": Catalogue(products=200, categories=(CATEGORIES[0],)),
        **more,
    }


def _btyd() -> Parameters:
    tier = Tier(name="all", share=1, r=0.6, alpha=200, a=0.8, b=4, p=6, q=4, gamma=15)
    return _plain(
        customers=20_000,
        tiers=(tier,),
        baskets=Baskets(one_line=True),
        catalogue=Catalogue(products=1, categories=(CATEGORIES[0],)),
    )


def _baskets() -> Parameters:
    return _plain(
        customers=10_000,
        baskets=Baskets(mean_picks=4, more_units=0.0, bundles=12, substitutes=0),
        catalogue=Catalogue(products=120, categories=(CATEGORIES[0],), popularity_exponent=0.6),
    )


def _grocer() -> Parameters:
    month = (1.0, 0.96, 0.98, 0.98, 1.0, 1.0, 1.0, 0.98, 0.98, 1.0, 1.04, 1.18)
    return {
        **_demo(),
        "customers": 1_500,
        "tiers": (
            Tier(name="weekly", share=0.4, r=4, alpha=34, a=0.5, b=40, p=6, gamma=66),
            Tier(name="now and then", share=0.6, r=1, alpha=24, a=0.7, b=18, p=4, gamma=28),
        ),
        "tastes": (
            Taste(name="even", share=0.7),
            Taste(name="cook", share=0.3, favourites={"fruit and vegetables": 2, "larder": 2}),
        ),
        "seasons": Seasons(
            yearly_growth=0.02, months=month, weekdays=(0.9, 0.85, 0.9, 1.0, 1.25, 1.35, 0.75), closing_hour=21
        ),
        "catalogue": Catalogue(
            words="grocer",
            products=1_200,
            categories=(
                Category(name="fruit and vegetables", share=2.4, price=1.6, margin=0.35, elasticity=1.2),
                Category(name="dairy", share=1.8, price=2.1, margin=0.25, elasticity=0.9),
                Category(name="bakery", share=1.2, price=1.9, margin=0.4, elasticity=1.1),
                Category(name="larder", share=1.6, price=2.6, margin=0.3, elasticity=1.8),
                Category(name="drinks", share=1.0, price=3.2, margin=0.3, elasticity=2.2),
                Category(name="household", share=0.7, price=3.8, margin=0.35, elasticity=2.0),
            ),
        ),
        "baskets": Baskets(more_units=0.25, bundles=20, substitutes=15),
        "promotions": Promotions(per_month=30, products=4, days=7),
        "events": (),
        "dirt": DIRT.model_copy(update={"guests": 0.3, "returns": 0.002, "late_cancellations": 0.0}),
    }


def _fashion() -> Parameters:
    summer = (0.5, 0.6, 0.9, 1.2, 1.6, 1.7, 1.6, 1.2, 0.8, 0.6, 0.6, 0.7)
    winter = (1.2, 0.9, 0.7, 0.5, 0.4, 0.4, 0.4, 0.7, 1.3, 1.8, 2.0, 1.7)
    names = (
        ("dresses", 1.2, 58, 2.0, summer), ("tops", 1.8, 32, 1.8, (1.0,) * 12), ("bottoms", 1.2, 49, 1.6, (1.0,) * 12),
        ("outerwear", 0.6, 118, 1.5, winter), ("shoes", 0.9, 79, 1.3, (1.0,) * 12),
        ("accessories", 1.0, 24, 0.6, (1.0,) * 12),
    )  # fmt: skip
    return {
        **_demo(),
        "customers": 6_000,
        "tiers": (
            Tier(name="loyal", share=0.25, r=1.2, alpha=70, a=0.8, b=14, gamma=205),
            Tier(name="occasional", share=0.75, r=0.7, alpha=75, a=1.0, b=6, gamma=140),
        ),
        "tastes": (
            Taste(name="even", share=0.6),
            Taste(name="dressed up", share=0.25, favourites={"dresses": 4, "accessories": 2}),
            Taste(name="on foot", share=0.15, favourites={"shoes": 5}),
        ),
        "catalogue": Catalogue(
            words="fashion",
            products=600,
            categories=tuple(
                Category(name=name, share=share, price=price, margin=0.6, elasticity=2.6, return_factor=back, months=by)
                for name, share, price, back, by in names
            ),
        ),
        "baskets": Baskets(more_units=0.02, bundles=10, substitutes=10),
        "promotions": Promotions(per_month=10, products=6, days=14, discounts=(0.2, 0.3, 0.4)),
        "events": (),
        "dirt": DIRT.model_copy(update={"returns": 0.22}),
    }


PRESETS: dict[str, tuple[str, Callable[[], Parameters]]] = {
    "demo": ("a shop for the home: 10,000 customers, some 185,000 lines over two years, events and dirt", _demo),
    "small": ("the same with 500 customers", lambda: {**_demo(), "customers": 500}),
    "grocer": ("few customers with large baskets, every week", _grocer),
    "fashion": ("seasons, sales, and a fifth of all lines sent back", _fashion),
    "large": ("the demo shop with 5,220,000 customers: 100 million lines", lambda: {**_demo(), "customers": 5_220_000}),
    "btyd": ("one stationary BG/NBD population with gamma-gamma orders, nothing else", _btyd),
    "baskets": ("independent products and planted bundles, nothing else", _baskets),
    "calm": ("the demo shop without events and dirt", _calm),
    "events": ("the demo shop without dirt, with its events", _events),
}


def preset(name: str, **changes: Any) -> StoreParameters:
    """The parameters of a preset, with some of them changed.

    Parameters
    ----------
    changes
        Values of :class:`StoreParameters` by name; of a section, also a dict of some of its values.

    Raises
    ------
    SettingsError
        If there is no such preset, or a value is wrong.

    Examples
    --------
    >>> preset("small", seed=7, dirt={"guests": 0.0}).dirt.returns
    0.03
    """
    if name not in PRESETS:
        raise SettingsError(f"There is no preset {name}; there are {', '.join(PRESETS)}.")
    given = PRESETS[name][1]()
    defaults = StoreParameters(**given)
    for key, value in changes.items():
        before = getattr(defaults, key, None)
        if isinstance(value, dict) and isinstance(before, BaseModel):
            given[key] = {**dict(before), **value}
        else:
            given[key] = value
    return StoreParameters(**given)
