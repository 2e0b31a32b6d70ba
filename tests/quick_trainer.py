"""``squill train`` with a recipe of few small steps, and none but the pairs in the gate.

``SQUILL_TEST_STEPS`` is their number, ``SQUILL_TEST_RATE`` how far they go. Checkpoints are
written, and lines told, after every step; it has the priority of whoever waits for it. Everything
else is as it is.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from squill import blas
from squill_trainer.commands import train
from squill_trainer.learning import pacing

_TINY_MODELS_RATE = 2e-2
_POOL = 12
"""General questions, which take longer to make than such a training does."""

_load_blas = blas.load_blas


def _load_and_shorten() -> object:
    """The recipe's modules import MLX, and its BLAS must be there before."""
    loaded = _load_blas()
    _shorten(int(os.environ.get("SQUILL_TEST_STEPS", "40")))
    return loaded


def _shorten(steps: int) -> None:
    from squill_trainer.commands import train_progress
    from squill_trainer.learning import candidate, curriculum, recipe, run
    from squill_trainer.learning.curriculum import Mixture
    from squill_trainer.learning.general import replayed_examples

    shorter = {
        "steps": steps,
        "steps_a_pair": 0,
        "most_steps": steps,
        "mixture": Mixture(own=4, composed=4, replayed=1, real=1),
    }
    rate = float(os.environ.get("SQUILL_TEST_RATE", recipe.EMBEDDED.rate))
    recipe.EMBEDDED = replace(recipe.EMBEDDED, rate=rate, **shorter)
    recipe.CONFINED = recipe.EMBEDDED
    recipe.OTHER = replace(recipe.OTHER, rate=_TINY_MODELS_RATE, **shorter)
    curriculum._REPLAY_POOL = _POOL
    curriculum.real_examples = lambda: replayed_examples(_POOL)
    run._CANARY = run._PLAIN = 0
    run.watched_examples = lambda _: ()
    candidate._CHECKPOINT_SECONDS = 0.0
    train_progress._LINE_SECONDS = 0.0


if __name__ == "__main__":
    pacing._LOWEST = 0
    blas.load_blas = _load_and_shorten  # type: ignore[assignment]
    sys.exit(train.main(sys.argv[1:]))
