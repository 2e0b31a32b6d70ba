"""What was accepted becomes a pair on saving; commands that keep, forget and list pairs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from editor import Editor, capabilities, editing
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from surroundings import own_environment, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TABLE = "CREATE TABLE clients (id INT, name TEXT, grade TEXT);\n\n"
QUESTION = "how many gold clients are there"
SQL = "SELECT COUNT(*) FROM clients WHERE grade = 'G'"
BEGUN = f"{TABLE}-- {QUESTION}\n"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("squill.keepExample", {"position": {"line": 0, "character": 0}}, "`uri` must be a text"),
    ("squill.keepExample", {"uri": "OPEN"}, "must be a position"),
    ("squill.keepExample", {"uri": "OPEN", "position": {"line": -1, "character": 0}}, "must"),
    ("squill.keepExample", {"uri": "OPEN", "position": {"line": 0, "character": 0}}, "comment"),
    ("squill.keepExample", {"uri": "x:1", "position": {"line": 0, "character": 0}}, "not open"),
    ("squill.accepted", {"uri": "OPEN", "question": "how?"}, "`range` must be a range"),
    ("squill.activateAdapter", {}, "`digest` must be a text"),
    ("squill.activateAdapter", {"digest": "beef"}, "There is no adapter"),
    ("squill.rollbackAdapter", {}, "no earlier adapter"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "queries.sql").write_text(TABLE)
    return folder


@pytest.fixture
def uri(folder: Path) -> str:
    return (folder / "queries.sql").as_uri()


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    answers = json.dumps({QUESTION: [SQL, "SELECT id FROM clients"]})
    async with own_environment(tmp_path, SQUILL_FAKE_ANSWERS=answers) as own:
        yield own


@pytest.fixture
async def editor(environment: dict[str, str], folder: Path) -> AsyncIterator[Editor]:
    async with editing(environment, folder=folder) as started:
        yield started


async def run(editor: Editor, command: str, **arguments: Any) -> Any:
    found: Any = await editor.client.workspace_execute_command_async(
        types.ExecuteCommandParams(command, [arguments])
    )
    return found


async def accept(editor: Editor, uri: str, *, report: bool = True) -> str:
    """Take the ghost text below the comment, as an editor does; gives the document."""
    editor.open(BEGUN, uri)
    item = await editor.inline(BEGUN, uri)
    assert item is not None
    assert isinstance(item.insert_text, str)
    editor.edit(item.insert_text, editor.end_of(BEGUN), uri)
    assert item.command is not None
    if report:
        assert await run_item(editor, item.command) == {"followed": True}
    return BEGUN + item.insert_text


async def run_item(editor: Editor, command: types.Command) -> Any:
    params = types.ExecuteCommandParams(command.command, command.arguments)
    found: Any = await editor.client.workspace_execute_command_async(params)
    return found


def save(editor: Editor, folder: Path, text: str) -> None:
    path = folder / "queries.sql"
    path.write_text(text)
    editor.client.text_document_did_save(
        types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(path.as_uri()))
    )


def kept(folder: Path) -> list[dict[str, Any]]:
    path = folder / ".squill" / "accepted.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


async def test_an_accepted_statement_is_a_pair_once_it_is_saved(
    editor: Editor, folder: Path, uri: str
) -> None:
    text = await accept(editor, uri)
    assert kept(folder) == []
    save(editor, folder, text)
    await until(lambda: bool(kept(folder)))
    [pair] = kept(folder)
    assert (pair["question"], pair["sql"]) == (QUESTION, SQL)
    assert "edited" not in pair
    found = await run(editor, "squill.pairs")
    assert [each["question"] for each in found["pairs"]] == [QUESTION]


async def test_it_is_kept_as_it_stands_and_each_saving_replaces_the_last(
    editor: Editor, folder: Path, uri: str
) -> None:
    text = await accept(editor, uri)
    save(editor, folder, text)
    for old, new in (("'G'", "'A'"), ("COUNT(*)", "COUNT(id)")):
        text = text.replace(old, new)
        editor.edit(text, uri=uri)
        save(editor, folder, text)
    await until(lambda: "COUNT(id)" in str(kept(folder)) and len(kept(folder)) == 1)
    [pair] = kept(folder)
    assert pair["sql"] == "SELECT COUNT(id) FROM clients WHERE grade = 'A'"
    assert pair["edited"] is True


async def test_what_was_only_shown_is_no_pair(editor: Editor, folder: Path, uri: str) -> None:
    text = await accept(editor, uri, report=False)
    save(editor, folder, text)
    assert (await run(editor, "squill.pairs"))["pairs"] == []
    assert kept(folder) == []


async def test_what_was_deleted_before_it_was_saved_is_no_pair(
    editor: Editor, folder: Path, uri: str
) -> None:
    await accept(editor, uri)
    editor.edit(BEGUN, uri=uri)
    save(editor, folder, BEGUN)
    assert (await run(editor, "squill.pairs"))["pairs"] == []
    assert kept(folder) == []


async def test_taking_it_back_with_its_question_left_takes_the_pair_back(
    editor: Editor, folder: Path, uri: str
) -> None:
    text = await accept(editor, uri)
    save(editor, folder, text)
    await until(lambda: bool(kept(folder)))
    editor.edit(BEGUN, uri=uri)
    save(editor, folder, BEGUN)
    await until(lambda: not kept(folder))


async def test_cleaning_up_leaves_the_pair(editor: Editor, folder: Path, uri: str) -> None:
    text = await accept(editor, uri)
    save(editor, folder, text)
    await until(lambda: bool(kept(folder)))
    editor.edit(TABLE, uri=uri)
    save(editor, folder, TABLE)
    assert len((await run(editor, "squill.pairs"))["pairs"]) == 1


async def test_a_statement_that_does_not_fit_is_kept_once_it_does(
    editor: Editor, folder: Path, uri: str
) -> None:
    accepted = await accept(editor, uri)
    text = accepted.replace("grade = 'G'", "rank = 'G'")
    editor.edit(text, uri=uri)
    save(editor, folder, text)
    await editor.until(lambda: any("Not learned from" in s.message for s in editor.statuses))
    assert kept(folder) == []
    editor.edit(accepted, uri=uri)
    save(editor, folder, accepted)
    await until(lambda: len(kept(folder)) == 1)


async def test_a_kept_pair_stays_while_its_statement_is_unfinished_or_a_change(
    editor: Editor, folder: Path, uri: str
) -> None:
    accepted = await accept(editor, uri)
    save(editor, folder, accepted)
    await until(lambda: len(kept(folder)) == 1)
    before = kept(folder)
    for other in ("SELECT COUNT(", "DELETE FROM clients WHERE"):
        text = accepted.replace("SELECT COUNT(*) FROM clients WHERE", other)
        assert text != accepted
        editor.edit(text, uri=uri)
        save(editor, folder, text)
        await run(editor, "squill.pairs")
        assert kept(folder) == before


async def test_clearing_a_file_changes_no_pair(editor: Editor, folder: Path, uri: str) -> None:
    accepted = await accept(editor, uri)
    save(editor, folder, accepted)
    await until(lambda: len(kept(folder)) == 1)
    before = kept(folder)
    for text in ("", f"{TABLE}SELECT id FROM clients;\n"):
        editor.edit(text, uri=uri)
        save(editor, folder, text)
        await run(editor, "squill.pairs")
    assert kept(folder) == before


async def test_saving_and_quitting_at_once_loses_nothing(
    environment: dict[str, str], folder: Path, uri: str
) -> None:
    async with editing(environment, folder=folder) as editor:
        text = await accept(editor, uri)
        save(editor, folder, text)
        editor.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )
    assert len(kept(folder)) == 1


async def test_a_code_action_reports_what_it_inserted(
    editor: Editor, folder: Path, uri: str
) -> None:
    editor.open(BEGUN, uri)
    at = editor.end_of(f"{TABLE}-- how")
    found = await editor.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri), types.Range(at, at), types.CodeActionContext([])
        )
    )
    assert found
    assert isinstance(found[0], types.CodeAction)
    action = await editor.client.code_action_resolve_async(found[0])
    assert action.command is not None
    text = f"{TABLE}-- {QUESTION}\n{SQL};\n"
    editor.edit(text, uri=uri)
    assert await run_item(editor, action.command) == {"followed": True}
    save(editor, folder, text)
    await until(lambda: bool(kept(folder)))


async def test_a_completion_item_reports_it_even_by_its_first_command(
    environment: dict[str, str], folder: Path, uri: str
) -> None:
    async with editing(environment, capabilities(inline=False), folder=folder) as editor:
        editor.open(BEGUN, uri)
        found = await editor.client.text_document_completion_async(
            types.CompletionParams(types.TextDocumentIdentifier(uri), editor.end_of(BEGUN))
        )
        assert isinstance(found, types.CompletionList)
        [item] = found.items
        resolved = await editor.client.completion_item_resolve_async(item)
        editor.edit(f"{TABLE}-- {QUESTION}\n{SQL};\n", uri=uri)
        for command in (resolved.command, item.command):
            assert command is not None
            assert await run_item(editor, command) == {"followed": True}
        save(editor, folder, f"{TABLE}-- {QUESTION}\n{SQL};\n")
        await until(lambda: bool(kept(folder)))
        assert len(kept(folder)) == 1


async def test_the_setting_turns_it_off(
    environment: dict[str, str], folder: Path, uri: str
) -> None:
    options = {"learning": {"keep_accepted": False}}
    async with editing(environment, folder=folder, options=options) as editor:
        await accept(editor, uri, report=False)
        told = {"uri": uri, "range": {"start": {"line": 3, "character": 0}}, "question": QUESTION}
        assert (await run(editor, "squill.accepted", **told)) == {"followed": False}


async def test_the_statement_at_the_cursor_is_kept_and_forgotten(
    editor: Editor, folder: Path, uri: str
) -> None:
    text = f"{BEGUN}SELECT COUNT(*) FROM clients;\n"
    editor.open(text, uri)
    at = {"uri": uri, "position": {"line": 3, "character": 4}}
    done = await run(editor, "squill.keepExample", **at)
    assert done == {
        "kept": True,
        "reason": "",
        "question": QUESTION,
        "sql": "SELECT COUNT(*) FROM clients",
    }
    assert len(kept(folder)) == 1
    await run(editor, "squill.keepExample", **at)
    assert len(kept(folder)) == 1
    forgotten = await run(editor, "squill.forgetExample", **at)
    assert forgotten == {"forgotten": 1, "question": QUESTION}
    assert kept(folder) == []


async def test_tables_of_an_unsaved_buffer_travel_with_the_pair(
    editor: Editor, folder: Path, uri: str
) -> None:
    editor.open("CREATE TABLE pets (name TEXT);\n\n-- all pets\nSELECT name FROM pets;\n", uri)
    at = {"uri": uri, "position": {"line": 3, "character": 0}}
    assert (await run(editor, "squill.keepExample", **at))["kept"]
    [pair] = kept(folder)
    assert "CREATE TABLE pets" in pair["schema"]


async def test_a_wrong_call_is_answered_with_a_sentence(editor: Editor, uri: str) -> None:
    editor.open(BEGUN, uri)
    for command, arguments, sentence in WRONG:
        given = {key: uri if value == "OPEN" else value for key, value in arguments.items()}
        with pytest.raises(JsonRpcException) as caught:
            await run(editor, command, **given)
        assert sentence in caught.value.message


async def test_without_adapters_none_is_listed(editor: Editor) -> None:
    found = await run(editor, "squill.adapters")
    assert found == {"active": None, "adapters": [], "problems": []}
