"""Files are read in the encoding that they say, or named; no letter is replaced in silence."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squill.encoding import decoded
from squill.errors import UsageError
from squill.pairs.store import PairStore
from squill.schema_files import read_sql, schema_texts
from squill.settings import Settings, load_settings
from squill_daemon.doctor.workspace import check_schema
from squill_lsp.workspace_files import WorkspaceFiles, read_folder

if TYPE_CHECKING:
    from pathlib import Path

MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
TABLE = "CREATE TABLE caf\xe9 (id INTEGER);\n"
LATIN = TABLE.encode("latin-1")
WORKSPACE = Settings().workspace


@pytest.mark.parametrize("encoding", MARKED)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_a_mark_says_the_encoding(encoding: str, text: str) -> None:
    if text.startswith("\ufeff"):
        return
    assert decoded(MARKED[encoding] + text.encode(encoding)) == text


def test_line_ends_are_one() -> None:
    assert decoded(b"a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize(
    "content",
    [LATIN, TABLE.encode("utf-16-le"), codecs.BOM_UTF16_LE + b"a", b"\xff\xfe\x00\xd8x\x00"],
)
def test_another_encoding_is_named_and_never_guessed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tables.sql"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"tables\.sql:\d+: this is not UTF-"):
        read_sql(str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of SQL Server's, one in Latin-1, one in UTF-8."""
    (tmp_path / "a.sql").write_bytes(codecs.BOM_UTF16_LE + TABLE.encode("utf-16-le"))
    (tmp_path / "b.sql").write_bytes(LATIN)
    (tmp_path / "c.sql").write_text("CREATE TABLE shop (id INTEGER);\n")
    return tmp_path


def test_a_command_is_told_which_file_is_left_out(folder: Path) -> None:
    said: list[str] = []
    texts = schema_texts([], folder, WORKSPACE, said.append)
    assert texts["a.sql"] == TABLE
    assert list(texts) == ["a.sql", "c.sql"]
    assert said == ["b.sql:1: this is not UTF-8 (byte 16). Save the file as UTF-8."]


def test_doctor_names_it(folder: Path) -> None:
    details = [finding.detail for finding in check_schema(folder)]
    assert any("b.sql:1: this is not UTF-8" in detail for detail in details)


async def test_an_editor_is_told_once_until_it_changes(folder: Path) -> None:
    said: list[str] = []
    files = WorkspaceFiles(said.append)
    files.set_folders([folder])
    for _ in range(3):
        texts = await files.texts(WORKSPACE)
        files.expire()
    assert texts[folder / "a.sql"].text == TABLE
    assert texts[folder / "b.sql"].text == ""
    assert len(said) == 1
    assert "b.sql:1: this is not UTF-8" in said[0]
    (folder / "b.sql").write_text(TABLE)
    assert (await files.texts(WORKSPACE))[folder / "b.sql"].text == TABLE


def test_the_same_files_are_read_the_same_by_all(folder: Path) -> None:
    texts = schema_texts([], folder, WORKSPACE, lambda _: None)
    found = read_folder(folder, WORKSPACE, {})
    assert {p.name: f.text for p, f in found.items() if not f.problem} == texts


def test_settings_are_read_in_the_encoding_that_they_say(folder: Path) -> None:
    (folder / "squill.toml").write_bytes(
        codecs.BOM_UTF16_LE + 'dialect = "mysql"'.encode("utf-16-le")
    )
    assert load_settings(folder, pytest.fail).dialect == "mysql"
    said: list[str] = []
    (folder / "squill.toml").write_bytes('dialect = "caf\xe9"'.encode("latin-1"))
    assert load_settings(folder, said.append).dialect == ""
    assert "squill.toml: cannot be read" in said[0]


def test_example_files_are_read_in_the_encoding_that_they_say(folder: Path) -> None:
    examples = folder / ".squill" / "examples"
    examples.mkdir(parents=True)
    pair = "-- how many caf\xe9s are there\nSELECT COUNT(*) FROM shop;\n"
    (examples / "marked.sql").write_bytes(codecs.BOM_UTF16_LE + pair.encode("utf-16-le"))
    (examples / "latin.sql").write_bytes(pair.encode("latin-1"))
    pairs = PairStore(folder, Settings()).load()
    assert [each.question for each in pairs.usable] == ["how many caf\xe9s are there"]
    assert ["not UTF-8" in aside.reason for aside in pairs.set_aside] == [True]
