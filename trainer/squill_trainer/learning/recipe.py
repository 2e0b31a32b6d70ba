"""The settings that were found by measuring, for the embedded model and for others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from squill_trainer.learning.curriculum import Mixture
from squill_trainer.learning.lora import LoraSettings, OptimizerSettings

_LINEAR = (
    *(f"self_attn.{name}_proj" for name in "qkvo"),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model is retrained. A few pairs need fewer steps than many.

    ``rehearsal``: see `OptimizerSettings`. ``focused``: only along the directions in which the new
    texts differ from others. To find them takes a decomposition of each layer's inputs, which is
    for small models.
    """

    lora: LoraSettings
    rate: float
    steps: int
    steps_a_pair: int
    most_steps: int
    rehearsal: float = 4.0
    mixture: Mixture = field(default_factory=Mixture)
    focused: bool = False
    seed: int = 0

    def at_most(self, steps: int) -> Recipe:
        """With no more steps than that; 0 for its own limit."""
        return replace(self, most_steps=min(steps, self.most_steps)) if steps else self

    def optimizer(self, pairs: int, *, warm: bool) -> OptimizerSettings:
        """``warm``: from an adapter that knows most of the pairs already."""
        steps = min(self.most_steps, self.steps + self.steps_a_pair * pairs)
        return OptimizerSettings(
            steps // 2 if warm else steps,
            self.rate / (2 if warm else 1),
            rehearsal=self.rehearsal,
        )


EMBEDDED = Recipe(
    LoraSettings(rank=16, scale=2.0, keys=(*_LINEAR, "model.embed_tokens")),
    rate=5e-3,
    steps=60,
    steps_a_pair=1,
    most_steps=120,
    rehearsal=12.0,
    mixture=Mixture(own=3, transplanted=4, composed=4, replayed=3, real=4),
    focused=True,
)
CONFINED = replace(
    EMBEDDED,
    rehearsal=1.0,
    mixture=Mixture(own=4, transplanted=6, composed=6, replayed=1, real=1),
)
"""For an adapter that is asked of its own words alone: there is little that it could spoil."""
OTHER = Recipe(
    LoraSettings(rank=8, scale=20.0, num_layers=16),
    rate=1e-4,
    steps=60,
    steps_a_pair=8,
    most_steps=300,
    mixture=Mixture(own=2, transplanted=1, composed=1, replayed=1, real=1),
)


def recipe_for(prompt_format: str, *, confined: bool) -> Recipe:
    """By the format of the model's prompts: the embedded model alone is known by measurement."""
    if not prompt_format.startswith("slots-"):
        return OTHER
    return CONFINED if confined else EMBEDDED
