"""Code actions, completion items, files, settings and progress of a real ``squill lsp``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from editor import DOCUMENT, Editor, capabilities, editing
from lsprotocol import types

from surroundings import own_environment, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TABLE = "CREATE TABLE students (Name TEXT, Age INT, School TEXT);\n\n"
QUESTION = "How old is Wang Junjian?"
SQL = "SELECT Age FROM students WHERE Name = 'Wang Junjian'"
OTHERS = [
    "SELECT MAX(Age) FROM students WHERE Name = 'Wang Junjian'",
    "SELECT Weight FROM students",
]
ANSWERS = {QUESTION: [SQL, *OTHERS], "List the teachers": ["SELECT Name FROM teachers"]}


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    async with own_environment(tmp_path, SQUILL_FAKE_ANSWERS=json.dumps(ANSWERS)) as own:
        yield own


@pytest.fixture
async def editor(environment: dict[str, str]) -> AsyncIterator[Editor]:
    async with editing(environment, capabilities(inline=False)) as started:
        yield started


async def actions_at(
    editor: Editor, text: str, only: list[types.CodeActionKind] | None = None
) -> list[types.CodeAction]:
    """The code actions where ``text``, the document's beginning, ends."""
    at = editor.end_of(text)
    found = await editor.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(DOCUMENT),
            types.Range(at, at),
            types.CodeActionContext([], only),
        )
    )
    return [action for action in found or [] if isinstance(action, types.CodeAction)]


async def edit_of(editor: Editor, action: types.CodeAction) -> types.TextEdit | None:
    resolved = await editor.client.code_action_resolve_async(action)
    if resolved.edit is None:
        return None
    assert resolved.edit.document_changes
    [change] = resolved.edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    [edit] = change.edits
    assert isinstance(edit, types.TextEdit)
    return edit


async def test_a_comment_offers_two_actions_and_the_edit_comes_on_resolve(editor: Editor) -> None:
    text = f"{TABLE}  -- {QUESTION}"
    editor.open(text + "\n\nSELECT 1;\n")
    one, three = await actions_at(editor, f"{TABLE}  -- How")
    assert (one.title, three.title) == ("Write SQL from this comment", "Write 3 alternatives")
    assert one.edit is None
    edit = await edit_of(editor, one)
    end = editor.end_of(text)
    assert edit == types.TextEdit(types.Range(end, end), f"\n  {SQL};")


async def test_alternatives_are_one_statement_and_comments_below_it(editor: Editor) -> None:
    editor.open(f"{TABLE}-- {QUESTION}")
    _, three = await actions_at(editor, f"{TABLE}-- {QUESTION}")
    edit = await edit_of(editor, three)
    assert edit is not None
    assert edit.new_text == f"\n{SQL};\n-- {OTHERS[0]};"


async def test_an_answer_that_does_not_bind_leaves_the_action_without_edit(editor: Editor) -> None:
    editor.open(f"{TABLE}-- List the teachers\n")
    one, _ = await actions_at(editor, f"{TABLE}-- List")
    assert await edit_of(editor, one) is None


async def test_without_a_request_no_action_is_offered(editor: Editor) -> None:
    editor.open(TABLE)
    for line in ("DROP TABLE students;", "-- SELECT Name FROM students;", "", "-- -----"):
        editor.edit(TABLE + line)
        assert await actions_at(editor, TABLE + line) == [], line


async def test_only_the_kinds_that_are_asked_for_are_offered(editor: Editor) -> None:
    editor.open(f"{TABLE}-- {QUESTION}")
    text = f"{TABLE}-- {QUESTION}"
    assert await actions_at(editor, text, [types.CodeActionKind.QuickFix]) == []
    assert len(await actions_at(editor, text, [types.CodeActionKind.Refactor])) == 2


async def completions(editor: Editor, text: str) -> list[types.CompletionItem]:
    found = await editor.client.text_document_completion_async(
        types.CompletionParams(types.TextDocumentIdentifier(DOCUMENT), editor.end_of(text))
    )
    assert found is None or (isinstance(found, types.CompletionList) and found.is_incomplete)
    return list(found.items) if found else []


async def test_the_completion_item_gets_its_statement_on_resolve(editor: Editor) -> None:
    comment = f"{TABLE}-- {QUESTION}"
    editor.open(TABLE)
    for typed in ("", "SELECT A", "xyz"):
        text = f"{comment}\n{typed}"
        editor.edit(text)
        [item] = await completions(editor, text)
        assert item.label == f"✨ SQL: {QUESTION}"
        begun = types.Range(editor.end_of(f"{comment}\n"), editor.end_of(text))
        assert item.text_edit == types.TextEdit(begun, "")
        assert not item.additional_text_edits
        resolved = await editor.client.completion_item_resolve_async(item)
        end = editor.end_of(comment)
        wanted = types.TextEdit(types.Range(end, end), f"\n{SQL};")
        assert list(resolved.additional_text_edits or ()) == [wanted]


async def test_the_list_never_waits_for_the_model(
    environment: dict[str, str], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    environment["SQUILL_FAKE_GATE"] = str(gate)
    async with editing(environment, capabilities(inline=False)) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        await editor.status("loading")
        assert len(await completions(editor, text)) == 1
        gate.touch()


async def test_a_resolved_item_still_fits_after_the_editor_inserted_it(editor: Editor) -> None:
    comment = f"{TABLE}-- {QUESTION}"
    editor.open(f"{comment}\nSEL")
    [item] = await completions(editor, f"{comment}\nSEL")
    editor.edit(f"{comment}\n")
    resolved = await editor.client.completion_item_resolve_async(item)
    assert resolved.additional_text_edits


async def test_a_client_with_inline_completion_gets_no_items(environment: dict[str, str]) -> None:
    async with editing(environment) as editor:
        assert editor.capabilities.inline_completion_provider
        assert editor.capabilities.completion_provider is None


async def test_tables_come_from_workspace_files_and_follow_their_changes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "schema.sql").write_text(TABLE)
    async with editing(environment, capabilities(watching=True), folder=folder) as editor:
        await editor.until(lambda: bool(editor.registrations))
        text = f"-- {QUESTION}\n"
        editor.open(text)
        assert await editor.ghost_text(text) == f"{text}{SQL};"
        teachers = "-- List the teachers\n"
        editor.edit(teachers)
        assert await editor.ghost_text(teachers) is None
        created = folder / "more.sql"
        created.write_text("CREATE TABLE teachers (Name TEXT);")
        event = types.FileEvent(created.as_uri(), types.FileChangeType.Created)
        editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))
        assert await editor.ghost_text(teachers) == f"{teachers}SELECT Name FROM teachers;"


async def test_the_editor_watches_what_the_settings_name(environment: dict[str, str]) -> None:
    can = capabilities(watching=True, configuration=True)
    settings = {"workspace": {"schema_files": ["db/*.sql"]}}
    async with editing(environment, can, settings=settings) as editor:
        await editor.until(lambda: "db/*.sql" in watched_globs(editor))
        editor.client.set_configuration(["new/**"], section="squill.workspace.schema_files")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({}))
        await editor.until(lambda: "new/**" in watched_globs(editor))
        assert len(editor.registrations) == 1


def watched_globs(editor: Editor) -> list[str]:
    """The globs of all registrations that stand."""
    return [
        watcher["globPattern"]
        for registration in editor.registrations
        for watcher in registration.register_options["watchers"]
    ]


async def test_an_unsaved_buffer_beats_its_file_on_disk(
    environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "schema.sql"
    path.write_text("CREATE TABLE students (Weight INT);")
    async with editing(environment, folder=tmp_path) as editor:
        editor.open(TABLE, uri=path.as_uri())
        text = f"-- {QUESTION}\n"
        editor.open(text)
        assert await editor.ghost_text(text) == f"{text}{SQL};"


async def test_settings_are_pulled_and_a_bad_one_is_reported_in_the_log_only(
    environment: dict[str, str],
) -> None:
    can = capabilities(configuration=True)
    settings = {"dialect": "mysql", "generation": {"budget_ms": "long"}}
    async with editing(environment, can, settings=settings) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        await editor.ghost_text(text)
        await editor.until(lambda: editor.statuses[-1].dialectOrigin == "setting")
        assert editor.statuses[-1].dialect == "mysql"
        [logged] = [m.message for m in editor.client.log_messages if "budget_ms" in m.message]
        assert "5000" in logged


async def test_settings_of_initialize_give_way_to_changed_ones(
    environment: dict[str, str],
) -> None:
    async with editing(environment, options={"squill": {"dialect": "mysql"}}) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        await editor.ghost_text(text)
        await editor.until(lambda: editor.statuses[-1].dialect == "mysql")
        editor.client.workspace_did_change_configuration(
            types.DidChangeConfigurationParams({"squill": {"dialect": "postgres"}})
        )
        await editor.ghost_text(text)
        await editor.until(lambda: editor.statuses[-1].dialect == "postgres")


async def test_progress_is_shown_while_the_model_loads(
    environment: dict[str, str], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    environment["SQUILL_FAKE_GATE"] = str(gate)
    async with editing(environment, capabilities(progress=True)) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        reports = editor.client.progress_reports
        await editor.status("loading")
        await until_kinds(reports, ["begin"])
        gate.touch()
        assert await editor.ghost_text(text) == f"{text}{SQL};"
        await until_kinds(reports, ["begin", "end"])


async def until_kinds(reports: dict[Any, list[Any]], kinds: list[str]) -> None:
    await until(lambda: [r.kind for rs in reports.values() for r in rs] == kinds)


async def test_a_model_that_cannot_be_loaded_is_one_status(environment: dict[str, str]) -> None:
    environment["SQUILL_FAKE_LOAD"] = "error"
    async with editing(environment) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        assert await editor.ghost_text(text) is None
        assert "There is no model at /nowhere" in (await editor.status("trouble")).message


async def test_the_server_is_light_and_without_the_model_library(
    environment: dict[str, str],
) -> None:
    async with editing(environment) as editor:
        text = f"{TABLE}-- {QUESTION}\n"
        editor.open(text)
        await editor.ghost_text(text)
        process = psutil.Process(editor.client._server.pid)
        assert process.memory_info().rss < 100 * 1024 * 1024
        assert not [m.path for m in process.memory_maps() if "mlx" in m.path]


def test_importing_the_server_imports_no_model_library() -> None:
    code = (
        "import sys, squill_lsp.command, squill_lsp.server, squill_lsp.handlers\n"
        "assert 'sqlglot' not in sys.modules, 'the handshake would wait for it'\n"
        "import squill_lsp.suggestions\n"
        "heavy = {'mlx', 'mlx_lm', 'torch', 'transformers', 'watchdog', 'squill_daemon'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_server_ends_when_its_editor_is_gone() -> None:
    command = [sys.executable, "-m", "squill_lsp", "--stdio"]
    found = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")
