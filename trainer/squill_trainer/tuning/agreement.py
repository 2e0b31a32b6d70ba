"""Whether two models write the same, token by token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx_lm.generate import generate_step

from squill.ddl import parse_schema
from squill.prompt.formats import format_by_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SAMPLES = (
    (
        "CREATE TABLE students (name TEXT, age INT, school TEXT, grade INT);",
        ("How old is Wang Junjian?", "How many students are in grade 3?", "names by age"),
    ),
    (
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, country TEXT);"
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES "
        "customers (id), amount REAL);",
        ("total amount of orders by country", "customers without an order", "largest order"),
    ),
)


def sample_prompts(prompt_format: str) -> list[str]:
    """What a person passes to `mlx_lm.generate`: the chat template, if any, is the tool's part."""
    form = format_by_id(prompt_format, lambda messages: messages[-1]["content"])
    return [
        form.prompt(parse_schema(definitions, "sqlite").schema, question)
        for definitions, questions in SAMPLES
        for question in questions
    ]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of ``tokens`` written by one model, ``same`` are the other's choice at the same place.

    ``whole`` of ``answers`` are the same from the first token to the last.
    """

    same: int
    tokens: int
    whole: int
    answers: int

    def __str__(self) -> str:
        share = 100 * self.same / max(1, self.tokens)
        return (
            f"{share:.1f} % of {self.tokens} tokens, "
            f"{self.whole} of {self.answers} answers from end to end"
        )


def greedy(model: Any, prompt: Sequence[int], ends: Iterable[int], most: int) -> list[int]:
    """The likeliest tokens one after the other, without the one that ends them."""
    written: list[int] = []
    stops = set(ends)
    for token, _ in generate_step(mx.array(list(prompt)), model, max_tokens=most):
        if token in stops:
            break
        written.append(int(token))
    return written


def choices(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> list[int]:
    """What ``model`` would write at each place of an answer that it is given."""
    logits = model(mx.array([[*prompt, *answer]]))[0, len(prompt) - 1 : -1]
    found: Any = mx.argmax(logits, axis=-1).tolist()
    return list(found)


def agreement(
    answers: Sequence[Sequence[int]], model: Any, prompts: Sequence[Sequence[int]]
) -> Agreement:
    """Of another model's answers to the prompts with ``model``."""
    same = tokens = whole = 0
    for prompt, answer in zip(prompts, answers, strict=True):
        found = choices(model, prompt, answer) if answer else []
        right = sum(a == b for a, b in zip(found, answer, strict=True))
        same, tokens = same + right, tokens + len(answer)
        whole += right == len(answer)
    return Agreement(same, tokens, whole, len(answers))
