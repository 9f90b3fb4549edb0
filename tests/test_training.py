"""Training on tiny data: losses fall, interruptions change nothing, exports load back, peers agree."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lateint_ref import load_handbook
from lateint_ref.encoders.cross import CrossEncoder
from lateint_ref.encoders.late import LateConfig, LateEncoder
from lateint_ref.encoders.trained import merge, read
from workbook.training import RECIPES, late_loss, late_scores, main
from workbook.training_cross import CrossStudent, cross_loss, cross_scores
from workbook.training_data import write_lines
from workbook.training_export import export, load
from workbook.training_loop import Examples, Recipe, train
from workbook.training_losses import distillation_loss, listwise_loss
from workbook.training_model import LateStudent, adapter_state, fresh_backbone, maxsim_matrix, without_adapters

TINY = Recipe(steps=6, queries=3, negatives=2, lr=2e-3, projection_lr=2e-3, rank=4, alpha=4.0, first_layer=4)
THINGS = ["lamp", "kettle", "door", "bicycle", "heater", "ladder", "radio", "fridge"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight pairs in the layout of `training_data`."""
    folder = tmp_path_factory.mktemp("data")
    rows = list(enumerate(THINGS))
    write_lines(
        folder / "documents.jsonl",
        (
            {"document_id": n, "document": f"The {thing} stands in the hall, number {n}.", "page": "p"}
            for n, thing in rows
        ),
    )
    write_lines(
        folder / "queries.jsonl",
        ({"query_id": n, "query": f"where do I find a {t}", "kind": "rest", "source": "x"} for n, t in rows),
    )
    lines = [
        {"query_id": n, "document_ids": [(n + k) % 8 for k in range(4)], "scores": [0.7, 0.5, 0.4, 0.9]}
        for n in range(8)
    ]
    for split in ("train", "valid"):
        write_lines(folder / f"{split}.jsonl", lines)
    return folder


def late(seed=0):
    torch.manual_seed(seed)
    projection = torch.linalg.qr(torch.randn(384, 32))[0].T.contiguous()
    return LateStudent(LateConfig(), projection, TINY.rank, TINY.alpha, TINY.first_layer).eval()


def cross(seed=0):
    torch.manual_seed(seed)
    return CrossStudent(TINY.rank, TINY.alpha).eval()


def loss_of(student, data, recipe=TINY):
    make = late_loss if isinstance(student, LateStudent) else cross_loss
    return make(student, Examples(data), recipe, False)


def trained(student):
    return {name: p.detach().clone() for name, p in student.named_parameters() if p.requires_grad}


@pytest.mark.parametrize("make", [late, cross])
def test_a_few_steps_reduce_the_loss(make, data, tmp_path):
    student = make()
    recipe = replace(TINY, steps=10, distillation=0.0)
    loss = loss_of(student, data, recipe)
    probe = cross_loss(student, Examples(data), replace(recipe, steps=1), False) if make is cross else loss
    with torch.no_grad():
        before = sum(probe(step).item() for step in range(1, 4))
    train(student, loss, recipe, tmp_path)
    with torch.no_grad():
        assert sum(probe(step).item() for step in range(1, 4)) < before


@pytest.mark.parametrize("make", [late, cross])
def test_an_interrupted_run_ends_with_the_same_weights(make, data, tmp_path):
    whole = make()
    train(whole, loss_of(whole, data), TINY, tmp_path / "whole")
    first = make()
    train(first, loss_of(first, data), TINY, tmp_path / "parts", checkpoint_every=2, stop_after=3)
    second = make(seed=5)  # whatever it starts from, the checkpoint decides
    losses = train(second, loss_of(second, data), TINY, tmp_path / "parts", checkpoint_every=2)
    assert len(losses) == 4, "from the checkpoint after step 2"
    for name, value in trained(whole).items():
        assert torch.equal(value, trained(second)[name]), name


def test_a_checkpoint_of_another_recipe_or_a_damaged_one_is_an_error(data, tmp_path):
    student = late()
    train(student, loss_of(student, data), replace(TINY, steps=1), tmp_path)
    with pytest.raises(ValueError, match="another recipe"):
        train(student, loss_of(student, data), TINY, tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="damaged"):
        train(student, loss_of(student, data), TINY, tmp_path)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    student = late()
    with pytest.raises(FloatingPointError, match="step 0"):
        train(student, lambda step: student.projection.weight.sum() * float("nan"), TINY, tmp_path)


@pytest.mark.parametrize("make", [late, cross])
def test_an_export_loads_back_equal(make, data, tmp_path):
    student = make()
    train(student, loss_of(student, data), replace(TINY, steps=2), tmp_path / "run")
    export(student, TINY, tmp_path / "out", "# card\n")
    again = load(tmp_path / "out")
    for name, value in trained(student).items():
        assert torch.equal(value, trained(again)[name]), name
    (tmp_path / "out" / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "out")
    (tmp_path / "out" / "training.json").write_text("{}")
    with pytest.raises(ValueError, match="damaged"):
        read(tmp_path / "out")
    (tmp_path / "out" / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="missing"):
        load(tmp_path / "out")


def test_the_student_starts_as_the_bundled_encoder():
    """Before training it gives the vectors of `LateEncoder`; with the teacher's beside them."""
    student = late()
    texts = ["The lamp is in the hall.", "A kettle!"]
    encoder = LateEncoder(student.projection.weight.detach().numpy(), LateConfig())
    with torch.no_grad():
        vectors, counted, teacher = student(student.tokens(texts, "document", 300), "document", teacher=True)
    assert teacher.shape[-1] == 384
    for row, expected in enumerate(encoder.encode_documents(texts)):
        np.testing.assert_allclose(vectors[row][counted[row]].numpy(), expected, atol=1e-5)


def test_merged_adapters_equal_those_beside_the_backbone():
    student = late()
    with torch.no_grad():
        for name, parameter in student.trunk.model.named_parameters():
            if name.endswith(".up"):
                parameter.normal_(std=0.05)
    plain, tokenizer = fresh_backbone()
    ids = tokenizer(["The lamp is in the hall."], return_tensors="pt")
    with torch.no_grad():
        untrained = plain(**ids).last_hidden_state
        expected = student.trunk.model(**ids).last_hidden_state
        with without_adapters(student.trunk.model):
            torch.testing.assert_close(student.trunk.model(**ids).last_hidden_state, untrained)
        merged = merge(plain, adapter_state(student.trunk.model), TINY.alpha)(**ids).last_hidden_state
    assert not torch.allclose(expected, untrained, atol=1e-3)
    torch.testing.assert_close(merged, expected, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="not in the backbone"):
        merge(plain, {"nowhere.down": torch.zeros(2, 384), "nowhere.up": torch.zeros(384, 2)}, 1.0)


def test_the_shared_backbone_is_left_alone(data, tmp_path):
    from lateint_ref.encoders.backbone import load_backbone

    before = {name: value.clone() for name, value in load_backbone()[0].state_dict().items()}
    student = late()
    train(student, loss_of(student, data), replace(TINY, steps=1), tmp_path)
    for name, value in load_backbone()[0].state_dict().items():
        assert torch.equal(value, before[name])


def test_losses_are_those_of_pylate():
    """Our loop computes both losses from one matrix of scores; PyLate's classes, given the same vectors, agree."""
    from pylate import losses

    torch.manual_seed(0)
    q = torch.nn.functional.normalize(torch.randn(3, 5, 8), dim=-1)
    d = torch.nn.functional.normalize(torch.randn(6, 7, 8), dim=-1)

    class Given(torch.nn.Module):
        skiplist = ()
        do_query_expansion = False

        def forward(self, features):
            return {"token_embeddings": features["vectors"]}

    def features(vectors):
        shape = vectors.shape[:2]
        return {"vectors": vectors, "input_ids": torch.zeros(shape).long(), "attention_mask": torch.ones(shape).bool()}

    everything = torch.ones(3, 5).bool(), torch.ones(6, 7).bool()
    scores = maxsim_matrix(q, everything[0], d, everything[1])
    peer = losses.Contrastive(Given(), temperature=0.5)([features(q), features(d[0::2]), features(d[1::2])])
    own = torch.zeros(3, 6)
    own[torch.arange(3), torch.arange(0, 6, 2)] = 1.0
    torch.testing.assert_close(listwise_loss(scores / 0.5, own), peer)
    teacher = torch.randn(3, 2)
    own = torch.stack([scores[row, 2 * row : 2 * row + 2] for row in range(3)])
    peer = losses.Distillation(Given(), normalize_scores=False)([features(q), features(d)], teacher)
    torch.testing.assert_close(distillation_loss(own, teacher), peer)


def test_padding_changes_no_score():
    student, joint = late(), cross()
    texts = ["A lamp.", "The kettle stands beside the window in the kitchen, where it is warm."]
    with torch.no_grad():
        q, q_mask, _ = student(student.tokens(["where is it"], "query", 64), "query")
        d, d_mask, _ = student(student.tokens(texts, "document", 300), "document")
        alone, alone_mask, _ = student(student.tokens(texts[:1], "document", 300), "document")
        torch.testing.assert_close(
            maxsim_matrix(q, q_mask, d, d_mask)[:, :1],
            maxsim_matrix(q, q_mask, alone, alone_mask),
            atol=1e-4,
            rtol=1e-4,
        )
        query, documents = joint.tokens(["where is it"], 64), joint.tokens(texts, 256)
        together, alone = joint(query * 2, documents)[:1], joint(query, documents[:1])
        torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_examples_are_served_by_step(data):
    examples = Examples(data)
    recipe = replace(TINY, negatives=3, margin=0.1)
    batch = examples.batch(0, recipe)
    assert batch == examples.batch(0, recipe)
    assert batch != examples.batch(1, recipe)
    once = [example.query for step in range(8) for example in examples.batch(step, replace(recipe, queries=1))]
    assert len(set(once)) == 8, "one pass serves every pair once"
    for example in batch:
        assert len(example.documents) == len(set(example.documents)) == 4
        assert max(example.scores) <= 0.7, "the negative that is likelier right than the positive is left out"
    with pytest.raises(ValueError, match="no examples"):
        Examples(data, kinds=["other"])
    with pytest.raises(FileNotFoundError, match="training_data"):
        Examples(data / "nowhere")


def test_validation_scores(data):
    dev = load_handbook("dev")
    few = replace(dev, passages=dev.passages[:5], queries=dev.queries[:2])
    scores = late_scores(late(), few)
    assert set(scores) == {query.text for query in few.queries}
    assert all(row.shape == (5,) for row in scores.values())
    found = cross_scores(cross(), few, {few.queries[0].text: [0, 3]})
    assert set(found[few.queries[0].text]) == {0, 3}


def test_recipes_read_nothing_of_the_test_split():
    assert set(RECIPES) == {"late", "cross"}
    from pathlib import Path

    import workbook.training as module

    source = Path(module.__file__).parent
    for path in source.glob("training*.py"):
        text = path.read_text()
        assert 'load_handbook("test")' not in text
        assert "qrels/test" not in text


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["late", "cross"])
def test_command_line(kind, data, tmp_path, monkeypatch, capsys):
    dev = load_handbook("dev")
    few = replace(dev, passages=dev.passages[:12], queries=dev.queries[:2])
    monkeypatch.setattr("workbook.training.load_handbook", lambda split: few if split == "dev" else pytest.fail(split))
    options = ["--steps", "2", "--queries", "2", "--negatives", "1", "--first-layer", "5", "--no-bf16"]
    assert main([kind, "--data", str(data), "--run", str(tmp_path), *options]) == 0
    assert "nDCG@10" in capsys.readouterr().out
    settings = json.loads((tmp_path / "export" / "training.json").read_text())
    assert settings["kind"] == kind
    assert settings["recipe"]["steps"] == 2
    assert (tmp_path / "export" / "README.md").read_text().startswith(f"# {kind}")


def test_the_exported_cross_encoder_scores_like_the_student(data, tmp_path):
    student = cross()
    train(student, loss_of(student, data), replace(TINY, steps=3), tmp_path / "run")
    export(student, TINY, tmp_path / "out", "# card\n")
    encoder = CrossEncoder(tmp_path / "out")
    texts = ["A lamp.", "The kettle stands beside the window in the kitchen, where it is warm.", "A door"]
    with torch.no_grad():
        expected = student(student.tokens(["where is it"], 64) * 3, student.tokens(texts, 256)).numpy()
    np.testing.assert_allclose(encoder.score("where is it", texts), expected, atol=1e-4)
    np.testing.assert_allclose(encoder.score("where is it", texts[::-1], batch_size=1), expected[::-1], atol=1e-4)
    parts = encoder.explain("where is it", texts[1])
    assert sum(value * weight for value, weight in parts.values()) == pytest.approx(expected[1], abs=1e-4)
    export(late(), TINY, tmp_path / "late", "# card\n")
    with pytest.raises(ValueError, match="late encoder"):
        CrossEncoder(tmp_path / "late")


def test_before_training_the_cross_encoder_has_late_interaction_in_its_score():
    """The head's two features of the texts read apart are the bi-encoder's cosine and a MaxSim per query token."""
    from lateint_ref import maxsim
    from lateint_ref.encoders import load_bi
    from lateint_ref.encoders.joint import compare_apart

    student, texts = cross(), ["The lamp is in the hall.", "where do I find a lamp"]
    read = student.read(student.tokens(texts, 256))
    features = compare_apart(read[1:], read[:1])[0].numpy()
    expected = maxsim(read[1].unit.numpy(), read[0].unit.numpy()) / len(read[1].unit)
    cosine = load_bi().encode_documents(texts)
    np.testing.assert_allclose(features, [expected, cosine[0] @ cosine[1]], atol=1e-5)


def test_labels_beyond_the_answer_count():
    scores = torch.tensor([[2.0, 1.0, 0.0]])
    labels = torch.tensor([[1.0, 0.25, 0.0]])
    logs = torch.log_softmax(scores, dim=-1)[0]
    torch.testing.assert_close(listwise_loss(scores, labels), -(0.8 * logs[0] + 0.2 * logs[1]))
