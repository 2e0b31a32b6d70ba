"""What both sides are asked: one schema and question, as the daemon's params and as its prompt."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from squill.ddl import SchemaBuilder, SchemaSource
from squill.prompt import format_for_model
from squill.prompt.pruning import prune
from squill.schema import to_wire
from squill.settings import GenerationSettings

if TYPE_CHECKING:
    from pathlib import Path

    from latency_schemas import Design
    from squill.schema import Schema

MAX_TOKENS = GenerationSettings().max_tokens
_FEWEST_COLUMNS = 8


@dataclass(frozen=True)
class Asked:
    """``wire`` goes to the daemon, ``prompt`` to mlx_lm.server: ready made, off the clock."""

    wire: dict[str, Any]
    question: str
    prompt: str


class Prompts:
    """Renders prompts as the daemon does, for a server that only takes text."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # PyTorch is not missed
        from transformers import AutoTokenizer

        self.folder = folder
        self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        has_template = bool(self._tokenizer.chat_template)
        self._format = format_for_model(folder, self._template if has_template else None)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        window = config.get("max_position_embeddings")
        self._room = (window if isinstance(window, int) else 2**31) - MAX_TOKENS
        self._builder = SchemaBuilder()

    @property
    def format_id(self) -> str:
        return self._format.id

    @cached_property
    def end_tokens(self) -> list[int]:
        """The tokens that a request which must not end forbids."""
        return [] if self._tokenizer.eos_token_id is None else [self._tokenizer.eos_token_id]

    def asked(self, design: Design, question: str) -> Asked:
        schema = self._builder.build([SchemaSource("0", design.ddl)], "sqlite").schema
        return Asked(to_wire(schema), question, self._prompt(schema, question))

    def _prompt(self, whole: Schema, question: str) -> str:
        """As the daemon fits a schema to the model's window (checked by comparing lengths)."""
        schema = self._format.fit(whole, question)
        columns = sum(len(table.columns) for table in schema.tables)
        while True:
            text = self._format.prompt(schema, question)
            length = len(self._encode(text, special=self._format.adds_special_tokens))
            if length <= self._room or columns <= _FEWEST_COLUMNS:
                return self._as_sent(text)
            columns //= 2
            schema = prune(whole, question, max_tables=columns, max_columns=columns)

    def _as_sent(self, text: str) -> str:
        """The server adds a start token of its own: one that the text carries already goes."""
        start = self._tokenizer.bos_token
        if start and text.startswith(start) and not self._format.adds_special_tokens:
            return text.removeprefix(start)
        return text

    def _encode(self, text: str, *, special: bool) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=special))

    def _template(self, messages: list[dict[str, str]]) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        )
