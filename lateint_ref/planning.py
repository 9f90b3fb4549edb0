"""How large a system becomes: disk, memory, shards, operations and cores, from counts and measured speeds.

Counts are exact for the vectors themselves, as in `cost`; what is assumed beyond them stands in `Plan.assumptions`,
which printing a plan prints too. Sources: those of `cost`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lateint_ref.checks import positive, whole
from lateint_ref.cost import (
    GRAPH_NEIGHBOURS,
    SHARD_BYTES,
    SHARD_DOCUMENTS,
    Speed,
    Work,
    bytes_per_vector,
    first_stage_bytes,
    format_bytes,
    predict,
    scan,
    shard_count,
    total,
)


@dataclass(frozen=True)
class Plan:
    """What a system takes. Bytes are decimal; all of them count every copy.

    Attributes:
        documents: passages or pages.
        copies: primary and replicas.
        multivector_bytes: the vectors that MaxSim reads.
        first_stage_bytes: single vectors and their graph on disk; 0 without a first stage.
        disk_bytes: the sum of both.
        memory_bytes: what must stay in memory for the speed that is planned: everything that every query reads.
        shards: primary shards.
        operations: pairs of numbers that meet for one query.
        bytes_read: stored bytes that one query looks at.
        seconds: of one core for one query; None where no speeds were given.
        cores: busy on average at the planned rate; None where no speeds were given.
        assumptions: what the numbers lean on, one sentence each.
    """

    documents: int
    copies: int
    multivector_bytes: float
    first_stage_bytes: float
    disk_bytes: float
    memory_bytes: float
    shards: int
    operations: float
    bytes_read: float
    seconds: float | None
    cores: float | None
    assumptions: tuple[str, ...]

    def __str__(self) -> str:
        rows = [
            ("documents", f"{self.documents:,}"),
            ("disk", f"{format_bytes(self.disk_bytes)} in {self.copies} {'copy' if self.copies == 1 else 'copies'}"),
            ("  multi-vectors", format_bytes(self.multivector_bytes)),
            ("  first stage", format_bytes(self.first_stage_bytes)),
            ("memory", format_bytes(self.memory_bytes)),
            ("primary shards", f"{self.shards:,}"),
            ("operations a query", f"{self.operations:.2g}"),
            ("bytes read a query", format_bytes(self.bytes_read)),
        ]
        if self.seconds is not None and self.cores is not None:
            rows += [("core-seconds a query", f"{self.seconds:.2g}"), ("cores busy", f"{self.cores:.2g}")]
        width = max(len(name) for name, _ in rows)
        lines = [f"{name:<{width}}  {value}" for name, value in rows]
        return "\n".join([*lines, "assumed:", *(f"- {sentence}" for sentence in self.assumptions)])


def plan(
    documents: int,
    vectors_per_document: float,
    dim: int,
    representation: str = "float32",
    queries_per_second: float = 1.0,
    *,
    query_vectors: float = 32,
    rescored: int | None = None,
    first_stage: str = "float32",
    first_stage_vectors: int = 1,
    compared: float | None = None,
    replicas: int = 1,
    speeds: Mapping[str, Speed] | None = None,
) -> Plan:
    """Disk, memory, shards and work of a late-interaction system.

    Args:
        documents: passages or pages.
        vectors_per_document: of the multi-vector representation, a mean.
        dim: dimensions of a vector.
        representation: how multi-vectors are stored, as `cost.bytes_per_vector` takes it.
        queries_per_second: to be served.
        query_vectors: vectors of a query, a mean.
        rescored: how many documents reach MaxSim. None: all of them, without a first stage.
        first_stage: how the single vectors of the first stage are quantised: `"float32"`, `"int8"`, `"int4"`, `"bbq"`.
        first_stage_vectors: single vectors a document there: 1 for an average, several where pooled ones are nested.
        compared: single vectors that the first stage compares with for one query. None: all of them, no graph. With
            a graph this grows like the logarithm of their number: measure it (notebook 07), do not guess.
        replicas: copies beyond the primary.
        speeds: from `cost.fit`, kinds `"maxsim"` and, with a first stage, `"first stage"`, measured on one core.

    Raises:
        KeyError: a kind without a speed.
        ValueError: more rescored than there are documents, or a first stage described without `rescored`.
    """
    documents, copies = whole(documents, "documents"), 1 + whole(replicas, "replicas", least=0)
    per_document = positive(vectors_per_document, "vectors_per_document")
    rate = positive(queries_per_second, "queries_per_second")
    singles = documents * whole(first_stage_vectors, "first_stage_vectors")
    vector_bytes = first_stage_bytes(dim, first_stage)
    met = float(singles) if compared is None else positive(compared, "compared")
    if met > singles:
        raise ValueError(f"compared is {compared}, more than the {singles} vectors of the first stage.")
    if rescored is None and (first_stage, first_stage_vectors, compared) != ("float32", 1, None):
        raise ValueError("first_stage, first_stage_vectors and compared describe a first stage: give rescored with it.")
    n_vectors = math.ceil(documents * per_document)
    multivectors = n_vectors * bytes_per_vector(dim, representation)
    if rescored is None:
        stages = [scan("maxsim", query_vectors, n_vectors, dim, representation)]
        single, resident = 0.0, float(multivectors)
        notes = ["every query reads every vector, so all of them stay in memory"]
        lucene_documents = documents
    else:
        if whole(rescored, "rescored") > documents:
            raise ValueError(f"rescored is {rescored}, more than the {documents} documents there are.")
        graph = 0 if compared is None else 4 * GRAPH_NEIGHBOURS * singles
        # Quantised fields keep the float32 vectors on disk beside the quantised ones.
        originals = 0 if first_stage == "float32" else singles * bytes_per_vector(dim, "float32")
        single, resident = singles * vector_bytes + graph + originals, singles * vector_bytes + graph
        stages = [
            Work("first stage", met * dim, met * vector_bytes),
            scan("maxsim", query_vectors, math.ceil(rescored * per_document), dim, representation),
        ]
        lucene_documents = documents if first_stage_vectors == 1 else documents + singles
        notes = [
            "the first stage's vectors and graph stay in memory; of the multi-vectors only the rescored documents' "
            "are read, from disk or the file system's cache",
            f"the first stage compares {met:,.0f} of its {singles:,} vectors"
            + (" (all: no graph)" if compared is None else f"; its graph has {GRAPH_NEIGHBOURS} neighbours a vector"),
        ]
    primary = multivectors + single
    operations, read = total(stages)
    seconds = None if speeds is None else predict(stages, speeds)
    notes += [
        "vectors alone: no text, no source, no inverted index, no free space for merges",
        f"shards of at most {format_bytes(SHARD_BYTES)} and {SHARD_DOCUMENTS:,} documents",
        "time grows in proportion to what is read, and queries share out evenly over cores"
        if seconds is not None
        else "no speeds given, so no time: fit them with cost.fit",
    ]
    return Plan(
        documents,
        copies,
        float(multivectors * copies),
        float(single * copies),
        float(primary * copies),
        float(resident * copies),
        shard_count(primary, lucene_documents),
        operations,
        read,
        seconds,
        None if seconds is None else seconds * rate,
        tuple(notes),
    )
