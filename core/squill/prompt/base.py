"""The interface of a prompt format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from squill.prompt.terminals import Terminals
    from squill.schema import Schema

ChatTemplate = Callable[[list[dict[str, str]]], str]
"""Renders messages (``role``, ``content``) as one prompt, generation prompt included."""


def chat_template(tokenizer: Any) -> ChatTemplate | None:
    """That of a tokenizer as mlx-lm loads it; None where it has none."""
    if not tokenizer.has_chat_template:
        return None

    def render(messages: list[dict[str, str]]) -> str:
        text: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return text

    return render


@dataclass(frozen=True, slots=True)
class Example:
    """A question with the SQL that answers it, shown to models that learn from examples."""

    question: str
    sql: str


class PromptFormat(Protocol):
    """Three pure functions over text. ``sql(target(q)) == q`` up to canonical form."""

    @property
    def id(self) -> str:
        """Name that travels with a model and with an adapter."""

    @property
    def dialect(self) -> str:
        """SQL dialect that the model writes, empty where it writes the schema's own."""

    @property
    def adds_special_tokens(self) -> bool:
        """Whether the tokenizer is to add its own start token to `prompt`'s text."""

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an answer for a model that was never taught its end token."""

    def fit(self, schema: Schema, question: str) -> Schema:
        """The part of the schema that a prompt of this format has place for."""

    def prefix(self, schema: Schema) -> str:
        """The part of every prompt on this schema that no question changes (may be empty)."""

    def prompt(self, schema: Schema, question: str, examples: Sequence[Example] = ()) -> str:
        """What the model reads. Starts with `prefix`'s text wherever the whole schema fits."""

    def target(self, sql: str, schema: Schema, question: str) -> str:
        """What the model is to write for ``sql``, without the end token.

        Raises:
            SchemaError: the format cannot express this statement.
        """

    def terminals(self, schema: Schema, question: str) -> Terminals:
        """What the names and literals of an answer are made of."""

    def preview(self, written: str, schema: Schema, question: str) -> str:
        """What a person may be shown of an answer that is still being written; not yet checked."""

    def sql(self, target: str, schema: Schema, question: str) -> str:
        """One SQL statement in the schema's dialect, without a closing semicolon.

        Raises:
            NoValidAnswerError: ``target`` names something that the prompt did not show.
        """
