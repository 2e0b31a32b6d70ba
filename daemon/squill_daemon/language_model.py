"""What an `Answerer` needs of a language model: tokens in, tokens out, one pass at a time.

`read` and `write` are generators. Each gives a row where it needs the model to have read that
row's pending tokens before it goes on; `launch` and `land` do that for many rows at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from squill.prompt.base import PromptFormat
    from squill.schema import Schema
    from squill_daemon.engine import EngineFigures, ModelInfo, Row


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """A prompt that the model has read. ``state`` is the model's own, and stays as it is."""

    tokens: tuple[int, ...]
    cached: int
    state: Any


@dataclass(frozen=True, slots=True)
class Written:
    """One more token: the whole text so far, this token's log-probability, whether it ends.

    ``forced`` tokens followed it, for the grammar left nothing else. ``row``: what has to be read
    before the next one.
    """

    text: str
    logprob: float
    end: bool
    forced: int = 0
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """Temperature 0 takes the likeliest token each time; ``seed`` decides the others."""

    temperature: float = 0.0
    seed: int = 0


class LanguageModel(Protocol):
    """Belongs to the model thread."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def prompt_format(self) -> PromptFormat: ...

    def encode(self, text: str) -> list[int]:
        """Tokens of a prompt, with the start token where the prompt format asks for it."""

    def read(
        self, tokens: list[int], adapter: str | None = None
    ) -> Generator[Row, None, ReadPrompt]:
        """Read a prompt in chunks, with the adapter of that digest (None for the base model).

        Raises:
            SchemaError: it is longer than the model can read.
            AdapterError: no such adapter, or one that does not fit this model.
        """

    def write(
        self, prompt: ReadPrompt, sampling: Sampling, schema: Schema, question: str
    ) -> Generator[Written, None, None]:
        """Write on from a prompt, with its adapter, token by token until its end token."""

    def load_adapter(self, digest: str) -> int:
        """Make it ready; its size in bytes.

        Raises:
            AdapterError: as `read`.
        """

    def launch(self, rows: Sequence[Row]) -> None: ...

    def land(self) -> None: ...

    def abandon(self) -> None: ...

    def tune(self) -> bool: ...

    def rest(self) -> None: ...

    def shed(self) -> str: ...

    def figures(self) -> EngineFigures: ...

    def unload(self) -> None:
        """Let go of everything but the thread."""

    def close(self) -> None:
        """`unload`, and let go of what belongs to the thread; nothing may follow."""
