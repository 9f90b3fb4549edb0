"""Folders of trained weights, of every kind: what is missing, damaged or of another network is refused and named."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import lateint_ref.encoders as enc
from helpers import refused
from lateint_ref.encoders import backbone, pixels, trained
from lateint_ref.encoders.late import LateConfig

TINY = pixels.Network(stem=4, width=8, depth=1, hidden=24, layers=1, heads=2)
READ = {
    "late": lambda folder: trained.read_trained(folder, "late"),
    "cross": lambda folder: trained.read_trained(folder, "cross"),
    "page": pixels.read_pixels,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of each kind."""
    root = tmp_path_factory.mktemp("weights")
    model, _ = backbone.load_backbone()
    shared = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("encoder.")}
    for kind, config in (("late", LateConfig()), ("cross", None)):
        own = {name: torch.ones(shape) for name, shape in trained.OWN[kind].items()}
        trained.write_trained(root / kind, kind, shared | own, config)
    pixels.write_pixels(root / "page", pixels.PageReader(TINY), enc.load_late(), "untrained")
    return root


@pytest.fixture(params=READ)
def kind(request):
    return request.param


@pytest.fixture
def folder(made, kind, tmp_path):
    return shutil.copytree(made / kind, tmp_path / kind)


def seal(folder, **changes):
    """Write digests that fit what is there now."""
    path = folder / "trained.json"
    settings = json.loads(path.read_text())
    backbone.write_digests(folder, "trained.json", list(settings["sha256"]))
    path.write_text(json.dumps({**settings, **json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("file", ["model.safetensors", "trained.json"])
def test_a_missing_file_is_named(kind, folder, file):
    (folder / file).unlink()
    refused(FileNotFoundError, f"{file} is missing.*git checkout", READ[kind], folder)


def test_damage_is_found(kind, folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refused(ValueError, "damaged: its SHA-256", READ[kind], folder)
    path.write_bytes(content[:500])
    seal(folder)
    refused(ValueError, "no file of weights", READ[kind], folder)
    for text in ("{", "[]", "{}", '{"kind": "page", "network": {}, "late": "", "probe": [], "sha256": {}}'):
        (folder / "trained.json").write_text(text)
        refused(ValueError, "is damaged", READ[kind], folder)


def test_another_kind_is_refused(kind, folder):
    other = "late" if kind == "cross" else "cross"
    seal(folder, kind=other)
    refused(ValueError, f"holds a trained {other} encoder where a {kind} encoder is wanted", READ[kind], folder)


def test_weights_of_another_network_are_refused(made, kind, folder):
    path = folder / "model.safetensors"
    whole = load_file(path)
    if kind != "page":  # what is added to a matrix counts for nothing without its scale
        name = "encoder.layer.0.output.dense.weight"
        save_file({key: tensor for key, tensor in whole.items() if key != f"{name}.scale"}, path)
        seal(folder)
        refused(ValueError, f"lacks {name}", READ[kind], folder)
        whole = trained.read_trained(made / kind, kind)
    for name in ("projection.weight", max(whole, key=len)) if kind != "cross" else (max(whole, key=len),):
        others = {key: tensor for key, tensor in whole.items() if key != name}
        for tensors, words in (
            (others, f"lacks {name}.*untrained"),
            (whole | {"layer.99.bias": torch.ones(3)}, "this network does not have"),
            (others | {name: torch.ones(96, 7)}, rf"shape \(96, 7\) where .*{whole[name].shape[0]}"),
            (others | {name: torch.full_like(whole[name], torch.nan)}, f"{name} that are not finite"),
        ):
            save_file(tensors, path)
            seal(folder)
            refused(ValueError, words, READ[kind], folder)
            if kind != "page":
                refused(ValueError, words, trained.write_trained, folder / "out", kind, tensors, LateConfig())


@pytest.mark.parametrize("kind", ["late"])
def test_changes_are_kept_in_8_bits(kind, folder, tmp_path):
    tensors = trained.read_trained(folder, kind)
    rng = torch.Generator().manual_seed(0)
    moved = {name: tensor + 0.01 * torch.randn(tensor.shape, generator=rng) for name, tensor in tensors.items()}
    trained.write_trained(tmp_path / "moved", kind, moved, LateConfig())
    assert (tmp_path / "moved/model.safetensors").stat().st_size < 11.2e6
    again = trained.read_trained(tmp_path / "moved", kind)
    for name, tensor in moved.items():
        change, error = tensor - tensors[name], (again[name] - tensor).abs()
        if name.startswith("encoder.") and tensor.ndim == 2:
            assert (error <= change.abs().amax(dim=1, keepdim=True) / 254 + 1e-6).all()
        else:
            torch.testing.assert_close(again[name], tensor, atol=1e-3, rtol=1e-3)


def test_weights_that_are_no_numbers_are_not_written(tmp_path):
    late, broken = enc.load_late(), pixels.PageReader(TINY)
    refused(ValueError, "late_is", pixels.write_pixels, tmp_path, broken, late, "mine")
    broken.row.data.fill_(torch.inf)
    refused(ValueError, "not finite", pixels.write_pixels, tmp_path, broken, late, "untrained")
