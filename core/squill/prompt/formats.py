"""Which format a model uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from squill.errors import ModelUnsupportedError
from squill.prompt.chat import ChatFormat
from squill.prompt.control import NO_CONTROL, control_tokens
from squill.prompt.lines.format import LinesFormat
from squill.prompt.plain import PlainFormat
from squill.prompt.slots import SlotsFormat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from squill.prompt.base import ChatTemplate, PromptFormat
    from squill.prompt.control import ControlTokens

Literals = Literal["free", "question"]

MANIFEST = "squill.json"
"""In a model folder, names the format that the model was trained with."""


def format_by_id(
    identifier: str,
    chat_template: ChatTemplate | None = None,
    control: ControlTokens = NO_CONTROL,
) -> PromptFormat:
    """The format of that id. ``control``: what must not become a token where a user wrote it.

    Raises:
        ModelUnsupportedError: unknown id, or a chat format without a chat template.
    """
    if identifier == ChatFormat.id:
        if chat_template is None:
            raise ModelUnsupportedError(
                "The model is marked as a chat model but its tokenizer has no chat template; "
                'set "prompt_format" in its squill.json to "plain-1".'
            )
        return ChatFormat(chat_template, control)
    formats: dict[str, Callable[[], PromptFormat]] = {
        PlainFormat.id: lambda: PlainFormat(control),
        LinesFormat.id: lambda: LinesFormat(control),
        SlotsFormat.id: SlotsFormat,
    }
    if identifier not in formats:
        raise ModelUnsupportedError(
            f"Prompt format {identifier!r} is unknown to this version of Squill "
            f"(known: {', '.join([*formats, ChatFormat.id])}); update Squill or the model."
        )
    return formats[identifier]()


def format_for_model(folder: Path, chat_template: ChatTemplate | None) -> PromptFormat:
    """The format that the model's manifest names, else chat where there is a template, else plain.

    It knows the control tokens of the tokenizer that lies in the folder.

    Raises:
        ModelUnsupportedError: the manifest cannot be read or names an unknown format.
    """
    if (folder / MANIFEST).exists():
        identifier = _manifest(folder)["prompt_format"]
    else:
        identifier = ChatFormat.id if chat_template else PlainFormat.id
    # The slots format leaves out whatever could spell a token, and its tokenizer is a large file.
    control = NO_CONTROL if identifier == SlotsFormat.id else control_tokens(folder)
    return format_by_id(identifier, chat_template, control)


def declared_format(folder: Path) -> str:
    """The id of `format_for_model`'s format, without loading the tokenizer.

    Raises:
        ModelUnsupportedError: the manifest cannot be read.
    """
    if (folder / MANIFEST).exists():
        return _manifest(folder)["prompt_format"]
    return ChatFormat.id if _has_template(folder) else PlainFormat.id


def _has_template(folder: Path) -> bool:
    if any((folder / f"chat_template.{kind}").exists() for kind in ("jinja", "json")):
        return True
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and bool(
        config.get("chat_template") or config.get("chat_template_type")
    )


def literals_for_model(folder: Path) -> Literals:
    """Whether string literals are words of the question: ``"literals"`` in the model's manifest.

    Raises:
        ModelUnsupportedError: the manifest cannot be read or says something else.
    """
    value = _manifest(folder).get("literals", "free") if (folder / MANIFEST).exists() else "free"
    if value == "question":
        return "question"
    if value == "free":
        return "free"
    raise ModelUnsupportedError(
        f'{folder / MANIFEST}: "literals" must be "free" or "question", not {value!r}; correct it.'
    )


def _manifest(folder: Path) -> dict[str, str]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        return {"prompt_format": str(manifest["prompt_format"])} | {
            key: str(value) for key, value in manifest.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnsupportedError(
            f'{path} must be JSON with a "prompt_format" ({error!r}); correct or remove it.'
        ) from error
