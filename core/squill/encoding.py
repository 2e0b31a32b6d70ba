"""Text from a file's bytes: UTF-8, or what a byte order mark says.

SQL Server's tools save UTF-16 with a mark. Other encodings aren't guessed: a wrong guess changes
names without a word. A file that can't be decoded is left out and named.
"""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decoded(content: bytes) -> str:
    """The text without its mark, its lines ended by ``\\n`` alone.

    Raises:
        UnicodeDecodeError: it isn't in the encoding of its mark, or in UTF-8 where it has none.
    """
    mark, encoding = next(
        ((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8")
    )
    text = content[len(mark) :].decode(encoding)
    if (zero := text.find("\0")) >= 0:
        raise UnicodeDecodeError(encoding, content, zero, zero + 1, "a zero byte")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def undecodable(name: str, content: bytes, error: UnicodeDecodeError) -> str:
    """The sentence for a file that `decoded` refuses."""
    line = content.count(b"\n", 0, error.start) + 1
    encoding = error.encoding.upper().removesuffix("-LE").removesuffix("-BE")
    return f"{name}:{line}: this is not {encoding} (byte {error.start}). Save the file as UTF-8."
