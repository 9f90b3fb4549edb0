"""One pass of a batch through BERT: pad, mask, return the last layer."""

from __future__ import annotations

from typing import Any

from lateint_ref.checks import Float32Array


def last_layer(model: Any, sequences: list[list[int]], pad_id: int, attended: list[int] | None = None) -> Float32Array:
    """Token vectors of the last layer, without gradients or dropout.

    Args:
        model: a `transformers.BertModel` in eval mode.
        sequences: token ids, one list a text, special tokens included.
        pad_id: id that fills short sequences up; padding is never attended to.
        attended: how many leading tokens of each sequence the others may attend to; by default all of them.

    Returns:
        float32 `(batch, longest, hidden)`. Rows behind the end of a sequence are meaningless.
    """
    import torch

    longest = max(len(ids) for ids in sequences)
    input_ids = torch.full((len(sequences), longest), pad_id)
    attention_mask = torch.zeros((len(sequences), longest), dtype=torch.long)
    for row, ids in enumerate(sequences):
        input_ids[row, : len(ids)] = torch.tensor(ids)
        attention_mask[row, : len(ids) if attended is None else attended[row]] = 1
    with torch.inference_mode():
        hidden = model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    array: Float32Array = hidden.numpy()
    return array
