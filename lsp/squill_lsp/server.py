"""The language server: owns the parts and ties them to the protocol; the handlers do the work."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lsprotocol import types
from pygls.capabilities import get_capability
from pygls.exceptions import JsonRpcInternalError
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from squill import __version__
from squill.errors import SquillError
from squill.model_choice import model_choice
from squill.settings import Settings
from squill.trust import is_trusted
from squill_lsp.buffers import Buffer, is_sql_document
from squill_lsp.editor_settings import read_settings, section
from squill_lsp.in_flight import InFlight
from squill_lsp.learning import LearningDisplay
from squill_lsp.link import DaemonLink
from squill_lsp.parent import is_alive, leave_with
from squill_lsp.progress import LoadingProgress
from squill_lsp.protocol import SquillProtocol
from squill_lsp.status import STATUS_METHOD, Status, StatusReporter
from squill_lsp.trainer import Trainers
from squill_lsp.workspace_files import WorkspaceFiles

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pygls.progress import Progress
    from pygls.workspace import TextDocument

    from squill_lsp.acceptances import Acceptances
    from squill_lsp.examples import ExamplePairs
    from squill_lsp.rewriting import Rewriter
    from squill_lsp.status import State
    from squill_lsp.suggestions import Suggester

logger = logging.getLogger(__name__)

_FAILED = "The language server failed on a request; its log on stderr says why."


class SquillServer(LanguageServer):
    """One editor's server. Everything in it belongs to the event loop."""

    protocol: SquillProtocol

    def __init__(self) -> None:
        super().__init__("squill", __version__, protocol_cls=SquillProtocol)
        self.settings = Settings()
        self.editor_settings: Any = None
        self.trusted: bool | None = None
        self.told_left_out: set[Path] = set()
        self.settings_problems: list[str] = []
        self.watched: tuple[str, ...] = ()
        self.last_document = ""
        self.in_flight = InFlight()
        self.files = WorkspaceFiles(self._file_left_out)
        self.link = DaemonLink(self._daemon_state, lambda told: self._learning.heard(told))
        self.status = StatusReporter(self._tell_status)
        self.trainers = Trainers()
        self._learning = LearningDisplay(
            self.status,
            self.folders,
            self._editor_progress,
            self.spawn,
            lambda message: self.log(message, types.MessageType.Info),
        )
        self._progress = LoadingProgress(self.spawn)
        self._suggester: Suggester | None = None
        self._acceptances: Acceptances | None = None
        self._examples: ExamplePairs | None = None
        self._rewriter: Rewriter | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._must_end: set[asyncio.Task[None]] = set()
        self._editor_watch: asyncio.Task[None] | None = None

    def start_io(self, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> None:
        """Without streams, over the process's own; Python's stdout stays open behind it."""
        # pygls closes what it writes to at `exit`, and our command line flushes stdout at its end.
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as own:
            super().start_io(stdin, stdout or own)

    @property
    def suggester(self) -> Suggester:
        """Made on first use: its modules bring in sqlglot, which `initialize` need not wait for."""
        if self._suggester is None:
            module = importlib.import_module("squill_lsp.suggestions")
            self._suggester = module.Suggester(
                self.link,
                self.status,
                self.files,
                self.buffers,
                lambda: self.settings,
                self.folder_of,
            )
        return self._suggester

    @property
    def acceptances(self) -> Acceptances:
        """Made on first use, as `suggester`."""
        if self._acceptances is None:
            self._acceptances = importlib.import_module("squill_lsp.acceptances").Acceptances()
        return self._acceptances

    @property
    def examples(self) -> ExamplePairs:
        """Made on first use, as `suggester`."""
        if self._examples is None:
            module = importlib.import_module("squill_lsp.examples")
            self._examples = module.ExamplePairs(lambda: self.settings, self.trusts)
        return self._examples

    def document_changed(self, uri: str, before: str, after: str) -> None:
        """One change of an open document; to be called between two texts that follow each other."""
        if self._acceptances is not None:
            self._acceptances.edited(uri, before, after)

    def document_closed(self, uri: str) -> None:
        if self._acceptances is not None:
            self._acceptances.closed(uri)

    @property
    def rewriter(self) -> Rewriter:
        """Made on first use, as `suggester`."""
        if self._rewriter is None:
            module = importlib.import_module("squill_lsp.rewriting")
            self._rewriter = module.Rewriter(self.suggester)
        return self._rewriter

    async def watch_pairs(self) -> None:
        """See to it that a trainer watches the folders' pairs, where there are any."""
        editor = section(self.editor_settings)
        for folder in self.folders():
            try:
                await asyncio.to_thread(
                    self.trainers.watch, folder, self.settings, editor, self.trusted
                )
            except SquillError as error:
                self.log(error.message)

    def watch_editor(self, pid: int) -> None:
        """Leave when the editor's process is gone; 0 where it doesn't say which it is.

        One that isn't there to begin with is another machine's or container's.
        """
        if pid > 0 and is_alive(pid):
            self._editor_watch = asyncio.create_task(leave_with(pid, self.close))

    def spawn(self, work: Coroutine[Any, Any, None], *, must_end: bool = False) -> None:
        """Run ``work`` beside the messages; it ends with the server, which waits where it must."""
        task = asyncio.create_task(work)
        (self._must_end if must_end else self._background).add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        self._must_end.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("background work failed", exc_info=error)

    def document(self, uri: str) -> TextDocument | None:
        """The open SQL document of that uri."""
        documents = self.workspace.text_documents.values()
        return next((d for d in documents if d.uri == uri and is_sql_document(d)), None)

    def buffer(self, document: TextDocument) -> Buffer:
        path = to_fs_path(document.uri) if document.uri.startswith("file:") else None
        return Buffer(document.uri, document.version or 0, document.source, path or "")

    def buffers(self) -> list[Buffer]:
        """The open SQL documents as they stand now, in the order of their opening."""
        documents = self.workspace.text_documents.values()
        return [self.buffer(document) for document in documents if is_sql_document(document)]

    def folder_of(self, document: Buffer) -> str:
        """The workspace folder that the document lies in, else the first; empty for none."""
        folders = self.folders()
        around = [folder for folder in folders if document.path.startswith(f"{folder}{os.sep}")]
        innermost = sorted(around, key=lambda folder: len(folder.parts))[-1:]
        return str([*innermost, *folders][0]) if folders else ""

    def can(self, capability: str) -> bool:
        """Whether the client has this capability, a dotted name."""
        return bool(get_capability(self.client_capabilities, capability, False))

    def folders(self) -> list[Path]:
        uris = list(self.workspace.folders) or [self.workspace.root_uri or ""]
        paths = (to_fs_path(uri) for uri in uris if uri.startswith("file:"))
        return [Path(path) for path in paths if path]

    def trusts(self, folder: Path) -> bool:
        """What the editor says of its workspace, else the user's list."""
        return is_trusted(folder) if self.trusted is None else self.trusted

    def apply_settings(self, data: Any) -> None:
        """Read all settings again, with ``data`` as the editor's; say what is wrong, once."""
        self.editor_settings = data
        problems: list[str] = []
        folder = next(iter(self.folders()), None)
        self.settings = read_settings(folder, data, problems.append, trusted=self.trusted)
        self.link.autostart = self.settings.daemon.autostart
        self.link.expect(model_choice(self.settings, folder))
        self.files.set_folders(self.folders(), trusted=self.trusted)
        if problems and problems != self.settings_problems:
            self.log("Some settings are not used:\n" + "\n".join(problems))
        self.settings_problems = problems

    def log(self, message: str, kind: types.MessageType = types.MessageType.Warning) -> None:
        self.window_log_message(types.LogMessageParams(kind, message))

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Into the editor's log. pygls itself would open a message box."""
        self.log(f"{source.__name__}: {error}", types.MessageType.Error)
        if isinstance(error, JsonRpcInternalError):
            self.status.update(message=_FAILED)

    def _file_left_out(self, message: str) -> None:
        self.log(message)
        self.status.update(message=message)

    def _daemon_state(self, state: State, message: str, model: str) -> None:
        model = model or self.status.current.model
        self.status.update(state=state, message=message, model=model)
        if state in ("starting", "trouble"):
            self._learning.lost()

    def _editor_progress(self) -> Progress | None:
        return self.work_done_progress if self.can("window.work_done_progress") else None

    def _tell_status(self, status: Status) -> None:
        self.protocol.notify(STATUS_METHOD, status.to_client())
        if progress := self._editor_progress():
            self._progress.follow(status, progress)

    async def close(self) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._must_end, return_exceptions=True)
        await self.link.close()
