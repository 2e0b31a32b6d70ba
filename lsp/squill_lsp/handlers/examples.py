"""``squill.keepExample``, ``forgetExample``, ``pairs``; and what saving makes of accepted ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.errors import SquillError, UsageError
from squill_lsp.handlers import commands
from squill_lsp.positions import offset_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from squill.pairs.comments import Asked
    from squill.schema import Schema
    from squill_lsp.acceptances import Standing
    from squill_lsp.buffers import Buffer
    from squill_lsp.server import SquillServer

_NO_FOLDER = "Pairs are kept in a workspace's .squill folder. Open a folder in the editor."
_NO_PAIR = (
    "There is no question with a statement here. Put the cursor into a statement that has a "
    "comment directly above it."
)


def register(server: SquillServer) -> None:
    commands.add(server, "squill.keepExample", keep_example)
    commands.add(server, "squill.forgetExample", forget_example)
    commands.add(server, "squill.pairs", pairs)


async def keep_example(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    buffer, asked, schema = await _at_cursor(ls, given)
    reason = await ls.examples.keep(_workspace(ls, buffer), asked.question, asked.sql, schema)
    await ls.watch_pairs()
    return {"kept": not reason, "reason": reason, "question": asked.question, "sql": asked.sql}


async def forget_example(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    buffer, asked, _ = await _at_cursor(ls, given)
    count = await ls.examples.forget(_workspace(ls, buffer), asked.question)
    return {"forgotten": count, "question": asked.question}


async def pairs(ls: SquillServer, given: Mapping[str, Any]) -> dict[str, Any]:
    return await ls.examples.listed(Path(workspace_of(ls, given)))


def keep_accepted(ls: SquillServer, uri: str) -> None:
    """What was accepted in the document becomes pairs, as it stands there now."""
    document = ls.document(uri)
    if document is None or not ls.acceptances.follows(uri):
        return
    buffer = ls.buffer(document)
    if folder := ls.folder_of(buffer):
        standings = ls.acceptances.saved(uri, buffer.text)
        ls.spawn(_settle(ls, Path(folder), buffer, standings), must_end=True)


async def _settle(
    ls: SquillServer, folder: Path, buffer: Buffer, standings: list[Standing]
) -> None:
    async with ls.examples.in_order:
        schema = await ls.suggester.schema(buffer)
        for standing in standings:
            try:
                reason = await ls.examples.settle(folder, standing, schema)
            except SquillError as error:
                reason = error.message
            if reason:
                ls.status.update(message=f"Not learned from {standing.question!r}: {reason}")
    await ls.watch_pairs()


def workspace_of(ls: SquillServer, given: Mapping[str, Any]) -> str:
    """The folder of the document ``uri`` where one is named, else the editor's first.

    Raises:
        UsageError: the editor has no folder open.
    """
    uri = given.get("uri") or ls.last_document
    document = ls.document(uri) if isinstance(uri, str) else None
    folders = [str(folder) for folder in ls.folders()]
    found = ls.folder_of(ls.buffer(document)) if document else "".join(folders[:1])
    if not found:
        raise UsageError(_NO_FOLDER)
    return found


def _workspace(ls: SquillServer, buffer: Buffer) -> Path:
    if folder := ls.folder_of(buffer):
        return Path(folder)
    raise UsageError(_NO_FOLDER)


async def _at_cursor(ls: SquillServer, given: Mapping[str, Any]) -> tuple[Buffer, Asked, Schema]:
    uri, position = commands.text(given, "uri"), commands.position(given.get("position"))
    document = ls.document(uri)
    if document is None:
        raise UsageError(f"{uri} is not open as an SQL document.")
    buffer, offset = ls.buffer(document), offset_at(document, position)
    schema = await ls.suggester.schema(buffer)
    from squill.pairs.comments import (
        asked_at,
    )  # sqlglot, which the server's start need not wait for

    asked = asked_at(buffer.text, offset, schema.dialect)
    if asked is None:
        raise UsageError(_NO_PAIR)
    return buffer, asked, schema
