"""What an `Answerer` needs of a language model: tokens in, tokens out, one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator

    from squill.prompt.base import PromptFormat
    from squill.schema import Schema
    from squill_daemon.engine import ModelInfo


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """A prompt that the model has read. ``state`` is the model's own, and stays as it is."""

    tokens: tuple[int, ...]
    cached: int
    state: Any


@dataclass(frozen=True, slots=True)
class Written:
    """One more token: the whole text so far, this token's log-probability, whether it ends.

    ``forced``: the grammar left nothing else, and no forward pass was spent on choosing it.
    """

    text: str
    logprob: float
    end: bool
    forced: bool = False


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

    def read(self, tokens: list[int]) -> Generator[None, None, ReadPrompt]:
        """Read a prompt in chunks.

        Raises:
            SchemaError: it is longer than the model can read.
        """

    def write(
        self, prompt: ReadPrompt, sampling: Sampling, schema: Schema, question: str
    ) -> Generator[Written, None, None]:
        """Write on from a prompt, token by token, until its end token."""

    def close(self) -> None: ...
