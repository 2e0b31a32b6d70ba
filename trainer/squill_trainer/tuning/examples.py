"""Training files as tokens, in the form that the model is asked in when it is served."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlx_lm.tuner.datasets import TextDataset

from squill.errors import UsageError
from squill.prompt import chat_template
from squill.prompt.chat import ChatFormat
from squill.prompt.plain import PlainFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from squill_trainer.base_model import Base

    Example = dict[str, Any]

SPLITS = ("train", "valid", "test")

_MARK = "squill marks the question"
_KINDS = {
    "text": ("text",),
    "completion": ("prompt", "completion"),
    "messages": ("messages",),
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token sequences, each with the position where its loss begins.

    ``prompt_format`` is the form of the prompts that were learned.
    """

    sequences: Sequence[tuple[list[int], int]]
    prompt_format: str


def read_splits(path: Path) -> dict[str, list[Example]]:
    """Of a folder its train, valid and test.jsonl; a file is the training split alone.

    Raises:
        UsageError: there is no training file, or a line that is none of the three kinds.
    """
    files = {name: path / f"{name}.jsonl" for name in SPLITS} if path.is_dir() else {"train": path}
    found = {name: _read(file) for name, file in files.items() if file.is_file()}
    if not found.get("train"):
        raise UsageError(
            f"{files['train']} is not there or empty. Write it with `squill dataset`, or name a "
            "folder with train.jsonl, or one .jsonl file."
        )
    return found


def _read(path: Path) -> list[Example]:
    examples = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                examples.append(_checked(json.loads(line), f"{path}:{number}"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not JSON Lines ({error}). Correct it.") from error
    if len({kind_of(example) for example in examples}) > 1:
        raise UsageError(f"{path} mixes lines of different kinds. Use one kind in a file.")
    return examples


def _checked(value: object, where: str) -> Example:
    if isinstance(value, dict) and kind_of(value):
        texts = [value[key] for key in ("text", "prompt", "completion") if key in value]
        if all(isinstance(text, str) for text in texts):
            return value
    raise UsageError(
        f'{where} has neither "text", nor "prompt" and "completion", nor "messages". Correct it.'
    )


def kind_of(example: Mapping[str, Any]) -> str:
    """``text``, ``completion`` or ``messages``; empty for none of them."""
    kinds = (kind for kind, keys in _KINDS.items() if all(key in example for key in keys))
    return next(kinds, "")


class ExampleEncoder:
    """Encodes for one model; every split of a training goes through the same one."""

    def __init__(self, base: Base, *, whole: bool = False) -> None:
        """``whole``: the prompt has loss as well."""
        self._tokenizer = base.tokenizer
        self._template = chat_template(base.tokenizer)
        self._format = base.prompt_format
        self._whole = whole

    def encode(self, examples: Sequence[Example]) -> Encoded:
        """
        Raises:
            UsageError: messages for a model without a chat template.
        """
        kind = kind_of(examples[0])
        if kind == "text":
            framed = [self._framed(example["text"]) for example in examples]
            if None not in framed:
                pairs = [pair for pair in framed if pair is not None]
                return Encoded([self._asked(*pair) for pair in pairs], ChatFormat.id)
            return Encoded([self._text(example) for example in examples], PlainFormat.id)
        if kind == "completion":
            pairs = [(self._prompt(e["prompt"]), e["completion"]) for e in examples]
        else:
            pairs = [self._conversation(e["messages"]) for e in examples]
        return Encoded([self._asked(*pair) for pair in pairs], self._format.id)

    def _framed(self, text: str) -> tuple[str, str] | None:
        """Prompt and answer of a text that carries the model's own chat template already.

        Taken for what it is, it is learned as it will be asked: the template once, and no start
        token before it but the template's own.
        """
        if self._template is None or self._format.id != ChatFormat.id:
            return None
        head, _, tail = self._template([{"role": "user", "content": _MARK}]).partition(_MARK)
        body = text.removeprefix(head).removeprefix(head.removeprefix(self._start))
        question, found, answer = body.partition(tail.rstrip("\n"))
        if len(body) == len(text) or not tail.strip() or not found or head in answer:
            return None
        end = self._tokenizer.eos_token or ""
        answer = answer.lstrip("\n").rstrip("\n")
        return self._prompt(question), answer.removesuffix(end) if end else answer

    @property
    def _start(self) -> str:
        return getattr(self._tokenizer, "bos_token", None) or ""

    def _text(self, example: Example) -> tuple[list[int], int]:
        return TextDataset([], self._tokenizer).process(example)  # type: ignore[no-any-return,no-untyped-call]

    def _prompt(self, content: str) -> str:
        if self._format.id == ChatFormat.id and self._template is not None:
            return self._template([{"role": "user", "content": content}])
        return content

    def _conversation(self, messages: list[dict[str, str]]) -> tuple[str, str]:
        if self._template is None:
            raise UsageError(
                "The model has no chat template, so it cannot learn from messages. "
                'Write "prompt" and "completion" instead.'
            )
        match messages:
            case [*_, {"role": "assistant", "content": str(answer)}] if len(messages) > 1:
                return self._template(messages[:-1]), answer
        raise UsageError("Messages must end with the assistant's, after at least one other.")

    def _asked(self, prompt: str, answer: str) -> tuple[list[int], int]:
        special = self._format.adds_special_tokens
        asked = list(self._tokenizer.encode(prompt, add_special_tokens=special))
        written = list(self._tokenizer.encode(answer, add_special_tokens=False))
        return [*asked, *written, self._tokenizer.eos_token_id], 0 if self._whole else len(asked)
