"""What a system costs, counted before it is built: bytes, operations and the time they predict, and a plan of it all.

Bytes are those of the vectors themselves, as stored: no index structure, no compression, no copy of the source.
Printing a `Plan` says what it assumes beyond them. `format_bytes` prints decimal units (1 MB = 1,000,000 bytes).

An *operation* is one pair of numbers that meet, one dimension of a query vector and one of a stored vector, float or
bit alike. What a pair costs depends on how it is computed, so every stage names its kind, and each kind has speeds of
its own, fitted to measured times on the machine at hand:

    seconds = fixed + operations / (operations per second) + bytes / (bytes per second)

Adding the last two terms, rather than taking the larger as the roofline model does, keeps the fit linear; it is at
most twice too long, where both take equally long and would overlap.

Sources: Elasticsearch documentation, "Rank vectors field type", "Tune approximate kNN search" (bytes of a
single-vector field in each quantisation, of the HNSW graph, and that quantised fields keep the floats on disk as well)
and "Size your shards" (10 to 50 GB and up to 200 million documents a shard); `RankVectorsFieldMapper` (a document's
vectors and their magnitudes are two binary values); Santhanam et al., "ColBERTv2", NAACL 2022, section 3.3 (4-byte
centroid id plus 1 or 2 bits a dimension); Williams, Waterman and Patterson, "Roofline", CACM 2009.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lateint_ref.checks import describe, one_of, positive, whole
from lateint_ref.multivectors import MultiVectors

# Bits of each dimension, and bytes that every vector takes beside them: ColBERTv2's centroid id, Lucene's corrections.
LAYOUTS: dict[str, tuple[int, int]] = {
    "float32": (32, 0),
    "float16": (16, 0),
    "bfloat16": (16, 0),
    "int8": (8, 0),
    "residual-4bit": (4, 4),
    "residual-2bit": (2, 4),
    "residual-1bit": (1, 4),
    "bit": (1, 0),
    "lucene-int8": (8, 4),
    "lucene-int4": (4, 4),
    "lucene-bbq": (1, 14),
}
REPRESENTATIONS = tuple(name for name in LAYOUTS if not name.startswith("lucene"))
# How a search reads the vectors of each kind of field: `dense_vector` by quantisation and by index, `rank_vectors`.
FIRST_STAGES = {"float32": "float32", "int8": "lucene-int8", "int4": "lucene-int4", "bbq": "lucene-bbq"}
_INDEXES = {"hnsw": "float32", "flat": "float32", "int8_hnsw": "lucene-int8", "bbq_hnsw": "lucene-bbq"}
_ELEMENTS = {"float": "float32", "bfloat16": "bfloat16", "byte": "int8", "bit": "bit"}

GRAPH_NEIGHBOURS = 16
SHARD_BYTES = 50_000_000_000
SHARD_DOCUMENTS = 200_000_000
_FLOAT_BYTES = 4


def bytes_per_vector(dim: int, representation: str = "float32") -> int:
    """Bytes of one stored vector, its 4-byte centroid id included where it is a residual code.

    Args:
        dim: dimensions, at least 1; bits that do not fill whole bytes are a `ValueError`.
        representation: one of `REPRESENTATIONS`.
    """
    bits, beside = LAYOUTS[one_of(representation, REPRESENTATIONS, "representation")]
    if whole(dim, "dim") * bits % 8:
        raise ValueError(
            f"{dim} dimensions as {representation!r} do not fill whole bytes: they must be multiples of 8."
        )
    return dim * bits // 8 + beside


def bytes_per_document(n_vectors: int, dim: int, representation: str = "float32") -> int:
    """Bytes of one document of `n_vectors` vectors, 1 for an average vector; errors as `bytes_per_vector`."""
    return whole(n_vectors, "n_vectors") * bytes_per_vector(dim, representation)


def collection_bytes(documents: MultiVectors, representation: str = "float32") -> int:
    """Bytes of a whole collection's vectors; errors as `bytes_per_vector`."""
    return len(documents.vectors) * bytes_per_vector(documents.dim, representation)


def first_stage_bytes(dim: int, quantisation: str = "float32") -> float:
    """Bytes in memory of one vector in Elasticsearch's `dense_vector`, without graph, quantised as `FIRST_STAGES`."""
    return _read_bytes(whole(dim, "dim"), FIRST_STAGES[one_of(quantisation, tuple(FIRST_STAGES), "first_stage")])


def rank_vectors_bytes(n_vectors: int, dims: int, element_type: str = "float") -> int:
    """Bytes of a document's `rank_vectors` on disk: the vectors, and a float32 magnitude for each of them.

    `element_type` is `"float"`, `"bfloat16"`, `"byte"` or `"bit"`, whose `dims` are a multiple of 8.
    """
    kind = _ELEMENTS[one_of(element_type, tuple(_ELEMENTS), "element_type")]
    return whole(n_vectors, "n_vectors") * (bytes_per_vector(whole(dims, "dims"), kind) + _FLOAT_BYTES)


def knn_memory_bytes(n_vectors: int, dims: int, index: str = "hnsw", m: int = GRAPH_NEIGHBOURS) -> int:
    """Memory that kNN wants outside the heap, for the file system cache: vectors as the search reads them, and graph.

    Args:
        n_vectors: all vectors of the field, nested ones each.
        dims: dimensions of a vector.
        index: `"hnsw"`, `"flat"`, `"int8_hnsw"` or `"bbq_hnsw"`.
        m: links of a node of the graph.
    """
    read = math.ceil(_read_bytes(whole(dims, "dims"), _INDEXES[one_of(index, tuple(_INDEXES), "index")]))
    graph = 0 if index == "flat" else _FLOAT_BYTES * whole(m, "m")
    return whole(n_vectors, "n_vectors") * (read + graph)


def knn_disk_bytes(n_vectors: int, dims: int, index: str = "hnsw", m: int = GRAPH_NEIGHBOURS) -> int:
    """Disk of the same field: the full vectors, the quantised copy where there is one, and the graph."""
    searched = knn_memory_bytes(n_vectors, dims, index, m)
    return searched if _INDEXES[index] == "float32" else n_vectors * dims * _FLOAT_BYTES + searched


def shard_count(total_bytes: float, n_documents: int) -> int:
    """Primary shards for an index of so many bytes without replicas: at most 50 GB and 200 million documents in each.

    Nested documents count one each, as Lucene counts them.
    """
    by_bytes = positive(total_bytes, "total_bytes") / SHARD_BYTES
    return math.ceil(max(by_bytes, whole(n_documents, "n_documents") / SHARD_DOCUMENTS))


def format_bytes(count: float) -> str:
    """Bytes for reading, decimal units, three significant digits: `format_bytes(527360)` is `"527 kB"`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 100 or value == int(value) else f"{value:.3g} {unit}"


@dataclass(frozen=True)
class Work:
    """What one stage does for one query."""

    kind: str  # which code runs, so which speeds apply
    operations: float  # pairs of numbers that meet
    bytes_read: float  # stored bytes that are looked at

    def __post_init__(self) -> None:
        """Check that the counts are finite numbers, 0 or more; a `ValueError` names another."""
        for name in ("operations", "bytes_read"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float, np.number)) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} of {self.kind!r} must be a finite number, 0 or more, got {describe(value)}.")


@dataclass(frozen=True)
class Speed:
    """What one kind of work takes, in seconds: `fixed` for a call, however small."""

    fixed: float
    per_operation: float
    per_byte: float

    def seconds(self, work: Work) -> float:
        """Predicted time of a stage."""
        return self.fixed + self.per_operation * work.operations + self.per_byte * work.bytes_read


def scan(kind: str, n_query: float, n_vectors: int, dim: int, representation: str = "float32") -> Work:
    """Every query vector meets every stored vector once: MaxSim over a collection, or dot products with single vectors.

    `kind` names the code, as `"maxsim"`; `n_query` may be a mean over queries, and is 1 where single vectors are
    compared.
    """
    met, count = positive(n_query, "n_query"), whole(n_vectors, "n_vectors")
    return Work(kind, met * count * dim, count * bytes_per_vector(dim, representation))


def total(stages: Sequence[Work]) -> tuple[float, float]:
    """Operations and bytes read of all stages; no stages are a `ValueError`."""
    _at_least_one(stages)
    return sum(stage.operations for stage in stages), sum(stage.bytes_read for stage in stages)


def predict(stages: Sequence[Work], speeds: Mapping[str, Speed]) -> float:
    """Seconds that a search should take: its stages one after the other.

    Raises:
        KeyError: a kind without a speed.
        ValueError: no stages.
    """
    _at_least_one(stages)
    for stage in stages:
        if stage.kind not in speeds:
            raise KeyError(f"no speed for {stage.kind!r}: the fitted kinds are {sorted(speeds)}.")
    return sum(speeds[stage.kind].seconds(stage) for stage in stages)


def fit(samples: Sequence[tuple[Work, float]]) -> dict[str, Speed]:
    """Speeds of each kind of work from measured times, none below 0, so that relative errors are smallest.

    Where all samples of a kind read bytes in one proportion to their operations, the two rates cannot be told apart;
    predictions for that proportion are right all the same. Vary the number of query vectors to tell them apart.

    Args:
        samples: stages and the seconds they took, above 0, at least two of every kind and of different size.

    Returns:
        Kind to `Speed`.
    """
    from scipy.optimize import nnls

    if not samples:
        raise ValueError("samples is empty: measure at least two stages of every kind.")
    speeds = {}
    for kind in dict.fromkeys(work.kind for work, _ in samples):
        mine = [(work, positive(seconds, f"the time of {kind!r}")) for work, seconds in samples if work.kind == kind]
        if len({(work.operations, work.bytes_read) for work, _ in mine}) < 2:
            raise ValueError(f"kind {kind!r} has samples of one size only: measure at least two sizes.")
        counts = np.array([[1.0, work.operations, work.bytes_read] for work, _ in mine])
        relative = counts / np.array([[seconds] for _, seconds in mine])
        # Columns of one size each: counts differ by many powers of ten.
        sizes = np.linalg.norm(relative, axis=0)
        sizes[sizes == 0] = 1.0
        found, _ = nnls(relative / sizes, np.ones(len(mine)))
        speeds[kind] = Speed(*(float(value) for value in found / sizes))
    return speeds


@dataclass(frozen=True)
class Plan:
    """What a system takes; bytes count every copy."""

    documents: int  # passages or pages
    copies: int  # primary and replicas
    multivector_bytes: float  # the vectors that MaxSim reads
    first_stage_bytes: float  # single vectors and their graph on disk; 0 without a first stage
    disk_bytes: float  # the sum of both
    memory_bytes: float  # what every query reads, so what must stay in memory for the speed that is planned
    shards: int  # primary ones
    operations: float  # pairs of numbers that meet for one query
    bytes_read: float  # stored bytes that one query looks at
    seconds: float | None  # of one core for one query; None where no speeds were given
    cores: float | None  # busy on average at the planned rate; None where no speeds were given
    assumptions: tuple[str, ...]  # what the numbers lean on, one sentence each

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
        representation: how multi-vectors are stored, as `bytes_per_vector` takes it.
        queries_per_second: to be served.
        query_vectors: vectors of a query, a mean.
        rescored: how many documents reach MaxSim. None: all of them, without a first stage.
        first_stage: how the single vectors of the first stage are quantised: `"float32"`, `"int8"`, `"int4"`, `"bbq"`.
        first_stage_vectors: single vectors a document there: 1 for an average, several where pooled ones are nested.
        compared: single vectors that the first stage compares with for one query. None: all of them, no graph. With
            a graph this grows like the logarithm of their number: measure it (notebook 07), do not guess.
        replicas: copies beyond the primary.
        speeds: from `fit`, kinds `"maxsim"` and, with a first stage, `"first stage"`, measured on one core.

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


def _at_least_one(stages: Sequence[Work]) -> None:
    if not stages:
        raise ValueError("stages is empty: a search has at least one stage.")


def _read_bytes(dim: int, layout: str) -> float:
    """Bytes of one vector as a search reads it, corrections included."""
    bits, beside = LAYOUTS[layout]
    return dim * bits / 8 + beside
