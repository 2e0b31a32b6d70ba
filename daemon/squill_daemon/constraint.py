"""What a model may write next, beyond what its own probabilities say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import mlx.core as mx

    from squill.prompt.base import PromptFormat
    from squill.schema import Schema


class LogitsConstraint(Protocol):
    """Made for one request; called on the model thread before each token is chosen."""

    def __call__(self, written: Sequence[int], logits: mx.array) -> mx.array:
        """``logits`` (1 x vocabulary) with what may not follow ``written`` at minus infinity."""


def constraint_for(
    prompt_format: PromptFormat, tokenizer: Any, schema: Schema, question: str
) -> LogitsConstraint | None:
    """The constraint of a format that knows which tokens its answers are made of, else None.

    Such a format has ``allowed_tokens(schema, question)``, which gives the tokens' own spelling;
    the end tokens are always allowed.
    """
    allowed = getattr(prompt_format, "allowed_tokens", None)
    if allowed is None:
        return None
    ids = tokenizer.convert_tokens_to_ids(sorted(allowed(schema, question)))
    return AllowedTokens({i for i in ids if i is not None} | set(tokenizer.eos_token_ids))


class AllowedTokens:
    """One set of tokens for the whole answer."""

    def __init__(self, ids: set[int]) -> None:
        self._ids = sorted(ids)
        self._bias: mx.array | None = None

    def __call__(self, written: Sequence[int], logits: mx.array) -> mx.array:  # noqa: ARG002
        import mlx.core as mx

        if self._bias is None:
            bias = mx.full((1, logits.shape[-1]), -mx.inf, logits.dtype)
            bias[:, mx.array(self._ids)] = 0
            self._bias = bias
        return logits + self._bias
