"""Files of the data folder: hashes, the command that checks them, the page that lists them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from docs.data import PAGE, render
from golden.models import data as data_files
from golden.models.__main__ import main
from golden.models.data import FILES, state


def test_the_page_is_of_the_table() -> None:
    assert render() == PAGE.read_text(encoding="utf-8")
    assert len({file.name for file in FILES}) == len({file.sha256 for file in FILES}) == len(FILES)
    assert all(len(file.sha256) == 64 and len(file.upstream.commit) == 40 for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_folder_has_the_published_files(file: data_files.DataFile, data) -> None:
    path = data(file.name)
    assert state(path.parents[file.name.count("/")], file) == "right"


def test_a_file_is_right_wrong_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    known = [FILES[0]._replace(name=name, sha256=sha256) for name in ("a/right", "b/other")]
    monkeypatch.setattr("golden.models.__main__.FILES", known)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/right").write_text("abc")
    result = CliRunner().invoke(main, ["data", str(tmp_path)])
    assert result.exit_code == 0
    assert result.output.split() == ["right", "a/right", "missing", "b/other"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b/other").write_text("abcd")
    result = CliRunner().invoke(main, ["data", str(tmp_path)])
    assert result.exit_code == 1
    assert "wrong   b/other" in result.output
    assert "a file is not the published one: docs/data.md" in result.output
    assert CliRunner().invoke(main, ["data", str(tmp_path / "none")]).exit_code == 2
