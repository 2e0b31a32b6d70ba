"""Trains one candidate: its steps, its checkpoint, and the questions it is asked on the way."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from squill.adapters import WEIGHTS
from squill.errors import ModelError
from squill.paths import state_directory
from squill.training.history import workspace_name
from squill_trainer.base_model import load_base
from squill_trainer.learning.batches import groups
from squill_trainer.learning.checkpoint import Checkpoint
from squill_trainer.learning.curriculum import Curriculum
from squill_trainer.learning.evaluation import Score
from squill_trainer.learning.examples import Encoder, example_of, expressible
from squill_trainer.learning.lora import LoraTraining
from squill_trainer.learning.recipe import recipe_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from squill.adapters import AdapterCard, AdapterRegistry
    from squill.pairs import Pair, Pairs
    from squill.settings import Settings
    from squill_trainer.learning.batches import Group
    from squill_trainer.learning.lora import Step
    from squill_trainer.learning.pacing import Pacer
    from squill_trainer.learning.recipe import Recipe
    from squill_trainer.learning.trial import Trial

_CHECKPOINT_SECONDS = 15.0
_STRENGTHS = (1.0, 0.875, 0.75, 0.625, 0.5)
"""Shares of what was learned that are tried in turn while a candidate forgets general questions."""


@dataclass(frozen=True, slots=True)
class Report:
    """Where progress goes: sentences, and each step of how many."""

    say: Callable[[str], None]
    step: Callable[[Step, int], None]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned, beside what: ``learned`` of the ``pairs``, those of them that come ``later``
    in the second half of the steps. ``words`` are the adapter's own, ``base`` the model's digest.
    """

    base: str
    current: AdapterCard | None
    pairs: Pairs
    learned: Sequence[Pair]
    later: Sequence[Pair]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """``loss`` and ``loss_before`` are of the asked pairs' SQL, in nats a token.

    ``unlearned`` is what was made of the pairs that came later, before they did; nobody was asked
    where a training went on from a checkpoint behind that.
    """

    training: LoraTraining
    prompt_format: str
    checkpoint: Checkpoint
    loss: float
    loss_before: float
    unlearned: Score
    strengths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Course:
    """``beginning`` is what the first half of the steps reads where pairs come later."""

    training: LoraTraining
    prompt_format: str
    beginning: Curriculum
    whole: Curriculum
    judged: Sequence[Group]
    loss_before: float
    checkpoint: Checkpoint
    strengths: tuple[float, ...]


class CandidateTraining:
    """Any number of tries at one lesson, for ``workspace``. ``losses`` are of all their steps."""

    def __init__(
        self,
        workspace: Path,
        settings: Settings,
        registry: AdapterRegistry,
        lesson: Lesson,
        pacer: Pacer,
        report: Report,
    ) -> None:
        self.losses: list[float] = []
        self._workspace = workspace
        self._settings = settings
        self._registry = registry
        self._lesson = lesson
        self._pacer = pacer
        self._report = report

    async def train(self, trial: Trial, *, warm: bool) -> Trained:
        """``warm``: on from the adapter in use.

        Raises:
            SquillError: the model cannot be loaded or trained, or the daemon cannot be reached.
        """
        course = self._course(trial, warm=warm)
        training, unlearned = course.training, Score()
        half = training.steps // 2
        if self._lesson.later and training.step <= half:
            await self._steps(training, course.beginning, course.checkpoint, half)
            unlearned = await self._unlearned(training, course.prompt_format, trial, warm=warm)
        await self._steps(training, course.whole, course.checkpoint, training.steps)
        return Trained(
            training,
            course.prompt_format,
            course.checkpoint,
            training.loss(course.judged),
            course.loss_before,
            unlearned,
            course.strengths,
        )

    def _course(self, trial: Trial, *, warm: bool) -> _Course:
        """All that a training needs, its weights where they begin or where a kill left them."""
        lesson = self._lesson
        base = load_base(self._settings.model)
        encoder = Encoder(base.tokenizer, base.prompt_format)
        recipe = recipe_for(encoder.prompt_format.id, confined=bool(lesson.words))
        recipe = recipe.at_most(self._settings.learning.most_steps)
        learned = (example_of(pair, lesson.pairs) for pair in lesson.learned)
        examples = expressible(learned, encoder)
        if not examples:
            raise ModelError("None of the pairs can be written in the form that the model reads.")
        training = LoraTraining(
            base.model, recipe.lora, recipe.optimizer(len(examples), warm=warm), seed=recipe.seed
        )
        first = [example for example in examples if example not in trial.left_out] or examples
        beginning, whole = (
            Curriculum(known, encoder, recipe.mixture, recipe.seed) for known in (first, examples)
        )
        if recipe.focused:
            training.focus(*beginning.contrast())
        judged = groups(
            [encoder.encode(e) for e in expressible(trial.asked, encoder)],
            longest=recipe.mixture.longest,
            most_tokens=recipe.mixture.most_tokens,
        )
        loss_before = self._begin(training, judged, warm=warm)
        checkpoint = self._checkpoint(recipe, warm=warm)
        if checkpoint.resume(training):
            self._report.say(f"going on from step {training.step}")
        strengths = _STRENGTHS[:1] if recipe.lora.dora else _STRENGTHS
        form = encoder.prompt_format.id
        return _Course(training, form, beginning, whole, judged, loss_before, checkpoint, strengths)

    def _begin(self, training: LoraTraining, judged: Sequence[Group], *, warm: bool) -> float:
        """Puts the weights where a training begins; gives the loss of what is in use."""
        loss = training.loss(judged)
        if current := self._lesson.current:
            weights: Any = mx.load(str(self._registry.folder(current.digest) / WEIGHTS))
            if training.start_from(weights):
                loss = training.loss(judged)
        if not warm:
            training.start_anew()
        return loss

    def publish(
        self, training: LoraTraining, prompt_format: str, *, warm: bool, strength: float = 1.0
    ) -> str:
        """Puts what was learned by now into the registry, at a share of it; gives its digest."""
        lesson = self._lesson
        with tempfile.TemporaryDirectory(prefix="squill-adapter-") as place:
            card = self._registry.publish(
                training.save_adapter(Path(place), strength),
                base=lesson.base,
                prompt_format=prompt_format,
                parent=lesson.current.digest if lesson.current and warm else None,
                pairs=[pair.digest for pair in lesson.pairs.usable],
                words=lesson.words,
            )
        return card.digest

    async def _unlearned(
        self, training: LoraTraining, prompt_format: str, trial: Trial, *, warm: bool
    ) -> Score:
        digest = self.publish(training, prompt_format, warm=warm)
        self._report.say(f"asking {len(trial.left_out)} pairs that are still to be learned")
        try:
            return await trial.unlearned(digest)
        finally:
            self._registry.remove(digest)

    def _checkpoint(self, recipe: Recipe, *, warm: bool) -> Checkpoint:
        lesson = self._lesson
        subject = {
            "base": lesson.base,
            "pairs": [pair.digest for pair in lesson.learned],
            "later": [pair.digest for pair in lesson.later],
            "words": list(lesson.words),
            "schemas": sorted({pair.definitions for pair in lesson.learned}),
            "parent": lesson.current.digest if lesson.current and warm else "",
            "seed": recipe.seed,
        }
        name = workspace_name(self._workspace)
        return Checkpoint(state_directory() / "training" / f"{name}.safetensors", subject)

    async def _steps(
        self, training: LoraTraining, curriculum: Curriculum, checkpoint: Checkpoint, until: int
    ) -> None:
        saved = time.monotonic()
        for step in training.train(curriculum.batches(training.step, until)):
            self.losses.append(step.loss)
            self._report.step(step, training.steps)
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                checkpoint.save(training)
                saved = time.monotonic()
            await self._pacer.wait()
