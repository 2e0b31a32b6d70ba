"""An editor for tests: pytest-lsp's client on a real ``squill lsp``, with its own folders."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient

from squill.client import DaemonClient
from surroundings import socket_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

DOCUMENT = "untitled:students.sql"

UTF8 = (types.PositionEncodingKind.Utf8,)
UTF16 = (types.PositionEncodingKind.Utf16,)


def capabilities(
    *,
    encodings: tuple[types.PositionEncodingKind, ...] = UTF16,
    inline: bool = True,
    configuration: bool = False,
    watching: bool = False,
    progress: bool = False,
) -> types.ClientCapabilities:
    """What a present-day editor can do, with the parts that tests vary."""
    resolvable = types.ClientCompletionItemResolveOptions(["additionalTextEdits", "documentation"])
    item = types.ClientCompletionItemOptions(resolve_support=resolvable)
    return types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=encodings),
        window=types.WindowClientCapabilities(work_done_progress=progress),
        workspace=types.WorkspaceClientCapabilities(
            configuration=configuration,
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=True),
            did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(
                dynamic_registration=watching
            ),
        ),
        text_document=types.TextDocumentClientCapabilities(
            inline_completion=types.InlineCompletionClientCapabilities() if inline else None,
            completion=types.CompletionClientCapabilities(completion_item=item),
            code_action=types.CodeActionClientCapabilities(
                data_support=True,
                resolve_support=types.ClientCodeActionResolveOptions(["edit"]),
                code_action_literal_support=types.ClientCodeActionLiteralOptions(
                    types.ClientCodeActionKindOptions([types.CodeActionKind.Refactor])
                ),
            ),
        ),
    )


@dataclass
class Editor:
    """``statuses`` are all ``squill/status`` notifications so far, ``left_out`` all of
    ``squill/untrusted``.
    """

    client: LanguageClient
    environment: dict[str, str]
    capabilities: types.ServerCapabilities = field(default_factory=types.ServerCapabilities)
    encoding: str = "utf-16"
    statuses: list[Any] = field(default_factory=list)
    left_out: list[Any] = field(default_factory=list)
    registrations: list[types.Registration] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _version: int = 0

    async def heard(self, status: Any) -> None:
        async with self._changed:
            self.statuses.append(status)
            self._changed.notify_all()

    async def left(self, told: Any) -> None:
        async with self._changed:
            self.left_out.append(told)
            self._changed.notify_all()

    async def registered(self, params: types.RegistrationParams) -> None:
        async with self._changed:
            self.registrations += params.registrations
            self._changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a notification or registration after which ``condition`` holds."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def status(self, state: str) -> Any:
        await self.until(lambda: bool(self.statuses) and self.statuses[-1].state == state)
        return self.statuses[-1]

    def open(self, text: str, uri: str = DOCUMENT, language: str = "sql") -> None:
        item = types.TextDocumentItem(uri, language, self._version, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def edit(self, text: str, at: types.Position | None = None, uri: str = DOCUMENT) -> None:
        """Insert ``text`` at a position, or replace the whole document."""
        self._version += 1
        change: types.TextDocumentContentChangeEvent = (
            types.TextDocumentContentChangePartial(types.Range(at, at), text)
            if at
            else types.TextDocumentContentChangeWholeDocument(text)
        )
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self._version, uri), [change]
            )
        )

    async def ghost_text(
        self, text: str, uri: str = DOCUMENT, *, automatic: bool = False
    ) -> str | None:
        """The document after the ghost text at its end was accepted, or None without one."""
        return await self.accept(text, await self.inline(text, uri, automatic=automatic))

    async def inline(
        self, text: str, uri: str = DOCUMENT, *, automatic: bool = False
    ) -> types.InlineCompletionItem | None:
        """Ask at the end of ``text``, which must be how the document begins."""
        found = await self.client.text_document_inline_completion_async(
            self.inline_params(text, uri, automatic=automatic)
        )
        assert found is None or isinstance(found, types.InlineCompletionList)
        return found.items[0] if found and found.items else None

    def inline_params(
        self, text: str, uri: str = DOCUMENT, *, automatic: bool = False
    ) -> types.InlineCompletionParams:
        kind = types.InlineCompletionTriggerKind
        return types.InlineCompletionParams(
            types.InlineCompletionContext(kind.Automatic if automatic else kind.Invoked),
            types.TextDocumentIdentifier(uri),
            self.end_of(text),
        )

    def end_of(self, text: str) -> types.Position:
        """Where ``text`` ends, in the negotiated units."""
        lines = text.split("\n")
        unit = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[self.encoding]
        encoded = lines[-1].encode(self.encoding.replace("16", "16-le").replace("32", "32-le"))
        return types.Position(len(lines) - 1, len(encoded) // unit)

    async def accept(self, text: str, item: types.InlineCompletionItem | None) -> str | None:
        if item is None:
            return None
        assert item.range is not None
        assert item.range.start == item.range.end == self.end_of(text)
        assert isinstance(item.insert_text, str)
        return text + item.insert_text

    async def daemon(self) -> DaemonClient:
        """An own connection to the daemon that this editor's server uses."""
        return await DaemonClient.connect(socket_of(self.environment))


@contextlib.asynccontextmanager
async def editing(
    environment: dict[str, str],
    can: types.ClientCapabilities | None = None,
    *,
    folder: Path | None = None,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Editor]:
    """A started and initialized language server, ended in good order."""
    config = ClientServerConfig([sys.executable, "-m", "squill_lsp"], server_env=environment)
    client = await config.start()
    assert isinstance(client, LanguageClient)
    editor = Editor(client, environment)
    _listen(client, editor)
    if settings is not None:
        client.set_configuration(dict(settings), section="squill")
    result = await client.initialize_session(
        types.InitializeParams(
            capabilities=can or capabilities(),
            root_uri=folder.as_uri() if folder else None,
            initialization_options=dict(options) if options else None,
        )
    )
    editor.capabilities = result.capabilities
    editor.encoding = str(types.PositionEncodingKind(result.capabilities.position_encoding).value)
    try:
        yield editor
        assert not client.messages, "a message box was opened"
    finally:
        await client.shutdown_session()
        await client.stop()


def _listen(client: LanguageClient, editor: Editor) -> None:
    @client.feature("squill/status")
    async def heard(status: Any) -> None:
        await editor.heard(status)

    @client.feature("squill/untrusted")
    async def left_out(told: Any) -> None:
        await editor.left(told)

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    async def registered(params: types.RegistrationParams) -> None:
        await editor.registered(params)

    @client.feature(types.CLIENT_UNREGISTER_CAPABILITY)
    def unregistered(params: types.UnregistrationParams) -> None:
        ids = [gone.id for gone in params.unregisterations]
        editor.registrations[:] = [r for r in editor.registrations if r.id not in ids]
