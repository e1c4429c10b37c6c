"""Where everything of one store lives on disk."""

import os
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.errors import SettingsError

HOME_VARIABLE = "RETAIL_HOME"
DEFAULT_HOME = "data"


@dataclass(frozen=True)
class Home:
    """The folder of one store; every path is absolute.

    ``drops/`` is where exports are put, ``warehouse.duckdb`` (a link into ``snapshots/``) is what readers
    open; ``work/`` belongs to the pipeline alone.
    """

    root: Path

    @classmethod
    def locate(cls, given: str | os.PathLike[str] | None = None) -> "Home":
        """The given folder, else ``RETAIL_HOME``, else ``data/`` under the current folder."""
        chosen = given or os.environ.get(HOME_VARIABLE) or DEFAULT_HOME
        root = Path(chosen).expanduser().absolute()
        if root.exists() and not root.is_dir():
            raise SettingsError(f"{root} is a file. The home of a store must be a folder: choose another --home.")
        return cls(root)

    @property
    def settings_file(self) -> Path:
        return self.root / "retail.toml"

    @property
    def drops(self) -> Path:
        return self.root / "drops"

    @property
    def warehouse_link(self) -> Path:
        """What readers open: a link to the newest published snapshot."""
        return self.root / "warehouse.duckdb"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def withheld_notice(self) -> Path:
        """Why newer data are held back from readers; absent when nothing is held back."""
        return self.snapshots / "withheld.json"

    @property
    def last_run_notice(self) -> Path:
        """How the last run ended, whether or not it published."""
        return self.snapshots / "last-run.json"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def working_database(self) -> Path:
        return self.work / "warehouse.duckdb"

    @property
    def privacy_key(self) -> Path:
        """The key under which customer ids are hashed; for its owner's eyes only, and worth a backup."""
        return self.root / "privacy.key"

    @property
    def withdrawn(self) -> Path:
        """Where files go that were taken out of ``drops/`` with 'retail drops remove'."""
        return self.root / "withdrawn"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def reports(self) -> Path:
        """Where the pages of the reports lie."""
        return self.root / "reports"

    @property
    def models(self) -> Path:
        """Where fitted models lie, a folder a subject."""
        return self.root / "models"

    @property
    def dagster(self) -> Path:
        """The Dagster instance of this home, unless ``DAGSTER_HOME`` names another."""
        return Path(os.environ.get("DAGSTER_HOME") or self.root / ".dagster").absolute()

    def create(self) -> "Home":
        """Make the folders a run needs; existing ones are left as they are."""
        try:
            for folder in (self.drops, self.snapshots, self.work):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"The home {self.root} cannot be written ({error.strerror}). "
                f"Choose another with --home or {HOME_VARIABLE}."
            ) from error
        return self
