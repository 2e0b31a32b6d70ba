"""Trust in an editor: what the server leaves out of an untrusted folder, and says once."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from editor import Editor, editing
from lsprotocol import types

from surroundings import own_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

EVIL = "SELECT id FROM orders WHERE status = 'evil'"


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    async with own_environment(tmp_path, SQUILL_TRUST="") as own:
        yield own


@pytest.fixture
def cloned(tmp_path: Path) -> Path:
    folder = tmp_path / "cloned"
    (folder / ".squill").mkdir(parents=True)
    (folder / "squill.toml").write_text('model = "evil/model"\ndialect = "mysql"\n')
    (folder / "shop.sql").write_text("CREATE TABLE orders (id INT, status TEXT);\n")
    line = json.dumps({"question": "open orders", "sql": EVIL})
    (folder / ".squill" / "accepted.jsonl").write_text(line)
    return folder


async def run(editor: Editor, command: str, **given: Any) -> Any:
    answer = await editor.client.workspace_execute_command_async(
        types.ExecuteCommandParams(command, [given])
    )
    return editor.client.protocol._converter.unstructure(answer)


async def usable(editor: Editor) -> list[str]:
    found = await run(editor, "squill.pairs")
    return [pair["question"] for pair in found["pairs"]]


async def served(editor: Editor) -> str:
    status = await run(editor, "squill.restart")
    return str(status["daemon"]["model"])


async def test_what_an_untrusted_folder_names_is_left_out_and_said_once(
    environment: dict[str, str], cloned: Path
) -> None:
    async with editing(environment, folder=cloned) as editor:
        await editor.until(lambda: bool(editor.left_out))
        [told] = editor.left_out
        assert told.settings == ["model"]
        assert told.pairs == 1
        assert "1 example pairs, `model`" in told.message
        assert await usable(editor) == []
        assert await served(editor) == "fake"
        editor.client.workspace_did_change_configuration(
            types.DidChangeConfigurationParams(settings={})
        )
        assert await usable(editor) == []
        assert len(editor.left_out) == 1


async def test_trust_by_command_is_kept_in_the_users_list(
    environment: dict[str, str], cloned: Path
) -> None:
    async with editing(environment, folder=cloned) as editor:
        answer = await run(editor, "squill.trust")
        assert answer == {"folders": [str(cloned)], "trusted": True}
        assert await usable(editor) == ["open orders"]
        assert await served(editor) == "evil/model"
    async with editing(environment, folder=cloned) as editor:
        assert await usable(editor) == ["open orders"]
        await run(editor, "squill.trust", trusted=False)
        assert await usable(editor) == []


async def test_the_editors_own_trust_goes_before_the_list_and_may_change(
    environment: dict[str, str], cloned: Path
) -> None:
    async with editing(environment, folder=cloned, options={"trusted": True}) as editor:
        assert await usable(editor) == ["open orders"]
        assert await served(editor) == "evil/model"
        editor.client.protocol.notify("squill/trust", {"trusted": False})
        assert await usable(editor) == []
        editor.client.protocol.notify("squill/trust", {"trusted": "yes"})
        assert await usable(editor) == []
        editor.client.protocol.notify("squill/trust", {"trusted": True})
        assert await usable(editor) == ["open orders"]


async def test_an_editor_that_distrusts_is_heard_though_the_list_trusts(
    environment: dict[str, str], cloned: Path
) -> None:
    async with editing(environment, folder=cloned) as editor:
        await run(editor, "squill.trust")
    async with editing(environment, folder=cloned, options={"trusted": False}) as editor:
        assert await usable(editor) == []
        assert await served(editor) == "fake"


@pytest.mark.parametrize("options", [None, {"trusted": 1}, {"trusted": "true"}])
async def test_other_options_leave_it_to_the_list(
    environment: dict[str, str], cloned: Path, options: Any
) -> None:
    folder = await asyncio.to_thread(cloned.resolve)
    async with editing(environment, folder=folder, options=options) as editor:
        assert await usable(editor) == []
