"""The plain form inside a model's own chat template, applied exactly once."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

from squill.prompt.control import NO_CONTROL, ControlTokens
from squill.prompt.plain import PlainFormat, first_statement, one_line, render_tables
from squill.prompt.terminals import Terminals, spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.prompt.base import ChatTemplate, Example
    from squill.schema import Schema

_MARKS = re.compile(r"<\|.{1,40}?\|>|<{1,2}[^<>\s]{1,40}>{1,2}|\[[^\[\]\s]{1,40}\]")
_COMMON_MARKS = (
    *("<|system|>", "<|user|>", "<|assistant|>"),
    *("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
)

_DIALECT_NAMES = {"tsql": "T-SQL", "sqlite": "SQLite", "postgres": "PostgreSQL", "mysql": "MySQL"}


class ChatFormat:
    """For instruct models. The template writes the start token, so the tokenizer must not."""

    id = "chat-1"
    dialect = ""
    adds_special_tokens = False
    stops: tuple[str, ...] = ("\nQ:", "\n```")

    def __init__(self, template: ChatTemplate, control: ControlTokens = NO_CONTROL) -> None:
        self._template = template
        self._tokens = control
        self._plain = PlainFormat()

    @cached_property
    def _control(self) -> ControlTokens:
        """The tokenizer's, and the marks that the template writes as ordinary text."""
        frame = self._template([{"role": "user", "content": "a"}])
        return ControlTokens({*self._tokens.texts, *_MARKS.findall(frame), *_COMMON_MARKS})

    def fit(self, schema: Schema, question: str) -> Schema:
        """All of it: only the model's window limits this format."""
        return schema

    def prefix(self, schema: Schema) -> str:
        """The common start of two prompts on ``schema`` (the template's own head included)."""
        pairs = zip(self.prompt(schema, "a"), self.prompt(schema, "b"), strict=False)
        return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def prompt(self, schema: Schema, question: str, examples: Sequence[Example] = ()) -> str:
        dialect = _DIALECT_NAMES.get(schema.dialect, schema.dialect)
        task = f"Write one {dialect} query. Answer with the query alone.\n"
        data = self._control.as_data
        tables = render_tables(schema, self._control)
        content = f"{task}{tables}Q: {data(one_line(question))}\nA:"
        messages = [
            message
            for example in examples
            for message in (
                {"role": "user", "content": f"Q: {data(example.question)}\nA:"},
                {"role": "assistant", "content": data(example.sql)},
            )
        ]
        return self._template([*messages, {"role": "user", "content": content}])

    def target(self, sql: str, schema: Schema, question: str) -> str:
        return self._plain.target(sql, schema, question).lstrip()

    def terminals(self, schema: Schema, question: str) -> Terminals:
        return Terminals(schema.dialect, spelled(schema, schema.dialect), stops=self.stops)

    def preview(self, written: str, schema: Schema, question: str) -> str:
        return written.strip()

    def sql(self, target: str, schema: Schema, question: str) -> str:
        return first_statement(target)
