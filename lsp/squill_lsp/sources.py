"""Where table definitions come from, and which of them win.

Weakest first: workspace files in the order of their paths, open buffers in the order of their
opening, the document in which the question stands. An open buffer replaces its file on disk.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from squill.ddl import ParsedSchema, SchemaBuilder, SchemaSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from squill_lsp.buffers import Buffer
    from squill_lsp.workspace_files import FileText


def ordered_sources(
    files: Mapping[Path, FileText], buffers: Sequence[Buffer], current: str
) -> list[SchemaSource]:
    """All sources, the weakest first. ``current`` is the uri of the document that asks."""
    opened = {buffer.path for buffer in buffers if buffer.path}
    sources = [
        SchemaSource(str(path), file.text)
        for path, file in files.items()
        if str(path) not in opened
    ]
    strongest_last = sorted(buffers, key=lambda buffer: buffer.uri == current)
    return sources + [SchemaSource(buffer.uri, buffer.text) for buffer in strongest_last]


class SchemaSources:
    """Builds the schema on demand and keeps the last one. The builder lives on its own thread."""

    def __init__(self) -> None:
        self._builder = SchemaBuilder()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="schema")
        self._last: tuple[list[SchemaSource], str, ParsedSchema] | None = None

    async def schema(self, sources: list[SchemaSource], dialect: str) -> ParsedSchema:
        """The schema of ``sources``; ``dialect`` is empty where it is to be found out."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._build, sources, dialect)

    def _build(self, sources: list[SchemaSource], dialect: str) -> ParsedSchema:
        if self._last is None or self._last[:2] != (sources, dialect):
            parsed = self._builder.build(sources, dialect)
            self._last = (sources, dialect, parsed)
        return self._last[2]

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
