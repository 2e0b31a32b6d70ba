"""Example pairs as a model reads them: token ids, with loss on the SQL alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from squill.errors import SchemaError
from squill.prompt.slots import SlotsFormat
from squill.prompt.slots.format import render
from squill.prompt.slots.numbering import Numbering
from squill.prompt.slots.target import to_target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from squill.pairs import Pair, Pairs
    from squill.prompt.base import PromptFormat
    from squill.schema import Schema


@dataclass(frozen=True, slots=True)
class Example:
    """A question on a schema and its answer in the schema's dialect."""

    question: str
    sql: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A schema as one prompt shows it; the numbers are those of the slot format's first slots."""

    schema: Schema
    first_table: int = 1
    first_column: int = 1
    first_word: int = 1


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """A prompt with its answer; loss counts from ``answer_start`` on."""

    tokens: tuple[int, ...]
    answer_start: int


class Encoder:
    """Turns examples into tokens, through the model's own prompt format and tokenizer."""

    def __init__(self, tokenizer: Any, prompt_format: PromptFormat) -> None:
        self._tokenizer = tokenizer
        self.prompt_format = prompt_format

    @property
    def is_numbered(self) -> bool:
        """Whether prompts number their schema, so that another arrangement is another prompt."""
        return isinstance(self.prompt_format, SlotsFormat)

    def encode(self, example: Example) -> TokenSequence:
        """As the question is asked when it is served.

        Raises:
            SchemaError: the format cannot express the answer.
        """
        prompt = self.prompt_format.prompt(example.schema, example.question)
        target = self.prompt_format.target(example.sql, example.schema, example.question)
        return self._sequence(prompt, target)

    def encode_arranged(self, example: Example, place: Arrangement) -> TokenSequence:
        """As it would be asked if the schema were arranged so (the slot format alone).

        Raises:
            SchemaError: the format cannot express the answer.
        """
        numbering = Numbering(
            replace(place.schema, dialect=example.schema.dialect),
            example.question,
            place.first_table,
            place.first_column,
            place.first_word,
        )
        written = self.prompt_format.dialect
        read = example.schema.dialect
        target = to_target(example.sql, numbering, read=read, write=written)
        return self._sequence(render(numbering), target)

    def _sequence(self, prompt: str, target: str) -> TokenSequence:
        special = self.prompt_format.adds_special_tokens
        asked = self._tokenizer.encode(prompt, add_special_tokens=special)
        answer = self._tokenizer.encode(target, add_special_tokens=False)
        return TokenSequence((*asked, *answer, self._tokenizer.eos_token_id), len(asked))


def example_of(pair: Pair, pairs: Pairs) -> Example:
    schema = pairs.schema_of(pair)
    return Example(pair.question, pair.sql, replace(schema, dialect=pair.dialect))


def expressible(examples: Iterable[Example], encoder: Encoder) -> list[Example]:
    """Those whose answers the model's form can say: the embedded model writes queries only."""
    found = []
    for example in examples:
        try:
            encoder.encode(example)
        except SchemaError:
            continue
        found.append(example)
    return found
