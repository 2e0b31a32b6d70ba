"""Choosing a token. On the host: what a grammar allows is a few tokens of many thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from squill_daemon.batching import Logits
    from squill_daemon.grammar.scope import Allowed


def choose(
    logits: Logits, allowed: Allowed | None, temperature: float, noise: np.random.Generator
) -> tuple[int, float]:
    """A token and its log-probability (nats) among the allowed ones.

    Above temperature 0 it is drawn, by the Gumbel-max trick.
    """
    tokens = None if allowed is None else np.flatnonzero(allowed[: len(logits)])
    scores = logits if tokens is None else logits[tokens]
    scores = scores - scores.max()
    if temperature > 0:
        at = int((scores / temperature + noise.gumbel(size=scores.shape)).argmax())
    else:
        at = int(scores.argmax())
    logprob = float(scores[at] - np.log(np.exp(scores).sum()))
    return (at if tokens is None else int(tokens[at])), logprob
