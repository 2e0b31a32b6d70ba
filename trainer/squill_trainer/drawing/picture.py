"""Lines and lower-case text drawn into a PNG."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SCALE = 2  # pixels for each unit
_ROWS = 7
# Five columns a character, two hexadecimal digits each, the lowest bit at the top.
_LETTER_TEXT = """
2054545478 7f48444438 3844444420 384444487f 3854545418 087e090102 0c5252523e
7f08040478 00447d4000 2040443d00 7f10284400 00417f4000 7c04180478 7c08040478
3844444438 7c14141408 081414187c 7c08040408 4854545420 043f444020 3c4040207c
1c2040201c 3c4030403c 4428102844 0c5050503c 4464544c44
"""
_DIGIT_TEXT = """
3e5149453e 00427f4000 4261514946 2141454b31 1814127f10 2745454539 3c4a494930
0171090503 3649494936 064949291e
"""
_MARKS = {"%": "2313086462", "-": "0808080808", ".": "0060600000", " ": "0000000000"}
_GLYPHS = {
    **dict(zip("abcdefghijklmnopqrstuvwxyz", _LETTER_TEXT.split(), strict=True)),
    **dict(zip("0123456789", _DIGIT_TEXT.split(), strict=True)),
    **_MARKS,
}


class Picture:
    """White at first. Places are in units, from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self._pixels = np.full((height * _SCALE, width * _SCALE, 3), 255.0)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], colour: str, width: float
    ) -> None:
        """With round ends."""
        a, b = np.array(start) * _SCALE, np.array(end) * _SCALE
        reach = width * _SCALE / 2
        low = np.floor(np.minimum(a, b) - reach - 1).astype(int).clip(0)
        high = np.ceil(np.maximum(a, b) + reach + 1).astype(int) + 1
        part = self._pixels[low[1] : high[1], low[0] : high[0]]
        rows, columns = np.indices(part.shape[:2])
        places = np.stack([columns + low[0], rows + low[1]], axis=-1) + 0.5 - a
        along = ((places @ (b - a)) / max(math.dist(a, b) ** 2, 1e-9)).clip(0, 1)
        distance = np.linalg.norm(places - along[..., None] * (b - a), axis=-1)
        self._paint(part, (reach + 0.5 - distance).clip(0, 1), colour)

    def text(self, at: tuple[float, float], text: str, colour: str, share: float) -> None:
        """``at`` is the middle of its height; ``share`` of its width is to the left of it."""
        bits = np.hstack([_bits(letter) for letter in text.lower()]).repeat(2, 0).repeat(2, 1)
        height, width = bits.shape
        left = round(at[0] * _SCALE - share * width)
        top = round(at[1] * _SCALE - height / 2)
        self._paint(self._pixels[top : top + height, left : left + width], bits, colour)

    def _paint(self, part: NDArray[np.float64], cover: NDArray[np.float64], colour: str) -> None:
        ink = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        part += cover[..., None] * (ink - part)

    def png(self) -> bytes:
        height, width, _ = self._pixels.shape
        rows = self._pixels.round().astype(np.uint8).reshape(height, -1)
        lines = np.insert(rows, 0, 0, axis=1).tobytes()  # each says that it is not filtered
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        chunks = (("IHDR", header), ("IDAT", zlib.compress(lines, 9)), ("IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _bits(letter: str) -> NDArray[np.float64]:
    """Rows of one letter, a blank column behind it; unknown ones are blank."""
    columns = bytes.fromhex(_GLYPHS.get(letter, _MARKS[" "])) + b"\0"
    return np.array([[column >> row & 1 for column in columns] for row in range(_ROWS)], float)


def _chunk(name: str, data: bytes) -> bytes:
    kind = name.encode()
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
