"""What a `…/resolve` request brings back: our own data, unless a client mixed servers up."""

from __future__ import annotations

from typing import Any

from lsprotocol import types, validators
from pygls.exceptions import JsonRpcInvalidParams

COMMENT_GONE = "Nothing shown: the comment has changed since this was offered. Ask again."

_UNSIGNED = range(validators.UINTEGER_MAX_VALUE + 1)


def position_of(data: Any) -> types.Position:
    """The position that was given out as ``[line, character]``.

    Raises:
        JsonRpcInvalidParams: it is none.
    """
    match data:
        case [int(line), int(character)] if line in _UNSIGNED and character in _UNSIGNED:
            return types.Position(line, character)
    raise foreign_data()


def foreign_data() -> JsonRpcInvalidParams:
    return JsonRpcInvalidParams("The data to resolve was not given out by Squill; ask again.")
