"""workspace/executeCommand: how commands are registered, and how they fail."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types, validators
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from squill.errors import SquillError, UsageError

if TYPE_CHECKING:
    from squill_lsp.server import SquillServer

    Result = Mapping[str, Any]
    Work = Callable[[SquillServer, Mapping[str, Any]], Result | Awaitable[Result]]

_UNSIGNED = range(validators.UINTEGER_MAX_VALUE + 1)


def add(server: SquillServer, name: str, work: Work) -> None:
    """Have ``work`` answer the command with an object; it gets the command's one argument.

    A `SquillError` becomes the request's error: invalid params for a `UsageError`, else failed.
    """

    # pygls resolves the annotations of what it calls, so they name nothing of this package.
    async def execute(*arguments: Any) -> Any:
        given = arguments[0] if arguments and arguments[0] is not None else {}
        if len(arguments) > 1 or not isinstance(given, Mapping):
            raise JsonRpcInvalidParams(f"{name} takes one object as its argument.")
        try:
            result = work(server, cast("Mapping[str, Any]", given))
            return await result if inspect.isawaitable(result) else result
        except UsageError as error:
            raise JsonRpcInvalidParams(error.message) from error
        except SquillError as error:
            code = types.LSPErrorCodes.RequestFailed
            raise JsonRpcException(error.message, code) from error

    server.command(name)(execute)


def text(given: Mapping[str, Any], key: str) -> str:
    """
    Raises:
        UsageError: there is no such text.
    """
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise UsageError(f"`{key}` must be a text.")
    return value


def position(data: Any, key: str = "position") -> types.Position:
    """
    Raises:
        UsageError: ``data`` is no position.
    """
    match data:
        case {"line": int(line), "character": int(character)} if (
            line in _UNSIGNED and character in _UNSIGNED
        ):
            return types.Position(line, character)
    raise UsageError(f"`{key}` must be a position: {{line, character}}.")
