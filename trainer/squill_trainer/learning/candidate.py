"""Trains one candidate: its steps, its checkpoint, and the questions it is asked on the way."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
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
    """``learned`` of the ``pairs`` are trained on, the ``left_out`` in the last third of it alone.

    ``base`` is the model's digest, ``current`` the adapter in use, ``words`` the next one's own.
    """

    base: str
    current: AdapterCard | None
    pairs: Pairs
    learned: Sequence[Pair]
    left_out: Sequence[Pair]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """One training; ``warm``: on from the adapter in use.

    The first two thirds of the steps read ``beginning``, the last ``whole``. ``judged`` is what
    losses are of; ``strengths`` are the shares of the result that may be published.
    """

    training: LoraTraining
    prompt_format: str
    warm: bool
    beginning: Curriculum
    whole: Curriculum
    judged: Sequence[Group]
    loss_before: float
    checkpoint: Checkpoint
    strengths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """``loss`` is of the asked pairs' SQL, in nats a token.

    ``left_out`` is what was made of those pairs before they were learned; nobody was asked where a
    training went on from a checkpoint behind that.
    """

    course: Course
    loss: float
    left_out: Score


@dataclass(slots=True)
class CandidateTraining:
    """Any number of tries at one lesson, for ``workspace``. ``losses`` are of all their steps."""

    workspace: Path
    settings: Settings
    registry: AdapterRegistry
    lesson: Lesson
    pacer: Pacer
    report: Report
    losses: list[float] = field(default_factory=list)

    async def train(self, trial: Trial, *, warm: bool) -> Trained:
        """
        Raises:
            SquillError: the model cannot be loaded or trained, or the daemon cannot be reached.
        """
        course = self._course(trial, warm=warm)
        training, left_out = course.training, Score()
        beginning = 2 * training.steps // 3
        if trial.left_out and training.step <= beginning:
            await self._steps(course, course.beginning, beginning)
            left_out = await self._ask_left_out(course, trial)
        await self._steps(course, course.whole, training.steps)
        return Trained(course, training.loss(course.judged), left_out)

    def publish(self, course: Course, strength: float = 1.0) -> str:
        """Puts what was learned by now into the registry, at a share of it; gives its digest."""
        lesson = self.lesson
        with tempfile.TemporaryDirectory(prefix="squill-adapter-") as place:
            card = self.registry.publish(
                course.training.save_adapter(Path(place), strength),
                base=lesson.base,
                prompt_format=course.prompt_format,
                parent=lesson.current.digest if lesson.current and course.warm else None,
                pairs=[pair.digest for pair in lesson.pairs.usable],
                words=lesson.words,
            )
        return card.digest

    def _course(self, trial: Trial, *, warm: bool) -> Course:
        """A training whose weights are where it begins, or where a kill left them."""
        lesson = self.lesson
        base = load_base(self.settings.model)
        encoder = Encoder(base.tokenizer, base.prompt_format)
        recipe = recipe_for(encoder.prompt_format.id, confined=bool(lesson.words))
        recipe = recipe.at_most(self.settings.learning.most_steps)
        learned = (example_of(pair, lesson.pairs) for pair in lesson.learned)
        examples = expressible(learned, encoder)
        if not examples:
            raise ModelError("None of the pairs can be written in the form that the model reads.")
        training = LoraTraining(
            base.model, recipe.lora, recipe.optimizer(len(examples), warm=warm), seed=recipe.seed
        )
        beginning = whole = Curriculum(examples, encoder, recipe.mixture, recipe.seed)
        first = [example for example in examples if example not in trial.left_out]
        if first and first != examples:
            beginning = Curriculum(first, encoder, recipe.mixture, recipe.seed)
        if recipe.focused:
            training.focus(*beginning.contrast())
        judged = groups(
            [encoder.encode(e) for e in expressible(trial.asked, encoder)],
            longest=recipe.mixture.longest,
            most_tokens=recipe.mixture.most_tokens,
        )
        course = Course(
            training,
            encoder.prompt_format.id,
            warm,
            beginning,
            whole,
            judged,
            self._begin(training, judged, warm=warm),
            self._checkpoint(recipe, warm=warm),
            _STRENGTHS[:1] if recipe.lora.dora else _STRENGTHS,
        )
        if course.checkpoint.resume(training):
            self.report.say(f"going on from step {training.step}")
        return course

    def _begin(self, training: LoraTraining, judged: Sequence[Group], *, warm: bool) -> float:
        """Puts the weights where a training begins; gives the loss of what is in use."""
        if current := self.lesson.current:
            weights: Any = mx.load(str(self.registry.folder(current.digest) / WEIGHTS))
            training.start_from(weights)
        loss = training.loss(judged)
        if not warm:
            training.start_anew()
        return loss

    async def _ask_left_out(self, course: Course, trial: Trial) -> Score:
        digest = self.publish(course)
        self.report.say("asking the pairs that were left out until now")
        try:
            return await trial.ask_left_out(digest)
        finally:
            self.registry.remove(digest)

    def _checkpoint(self, recipe: Recipe, *, warm: bool) -> Checkpoint:
        lesson = self.lesson
        subject = {
            "base": lesson.base,
            "pairs": [pair.digest for pair in lesson.learned],
            "left_out": [pair.digest for pair in lesson.left_out],
            "words": list(lesson.words),
            "schemas": sorted({pair.definitions for pair in lesson.learned}),
            "parent": lesson.current.digest if lesson.current and warm else "",
            "seed": recipe.seed,
        }
        name = workspace_name(self.workspace)
        return Checkpoint(state_directory() / "training" / f"{name}.safetensors", subject)

    async def _steps(self, course: Course, curriculum: Curriculum, until: int) -> None:
        training, saved = course.training, time.monotonic()
        for step in training.train(curriculum.batches(training.step, until)):
            self.losses.append(step.loss)
            self.report.step(step, training.steps)
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                course.checkpoint.save(training)
                saved = time.monotonic()
            await self.pacer.wait()
