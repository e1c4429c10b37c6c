"""Fitted models on disk: numbers as JSON, arrays as .npz, and a manifest by which damage and tampering are noticed.

``models/<subject>/<id>/`` holds a model, ``models/<subject>/current.json`` says which is in use. The id is a hash of
the contents, so the same model has the same id wherever it was fitted. Nothing in these files is run when they are
read: there is no pickle. A model is written beside its place and renamed, so there is never half of one.
"""

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retail_pipeline.errors import ModelError

if TYPE_CHECKING:
    import numpy as np

CURRENT, MANIFEST, NUMBERS = "current.json", "manifest.json", "model.json"
KEPT = 3
"""Models of a subject that stay on disk, the one in use included."""
_ID_LENGTH = 16

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True)
class SavedModel:
    """A model as it was saved: its id, what was noted of it, its numbers and, by part, its arrays."""

    id: str
    notes: dict[str, Any]
    numbers: dict[str, Any]
    arrays: dict[str, Arrays]


def save_model(
    folder: Path,
    numbers: Mapping[str, Any],
    arrays: Mapping[str, Arrays],
    notes: Mapping[str, Any],
    *,
    texts: Mapping[str, str] | None = None,
) -> str:
    """Save a model as the one in use, and remove all but the newest few; returns its id.

    Parameters
    ----------
    folder
        Of the subject, as in ``models/clusters``.
    numbers
        Whatever JSON holds.
    arrays
        By part of the model its arrays by name; a file a part.
    notes
        Of its origin, as versions, seed, time: no part of what the id is made of.
    texts
        By file name what is there to be read, as a model card.
    """
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    building = folder / f".{uuid.uuid4().hex}.tmp"
    building.mkdir()
    try:
        (building / NUMBERS).write_text(json.dumps(numbers, sort_keys=True, indent=1, allow_nan=False))
        for part, of_part in arrays.items():
            if any(values.dtype.hasobject for values in of_part.values()):
                raise ValueError(f"{part}: arrays of objects would need a pickle; give numbers.")
            np.savez(building / f"{part}.npz", **dict(sorted(of_part.items())))  # type: ignore[arg-type]
        for name, text in (texts or {}).items():
            (building / name).write_text(text, encoding="utf-8")
        files = {path.name: _hash_of(path) for path in sorted(building.iterdir())}
        model_id = _id_of(files)
        manifest = {"id": model_id, "files": files, "notes": dict(notes), "notes_hash": _hash_of_notes(notes)}
        (building / MANIFEST).write_text(json.dumps(manifest, sort_keys=True, indent=1))
        place = folder / model_id
        shutil.rmtree(place, ignore_errors=True)
        os.replace(building, place)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    pointer = folder / f".{uuid.uuid4().hex}.tmp"
    pointer.write_text(json.dumps({"id": model_id}))
    os.replace(pointer, folder / CURRENT)
    _remove_older(folder, model_id)
    return model_id


def load_model(folder: Path) -> SavedModel | None:
    """The model in use; None if none was saved.

    Raises
    ------
    ModelError
        when a file is missing or is not what was saved.
    """
    import numpy as np

    if not (folder / CURRENT).exists():
        return None
    try:
        model_id = json.loads((folder / CURRENT).read_text())["id"]
        place = folder / model_id
        manifest = json.loads((place / MANIFEST).read_text())
        files, notes, noted = dict(manifest["files"]), dict(manifest["notes"]), manifest["notes_hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"The model in {folder} cannot be read: {error}. 'retail train' fits a new one.") from error
    if _hash_of_notes(notes) != noted:
        raise _changed(place / MANIFEST)
    arrays: dict[str, Arrays] = {}
    try:
        _refuse_unless_whole(place, model_id, files)
        for name in files:
            if name.endswith(".npz"):
                with np.load(place / name, allow_pickle=False) as packed:
                    arrays[name.removesuffix(".npz")] = {key: packed[key] for key in packed.files}
        return SavedModel(model_id, notes, json.loads((place / NUMBERS).read_text()), arrays)
    except OSError as error:
        raise ModelError(f"The model in {folder} cannot be read: {error}. 'retail train' fits a new one.") from error


def _refuse_unless_whole(place: Path, model_id: str, files: Mapping[str, str]) -> None:
    if place.name != model_id or _id_of(files) != model_id:
        raise _changed(place / MANIFEST)
    if NUMBERS not in files:
        raise ModelError(f"{place / NUMBERS} is missing. 'retail train' fits a new model.")
    for name, digest in files.items():
        path = place / name
        if Path(name).name != name or not path.is_file():
            raise ModelError(f"{path} is missing. 'retail train' fits a new model.")
        if _hash_of(path) != digest:
            raise _changed(path)


def _changed(path: Path) -> ModelError:
    return ModelError(f"{path} has been changed since it was saved. 'retail train' fits a new model.")


def _hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hash_of_notes(notes: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(notes), sort_keys=True).encode()).hexdigest()


def _id_of(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:_ID_LENGTH]


def _remove_older(folder: Path, used: str) -> None:
    others = [path for path in folder.iterdir() if path.is_dir() and path.name != used]
    for path in sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)[KEPT - 1 :]:
        with contextlib.suppress(OSError):  # somebody looks at it; the next training tries again
            shutil.rmtree(path)
