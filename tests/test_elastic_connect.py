"""Connecting to a cluster: the key, the certificate, and what is said when it fails."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from helpers import refused
from lateint_ref import elastic
from workbook.elasticsearch import connect, is_local

SECRET = "c2VjcmV0LWtleQ=="


@pytest.fixture
def environment(monkeypatch):
    for name in ("ES_URL", "ES_API_KEY", "ES_CA_CERT"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@contextmanager
def server(status=200, body=b"{}", product="Elasticsearch"):
    """A server on this machine that gives one answer to everything; yields its URL and the requests it got."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if product:
                self.send_header("X-Elastic-Product", product)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", requests
        running.shutdown()


def test_a_cluster_is_asked_with_the_key_and_the_key_is_not_shown(environment):
    with server() as (url, requests):
        environment.setenv("ES_URL", url)
        environment.setenv("ES_API_KEY", SECRET)
        client = connect()
        assert requests[0]["authorization"] == f"ApiKey {SECRET}"
        (node,) = client.transport.node_pool.all()
        assert SECRET not in f"{client} {client!r} {node} {node.config!r}"
        assert not is_local(client)
        assert connect(url).info() == {}


def test_certificates_are_verified(environment):
    environment.setattr("elasticsearch.Elasticsearch.info", lambda client: {})
    (node,) = connect("https://es.example:9200").transport.node_pool.all()
    assert node.config.verify_certs is True
    environment.setenv("ES_CA_CERT", "no-such-file.pem")
    refused(FileNotFoundError, "ES_CA_CERT", connect, "https://es.example:9200")


@pytest.mark.parametrize(
    ("answer", "key", "error", "words"),
    [
        ({"status": 401}, "", PermissionError, "set ES_API_KEY"),
        ({"status": 401}, SECRET, PermissionError, "refuses ES_API_KEY"),
        ({"status": 403}, SECRET, PermissionError, "may not even"),
        ({"product": None}, "", OSError, "is not Elasticsearch"),
        ({"status": 500, "product": "Elasticsearch"}, "", OSError, "status 500"),
    ],
)
def test_what_is_wrong_is_said(environment, answer, key, error, words):
    environment.setenv("ES_API_KEY", key)
    with server(**answer) as (url, _), pytest.raises(error, match=words) as caught:
        connect(url)
    assert SECRET not in str(caught.value)


def test_nothing_answers(environment):
    with server() as (url, _):
        pass
    refused(OSError, "nothing answers at http://127.0.0.1:.*docker compose up", connect, url)


def test_https_asked_of_a_server_without_it(environment):
    with server() as (url, _), pytest.raises(OSError, match=r"certificate of|nothing answers"):
        connect(url.replace("http://", "https://"))


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("es.example:9200", "", "must look like"),
        ("ftp://es.example", "", "must look like"),
        ("http://es.example:9200", SECRET, "in the open"),
        ("http://user:hunter2@es.example:9200", "", "in the open"),
        ("https://user:hunter2@es.example:9200", SECRET, "use one of them"),
        (" ", "", "no cluster is named"),
    ],
)
def test_urls_that_are_refused(environment, url, key, words):
    environment.setenv("ES_API_KEY", key)
    with pytest.raises(ValueError, match=words) as caught:
        connect(url)
    assert SECRET not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    refused(TypeError, "string", connect, 9200)


def test_the_reference_knows_clusters_only_and_the_workbook_falls_back(environment):
    refused(ValueError, "set ES_URL", elastic.connect)
    assert is_local(connect())
    environment.setenv("ES_URL", "http://127.0.0.1:1")
    assert is_local(connect("local"))
