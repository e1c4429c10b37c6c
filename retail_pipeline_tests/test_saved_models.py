"""Models on disk: whole or refused, never run."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from retail_pipeline.errors import ModelError
from retail_pipeline.saved_models import CURRENT, KEPT, MANIFEST, NUMBERS, load_model, save_model

ARRAYS = {"one": {"centres": np.arange(6.0).reshape(3, 2), "labels": np.array([1, 2])}}


def test_a_saved_model_is_read_as_it_was(tmp_path: Path) -> None:
    model_id = save_model(tmp_path / "m", {"k": 3, "names": ["a"]}, ARRAYS, {"seed": 1})
    found = load_model(tmp_path / "m")
    assert found
    assert (found.id, found.numbers, found.notes) == (model_id, {"k": 3, "names": ["a"]}, {"seed": 1})
    assert np.array_equal(found.arrays["one"]["centres"], ARRAYS["one"]["centres"])
    assert found.arrays["one"]["labels"].dtype == ARRAYS["one"]["labels"].dtype


def test_there_is_no_model_before_one_is_saved(tmp_path: Path) -> None:
    assert load_model(tmp_path / "m") is None


def test_the_same_model_has_the_same_id_whenever_it_was_made(tmp_path: Path) -> None:
    ids = {save_model(tmp_path / "m", {"k": 3}, ARRAYS, {"created_at": when}) for when in ("today", "tomorrow")}
    assert len(ids) == 1
    assert save_model(tmp_path / "m", {"k": 4}, ARRAYS, {}) not in ids


@pytest.mark.parametrize("name", [NUMBERS, "one.npz"])
def test_a_changed_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / save_model(tmp_path, {"k": 3}, ARRAYS, {}) / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match=f"{name} has been changed since it was saved. 'retail train'"):
        load_model(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / save_model(tmp_path, {"k": 3}, ARRAYS, {}) / "one.npz").unlink()
    with pytest.raises(ModelError, match=r"one\.npz is missing"):
        load_model(tmp_path)


def test_a_manifest_that_was_made_to_fit_a_changed_file_is_refused(tmp_path: Path) -> None:
    from hashlib import sha256

    folder = tmp_path / save_model(tmp_path, {"k": 3}, ARRAYS, {})
    (folder / NUMBERS).write_text('{"k": 99}')
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][NUMBERS] = sha256(b'{"k": 99}').hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="changed since it was saved"):
        load_model(tmp_path)


@pytest.mark.parametrize("notes", [{}, {"seed": 2}, {"seeb": 1}])
def test_changed_notes_are_refused(tmp_path: Path, notes: dict[str, int]) -> None:
    manifest = tmp_path / save_model(tmp_path, {"k": 3}, ARRAYS, {"seed": 1}) / MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "notes": notes}))
    with pytest.raises(ModelError, match=r"manifest\.json has been changed since it was saved"):
        load_model(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": "../elsewhere"}', '{"id": 1}'])
def test_a_pointer_that_leads_nowhere_is_refused(tmp_path: Path, text: str) -> None:
    save_model(tmp_path, {"k": 3}, ARRAYS, {})
    (tmp_path / CURRENT).write_text(text)
    with pytest.raises(ModelError, match="retail train"):
        load_model(tmp_path)


def test_a_pickle_is_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        save_model(tmp_path, {}, {"one": {"thing": np.array([print], dtype=object)}}, {})
    assert list(tmp_path.glob("*")) == []


def test_only_the_last_models_are_kept(tmp_path: Path) -> None:
    ids = []
    for k in range(6):
        ids.append(save_model(tmp_path, {"k": k}, ARRAYS, {}))
        os.utime(tmp_path / ids[-1], ns=(k * 10**9, k * 10**9))
    kept = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert kept == set(ids[-KEPT:])
    found = load_model(tmp_path)
    assert found
    assert found.numbers == {"k": 5}


def test_a_broken_save_leaves_the_model_in_use(tmp_path: Path) -> None:
    model_id = save_model(tmp_path, {"k": 3}, ARRAYS, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(tmp_path, {"k": float("nan")}, ARRAYS, {})
    found = load_model(tmp_path)
    assert found
    assert found.id == model_id
    assert not list(tmp_path.glob(".*"))


def test_arrays_are_plain_zips_of_npy(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / save_model(tmp_path, {}, ARRAYS, {}) / "one.npz") as packed:
        assert packed.namelist() == ["centres.npy", "labels.npy"]
