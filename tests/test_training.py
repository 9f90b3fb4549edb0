"""The losses against PyLate's, MaxSim with gradients, and the judged questions that one can train on."""

import json
import re

import numpy as np
import torch

from helpers import maxsim_by_loops
from lateint_ref.datasets import data_folder, load_beir, load_handbook
from workbook.training import distillation_loss, listwise_loss, maxsim_matrix

RUN = 8  # words in a row that two texts by different hands do not share


def unit(*shape):
    return torch.nn.functional.normalize(torch.randn(*shape), dim=-1)


def test_losses_are_those_of_pylate():
    """Both losses come from one matrix of scores here; PyLate's classes, given the same vectors, agree."""
    from pylate import losses

    torch.manual_seed(0)
    q, d = unit(3, 5, 8), unit(6, 7, 8)

    class Given(torch.nn.Module):
        skiplist = ()
        do_query_expansion = False

        def forward(self, features):
            return {"token_embeddings": features["vectors"]}

    def features(vectors):
        shape = vectors.shape[:2]
        return {"vectors": vectors, "input_ids": torch.zeros(shape).long(), "attention_mask": torch.ones(shape).bool()}

    scores = maxsim_matrix(q, torch.ones(3, 5).bool(), d, torch.ones(6, 7).bool())
    peer = losses.Contrastive(Given(), temperature=0.5)([features(q), features(d[0::2]), features(d[1::2])])
    own = torch.zeros(3, 6)
    own[torch.arange(3), torch.arange(0, 6, 2)] = 1.0
    torch.testing.assert_close(listwise_loss(scores / 0.5, own), peer)
    teacher = torch.randn(3, 2)
    own = torch.stack([scores[row, 2 * row : 2 * row + 2] for row in range(3)])
    peer = losses.Distillation(Given(), normalize_scores=False)([features(q), features(d)], teacher)
    torch.testing.assert_close(distillation_loss(own, teacher), peer)


def test_labels_beyond_the_answer_count():
    scores, labels = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[1.0, 0.25, 0.0]])
    logs = torch.log_softmax(scores, dim=-1)[0]
    torch.testing.assert_close(listwise_loss(scores, labels), -(0.8 * logs[0] + 0.2 * logs[1]))


def test_maxsim_matrix_is_the_definition_padding_changes_nothing_and_gradients_flow():
    torch.manual_seed(1)
    q, d = unit(2, 4, 8).requires_grad_(), unit(3, 6, 8)
    q_mask, d_mask = torch.ones(2, 4).bool(), torch.ones(3, 6).bool()
    q_mask[1, 2:] = d_mask[0, 3:] = False
    found = maxsim_matrix(q, q_mask, d, d_mask)
    for i, j in np.ndindex(2, 3):
        expected = maxsim_by_loops(q[i][q_mask[i]].detach().numpy(), d[j][d_mask[j]].numpy())
        np.testing.assert_allclose(found[i, j].item(), expected, atol=1e-5)
    found.sum().backward()
    assert q.grad[0].abs().sum() > 0
    assert not q.grad[1, 2:].any()


# The judged questions in data/training


def runs(text):
    words = re.findall(r"[^\W_]+", text.lower())
    return {tuple(words[start : start + RUN]) for start in range(len(words) - RUN + 1)}


def test_judged_questions_share_no_run_of_words_with_what_is_evaluated_on():
    known = set()
    for folder in (path.parent for path in data_folder().glob("*/corpus.jsonl")):
        for split in sorted(path.stem for path in (folder / "qrels").glob("*.tsv")):
            dataset = load_beir(folder, split)
            known.update(*(runs(query.text) for query in dataset.queries))
        known.update(*(runs(passage.text) for passage in dataset.passages))
    assert len(known) > 100_000
    families = lines("families.jsonl")
    texts = [item["text"] for family in families for item in [*family["passages"], *family["queries"]]]
    texts += [question["text"] for question in lines("api_questions.jsonl")]
    assert [text for text in texts if runs(text) & known] == []
    handbook = {passage.id.rpartition("-")[0] for passage in load_handbook("dev").passages}
    assert not handbook & {family["family"] for family in families}


def lines(name):
    return [json.loads(line) for line in (data_folder() / "training" / name).read_bytes().splitlines()]


def test_judged_questions_are_as_the_readme_counts_them():
    families, questions = lines("families.jsonl"), lines("api_questions.jsonl")
    assert len(families) == 52
    assert sum(len(family["passages"]) for family in families) == 364
    assert sum(len(family["queries"]) for family in families) == 1381
    for family in families:
        siblings = {passage["id"] for passage in family["passages"]}
        for query in family["queries"]:
            assert set(query["grades"]) <= siblings
            assert list(query["grades"].values()).count(2) == 1
    names = (data_folder() / "training" / "api_passages.txt").read_text(encoding="utf-8").split()
    assert (len(questions), len(names)) == (600, 940)
    assert {name for question in questions for name in question["grades"]} <= set(names)
