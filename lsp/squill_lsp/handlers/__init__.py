"""What the server answers to: one module per group of LSP methods, thin over plain functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from squill_lsp.handlers import (
    acceptance,
    adapters,
    code_action,
    daemon,
    documents,
    examples,
    explain,
    fix,
    inline_completion,
    lifecycle,
    regenerate,
    training,
    trust,
    workspace,
)

if TYPE_CHECKING:
    from squill_lsp.server import SquillServer

_GROUPS = (
    *(lifecycle, documents, workspace, inline_completion, code_action),
    *(acceptance, examples, adapters, training, trust),
    *(explain, fix, regenerate, daemon),
)


def register(server: SquillServer) -> None:
    """Register what every client gets; `initialize` adds `completion` for those that need it."""
    for group in _GROUPS:
        group.register(server)
