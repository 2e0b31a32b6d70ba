"""The tiny model with a chat template of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }}"
    "{{ eos_token if m.role == 'assistant' }}\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant> "
    "{% if enable_thinking is defined and not enable_thinking %}() {% endif %}{% endif %}"
)
"""As the models do that can think: unless told not to, it leaves the answer's beginning open."""


def make_chatty_model(folder: Path, seed: int = 0) -> Path:
    make_tiny_model(folder, seed)
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return folder
