"""`python -m workbook data`: what there is, and what is wrong with it, in words."""

import shutil

import pytest

from lateint_ref.datasets import data_folder
from workbook import __main__


def test_collections_are_listed(capsys):
    assert __main__.main(["data"]) == 0
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in capsys.readouterr().out.splitlines()}
    assert rows["apidocs", "see-also"] == ["1550", "357", "365"]
    assert rows["apidocs", "test"] == ["1550", "124", "422"]
    assert {("handbook", "dev"), ("handbook", "test"), ("pages", "dev"), ("pages", "test")} < set(rows)


def test_no_data_and_broken_data_are_told_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path / "none"))
    assert __main__.main(["data"]) == 2
    assert "set LATEINT_DATA to its data folder" in capsys.readouterr().err
    for name in ("handbook", "pages"):
        shutil.copytree(data_folder_of_the_clone() / name / "qrels", tmp_path / "data" / name / "qrels")
        for file in ("corpus.jsonl", "queries.jsonl"):
            shutil.copy(data_folder_of_the_clone() / name / file, tmp_path / "data" / name)
    (tmp_path / "data" / "handbook" / "qrels" / "dev.tsv").write_text("nothing\n")
    monkeypatch.setenv("LATEINT_DATA", str(tmp_path / "data"))
    assert __main__.main(["data"]) == 2
    assert "dev.tsv, line 1" in capsys.readouterr().err


def data_folder_of_the_clone():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("LATEINT_DATA")
        return data_folder()


def test_an_option_is_not_guessed(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["data", "--rebuild"])
    assert "--rebuild" in capsys.readouterr().err
