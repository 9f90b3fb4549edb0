"""Other engines return the reference's scores: in this process, and where a server is named, there."""

import os
import re
import uuid
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest
import qdrant_edge
import yaml
from qdrant_client import QdrantClient, models

from helpers import maxsim_by_loops
from lateint_ref import MultiVectors, average_vector, average_vectors

ROOT = Path(__file__).resolve().parent.parent
RELATIVE = 1e-4
DIM = 16
DEPTH = 12
NO_SERVER = "no server is named: docker compose --profile qdrant up --wait qdrant, and QDRANT_URL=http://localhost:6333"


def unit(rng, n):
    vectors = rng.standard_normal((n, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def documents():
    rng = np.random.default_rng(0)
    return MultiVectors.from_list([unit(rng, n) for n in rng.integers(1, 9, 30)])


@pytest.fixture(scope="module")
def queries():
    rng = np.random.default_rng(1)
    return [unit(rng, n) for n in (1, 3, 6)]


def group(n):
    return "even" if n % 2 == 0 else "odd"


def assert_best(found, query, documents, allowed):
    """`found` holds (position, score), best first: the best scores by loops among the `allowed` positions."""
    scores = {n: maxsim_by_loops(query, documents[n]) for n in allowed}
    best = sorted(scores.values(), reverse=True)[: len(found)]
    np.testing.assert_allclose([score for _, score in found], best, rtol=RELATIVE, atol=RELATIVE)
    np.testing.assert_allclose(
        [score for _, score in found], [scores[n] for n, _ in found], rtol=RELATIVE, atol=RELATIVE
    )


def nearest(query, documents):
    """Positions of the first stage's candidates."""
    order = np.argsort(-(average_vectors(documents) @ average_vector(query)), kind="stable")
    return order[:DEPTH].tolist()


def test_lancedb_returns_the_number_of_query_vectors_less_maxsim(tmp_path, documents, queries):
    flat = pa.FixedSizeListArray.from_arrays(pa.array(documents.vectors.ravel()), DIM)
    tokens = pa.ListArray.from_arrays(pa.array(documents.offsets, pa.int32()), flat)
    numbers = list(range(len(documents)))
    columns = {"n": numbers, "group": [group(n) for n in numbers], "tokens": tokens}
    table = lancedb.connect(tmp_path).create_table("passages", pa.table(columns))
    for query in queries:
        for condition, allowed in ((None, numbers), ("group = 'odd'", numbers[1::2])):
            search = table.search(query, vector_column_name="tokens").distance_type("cosine").limit(10)
            hits = (search.where(condition) if condition else search).select(["n", "_distance"]).to_list()
            assert len(hits) == 10
            assert_best([(hit["n"], len(query) - hit["_distance"]) for hit in hits], query, documents, allowed)


def test_qdrant_edge_returns_maxsim(tmp_path, documents, queries):
    config = qdrant_edge.MultiVectorConfig(qdrant_edge.MultiVectorComparator.MaxSim)
    tokens = qdrant_edge.EdgeVectorParams(DIM, qdrant_edge.Distance.Dot, multivector_config=config)
    average = qdrant_edge.EdgeVectorParams(DIM, qdrant_edge.Distance.Dot)
    shard = qdrant_edge.EdgeShard.create(
        str(tmp_path), qdrant_edge.EdgeConfig(vectors={"tokens": tokens, "average": average})
    )
    points = [
        qdrant_edge.Point(n, {"tokens": document, "average": average_vector(document)}, {"group": group(n)})
        for n, document in enumerate(documents)
    ]
    shard.update(qdrant_edge.UpdateOperation.upsert_points(points))
    odd = qdrant_edge.Filter(must=[qdrant_edge.FieldCondition("group", match=qdrant_edge.MatchValue("odd"))])
    for query in queries:
        mean = qdrant_edge.Query.Nearest(average_vector(query), using="average")
        for options, allowed in (
            ({}, range(len(documents))),
            ({"filter": odd}, range(1, len(documents), 2)),
            ({"prefetches": [qdrant_edge.Prefetch(limit=DEPTH, query=mean)]}, nearest(query, documents)),
        ):
            request = qdrant_edge.QueryRequest(
                limit=10, query=qdrant_edge.Query.Nearest(query, using="tokens"), **options
            )
            found = [(hit.id, hit.score) for hit in shard.query(request)]
            assert len(found) == 10
            assert_best(found, query, documents, allowed)
    shard.close()


def compare_qdrant(client, documents, queries):
    """The same through Qdrant's client, in a collection of its own."""
    name = f"lateint-test-{uuid.uuid4().hex[:12]}"
    maxsim = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    tokens = models.VectorParams(size=DIM, distance=models.Distance.DOT, multivector_config=maxsim)
    average = models.VectorParams(size=DIM, distance=models.Distance.DOT)
    client.create_collection(name, vectors_config={"tokens": tokens, "average": average})
    try:
        client.upsert(
            name,
            [
                models.PointStruct(
                    id=n,
                    vector={"tokens": document.tolist(), "average": average_vector(document).tolist()},
                    payload={"group": group(n)},
                )
                for n, document in enumerate(documents)
            ],
            wait=True,
        )
        odd = models.Filter(must=[models.FieldCondition(key="group", match=models.MatchValue(value="odd"))])
        for query in queries:
            mean = models.Prefetch(query=average_vector(query).tolist(), using="average", limit=DEPTH)
            for options, allowed in (
                ({}, range(len(documents))),
                ({"query_filter": odd}, range(1, len(documents), 2)),
                ({"prefetch": mean}, nearest(query, documents)),
            ):
                answer = client.query_points(name, query=query.tolist(), using="tokens", limit=10, **options)
                found = [(hit.id, hit.score) for hit in answer.points]
                assert len(found) == 10
                assert_best(found, query, documents, allowed)
    finally:
        client.delete_collection(name)


def test_qdrants_client_in_local_mode(documents, queries):
    compare_qdrant(QdrantClient(":memory:"), documents, queries)


@pytest.fixture(scope="module")
def server():
    if not os.environ.get("QDRANT_URL"):
        pytest.skip(NO_SERVER)
    client = QdrantClient(url=os.environ["QDRANT_URL"], api_key=os.environ.get("QDRANT_API_KEY"))
    yield client
    client.close()


@pytest.mark.engines
def test_qdrants_server(server, documents, queries):
    compare_qdrant(server, documents, queries)


@pytest.mark.engines
@pytest.mark.parametrize("rows", [[], [[]], [[0.5] * (DIM // 2)], [[0.5] * DIM, [0.5] * (DIM // 2)]], ids=len)
def test_qdrants_server_refuses_what_its_library_takes(server, rows):
    name = f"lateint-test-{uuid.uuid4().hex[:12]}"
    maxsim = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    tokens = models.VectorParams(size=DIM, distance=models.Distance.DOT, multivector_config=maxsim)
    server.create_collection(name, vectors_config={"tokens": tokens})
    try:
        with pytest.raises(Exception, match=r"(?i)vector|empty|dimension|422|400"):
            server.upsert(name, [models.PointStruct(id=1, vector={"tokens": rows})], wait=True)
    finally:
        server.delete_collection(name)


def test_compose_starts_an_engine_only_where_its_profile_is_named():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert {name: service.get("profiles") for name, service in services.items()} == {
        "elasticsearch": None,
        **{name: [name] for name in ("qdrant", "vespa", "weaviate", "opensearch", "milvus")},
    }
    ports = [port for service in services.values() for port in service["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)
    for service in services.values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"])
        assert service["mem_limit"]
        assert service["healthcheck"]
    pinned = re.search(r"^qdrant-client==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert services["qdrant"]["image"] == f"qdrant/qdrant:v{pinned.group(1)}"
