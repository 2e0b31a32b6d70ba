"""Commands and code actions on statements that stand there, of a real ``squill lsp``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from editor import DOCUMENT, Editor, capabilities, editing
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from surroundings import own_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TABLE = "CREATE TABLE students (Name TEXT, Age INT, School TEXT);\n\n"
QUESTION = "How old is Wang Junjian?"
SQL = "SELECT Age FROM students WHERE Name = 'Wang Junjian'"
OTHER = "SELECT MAX(Age) FROM students WHERE Name = 'Wang Junjian'"
TOWNS = "Which towns do students come from?"
ANSWERS = {
    QUESTION: [SQL, OTHER],
    TOWNS: ["SELECT Town FROM students", "SELECT School FROM students"],
}


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    async with own_environment(tmp_path, SQUILL_FAKE_ANSWERS=json.dumps(ANSWERS)) as own:
        yield own


@pytest.fixture
async def editor(environment: dict[str, str]) -> AsyncIterator[Editor]:
    async with editing(environment) as started:
        yield started


async def run(editor: Editor, command: str, **given: Any) -> Any:
    """The command's answer, as plain JSON values."""
    answer = await editor.client.workspace_execute_command_async(
        types.ExecuteCommandParams(command, [given] if given else None)
    )
    return editor.client.protocol._converter.unstructure(answer)


async def run_at(editor: Editor, command: str, before: str, **given: Any) -> Any:
    """The command where ``before``, the document's beginning, ends."""
    at = editor.end_of(before)
    place = {"line": at.line, "character": at.character}
    return await run(editor, command, uri=DOCUMENT, position=place, **given)


def new_text(answer: Any) -> str:
    [change] = answer["edit"]["documentChanges"]
    [edit] = change["edits"]
    return str(edit["newText"])


async def test_every_command_is_announced(editor: Editor) -> None:
    provider = editor.capabilities.execute_command_provider
    assert provider is not None
    names = ("explain", "fix", "regenerate", "status", "restart", "doctor")
    assert {f"squill.{name}" for name in names} <= set(provider.commands)


async def test_a_query_is_explained_in_a_comment_above_it(editor: Editor) -> None:
    editor.open(f"{TABLE}  {SQL};\n")
    answer = await run_at(editor, "squill.explain", f"{TABLE}  SELECT")
    wanted = "  -- : The age of students where name is 'Wang Junjian'.\n"
    assert answer["comment"] == new_text(answer) == wanted


async def test_a_statement_that_does_not_bind_gets_the_nearest_names(editor: Editor) -> None:
    editor.open(f"{TABLE}SELECT Aeg FROM student;\n")
    answer = await run_at(editor, "squill.fix", f"{TABLE}SELECT")
    assert new_text(answer) == answer["sql"] == "SELECT Age FROM students"
    assert {"old": "Aeg", "new": "Age"} in answer["changes"]


async def test_where_no_name_is_near_the_model_writes_it_anew(editor: Editor) -> None:
    editor.open(f"{TABLE}-- {TOWNS}\nSELECT zzz FROM students;\n")
    answer = await run_at(editor, "squill.fix", f"{TABLE}-- {TOWNS}\nSELECT")
    assert (answer["sql"], answer["changes"]) == ("SELECT School FROM students", [])
    assert new_text(answer) == "SELECT School FROM students"


async def test_regenerating_puts_another_statement_in_its_place(editor: Editor) -> None:
    editor.open(f"{TABLE}-- {QUESTION}\n{SQL};\n")
    answer = await run_at(editor, "squill.regenerate", f"{TABLE}-- How")
    assert answer["sql"] == OTHER
    assert new_text(answer) == OTHER


async def test_regenerating_in_another_dialect_asks_the_daemon_for_it(editor: Editor) -> None:
    editor.open(f"{TABLE}-- {QUESTION}\n")
    answer = await run_at(editor, "squill.regenerate", f"{TABLE}-- How", dialect="postgres")
    assert new_text(answer) == f"\n{SQL};"


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("squill.explain", TABLE, {}, "No statement stands at the cursor"),
    ("squill.explain", "SELECT FROM WHERE", {}, "near `WHERE`"),
    ("squill.fix", f"{TABLE}SELECT Age FROM students", {}, "nothing to fix"),
    ("squill.fix", "SELECT Age FROM students", {}, "No table definitions"),
    ("squill.fix", f"{TABLE}SELECT zzz FROM students", {}, "There is no column `zzz`"),
    ("squill.regenerate", f"{TABLE}SELECT 1", {}, "No comment that asks"),
    ("squill.regenerate", f"{TABLE}-- {QUESTION}", {"dialect": "klingon"}, "klingon"),
    ("squill.regenerate", f"{TABLE}-- Who is that?", {}, "writes the same statement"),
]


async def test_what_cannot_be_done_is_one_sentence(editor: Editor) -> None:
    editor.open("")
    for command, text, given, reason in REFUSED:
        editor.edit(text)
        with pytest.raises(JsonRpcException) as refused:
            await run_at(editor, command, text, **given)
        assert reason in refused.value.message, (command, text)


async def test_a_command_without_its_document_is_refused(editor: Editor) -> None:
    for given in ({}, {"uri": "untitled:gone.sql"}, {"uri": DOCUMENT, "position": {"line": -1}}):
        editor.open(TABLE) if given.get("uri") == DOCUMENT else None
        with pytest.raises(JsonRpcException):
            await run(editor, "squill.explain", **given)


async def test_a_model_that_is_not_served_is_named(editor: Editor) -> None:
    editor.open(f"{TABLE}-- {QUESTION}\n")
    await editor.ghost_text(f"{TABLE}-- {QUESTION}\n")
    with pytest.raises(JsonRpcException, match="The daemon serves fake, not qwen"):
        await run_at(editor, "squill.regenerate", f"{TABLE}-- How", model="qwen")


async def test_the_status_starts_no_daemon_and_tells_of_one_that_runs(editor: Editor) -> None:
    before = await run(editor, "squill.status")
    assert before["daemon"] is None
    assert "No daemon is running" in before["trouble"]
    text = f"{TABLE}-- {QUESTION}\n"
    editor.open(text)
    await editor.ghost_text(text)
    after = await run(editor, "squill.status")
    assert (after["daemon"]["state"], after["lsp"]["model"]) == ("ready", "fake")
    assert after["trouble"] == ""


async def test_a_restart_brings_another_daemon_that_answers(editor: Editor) -> None:
    text = f"{TABLE}-- {QUESTION}\n"
    editor.open(text)
    await editor.ghost_text(text)
    first = (await run(editor, "squill.status"))["daemon"]["pid"]
    second = (await run(editor, "squill.restart"))["daemon"]["pid"]
    assert first != second
    assert await editor.ghost_text(text) == f"{text}{SQL};"


async def test_a_daemon_that_cannot_be_restarted_is_trouble_and_the_next_question_may_start_it(
    environment: dict[str, str],
) -> None:
    environment["SQUILL_DAEMON_COMMAND"] = "/nowhere/squill-daemon"
    async with editing(environment) as editor:
        with pytest.raises(JsonRpcException, match="could not be started"):
            await run(editor, "squill.restart")
        assert "could not be started" in (await editor.status("trouble")).message


async def test_the_doctor_looks_at_the_whole_chain(editor: Editor) -> None:
    report = await run(editor, "squill.doctor")
    assert {check["group"] for check in report["checks"]} >= {"socket", "daemon", "language server"}


async def actions_at(editor: Editor, before: str) -> list[types.CodeAction]:
    at = editor.end_of(before)
    found = await editor.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(DOCUMENT), types.Range(at, at), types.CodeActionContext([])
        )
    )
    return [action for action in found or [] if isinstance(action, types.CodeAction)]


async def resolved(editor: Editor, action: types.CodeAction) -> str | None:
    done = await editor.client.code_action_resolve_async(action)
    if done.edit is None or not done.edit.document_changes:
        return None
    [change] = done.edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    return change.edits[0].new_text  # type: ignore[union-attr]


async def test_a_statement_offers_what_can_be_done_with_it(editor: Editor) -> None:
    editor.open(f"{TABLE}-- {QUESTION}\nSELECT Aeg FROM students;\n")
    fix, explain, another = await actions_at(editor, f"{TABLE}-- {QUESTION}\nSELECT")
    assert (fix.title, fix.kind) == ("Fix this statement", types.CodeActionKind.QuickFix)
    assert await resolved(editor, fix) == "SELECT Age FROM students"
    assert await resolved(editor, explain) == "-- : The aeg of students.\n"
    assert await resolved(editor, another) == SQL


async def test_a_statement_that_fits_is_not_to_be_fixed(editor: Editor) -> None:
    editor.open(f"{TABLE}{SQL};\n")
    [explain] = await actions_at(editor, f"{TABLE}SELECT")
    assert explain.title == "Explain this query in a comment"


async def test_an_action_whose_statement_has_changed_says_so(editor: Editor) -> None:
    editor.open(f"{TABLE}{SQL};\n")
    [explain] = await actions_at(editor, f"{TABLE}SELECT")
    editor.edit(f"{TABLE}SELECT 1;\n")
    assert await resolved(editor, explain) is None
    await editor.until(lambda: "has changed" in editor.statuses[-1].message)


async def test_a_client_without_versioned_edits_gets_plain_ones(
    environment: dict[str, str],
) -> None:
    can = capabilities()
    assert can.workspace is not None
    can.workspace.workspace_edit = None
    async with editing(environment, can) as editor:
        editor.open(f"{TABLE}{SQL};\n")
        answer = await run_at(editor, "squill.explain", f"{TABLE}SELECT")
        assert list(answer["edit"]["changes"]) == [DOCUMENT]


async def test_a_client_that_resolves_no_actions_gets_commands_and_edits_to_apply(
    environment: dict[str, str],
) -> None:
    can = capabilities()
    assert can.text_document is not None
    can.text_document.code_action = types.CodeActionClientCapabilities()
    async with editing(environment, can) as editor:
        applied: list[Any] = []

        @editor.client.feature(types.WORKSPACE_APPLY_EDIT)
        def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            applied.append(params.edit)
            return types.ApplyWorkspaceEditResult(applied=len(applied) == 1)

        text = f"{TABLE}-- {QUESTION}"
        editor.open(text)
        at = editor.end_of(text)
        offered = await editor.client.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(DOCUMENT),
                types.Range(at, at),
                types.CodeActionContext([]),
            )
        )
        # lsprotocol reads an action with a command as a bare command, its fields as a text.
        assert len(offered or ()) == 1
        assert "squill.regenerate" in str(offered)
        await run_at(editor, "squill.regenerate", text, apply=True)
        assert applied[0].document_changes[0].edits[0].new_text == f"\n{SQL};"
        with pytest.raises(JsonRpcException, match="did not apply the edit"):
            await run_at(editor, "squill.regenerate", text, apply=True)
