"""Untrusted text on a terminal: shown, never obeyed.

Names of tables and files, rows, messages and what a model wrote may hold escape sequences, which
move the cursor, rename the window or fill the clipboard, and marks that turn the direction of
writing around. `guarded` makes the streams of a command show them escaped. What is written to a
file or a pipe is exact: there it is data.
"""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, marks of direction, invisible signs, lone surrogates, tags."""


def visible(text: str) -> str:
    """``text`` with whatever a terminal would obey or hide written as Python escapes it."""
    return _HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def visible_line(text: str) -> str:
    """The same on one line, runs of white space as one space."""
    return visible(" ".join(text.split()))


class GuardedStream:
    """A text stream that shows what it is given; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self.unguarded = stream

    def write(self, text: str) -> int:
        self.unguarded.write(visible(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


@contextmanager
def guarded() -> Iterator[None]:
    """Standard error, and standard output where it is a terminal, show what they are given."""
    before = sys.stdout, sys.stderr
    if sys.stdout is not None and sys.stdout.isatty():
        sys.stdout = cast("TextIO", GuardedStream(sys.stdout))
    if sys.stderr is not None:
        sys.stderr = cast("TextIO", GuardedStream(sys.stderr))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def for_drawing(stream: TextIO) -> TextIO:
    """The stream behind a guard, for a program that draws; it makes its texts visible itself."""
    return stream.unguarded if isinstance(stream, GuardedStream) else stream


@contextmanager
def drawing() -> Iterator[None]:
    """The streams without their guard, for a library that draws on them by itself."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = for_drawing(sys.stdout), for_drawing(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
