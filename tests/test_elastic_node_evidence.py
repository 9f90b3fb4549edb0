"""What Elasticsearch's own tests and documentation say that it answers, asked of the node and of a cluster."""

import json
import os
import tomllib
import uuid
from pathlib import Path

import pytest
from elasticsearch import ApiError

from lateint_ref.elastic import mappings
from workbook.elasticsearch import connect

TABLE = tomllib.loads((Path(__file__).parent / "elastic_evidence.toml").read_text(encoding="utf-8"))
CASES = {": ".join(case["of"]): case for case in TABLE["cases"]}
HEADERS = {"accept": "application/json", "content-type": "application/json"}


class Bench:
    """A client, and an index of its own for each fixture that a case asks for."""

    def __init__(self, client):
        self.client, self.run, self.made = client, f"lateint-evidence-{uuid.uuid4().hex[:8]}", {}

    def send(self, method, path, body=None):
        return self.client.perform_request(method, path, headers=HEADERS, body=body).body

    def create(self, name, fields, aliases=None):
        made = {"mappings": mappings.strict(json.loads(fields)), "settings": mappings.settings()}
        given = json.loads((aliases or "{}").replace("ALIAS", self.run))
        self.made[name] = f"{self.run}-{name}"
        self.send("PUT", f"/{self.made[name]}", {**made, "aliases": given})

    def index(self, name):
        if name not in self.made:
            fixture = TABLE["fixtures"][name]
            self.create(name, fixture["fields"], fixture.get("aliases"))
            for line in fixture["documents"].strip().splitlines():
                document = json.loads(line)
                self.send("PUT", f"/{self.made[name]}/_doc/{document.pop('_id')}", document)
            self.send("POST", f"/{self.made[name]}/_refresh")
        return self.made[name]

    def ask(self, case):
        """The answer to a case's request."""
        source, fixture, _ = case["of"]
        if "create" in case:
            fixture = f"{source}-{uuid.uuid4().hex[:8]}"
            self.create(fixture, case["create"])
        index = self.index(fixture)
        if "write" in case:
            return self.send("POST", f"/{index}/_doc", json.loads(case["write"]))
        if "get" in case:
            return self.send("GET", f"/{index}/{case['get']}")[index]
        where = f"{self.run}-{case['alias']}" if "alias" in case else index
        given = "&".join(f"{name}={value}" for name, value in case.get("parameters", {}).items())
        return self.send("POST", f"/{where}/_search?{given}" if given else f"/{where}/_search", body_of(case))


def body_of(case):
    if "script" in case:
        script = {"source": case["script"], "params": {"q": json.loads(case.get("q", "null"))}}
        over = json.loads(case.get("over", '{"match_all": {}}'))
        return {"query": {"script_score": {"query": over, "script": script}}}
    text = case["search"]
    for name in sorted(TABLE["shorthands"], key=len, reverse=True):
        text = text.replace(f"${name}", TABLE["shorthands"][name])
    return json.loads(text)


def at(answer, path):
    """What stands at a path; None where there is nothing."""
    for step in path.split("."):
        whole = isinstance(answer, list) and step.isdigit() and int(step) < len(answer)
        answer = answer[int(step)] if whole else answer.get(step) if isinstance(answer, dict) else None
    return answer


def agree(case, bench):
    """Assert that the answer is what the source says."""
    close = {"abs": case["within"]} if "within" in case else {"rel": 1e-5}
    if "error" in case:
        with pytest.raises(ApiError) as caught:
            bench.ask(case)
        assert caught.value.status_code == 400
        assert case["error"] in json.dumps(caught.value.body).replace('\\"', '"')
        assert caught.value.body["error"]["type"] == case.get("type", caught.value.body["error"]["type"])
        return
    answer = bench.ask(case)
    hits = answer.get("hits", {}).get("hits", [])
    if "hits" in case:
        assert [hit["_id"] for hit in hits] == [hit[0] if isinstance(hit, list) else hit for hit in case["hits"]]
        scores = {hit[0]: hit[1] for hit in case["hits"] if isinstance(hit, list)}
        assert {hit["_id"]: hit["_score"] for hit in hits if hit["_id"] in scores} == pytest.approx(scores, **close)
    if "total" in case:
        assert answer["hits"]["total"]["value"] == case["total"]
    for path, value in case.get("values", {}).items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        assert at(answer, path) == (pytest.approx(value, **close) if number else value), path
    for path in case.get("absent", []):
        assert at(answer, path) is None, path


@pytest.fixture(scope="module")
def local():
    return Bench(connect("local"))


@pytest.fixture(scope="module")
def live():
    if not os.environ.get("ES_URL"):
        pytest.skip("no cluster is named: start one (docker compose up --wait) and set ES_URL=http://localhost:9200")
    bench = Bench(connect())
    yield bench
    for index in bench.made.values():
        bench.client.options(ignore_status=404).indices.delete(index=index)


def test_the_table_is_whole():
    assert len(CASES) == len(TABLE["cases"]) >= 100
    assert {case["of"][0] for case in TABLE["cases"]} == set(TABLE["sources"])
    assert {case["of"][1] for case in TABLE["cases"]} == set(TABLE["fixtures"])


@pytest.mark.parametrize("name", CASES)
def test_the_node_answers_as_the_source_says(local, name):
    agree(CASES[name], local)


@pytest.mark.elasticsearch
@pytest.mark.parametrize("name", CASES)
def test_a_cluster_answers_as_the_source_says(live, name):
    agree(CASES[name], live)
