"""The local node's folder: what was acknowledged is there again, once, whatever killed the process."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from elasticsearch import Elasticsearch, helpers

from workbook.elasticsearch import _store
from workbook.elasticsearch.node import local_node

FIELDS = {
    "v": {"type": "rank_vectors", "dims": 8},
    "x": {"type": "rank_vectors", "element_type": "bit"},
    "passages": {"type": "nested", "properties": {"vector": {"type": "dense_vector", "dims": 2}}},
}


def opened(folder):
    """A client of the folder as another process would open it."""
    store = _store._SHARED.pop(folder.resolve(), None)
    if store is not None:
        store._held.close()
    return Elasticsearch("http://local:9200", node_class=local_node(folder))


def documents(n):
    rng = np.random.default_rng(0)
    for number in range(n):
        yield {
            "title": f"näme {number}",
            "v": rng.standard_normal((3, 8)).round(3).tolist(),
            "x": ["ff", "0a"],
            "passages": [{"vector": [1.0, float(number)]}, {"n": 1}, {"vector": [0.5, 0.25]}],
        }


def everything(es, index="pages"):
    es.indices.refresh(index=index)
    answer = es.search(index=index, size=1000, source={"exclude_vectors": False}, version=True)
    return [(hit["_id"], hit["_version"], hit["_source"]) for hit in answer["hits"]["hits"]]


def test_what_was_written_is_there_again(tmp_path):
    es = opened(tmp_path)
    es.indices.create(index="pages", settings={"number_of_replicas": 0}, mappings={"properties": FIELDS})
    helpers.bulk(es, ({"_index": "pages", "_id": str(n), "_source": d} for n, d in enumerate(documents(12))))
    es.index(index="pages", id="3", document={"title": "replaced"})
    es.delete(index="pages", id="5")
    es.index(index="other", id="1", document={"year": 7})
    es.indices.create(index="gone")
    es.indices.delete(index="gone")
    es.indices.put_settings(index="pages", settings={"refresh_interval": "5s"})
    before, mapping = everything(es), es.indices.get(index="*").body
    assert [name for name, _, _ in before] == ["0", "1", "2", "4", "6", "7", "8", "9", "10", "11", "3"]
    again = opened(tmp_path)
    assert everything(again) == before
    assert again.indices.get(index="*").body == mapping
    assert again.count(index="other", query={"term": {"year": 7}})["count"] == 1
    knn = {"field": "passages.vector", "query_vector": [0, 1], "k": 1, "num_candidates": 1}
    assert again.search(index="pages", knn=knn)["hits"]["hits"][0]["_id"] == "11"
    assert again.index(index="pages", id="5", document={"title": "back"})["_version"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "other.jsonl", "pages.jsonl"]


def test_nothing_is_pickled(tmp_path):
    es = opened(tmp_path)
    es.index(index="pages", id="1", document=next(documents(1)))
    lines = (tmp_path / "pages.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["op"] for line in lines][-1] == "put"


@pytest.mark.parametrize("cut", [1, 2, 10, 60, 200])
def test_a_torn_last_line_is_dropped(tmp_path, cut):
    es = opened(tmp_path)
    es.indices.create(index="pages", mappings={"properties": FIELDS})
    for number, document in enumerate(documents(3)):
        es.index(index="pages", id=str(number), document=document)
    before = everything(es)
    file = tmp_path / "pages.jsonl"
    data = file.read_bytes()
    file.write_bytes(data[:-cut])
    again = opened(tmp_path)
    assert everything(again) == before[:2]
    again.index(index="pages", id="2", document=list(documents(3))[2])
    assert everything(again) == before
    assert everything(opened(tmp_path)) == before


def test_an_index_that_was_being_created_is_not_there(tmp_path):
    opened(tmp_path).indices.create(index="pages")
    file = tmp_path / "pages.jsonl"
    file.write_bytes(file.read_bytes()[:20])
    es = opened(tmp_path)
    assert not es.indices.exists(index="pages")
    es.indices.create(index="pages")


def test_damage_above_the_last_line_is_an_error(tmp_path):
    es = opened(tmp_path)
    for number, document in enumerate(documents(3)):
        es.index(index="pages", id=str(number), document=document)
    file = tmp_path / "pages.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2][:30] + b"\n"
    file.write_bytes(b"".join(lines))
    with pytest.raises(ValueError, match=r"pages.jsonl is not a file of the local node, or is damaged in line"):
        opened(tmp_path)


def test_a_strange_file_is_an_error(tmp_path):
    (tmp_path / "strange.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(ValueError, match="does not name the format"):
        opened(tmp_path)


def test_the_same_folder_is_the_same_store(tmp_path):
    first = Elasticsearch("http://local:9200", node_class=local_node(tmp_path))
    second = Elasticsearch("http://local:9200", node_class=local_node(str(tmp_path)))
    first.index(index="i", id="1", document={"a": 1}, refresh=True)
    assert second.count(index="i")["count"] == 1


# Prints an id only once the server has acknowledged it, and goes on until it is killed.
WRITER = """
import sys
sys.path[:0] = {path!r}
from elasticsearch import Elasticsearch, helpers
from lateint_ref.elastic.node import local_node
es = Elasticsearch("http://local:9200", node_class=local_node({folder!r}))
number = 0
while True:
    lot = [dict(_index="pages", _id=str(n), n=n, v=[[float(n)] * 64] * 40) for n in range(number, number + 5)]
    helpers.bulk(es, lot)
    number += 5
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_acknowledged_and_holds_the_folder(tmp_path):
    es = opened(tmp_path)
    es.indices.create(index="pages", mappings={"properties": {"v": {"type": "rank_vectors"}}})
    _store._SHARED.pop(tmp_path.resolve())._held.close()
    script = WRITER.format(path=[os.fspath(path) for path in sys.path if path], folder=os.fspath(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = 0
        while acknowledged < 40:
            acknowledged = int(writer.stdout.readline())
        with pytest.raises(RuntimeError, match="in use by a local node in another process"):
            local_node(tmp_path)
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.strip())])
    es = opened(tmp_path)
    es.indices.refresh()
    found = es.search(index="pages", size=5000, track_total_hits=True)["hits"]
    numbers = sorted(int(hit["_id"]) for hit in found["hits"])
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= acknowledged
    assert all(hit["_source"]["n"] == int(hit["_id"]) for hit in found["hits"])
    # A second run continues: every document once.
    helpers.bulk(es, ({"_index": "pages", "_id": str(n), "_source": {"n": n}} for n in range(len(numbers) + 10)))
    es.indices.refresh()
    assert es.count(index="pages")["count"] == len(numbers) + 10
