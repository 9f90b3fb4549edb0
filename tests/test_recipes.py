"""The recipes of data/training, on a network of two layers that forgets everything it is taught."""

import gzip
import json
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from lateint_ref.encoders import backbone_path, load_late
from lateint_ref.encoders.cross import load_trained_cross
from lateint_ref.encoders.late import load_trained_late

FOLDER = Path(__file__).resolve().parent.parent / "data" / "training"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def recipes():
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in ("pool", "model", "loop", "late", "cross", "gpu", "export"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """What pool.py would write, of 6 clusters of random texts and a small network."""
    folder = tmp_path_factory.mktemp("pack")
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 48}
    config = BertConfig(vocab_size=300, **sizes)
    start = BertModel(config).state_dict()
    tensors = {name: value.half() for name, value in start.items() if value.is_floating_point()}
    words = tensors.pop("embeddings.word_embeddings.weight")
    tensors |= {"words": (words * 1000).char(), "words_scale": torch.full((300, 1), 1e-3)}
    save_file(tensors | {"projection.weight": torch.randn(128, 32).half()}, folder / "start.safetensors")
    texts = {}
    for kind, most in (("questions", 9), ("passages", 40)):
        lengths = rng.integers(3, most, size=200)
        texts[kind] = torch.from_numpy(rng.integers(110, 300, size=lengths.sum()).astype(np.uint16))
        texts[f"{kind[:-1]}_starts"] = torch.from_numpy(np.cumsum([0, *lengths]))
    rows = torch.arange(144, dtype=torch.int32).reshape(6, 24)
    texts["clusters"] = torch.stack([rows, rows], dim=-1)
    held = torch.arange(150, 180, dtype=torch.int32)
    texts["held"] = torch.stack([held, held, torch.zeros_like(held)], dim=1)
    texts["held_corpus"] = torch.stack([held, torch.zeros_like(held)], dim=1)
    save_file(texts, folder / "pool.safetensors")
    card = {"sources": {"made_up": {}}, "punctuation": [119, 120], "network": config.to_diff_dict()}
    (folder / "pack.json").write_text(json.dumps(card))
    return folder


def settings(module, pack, out, **options):
    return module.settings().parse_args([], Namespace(pack=pack, out=out, device="cpu", **options))


@pytest.mark.parametrize("frozen", [0, 1])
def test_a_run_that_was_stopped_goes_on_to_the_bit(pack, tmp_path, frozen):
    import late
    import model

    pool = model.Pool(pack)

    def run(out, minutes):
        wanted = settings(late, pack, tmp_path / out, frozen=frozen, every=2, steps=6, minutes=minutes)
        return late.train(wanted, pool, late.Late(pack, frozen))

    once = run("once", 9)
    for _ in range(6):
        twice = run("twice", 0)  # no more than a step at a time
    assert all(torch.equal(once[name], twice[name]) for name in once)
    assert sorted(path.name for path in (tmp_path / "twice").iterdir()) == [
        "last.safetensors",
        *(f"step-{step}.safetensors" for step in range(1, 7)),
    ]
    assert ("markers" in once) == (frozen == 0)
    start = dict(late.Late(pack, frozen).named_parameters())
    moved = {name for name in once if not torch.equal(once[name], start[name])}
    assert {"projection.weight", "backbone.encoder.layer.1.output.dense.weight"} <= moved
    assert any(".layer.0." in name for name in once) != (frozen == 1)


def test_maxsim_is_that_of_the_module(pack):
    import model

    from lateint_ref import maxsim

    rng = torch.Generator().manual_seed(0)
    q, d = torch.randn(2, 3, 8, generator=rng), torch.randn(4, 5, 8, generator=rng)
    d_kept = torch.rand(4, 5, generator=rng) > 0.3
    d_kept[:, 0] = True
    q_kept = torch.tensor([[True, True, True], [True, True, False]])
    found = model.maxsim(q, q_kept, d, d_kept, 6)
    for row in range(2):
        query = torch.nn.functional.normalize(q[row, q_kept[row], :6], dim=-1).numpy()
        for place in range(4):
            document = torch.nn.functional.normalize(d[place, d_kept[place], :6], dim=-1).numpy()
            assert found[row, place].item() == pytest.approx(maxsim(query, document) / len(query), abs=1e-5)


def test_texts_of_the_pool_are_read_like_any_others(pack):
    import model

    pool, rows = model.Pool(pack), torch.tensor([3, 0, 77, 12])
    for kind, most in (("questions", 32), ("passages", 64), ("passages", 12)):
        found = pool.batch(kind, rows, most, step=8)
        expected = model.padded([pool.ids(kind, row) for row in rows.tolist()], kind, most, 8)
        assert torch.equal(found, expected)


def test_the_right_passage_of_a_neighbour_is_no_negative(pack):
    import cross
    import model

    pool = model.Pool(pack)
    pairs = pool.clusters[0].clone()
    pairs[1, 0] = pairs[0, 0]  # one question, two passages
    rng = torch.Generator().manual_seed(0)
    found = torch.cat([cross.negatives(model.Late(pack), pool, pairs, rng) for _ in range(20)], dim=1)
    assert not (found[0] == 1).any()
    assert not (found[1] == 0).any()
    assert not (found == torch.arange(24)[:, None]).any()
    ids, segments = cross.sequences(pool, pairs[:2])
    asked, told = pool.ids("questions", int(pairs[0, 0])), pool.ids("passages", int(pairs[0, 1]))
    whole = [101, *asked.tolist(), 102, *told.tolist(), 102]
    assert ids[0, : len(whole)].tolist() == whole
    assert segments[0].sum() == len(told) + 1


def test_one_run_for_a_gpu(pack, tmp_path, monkeypatch, capsys):
    import gpu

    arguments = ["gpu.py", "--pack", str(pack), "--out", str(tmp_path), "--tiny", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", arguments)
    gpu.main()
    report = json.loads((tmp_path / "run.json").read_text())
    assert set(report["parts"]) == {"late", "cross", "distilled"}
    assert "untrained" in capsys.readouterr().out
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [f"{n}-{i}.safetensors" for n in ("cross", "distilled", "late") for i in (1, 2)] + ["run.json"]
    names = [set(load_file(tmp_path / f"late-{number}.safetensors")) for number in (1, 2)]
    assert not names[0] & names[1]
    assert "average.projection.weight" in names[1]


def test_pairs_are_capped_clustered_and_held_out(tmp_path, monkeypatch, capsys):
    import pool

    sources = {"one": (200, 2, 1), "two": (60, 1, 1)}
    monkeypatch.setattr(pool, "SOURCES", sources)
    for name in sources:
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt") as lines:
            for row in range(400):
                passage = f"{name} passage about lake number {row // 4}, where boats are for hire"
                lines.write(json.dumps({"query": f"what of {name} {row} is for hire?", "passage": passage}) + "\n")
    monkeypatch.setattr(sys, "argv", ["pool.py", "--pairs", str(tmp_path), "--out", str(tmp_path / "pack")])
    pool.main()
    assert "pairs" in capsys.readouterr().out
    card = json.loads((tmp_path / "pack/pack.json").read_text())
    assert card["sources"]["two"]["pairs"] <= 60
    found = load_file(tmp_path / "pack/pool.safetensors")
    for cluster in found["clusters"]:
        assert len(set(cluster[:, 0].tolist())) == len(set(cluster[:, 1].tolist())) == 24
    trained = set(found["clusters"][:, :, 1].flatten().tolist())
    assert not trained & set(found["held_corpus"][:, 0].tolist())
    assert set(found["held"][:, 1].tolist()) <= set(found["held_corpus"][:, 0].tolist())
    import model

    ours, theirs = model.backbone(tmp_path / "pack"), BertModel.from_pretrained(backbone_path())
    ids = torch.tensor([[101, 2089, 1045, 3288, 2026, 3899, 102]])
    close = torch.cosine_similarity(ours(ids).last_hidden_state, theirs(ids).last_hidden_state, dim=-1)
    assert close.min() > 0.999


def test_exported_without_training_it_is_the_untrained_encoder(tmp_path, monkeypatch):
    import export

    start = {f"average.backbone.{name}": value + 1 for name, value in export.untrained("late").items() if "." in name}
    start["average.projection.weight"] = start.pop("average.backbone.projection.weight")
    save_file({name: value.contiguous() for name, value in start.items()}, tmp_path / "late.safetensors")
    for kind in ("late", "cross"):
        given = str(tmp_path / "late.safetensors")
        arguments = ["export.py", kind, given, "--blend", "0", "--out", str(tmp_path / kind)]
        monkeypatch.setattr(sys, "argv", arguments)
        export.main()
    text = ["May I bring my dog?"]
    ours, theirs = load_trained_late(tmp_path / "late"), load_late()
    np.testing.assert_allclose(ours.encode_queries(text).vectors, theirs.encode_queries(text).vectors, atol=2e-3)
    assert load_trained_cross(tmp_path / "cross").score("dog", text).shape == (1,)
