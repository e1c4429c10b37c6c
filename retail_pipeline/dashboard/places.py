"""Where countries lie, to the degree: for a map that needs no network and no outlines."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ALIASES = {
    "uk": "united kingdom", "great britain": "united kingdom", "england": "united kingdom", "eire": "ireland",
    "usa": "united states", "united states of america": "united states", "rsa": "south africa",
    "czechia": "czech republic",
    "uae": "united arab emirates", "holland": "netherlands", "the netherlands": "netherlands", "korea": "south korea",
    "republic of korea": "south korea", "russian federation": "russia", "türkiye": "turkey", "viet nam": "vietnam",
    "côte d'ivoire": "ivory coast", "jersey": "channel islands", "guernsey": "channel islands",
    "republic of ireland": "ireland", "northern ireland": "united kingdom", "scotland": "united kingdom",
    "wales": "united kingdom", "slovak republic": "slovakia",
}  # fmt: skip
"""Other names by which exports know countries."""


@dataclass(frozen=True)
class Place:
    """A country's middle [degrees north, degrees east]."""

    latitude: int
    longitude: int


def place_of(country: object) -> Place | None:
    """The place of a country by its English name or its two-letter code, None if it is not known.

    Examples
    --------
    >>> place_of("United Kingdom"), place_of("de"), place_of("Atlantis")
    (Place(latitude=54, longitude=-2), Place(latitude=51, longitude=10), None)
    """
    name = " ".join(str(country).replace(".", "").split()).casefold()
    return _places().get(ALIASES.get(name, name))


@cache
def _places() -> dict[str, Place]:
    with Path(__file__).with_name("countries.csv").open(encoding="utf-8") as file:
        rows = [(row, Place(int(row["latitude"]), int(row["longitude"]))) for row in csv.DictReader(file)]
    return {row[key]: place for key in ("name", "code") for row, place in rows}
