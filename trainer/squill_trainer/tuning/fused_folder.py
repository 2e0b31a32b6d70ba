"""The whole way from an adapter to a folder with its instructions, proven before it is kept."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlx_lm.utils import load_tokenizer

from squill.errors import AdapterError
from squill_trainer.base_model import load_base
from squill_trainer.tuning.adapter_source import put_on
from squill_trainer.tuning.agreement import Agreement, agreement, greedy, sample_prompts
from squill_trainer.tuning.fuse import (
    asked_by_daemon,
    asked_by_mlx_lm,
    fuse_layers,
    reduce,
    save_folder,
)

if TYPE_CHECKING:
    from pathlib import Path

    from squill.adapters import AdapterCard

_MOST_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Precision:
    """How the fused weights are kept; ``bits`` quantises them."""

    dtype: str = "float32"
    bits: int | None = None
    group_size: int = 64

    @property
    def is_exact(self) -> bool:
        return self.dtype == "float32" and self.bits is None

    def __str__(self) -> str:
        return f"{self.bits}-bit weights" if self.bits else f"{self.dtype} weights"


def fuse_adapter(
    card: AdapterCard, adapter: Path, model: str, folder: Path, precision: Precision
) -> Agreement | None:
    """Write ``folder``; gives how far rounding moved the answers, None where nothing is rounded.

    Raises:
        ModelError: base or adapter cannot be used, or the folder would be asked otherwise than the
            adapter was trained.
    """
    base = load_base(model, exact=True)
    put_on(base, adapter)
    fuse_layers(base)
    texts = sample_prompts(card.prompt_format)
    prompts = [asked_by_daemon(base, card.prompt_format, text) for text in texts]
    found = None
    if precision.is_exact:
        reduce(base, precision.dtype, None, precision.group_size)
    else:
        answers = [greedy(base.model, prompt, base.ends, _MOST_TOKENS) for prompt in prompts]
        reduce(base, precision.dtype, precision.bits, precision.group_size)
        found = agreement(answers, base.model, prompts)
    save_folder(base, card.prompt_format, folder)
    try:
        _check_asked(folder, base.ends, texts, prompts)
    except AdapterError:
        shutil.rmtree(folder)
        raise
    (folder / "README.md").write_text(_readme(card, texts[0], precision, found), encoding="utf-8")
    return found


def _check_asked(folder: Path, ends: set[int], texts: list[str], prompts: list[list[int]]) -> None:
    tokenizer = load_tokenizer(  # type: ignore[no-untyped-call]
        folder, {"trust_remote_code": False}
    )
    for text, wanted in zip(texts, prompts, strict=True):
        if asked_by_mlx_lm(tokenizer, text) != wanted:
            raise AdapterError(
                "Through mlx-lm the fused model would read another prompt than the adapter learned "
                f"({text[-40:]!r}), so it was not written. Please report this model."
            )
    if not ends:
        raise AdapterError("The base model names no end token, so the fused one would never stop.")


def _readme(card: AdapterCard, prompt: str, precision: Precision, found: Agreement | None) -> str:
    shown = prompt.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    kept = f"Kept as {precision}"
    kept += f"; agreement with float32: {found}." if found else "."
    quoted = prompt.replace("'", "'\\''")
    return f"""# Fused by Squill

Base model {card.base[:12]} with adapter {card.digest[:12]}, prompts of form `{card.prompt_format}`.
{kept}

```sh
mlx_lm.generate --model . --max-tokens 256 --prompt "{shown}"
```

`mlx_lm.generate` makes line breaks of the `\\n` in its `--prompt`; a prompt that has a backslash of
its own goes in by standard input, without a line break at its end:

```sh
printf %s '{quoted}' |
  mlx_lm.generate --model . --max-tokens 256 --prompt -
```

Pass the prompt as it stands here. The chat template, where the folder has one, is the tool's part.
Squill itself serves the folder: `squill daemon restart --model DIR`.
"""
