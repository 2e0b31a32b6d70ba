"""A ``tokenizer.json`` by itself, for models whose tokenizer is nothing more.

It does what mlx-lm's wrapper around transformers does with such a file, and is there at once:
importing transformers takes longer than all else that a start does.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CHAT_TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates")
_HARMLESS = {
    *("tokenizer_class", "eos_token", "pad_token", "model_max_length"),
    "clean_up_tokenization_spaces",  # which mlx-lm's own decoding of such a tokenizer leaves out
}


def suffices(folder: Path) -> bool:
    """Whether ``tokenizer.json`` is all that there is to this model's tokenizer."""
    try:
        content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        known = {token["content"] for token in content["added_tokens"]}
        return (
            content["decoder"]["type"] == "ByteLevel"
            and settings["tokenizer_class"] == "PreTrainedTokenizerFast"
            and settings.keys() <= _HARMLESS
            and {settings[k] for k in ("eos_token", "pad_token") if k in settings} <= known
            and not any((folder / name).exists() for name in _CHAT_TEMPLATES)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # whoever reads it next says what is wrong with it


class FastTokenizer:
    """What the daemon uses of mlx-lm's ``TokenizerWrapper``, under the same names."""

    has_chat_template = False

    def __init__(self, folder: Path, end_tokens: Iterable[int]) -> None:
        self.backend_tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.backend_tokenizer.no_padding()
        self.backend_tokenizer.no_truncation()
        self.eos_token_ids = set(end_tokens)

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return list(self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids)

    @property
    def detokenizer(self) -> StreamedText:
        """A new one for each text."""
        return StreamedText(self.backend_tokenizer)


class StreamedText:
    """The text of the tokens so far, as far as its last character is whole."""

    def __init__(self, tokenizer: Any) -> None:
        self.text = ""
        self._tokenizer = tokenizer
        self._tokens: list[int] = []
        self._stream = DecodeStream(skip_special_tokens=False)

    def add_token(self, token: int) -> None:
        self._tokens.append(token)
        piece = self._stream.step(self._tokenizer, token)
        if piece:
            self.text += piece if self.text else piece.removeprefix(" ")

    def finalize(self) -> None:
        """No token follows."""
        whole = self._tokenizer.decode(self._tokens, skip_special_tokens=False)
        self.text = whole.removeprefix(" ")
