"""Files of vectors: each kind comes back as it was, and what is no such file is refused."""

import contextlib

import numpy as np
import pytest

from helpers import refused, unit_vectors
from lateint_ref import MultiVectors, PageVectors, ResidualCodec, binarize_collection, quantize_collection

FLOATS = MultiVectors.from_list([unit_vectors(n, 16, n) for n in (2, 1, 5)], ["a", "a\0", "é" * 5000])
CODEC = ResidualCodec.train(FLOATS, 2)
PAGES = PageVectors(FLOATS.take([0, 2]), ((1, 2), (2, 2)), (np.array([1, 0]), np.arange(1, 5)))
KINDS = {
    type(saved).__name__: (saved, columns)
    for saved, columns in (
        (FLOATS, ["vectors", "offsets", "ids"]),
        (binarize_collection(FLOATS), ["vectors", "offsets", "ids"]),
        (quantize_collection(FLOATS), ["vectors", "offsets", "ids", "scale"]),
        (CODEC.encode(FLOATS), ["centroid_ids", "residuals", "offsets", "ids"]),
        (CODEC, ["centroids", "cutoffs", "weights"]),
        (PAGES, ["ids", "grids"]),
    )
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_what_is_loaded_is_what_was_saved(kind, tmp_path):
    saved, columns = KINDS[kind]
    path = saved.save(tmp_path / "a")
    assert path == tmp_path / "a.npz"
    for again in (type(saved).load(path), type(saved).load(tmp_path / "a")):
        assert type(again) is type(saved)
        for column in columns:
            np.testing.assert_array_equal(getattr(again, column), getattr(saved, column))
    assert again.save(tmp_path / "b").read_bytes() == path.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npz", "b.npz"]
    assert path.stat().st_size < 50_000


def test_pages_keep_where_their_patches_lie(tmp_path):
    for mine, theirs in zip(PageVectors.load(PAGES.save(tmp_path / "a")).patches, PAGES.patches, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@each_kind
def test_what_is_no_such_file_is_refused(kind, tmp_path):
    saved, _ = KINDS[kind]
    whole = saved.save(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:-200])
    (tmp_path / "text.npz").write_text("nothing")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    np.save(tmp_path / "plain.npy", np.ones(3))
    np.savez(tmp_path / "pickled.npz", **dict.fromkeys(np.load(tmp_path / "whole.npz"), np.array([{}], object)))
    # (A file of pages holds a collection of floats, and more.)
    others = KINDS.keys() - {kind} - ({"PageVectors"} if kind == "MultiVectors" else set())
    for path in (tmp_path / f"{name}.npz" for name in ("cut", "text", "other", "pickled")):
        refused(ValueError, f"is not a {kind} file .*or is damaged.*{kind}.save", type(saved).load, path)
    for other in others:
        path = KINDS[other][0].save(tmp_path / other)
        refused(ValueError, f"is not a {kind} file", type(saved).load, path)
    refused(ValueError, "is not a", type(saved).load, tmp_path / "plain.npy")
    refused(FileNotFoundError, "none", type(saved).load, tmp_path / "none.npz")


def test_damage_of_any_kind_is_a_value_error(tmp_path):
    whole = FLOATS.take([0]).save(tmp_path / "vectors.npz").read_bytes()
    damaged = tmp_path / "damaged.npz"
    for place in np.random.default_rng(0).integers(0, len(whole), 300):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        with contextlib.suppress(ValueError):
            MultiVectors.load(damaged)


def test_pages_whose_parts_do_not_fit(tmp_path):
    with np.load(PAGES.save(tmp_path / "whole.npz")) as archive:
        parts = dict(archive)
    for name, part in (
        ("patches", parts["patches"][:-1]),
        ("grids", parts["grids"].ravel()),
        ("grids", parts["grids"] + 0.5),
    ):
        np.savez(tmp_path / "odd.npz", **(parts | {name: part}))
        refused(ValueError, "not a PageVectors file", PageVectors.load, tmp_path / "odd.npz")


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = FLOATS.save(tmp_path / "vectors.npz")
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    refused(OSError, "disk full", FLOATS.save, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_earlier_versions_are_read(tmp_path):
    np.savez(tmp_path / "old.npz", vectors=np.ones((3, 4), np.float32), offsets=[0, 2, 3], ids=np.array(["a", "b"]))
    assert MultiVectors.load(tmp_path / "old.npz").ids == ["a", "b"]
