"""One client for both: a real cluster where one is named, otherwise the node in this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    ConnectionError,  # noqa: A004 (the client's own, not the built-in)
    ConnectionTimeout,
    Elasticsearch,
    SSLError,
    UnsupportedProductError,
)

LOCAL = "local"
_LOCAL_URL = "http://local:9200"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_START_ONE = "Start one with `docker compose up --wait`, or unset ES_URL to use the node in this process."


def connect(url: str | None = None, folder: str | os.PathLike[str] | None = None) -> Elasticsearch:
    """An `elasticsearch.Elasticsearch` client that has been answered once.

    A real cluster is asked where `url` or the environment variable `ES_URL` names one. `ES_API_KEY` then says who asks
    and `ES_CA_CERT` is the file of the authority that signed its certificate, where that is not a public one.
    Certificates are always verified. Keys and passwords stay out of `repr`, messages and outputs.

    Otherwise the node in this process answers: `lateint_ref.elastic.node`, which executes the same requests with this
    project's own functions. It is not Elasticsearch, and its `info()` says so.

    Args:
        url: as `https://host:9200`; a cluster without security as `http://localhost:9200`; `"local"` for the node in
            this process whatever `ES_URL` says.
        folder: where the node in this process keeps its indices; in memory by default.

    Raises:
        TypeError: `url` is not a string.
        ValueError: not an http(s) URL, a folder for a real cluster, or a key or password that would travel unencrypted.
        FileNotFoundError: `ES_CA_CERT` names no file.
        PermissionError: the cluster wants a key, or refuses the one it got.
        OSError: nothing answers, its certificate cannot be verified, or it is something else than Elasticsearch.
    """
    if url is not None and not isinstance(url, str):
        raise TypeError(f"url must be a string such as 'https://host:9200', got {type(url).__name__}.")
    named = (url if url is not None else os.environ.get("ES_URL", "")).strip()
    if url is not None and not named:
        raise ValueError("url is empty: give one, or leave it out to use ES_URL or the node in this process.")
    if not named or named == LOCAL:
        from lateint_ref.elastic.node import local_node

        return _answered(Elasticsearch(_LOCAL_URL, node_class=local_node(folder)), "the node in this process")
    if folder is not None:
        raise ValueError("folder is for the node in this process; a real cluster has its own data folder.")
    return _answered(Elasticsearch(named, **_options(named)), _shown(named))


def is_local(client: Elasticsearch) -> bool:
    """Whether the node in this process answers, rather than a real cluster."""
    from lateint_ref.elastic.node import LocalNode

    return all(isinstance(node, LocalNode) for node in client.transport.node_pool.all())


def _options(url: str) -> dict[str, Any]:
    """Client options for a cluster's URL, from the environment."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the URL of a cluster must look like https://host:9200 (the one given does not).")
    key = os.environ.get("ES_API_KEY", "").strip()
    options: dict[str, Any] = {"request_timeout": 60}
    if parts.scheme == "http":
        if (key or parts.password) and parts.hostname not in _LOOPBACK:
            raise ValueError(
                f"{_shown(url)} is not encrypted, and a key or password would travel in the open: use https://."
            )
    else:
        options["verify_certs"] = True
        if authority := os.environ.get("ES_CA_CERT", "").strip():
            if not Path(authority).is_file():
                raise FileNotFoundError("ES_CA_CERT names a file that does not exist: it must be the CA's PEM file.")
            options["ca_certs"] = authority
    if key:
        if parts.username or parts.password:
            raise ValueError("the URL holds a user name and ES_API_KEY is set: use one of them, best the key.")
        options["api_key"] = key
    return options


def _shown(url: str) -> str:
    """A URL without user, password or query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _answered(client: Elasticsearch, shown: str) -> Elasticsearch:
    """The client, once `info()` has come back; otherwise what is wrong and what to do."""
    try:
        client.info()
    except AuthenticationException:
        what = "refuses ES_API_KEY: is it expired, or for another cluster?"
        if not os.environ.get("ES_API_KEY", "").strip():
            what = "wants to know who asks: set ES_API_KEY."
        raise PermissionError(f"{shown} {what}") from None
    except AuthorizationException:
        raise PermissionError(f"{shown} knows the key, but it may not even read the cluster's name.") from None
    except SSLError:
        raise OSError(
            f"the certificate of {shown} cannot be verified. If its authority is your own, set ES_CA_CERT to the "
            "authority's PEM file. (Is it https at all?)"
        ) from None
    except ConnectionTimeout:
        raise OSError(f"{shown} accepted the connection but did not answer in time. {_START_ONE}") from None
    except ConnectionError:
        raise OSError(f"nothing answers at {shown}. {_START_ONE}") from None
    except UnsupportedProductError:
        raise OSError(f"what answers at {shown} is not Elasticsearch, or a release before 7.14.") from None
    except ApiError as error:
        raise OSError(f"{shown} answered with status {error.status_code} instead of its name.") from None
    return client
