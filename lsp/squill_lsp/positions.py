"""The one seam between editors' positions and our offsets.

An editor counts in the negotiated encoding's units (UTF-8 bytes, UTF-16 or UTF-32 units) within
a line; everything else in this package counts characters from the start of the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from squill_lsp.text_documents import split_lines

if TYPE_CHECKING:
    from pygls.workspace import PositionCodec, TextDocument


def offset_at(document: TextDocument, position: types.Position) -> int:
    """The offset of ``position``; one behind a line's or the text's end counts as that end."""
    lines = document.lines
    if position.line >= len(lines):
        return len(document.source)
    line = lines[position.line].rstrip("\r\n")
    return sum(map(len, lines[: position.line])) + _characters(
        document.position_codec, line, position.character
    )


def _characters(codec: PositionCodec, line: str, units: int) -> int:
    inside = types.Position(0, min(units, codec.client_num_units(line)))
    return codec.position_from_client_units([line], inside).character


def position_at(document: TextDocument, offset: int) -> types.Position:
    """The position of the character at ``offset``, or of the text's end."""
    before = split_lines(document.source[:offset])
    if not before:
        return types.Position(0, 0)
    last = before[-1]
    if last.endswith(("\r", "\n")):
        return types.Position(len(before), 0)
    return types.Position(len(before) - 1, document.position_codec.client_num_units(last))


def range_between(document: TextDocument, start: int, end: int) -> types.Range:
    return types.Range(position_at(document, start), position_at(document, end))
