"""A client for the cluster that is named."""

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

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_START_ONE = "Start one with `docker compose up --wait`."


def connect(url: str | None = None) -> Elasticsearch:
    """An `elasticsearch.Elasticsearch` client to a cluster, that has been answered once.

    The cluster is the one that `url` or the environment variable `ES_URL` names. `ES_API_KEY` says who asks, and
    `ES_CA_CERT` is the file of the authority that signed its certificate, where that is not a public one.
    Certificates are always verified. Keys and passwords stay out of `repr`, messages and outputs.

    Args:
        url: as `https://host:9200`; a cluster without security as `http://localhost:9200`.

    Raises:
        TypeError: `url` is not a string.
        ValueError: no cluster is named, not an http(s) URL, or a key or password that would travel unencrypted.
        FileNotFoundError: `ES_CA_CERT` names no file.
        PermissionError: the cluster wants a key, or refuses the one it got.
        OSError: nothing answers, its certificate cannot be verified, or it is something else than Elasticsearch.
    """
    if url is not None and not isinstance(url, str):
        raise TypeError(f"url must be a string such as 'https://host:9200', got {type(url).__name__}.")
    named = (url if url is not None else os.environ.get("ES_URL", "")).strip()
    if not named:
        raise ValueError("no cluster is named: give url, or set ES_URL, such as 'https://host:9200'.")
    return answered(Elasticsearch(named, **_options(named)), _shown(named))


def _options(url: str) -> dict[str, Any]:
    """Client options for a cluster's URL, from the environment."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the URL of a cluster must look like https://host:9200 (the one given does not).")
    key = os.environ.get("ES_API_KEY", "").strip()
    options: dict[str, Any] = {"request_timeout": 60}
    if parts.scheme == "http" and (key or parts.password) and parts.hostname not in _LOOPBACK:
        raise ValueError(
            f"{_shown(url)} is not encrypted, and a key or password would travel in the open: use https://."
        )
    authority = os.environ.get("ES_CA_CERT", "").strip()
    if parts.scheme == "https" and authority:
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


def answered(client: Elasticsearch, shown: str) -> Elasticsearch:
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
