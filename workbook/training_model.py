"""The models that are trained: the backbone with low-rank adapters, a projection, and for the cross-encoder a head.

Sources: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022; Khattab and Zaharia, "ColBERT",
SIGIR 2020 (the late encoder); Nogueira and Cho, "Passage Re-ranking with BERT", 2019 (query and passage read together).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lateint_ref.encoders import backbone
from lateint_ref.encoders.late import Kind, LateConfig, LateEncoder

ADAPTED = ("query", "key", "value", "dense")  # attention and feed-forward: every linear layer of BERT's encoder


class LowRank(nn.Module):  # type: ignore[misc]
    """A frozen linear layer W plus a trained update of low rank: `x W^T + scale * (x A^T) B^T`.

    B starts at zero, so that training starts from the frozen layer.
    """

    def __init__(self, base: Any, rank: int, alpha: float) -> None:
        super().__init__()
        self.base = base
        self.scale = alpha / rank
        self.enabled = True
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """`(..., in) -> (..., out)`."""
        out = self.base(x)
        if self.enabled:
            out = out + (x @ self.down.to(x.dtype).T) @ self.up.to(x.dtype).T * self.scale
        return out

    def update(self) -> Tensor:
        """What is added to W: `(out, in)`."""
        return self.scale * self.up @ self.down


def add_adapters(model: Any, rank: int, alpha: float, first_layer: int) -> None:
    """Freeze `model` and put a `LowRank` around each linear layer of its encoder, from layer `first_layer` on."""
    model.requires_grad_(False)
    for layer in model.encoder.layer[first_layer:]:
        for parent in list(layer.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.Linear) and name in ADAPTED and not isinstance(parent, LowRank):
                    setattr(parent, name, LowRank(child, rank, alpha))


def adapters(model: Any) -> dict[str, LowRank]:
    """The adapters by the name of the layer that they wrap, as the plain model calls it."""
    return {name: module for name, module in model.named_modules() if isinstance(module, LowRank)}


@contextmanager
def without_adapters(model: Any) -> Iterator[None]:
    """Within the block the model is the untrained one: the teacher of self-distillation, at no memory."""
    layers = list(adapters(model).values())
    for layer in layers:
        layer.enabled = False
    try:
        yield
    finally:
        for layer in layers:
            layer.enabled = True


def adapter_state(model: Any) -> dict[str, Tensor]:
    """The adapters' matrices, float32: `<layer>.down` `(rank, in)` and `<layer>.up` `(out, rank)`."""
    state = {}
    for name, layer in adapters(model).items():
        state[f"{name}.down"] = layer.down.detach().float().cpu().clone()
        state[f"{name}.up"] = layer.up.detach().float().cpu().clone()
    return state


def fresh_backbone() -> tuple[Any, Any]:
    """A copy of the backbone that may be changed, and the tokenizer."""
    shared, tokenizer = backbone.load_backbone()
    return copy.deepcopy(shared), tokenizer


class Trunk(nn.Module):  # type: ignore[misc]
    """The backbone in two parts: the frozen layers below, which need no gradients, and those with adapters."""

    def __init__(self, rank: int, alpha: float, first_layer: int) -> None:
        super().__init__()
        self.model, self.tokenizer = fresh_backbone()
        self.first_layer = first_layer
        add_adapters(self.model, rank, alpha, first_layer)

    def lower(self, sequences: list[list[int]], device: Any) -> tuple[Tensor, Tensor]:
        """Embeddings and frozen layers.

        Returns:
            `(batch, longest, 384)`, and the attention mask to add, `(batch, 1, 1, longest)`: 0 or minus infinity.
        """
        longest = max(len(ids) for ids in sequences)
        input_ids = torch.full((len(sequences), longest), self.tokenizer.pad_token_id)
        mask = torch.full((len(sequences), 1, 1, longest), float("-inf"))
        for row, ids in enumerate(sequences):
            input_ids[row, : len(ids)] = torch.tensor(ids)
            mask[row, :, :, : len(ids)] = 0
        mask = mask.to(device)
        with torch.no_grad():
            hidden = self.model.embeddings(input_ids=input_ids.to(device))
            for layer in self.model.encoder.layer[: self.first_layer]:
                hidden = layer(hidden, _like(mask, hidden))
        return hidden, mask

    def upper(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """The layers with adapters: `(batch, longest, 384)` to the same shape."""
        for layer in self.model.encoder.layer[self.first_layer :]:
            hidden = layer(hidden, _like(mask, hidden))
        return hidden


def _like(mask: Tensor, hidden: Tensor) -> Tensor:
    """The mask in the type that attention computes in: bfloat16 under autocast."""
    device = hidden.device.type
    return mask.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else mask


class LateStudent(nn.Module):  # type: ignore[misc]
    """The late encoder in training: adapters on the backbone, and a projection.

    Attributes:
        reader: says how text becomes tokens (the bundled encoder's own code).
    """

    def __init__(self, config: LateConfig, projection: Tensor, rank: int, alpha: float, first_layer: int = 0) -> None:
        super().__init__()
        self.trunk = Trunk(rank, alpha, first_layer)
        self.projection = nn.Linear(projection.shape[1], projection.shape[0], bias=False)
        with torch.no_grad():
            self.projection.weight.copy_(projection)
        self.reader = LateEncoder(None, config)

    def tokens(self, texts: Sequence[str], kind: Kind, limit: int) -> list[list[int]]:
        """Token ids of each text, markers included, cut to `limit`."""
        sequences, _ = self.reader._read(list(texts), kind)
        return [ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]] for ids in sequences]

    def forward(
        self, sequences: list[list[int]], kind: Kind, teacher: bool = False
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Encode.

        Args:
            sequences: `batch` lists of token ids.
            kind: `"query"` or `"document"`.
            teacher: also give the untrained backbone's vectors, without gradients. The layers below the first
                adapter are the same for both and run once.

        Returns:
            Unit vectors `(batch, longest, dim)`; which of them count, bool `(batch, longest)`; and the teacher's unit
            vectors `(batch, longest, 384)`, or None.
        """
        hidden, mask = self.trunk.lower(sequences, self.projection.weight.device)
        counted = torch.zeros(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
        for row, ids in enumerate(sequences):
            counted[row, self.reader._kept(ids, kind)] = True
        taught = None
        if teacher:
            with torch.no_grad(), without_adapters(self.trunk.model):
                taught = functional.normalize(self.trunk.upper(hidden, mask).float(), dim=-1)
        vectors = functional.normalize(self.projection(self.trunk.upper(hidden, mask)).float(), dim=-1)
        return vectors, counted, taught


def maxsim_matrix(queries: Tensor, query_mask: Tensor, documents: Tensor, document_mask: Tensor) -> Tensor:
    """MaxSim of every query with every document, differentiable.

    Args:
        queries: `(n_q, t_q, dim)`.
        query_mask: bool `(n_q, t_q)`: the vectors that count.
        documents: `(n_d, t_d, dim)`.
        document_mask: bool `(n_d, t_d)`.

    Returns:
        `(n_q, n_d)`.
    """
    similarity = torch.einsum("qid,njd->qnij", queries, documents)
    similarity = similarity.masked_fill(~document_mask[None, :, None, :], -1e4)
    best = similarity.amax(dim=-1)
    return (best * query_mask[:, None, :]).sum(dim=-1)
