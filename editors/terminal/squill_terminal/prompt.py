"""The prompt: history, completion of names, questions to the user. prompt_toolkit and rich."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import Completer, Completion
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout
from rich.syntax import Syntax

from squill.terminal_text import visible, visible_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from prompt_toolkit.completion import CompleteEvent
    from prompt_toolkit.document import Document
    from rich.console import Console, RenderableType

_LEAST = 2
"""Letters of a name that must stand there before names are offered."""


class NameCompleter(Completer):
    """Commands behind a backslash or a dot at the line's start, else tables and columns."""

    def __init__(self, names: Iterable[str], commands: Sequence[str]) -> None:
        self._names = sorted(set(names), key=str.casefold)
        self._commands = commands

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterator[Completion]:
        line = document.text_before_cursor
        if line.startswith(("\\", ".")) and " " not in line:
            yield from _completions(line[1:], self._commands)
            return
        word = document.get_word_before_cursor()
        if len(word) >= _LEAST or line.startswith(("\\schema ", ".schema ")):
            yield from _completions(word, self._names)


def _completions(begun: str, names: Iterable[str]) -> Iterator[Completion]:
    folded = begun.casefold()
    for name in names:
        if name.casefold().startswith(folded):
            yield Completion(name, start_position=-len(begun))


class Prompt:
    """A `Terminal` with a line to type on. Owned by the main thread.

    ``history`` is the file of earlier lines, None for a session without one.
    """

    def __init__(self, console: Console, history: Path | None) -> None:
        self._console = console
        self._lines: PromptSession[str] = PromptSession(
            history=FileHistory(str(history)) if history else InMemoryHistory(),
            auto_suggest=AutoSuggestFromHistory(),
            complete_while_typing=True,
        )
        self._questions: PromptSession[str] = PromptSession()

    def line(self, name: str, completer: Completer) -> str:
        """
        Raises:
            EOFError: Ctrl-D ends the session.
            KeyboardInterrupt: Ctrl-C gives the line up.
        """
        with patch_stdout():
            return self._lines.prompt(f"{visible_line(name)}> ", completer=completer)

    def show(self, what: RenderableType) -> None:
        shown = visible(what) if isinstance(what, str) else what
        self._console.print(shown, markup=False, highlight=False)

    def show_sql(self, sql: str) -> None:
        if self._console.is_terminal:
            self._console.print(
                Syntax(visible(sql), "sql", word_wrap=True, background_color="default")
            )
        else:
            self.show(sql)

    def confirm(self, question: str) -> bool:
        """Yes for an empty answer, no for Ctrl-C; what is neither yes nor no is asked again."""
        while True:
            try:
                answer = self._questions.prompt(f"{question} [Y/n] ").strip().casefold()
            except (EOFError, KeyboardInterrupt):
                return False
            if answer in ("", "y", "yes"):
                return True
            if answer in ("n", "no"):
                return False
            self.show("Answer y to run it, or n to leave it and ask something else.")

    def edit(self, sql: str) -> str:
        try:
            return self._questions.prompt("sql> ", default=sql)
        except (EOFError, KeyboardInterrupt):
            return ""
