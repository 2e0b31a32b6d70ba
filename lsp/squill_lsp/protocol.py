"""Every request has exactly one reply, whatever it looks like and whenever it comes.

pygls answers only what it could parse, says nothing after `shutdown`, and puts tracebacks into
its replies. This is the one place that knows better.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import (
    FeatureNotificationError,
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol

from squill_lsp.text_documents import LspWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

_INTERNAL_ERROR = "Squill's language server failed on this request; its log on stderr says why."


class SquillProtocol(LanguageServerProtocol):
    """Belongs to the event loop. ``exit_code``: of the process, as LSP has it."""

    exit_code = 0

    def use_own_documents(self, on_change: Callable[[str, str, str], None]) -> None:
        """To be called on `initialize`, before there are documents."""
        workspace = LspWorkspace.in_place_of(self.workspace)
        workspace.on_change = on_change
        self._workspace = workspace

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Nothing yet: called for every object within a message, before the message is known."""
        return data

    def handle_message(self, message: Any) -> None:
        try:
            structured = self._structured(message)
        except JsonRpcException as error:
            self._refuse(message, error)
            return
        if message.get("method") == types.EXIT and not self._shutdown:
            self.exit_code = 1
        super().handle_message(structured)
        if message.get("method") == types.SHUTDOWN:
            # pygls waits for the parts to close; a request behind this one must not be taken up.
            self._shutdown = True

    def _structured(self, message: Any) -> Any:
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            raise JsonRpcInvalidRequest("A message must be one JSON-RPC 2.0 object.")
        if "method" not in message:
            return super().structure_message(message)
        method = message["method"]
        if not isinstance(method, str):
            raise JsonRpcInvalidRequest("The method of a message must be a text.")
        self._require_right_time(method)
        if self.get_message_type(method) is None:
            # LSP does not define it, so pygls wants what JSON-RPC lets a client leave out.
            message = {"params": None} | message
        try:
            return super().structure_message(message)
        except JsonRpcException as error:
            text = f"The params of {method} do not have the form that LSP gives them."
            raise JsonRpcInvalidParams(text) from error

    def _require_right_time(self, method: str) -> None:
        if method == types.EXIT:
            return
        if self._shutdown:
            raise JsonRpcInvalidRequest("The server was shut down; only exit may follow.")
        is_initialized = self._workspace is not None
        if method == types.INITIALIZE and is_initialized:
            raise JsonRpcInvalidRequest("The server is initialized already.")
        if method != types.INITIALIZE and not is_initialized:
            raise JsonRpcServerNotInitialized("The server must be sent initialize first.")

    def _refuse(self, message: Any, error: JsonRpcException) -> None:
        logger.warning("message refused: %s", error)
        if _is_request(message):
            self._send_response(message["id"], error=error.to_response_error())
        elif self._workspace is not None and not self._shutdown:
            self._server.report_server_error(error, FeatureNotificationError)

    def _send_response(
        self,
        msg_id: int | str,
        result: Any | None = None,
        error: types.ResponseError | None = None,
    ) -> None:
        if error is not None and error.code == JsonRpcInternalError.CODE:
            # pygls has logged the traceback, which names files of this machine.
            error = types.ResponseError(error.code, _INTERNAL_ERROR)
        super()._send_response(msg_id, result, error)


def _is_request(message: Any) -> bool:
    return (
        isinstance(message, dict)
        and "method" in message
        and isinstance(message.get("id"), int | str)
    )
