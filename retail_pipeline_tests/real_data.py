"""Where the real data are, on machines that have them."""

from pathlib import Path

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ONLINE_RETAIL = SHARED_DATA / "online_retail" / "data.csv.gz"
ONLINE_RETAIL_XLSX = SHARED_DATA / "online_retail" / "online_retail_first_49999_rows.xlsx"
CDNOW_SAMPLE = SHARED_DATA / "cdnow" / "CDNOW_sample.txt"
"""The 2,357 customers of Fader, Hardie & Lee (2005): by line two ids, the day, CDs and their price."""

LONG_AGO = 1_600_000_000
"""A time of change that says a file has settled [seconds since 1970]."""
