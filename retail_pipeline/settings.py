"""Every tunable, typed and explained, in one place.

A setting comes from ``retail.toml`` in the home or from ``RETAIL_<SECTION>__<KEY>`` in the environment, which
wins. Nothing else in the code reads the environment for tuning, and no analysis has a hidden constant of its own.
"""

import os
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from retail_pipeline.errors import SettingsError
from retail_pipeline.home import HOME_VARIABLE, Home

PREFIX = "RETAIL_"


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except Exception as error:
        raise ValueError(f"{name!r} is no time zone; use a name such as 'Europe/London' or 'UTC'") from error
    return name


def _cron_with_five_fields(expression: str) -> str:
    if len(expression.split()) != 5:
        raise ValueError("a cron line has five fields: minute hour day month weekday, as in '0 2 * * *'")
    return expression


def _strictly_rising(thresholds: tuple[float, ...]) -> tuple[float, ...]:
    if any(after <= before for before, after in pairwise(thresholds)):
        raise ValueError("thresholds must rise from left to right")
    return thresholds


Share = Annotated[float, Field(ge=0, le=1)]
FourThresholds = Annotated[tuple[float, float, float, float], AfterValidator(_strictly_rising)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IngestSettings(_Section):
    """Reading the files in ``drops/``."""

    settle_seconds: float = Field(
        2.0, ge=0, description="a file is loaded once it has not changed for so long [seconds]"
    )
    wait_seconds: float = Field(
        30.0, ge=0, description="how long a run waits for files that still grow before it leaves them out [seconds]"
    )
    max_unpacked_gib: float = Field(50.0, gt=0, description="a packed file that unpacks to more is refused [GiB]")


class CoreSettings(_Section):
    """Facts, and what counts as a purchase."""

    revenue_policy: Literal["net", "gross"] = Field(
        "net",
        description="what counts for customer analytics: 'net' (product sales without duplicates, less cancellations "
        "known by as_of) or 'gross' (customer present, quantity and price above zero, all else kept)",
    )
    as_of: date | None = Field(
        None, description="analyse as if it were the start of this day; the day after the last order if not set"
    )


class RfmSettings(_Section):
    """Fixed thresholds for scores 2, 3, 4 and 5; quintiles by percent rank where not set."""

    recency_days_thresholds: FourThresholds | None = Field(
        None, description="up to the first: score 5; above the fourth: score 1 [days]"
    )
    frequency_thresholds: FourThresholds | None = Field(
        None, description="below the first: score 1; from the fourth on: score 5 [orders]"
    )
    monetary_thresholds: FourThresholds | None = Field(
        None, description="below the first: score 1; from the fourth on: score 5 [currency]"
    )


class QualitySettings(_Section):
    """When a check warns and when it fails."""

    rejected_share_warn: Share = Field(0.01, description="warn above this share of a file's rows rejected")
    rejected_share_fail: Share = Field(
        0.25, description="withhold the snapshot above this share of a file's rows rejected"
    )
    earliest_order_date: date = Field(date(1990, 1, 1), description="an older order is an error in the data")
    fresh_within_hours: float = Field(36.0, gt=0, description="a table not refreshed for so long is overdue [hours]")


class ScheduleSettings(_Section):
    """When the pipeline runs by itself."""

    nightly: Annotated[str, AfterValidator(_cron_with_five_fields)] = Field(
        "0 2 * * *", description="the nightly refresh, as a cron line"
    )
    timezone: Annotated[str, AfterValidator(_known_timezone)] = Field(
        "UTC", description="the time zone of the cron line"
    )
    drops_every_seconds: int = Field(30, ge=5, description="how often new drops are looked for [seconds]")


class WarehouseSettings(_Section):
    """The database engine and its files."""

    lock_timeout_seconds: float = Field(
        3600.0, ge=0, description="how long a run waits for another one to end before it gives up [seconds]"
    )
    keep_snapshots: int = Field(3, ge=1, description="published snapshots kept on disk, the newest included")
    memory_limit: str | None = Field(None, description="DuckDB's memory limit, as in '8GB'; 80 % of RAM if not set")
    threads: int | None = Field(None, ge=1, description="DuckDB's threads; all cores if not set")


class Settings(BaseSettings):
    """All settings of a home. Use :func:`load_settings` to read them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    ingest: IngestSettings = IngestSettings()
    core: CoreSettings = CoreSettings()
    rfm: RfmSettings = RfmSettings()
    quality: QualitySettings = QualitySettings()
    schedule: ScheduleSettings = ScheduleSettings()
    warehouse: WarehouseSettings = WarehouseSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(home: Home) -> Settings:
    """The settings of a home: environment over ``retail.toml`` over defaults.

    Raises
    ------
    SettingsError
        naming the file or variable, the key, the value and what is allowed.
    """
    _refuse_unknown_variables()

    class HomeSettings(Settings):
        model_config = SettingsConfigDict(toml_file=home.settings_file)

    try:
        return HomeSettings()
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{home.settings_file} is not valid TOML: {error}") from error
    except SourceError as error:
        raise SettingsError(f"A {PREFIX}… environment variable cannot be read: {error.__cause__ or error}") from error
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(item, home.settings_file) for item in error.errors())) from error


def _refuse_unknown_variables() -> None:
    sections = sorted(Settings.model_fields)
    for variable in sorted(os.environ):
        if not variable.upper().startswith(PREFIX) or variable == HOME_VARIABLE:
            continue
        section, _, key = variable[len(PREFIX) :].lower().partition("__")
        if section not in sections or not key:
            raise SettingsError(
                f"The environment variable {variable} is no setting. Settings are {PREFIX}<SECTION>__<KEY>, "
                f"with the sections: {', '.join(sections)}."
            )


def _explain(item: Any, settings_file: Path) -> str:
    path = [str(part) for part in item["loc"]]
    section, key = path[0], ".".join(path[1:])
    variable = PREFIX + "__".join(part.upper() for part in path[:2])
    origin = variable if variable in {name.upper() for name in os.environ} else str(settings_file)
    if item["type"] == "extra_forbidden":
        model = Settings.model_fields.get(section)
        allowed = sorted(model.annotation.model_fields if key and model and model.annotation else Settings.model_fields)
        where = f"in [{section}]" if key else "as sections"
        return f"{origin}: {'.'.join(path)} is no setting. Allowed {where}: {', '.join(allowed)}."
    message = item["msg"].removeprefix("Value error, ")
    return f"{origin}: {'.'.join(path)} = {item['input']!r} is not allowed: {message}."
