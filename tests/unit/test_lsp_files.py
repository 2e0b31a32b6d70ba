"""Globs, workspace files, and which table definition wins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from squill.globs import compile_globs
from squill.settings import WorkspaceSettings
from squill_lsp.buffers import Buffer
from squill_lsp.sources import SchemaSources, ordered_sources
from squill_lsp.workspace_files import FileText, WorkspaceFiles, read_folder

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = WorkspaceSettings()

MATCHES = [
    ("**/*.sql", "a.sql", True),
    ("**/*.sql", "a/b/c.sql", True),
    ("**/*.sql", "a.sql.bak", False),
    ("*.sql", "a/b.sql", False),
    ("db/**", "db/a/b.sql", True),
    ("db/**", "other/db.sql", False),
    ("db/**/x.sql", "db/x.sql", True),
    ("v?.sql", "v1.sql", True),
    ("v?.sql", "v12.sql", False),
    ("v[0-9].sql", "v7.sql", True),
    ("v[!0-9].sql", "v7.sql", False),
    ("*.{sql,ddl}", "a.ddl", True),
    ("*.{sql,ddl}", "a.txt", False),
    ("a+b.sql", "a+b.sql", True),
    ("**/.*/**", ".git/x", True),
    ("**/.*/**", "a/.cache/b/x", True),
    ("**/.*/**", "a/b.sql", False),
]


@pytest.mark.parametrize(("glob", "path", "expected"), MATCHES)
def test_globs_match_as_editors_match_them(glob: str, path: str, *, expected: bool) -> None:
    assert (compile_globs([glob]).fullmatch(path) is not None) == expected


def test_no_globs_match_nothing() -> None:
    assert compile_globs([]).fullmatch("") is None


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_sql", ".sql")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_a_folder_is_read_by_the_settings_globs_in_the_order_of_paths(tmp_path: Path) -> None:
    write(tmp_path, b_sql="b", a__z_sql="z", notes="n", node_modules__m_sql="m")
    write(tmp_path / ".git", hidden_sql="h")
    found = read_folder(tmp_path, SETTINGS, {})
    assert [(path.name, file.text) for path, file in found.items()] == [
        ("z.sql", "z"),
        ("b.sql", "b"),
    ]


def test_large_and_unreadable_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, big_sql="x" * 100, small_sql="y")
    (tmp_path / "gone.sql").symlink_to(tmp_path / "nowhere")
    found = read_folder(tmp_path, replace(SETTINGS, max_file_bytes=50), {})
    assert [path.name for path in found] == ["small.sql"]


def test_a_file_that_is_not_utf_8_is_named_and_has_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"CREATE TABLE caf\xe9 (a INT)")
    [file] = read_folder(tmp_path, SETTINGS, {}).values()
    assert file.text == ""
    assert "a.sql:1: this is not UTF-8" in file.problem


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, a_sql="a")
    known = read_folder(tmp_path, SETTINGS, {})
    again = read_folder(tmp_path, SETTINGS, known)
    assert again[tmp_path / "a.sql"] is known[tmp_path / "a.sql"]


async def test_files_are_looked_at_again_when_they_expire(tmp_path: Path) -> None:
    write(tmp_path, a_sql="a")
    files = WorkspaceFiles()
    files.set_folders([tmp_path])
    assert len(await files.texts(SETTINGS)) == 1
    write(tmp_path, b_sql="b")
    assert len(await files.texts(SETTINGS)) == 1
    files.expire()
    assert len(await files.texts(SETTINGS)) == 2


def test_open_buffers_replace_their_files_and_the_asking_document_comes_last(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.sql"
    files = {path: FileText("old", (0, 0)), tmp_path / "b.sql": FileText("b", (0, 0))}
    asking = Buffer("untitled:1", 1, "asking")
    buffers = [asking, Buffer(path.as_uri(), 3, "new", str(path)), Buffer("untitled:2", 1, "two")]
    sources = ordered_sources(files, buffers, asking.uri)
    assert [source.text for source in sources] == ["b", "new", "two", "asking"]


async def test_the_strongest_definition_of_a_table_wins() -> None:
    sources = SchemaSources()
    buffers = [Buffer("a", 1, "CREATE TABLE t (x INT);"), Buffer("b", 1, "CREATE TABLE t (y INT);")]
    for asking, column in (("a", "x"), ("b", "y")):
        ordered = ordered_sources({}, buffers, asking)
        schema = (await sources.schema(ordered, "")).schema
        assert [c.name for table in schema.tables for c in table.columns] == [column]
    sources.close()


async def test_the_same_sources_are_built_once() -> None:
    sources = SchemaSources()
    ordered = ordered_sources({}, [Buffer("a", 1, "CREATE TABLE t (x INT);")], "a")
    assert await sources.schema(ordered, "") is await sources.schema(list(ordered), "")
    assert (await sources.schema(ordered, "mysql")).schema.dialect == "mysql"
    sources.close()
