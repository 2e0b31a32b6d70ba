"""Every error that a user can meet, in one tree.

::

    SquillError
    ├── UsageError            the call itself is wrong
    ├── SettingsError         a settings file cannot be read
    ├── SchemaError           no usable table definition
    ├── UnparsableError       a text that is no SQL statement of its dialect
    ├── NoValidAnswerError    the model wrote nothing that parses and binds
    ├── ModelError            a model cannot be loaded or run
    │   ├── ModelNotFoundError
    │   ├── ModelUnsupportedError
    │   ├── ModelTooLargeError
    │   ├── TrainingDivergedError  the loss of a training was no longer a number
    │   └── AdapterError      an adapter is foreign, damaged or not there
    ├── CancelledError        the work was cancelled by its client or by a newer request
    ├── DaemonError           the daemon cannot be reached or started
    │   ├── DaemonUnavailableError
    │   │   └── DaemonStoppingError   it is leaving; the next one may be asked
    │   ├── DaemonBusyError
    │   ├── AlreadyRunningError
    │   ├── OtherModelError    it serves a model that the workspace doesn't name
    │   └── SocketPathError
    └── ProtocolError         a message breaks the wire protocol
        ├── VersionMismatchError
        ├── UnknownMethodError
        ├── InvalidParamsError
        └── FrameTooLargeError

A message says what happened and what to do. ``code`` is the name that travels over the wire,
in ``status`` and in logs.
"""

from __future__ import annotations

from typing import ClassVar


class SquillError(Exception):
    """Base of every error that Squill raises on purpose."""

    code: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        return str(self)


class UsageError(SquillError):
    code = "usage"


class SettingsError(SquillError):
    code = "settings"


class SchemaError(SquillError):
    code = "schema"


class UnparsableError(SquillError):
    """``offset`` is where the text stops making sense, in characters, -1 where unknown."""

    code = "unparsable"

    def __init__(self, message: str, offset: int = -1) -> None:
        super().__init__(message)
        self.offset = offset


class NoValidAnswerError(SquillError):
    code = "no_valid_answer"


class ModelError(SquillError):
    code = "model_error"


class ModelNotFoundError(ModelError):
    code = "model_not_found"


class ModelUnsupportedError(ModelError):
    code = "model_unsupported"


class ModelTooLargeError(ModelError):
    code = "model_too_large"


class TrainingDivergedError(ModelError):
    code = "training_diverged"


class AdapterError(ModelError):
    code = "adapter"


class CancelledError(SquillError):
    code = "cancelled"


class DaemonError(SquillError):
    code = "daemon"


class DaemonUnavailableError(DaemonError):
    code = "daemon_unavailable"


class DaemonStoppingError(DaemonUnavailableError):
    code = "daemon_stopping"


class DaemonBusyError(DaemonError):
    code = "daemon_busy"


class AlreadyRunningError(DaemonError):
    code = "already_running"


class OtherModelError(DaemonError):
    code = "other_model"


class SocketPathError(DaemonError):
    code = "socket_path"


class ProtocolError(SquillError):
    code = "protocol"


class VersionMismatchError(ProtocolError):
    code = "version_mismatch"


class UnknownMethodError(ProtocolError):
    code = "unknown_method"


class InvalidParamsError(ProtocolError):
    code = "invalid_params"


class FrameTooLargeError(ProtocolError):
    code = "frame_too_large"


def _tree(root: type[SquillError]) -> dict[str, type[SquillError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


def from_wire(code: str, message: str) -> SquillError:
    """Rebuild the error that travelled as ``code``; an unknown code becomes a `SquillError`."""
    return _tree(SquillError).get(code, SquillError)(message)
