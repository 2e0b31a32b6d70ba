"""The one place where prompts are rendered, by daemon, trainer and evaluation alike.

A format has three pure functions: ``prompt`` (what the model reads), ``target`` (what it learns to
write) and ``sql`` (the inverse of ``target``). Its id travels with a model and with an adapter.
"""

from squill.prompt.base import ChatTemplate, Example, PromptFormat, chat_template
from squill.prompt.formats import format_by_id, format_for_model, literals_for_model

__all__ = [
    "ChatTemplate",
    "Example",
    "PromptFormat",
    "chat_template",
    "format_by_id",
    "format_for_model",
    "literals_for_model",
]
