"""One retraining of one workspace: pairs → training → publication → gate → activation."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from squill.adapters import WEIGHTS, user_registry
from squill.client import connect_or_start
from squill.errors import ModelError, SchemaError
from squill.model_files import EMBEDDED_NAME, canonical_model, content_digest, model_folder
from squill.pairs.store import PairStore
from squill.paths import state_directory
from squill.training.history import subject_of, workspace_name
from squill_trainer.base_model import load_base
from squill_trainer.learning.batches import groups
from squill_trainer.learning.checkpoint import Checkpoint
from squill_trainer.learning.confinement import confining_words
from squill_trainer.learning.curriculum import Curriculum
from squill_trainer.learning.evaluation import Score
from squill_trainer.learning.examples import Encoder, Example
from squill_trainer.learning.general import watched_examples
from squill_trainer.learning.lora import LoraTraining
from squill_trainer.learning.need import card_in_use, needless
from squill_trainer.learning.recipe import recipe_for
from squill_trainer.learning.split import left_out, split
from squill_trainer.learning.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from squill.pairs import Pair, Pairs
    from squill.settings import Settings
    from squill_trainer.learning.evaluation import Asks
    from squill_trainer.learning.lora import Step
    from squill_trainer.learning.pacing import Pacer
    from squill_trainer.learning.recipe import Recipe
    from squill_trainer.learning.trial import Judged

_CANARY = 80
_CHECKPOINT_SECONDS = 15.0
_STRENGTHS = (1.0, 0.875, 0.75, 0.625, 0.5)
"""Shares of what was learned that are tried in turn while a candidate forgets general questions."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. ``digest`` is the candidate's, None where nothing was trained.

    ``subject`` names what was learned from (`squill.training.history.subject_of`).
    """

    promoted: bool
    reason: str
    digest: str | None = None
    pairs: int = 0
    before: str = ""
    after: str = ""
    seconds: float = 0.0
    losses: tuple[float, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Where progress goes: sentences, and each step of how many."""

    say: Callable[[str], None]
    step: Callable[[Step, int], None]


class Retraining:
    """One run for ``workspace``. Everything but `run` is its business alone."""

    def __init__(self, workspace: Path, settings: Settings, pacer: Pacer, report: Report) -> None:
        self._workspace = Path(os.path.normpath(workspace.absolute()))
        self._settings = settings
        self._pacer = pacer
        self._report = report
        self._registry = user_registry()
        self._losses: list[float] = []
        self._words: tuple[str, ...] = ()

    async def run(self) -> Outcome:
        """
        Raises:
            SquillError: the model cannot be loaded or trained, or the daemon cannot be reached.
        """
        began = time.monotonic()
        pairs = PairStore(self._workspace, self._settings).load()
        self._base = content_digest(model_folder(self._settings.model))
        self._current, problem = card_in_use(self._registry, self._workspace, self._base)
        if problem:
            self._report.say(problem)
        if reason := needless(pairs.usable, self._current):
            return Outcome(promoted=False, reason=reason, pairs=len(pairs.usable))
        model = self._settings.model
        options = ("--model", canonical_model(model, Path.cwd())) if model else ()
        async with await connect_or_start(options=options, name="squill train") as daemon:
            self._pacer.begin()
            await self._check_served(daemon)
            outcome = await self._improve(pairs, daemon)
        return replace(
            outcome,
            seconds=time.monotonic() - began,
            losses=tuple(self._losses),
            subject=subject_of(self._base, (pair.digest for pair in pairs.usable)),
        )

    async def _check_served(self, daemon: Asks) -> None:
        served = (await daemon.call("status"))["model"]
        wanted = self._settings.model or EMBEDDED_NAME
        if served not in (wanted, canonical_model(wanted, Path.cwd())):
            raise ModelError(
                f"The daemon serves {served} and the pairs are for {wanted}. "
                "Run `squill daemon restart`, then train again."
            )

    async def _improve(self, pairs: Pairs, daemon: Asks) -> Outcome:
        learned, held_out = split(pairs.usable)
        asked = [_example(pair, pairs) for pair in held_out or learned]
        current = self._current.digest if self._current else None
        later = [] if held_out else self._learned_later(pairs, learned)
        self._words = await confining_words(daemon, [_example(p, pairs) for p in pairs.usable])
        self._report.say(f"measuring what is in use ({current[:12] if current else 'no adapter'})")
        unlearned = [_example(pair, pairs) for pair in later]
        trial = await Trial.begin(daemon, current, asked, watched_examples(_CANARY), unlearned)
        for warm in (True, False) if self._only_added(pairs) else (False,):
            trained = await self._train(pairs, learned, later, trial, warm=warm)
            digest, judged = await self._judged(pairs, trained, trial, warm=warm)
            if judged.verdict.promoted:
                await self._activate(daemon, digest)
            trained.checkpoint.clear()
            if judged.verdict.promoted or not warm:
                break
            self._report.say(f"{judged.verdict.reason} Training once more, from the beginning.")
        before, after = str(trial.before), str(judged.after)
        verdict = judged.verdict
        return Outcome(verdict.promoted, verdict.reason, digest, len(pairs.usable), before, after)

    def _learned_later(self, pairs: Pairs, learned: Sequence[Pair]) -> list[Pair]:
        known = self._current.pairs if self._current else ()
        chosen = left_out({pair.digest: _example(pair, pairs) for pair in learned}, known)
        return [pair for pair in learned if pair.digest in chosen]

    def _only_added(self, pairs: Pairs) -> bool:
        """Whether the adapter in use knows nothing but pairs that are still there."""
        digests = {pair.digest for pair in pairs.usable}
        return self._current is not None and set(self._current.pairs) <= digests

    async def _judged(
        self, pairs: Pairs, trained: _Trained, trial: Trial, *, warm: bool
    ) -> tuple[str, Judged]:
        """The candidate at the first strength at which it does not forget, else at the last."""
        for strength in trained.strengths:
            digest = self._publish(
                trained.training, trained.prompt_format, pairs, warm=warm, strength=strength
            )
            self._report.say(f"measuring the candidate at {strength:.1%} of its strength")
            reason = await trial.forgets(digest)
            if not reason:
                break
            self._registry.annotate(digest, {}, reason)
            self._report.say(reason)
        judged = await trial.judge(digest, trained.loss, trained.loss_before, trained.unlearned)
        self._registry.annotate(digest, judged.verdict.figures, judged.verdict.reason)
        return digest, judged

    async def _activate(self, daemon: Asks, digest: str) -> None:
        params = {"digest": digest, "workspace": str(self._workspace)}
        await daemon.call("adapters/activate", params)

    async def _train(
        self,
        pairs: Pairs,
        learned: Sequence[Pair],
        later: Sequence[Pair],
        trial: Trial,
        *,
        warm: bool,
    ) -> _Trained:
        """All of ``learned``; those of them that come ``later`` in the second half of the steps."""
        base = load_base(self._settings.model)
        encoder = Encoder(base.tokenizer, base.prompt_format)
        recipe = recipe_for(encoder.prompt_format.id, confined=bool(self._words))
        recipe = recipe.at_most(self._settings.learning.most_steps)
        examples = _expressible([_example(pair, pairs) for pair in learned], encoder)
        if not examples:
            raise ModelError("None of the pairs can be written in the form that the model reads.")
        training = LoraTraining(
            base.model, recipe.lora, recipe.optimizer(len(examples), warm=warm), seed=recipe.seed
        )
        judged = groups(
            [encoder.encode(e) for e in _expressible(trial.asked, encoder)],
            longest=recipe.mixture.longest,
            most_tokens=recipe.mixture.most_tokens,
        )
        first = [example for example in examples if example not in trial.left_out] or examples
        beginning, whole = (
            Curriculum(known, encoder, recipe.mixture, recipe.seed) for known in (first, examples)
        )
        if recipe.focused:
            training.focus(*beginning.contrast())
        loss_before = training.loss(judged)
        if self._current and self._take_over(training, self._current.digest):
            loss_before = training.loss(judged)
        if not warm:
            training.start_anew()
        checkpoint = self._checkpoint(learned, later, recipe, warm=warm)
        if checkpoint.resume(training):
            self._report.say(f"going on from step {training.step}")
        form, unlearned = encoder.prompt_format.id, Score()
        if later and training.step <= training.steps // 2:
            await self._steps(training, beginning, checkpoint, training.steps // 2)
            unlearned = await self._unlearned(training, form, pairs, trial, warm=warm)
        await self._steps(training, whole, checkpoint, training.steps)
        return _Trained(
            training,
            form,
            checkpoint,
            training.loss(judged),
            loss_before,
            unlearned,
            _STRENGTHS[:1] if recipe.lora.dora else _STRENGTHS,
        )

    async def _unlearned(
        self, training: LoraTraining, prompt_format: str, pairs: Pairs, trial: Trial, *, warm: bool
    ) -> Score:
        """What is made of the pairs that come later, before they do."""
        digest = self._publish(training, prompt_format, pairs, warm=warm)
        self._report.say(f"asking {len(trial.left_out)} pairs that are still to be learned")
        try:
            return await trial.unlearned(digest)
        finally:
            self._registry.remove(digest)

    def _publish(
        self,
        training: LoraTraining,
        prompt_format: str,
        pairs: Pairs,
        *,
        warm: bool,
        strength: float = 1.0,
    ) -> str:
        with tempfile.TemporaryDirectory(prefix="squill-adapter-") as place:
            card = self._registry.publish(
                training.save_adapter(Path(place), strength),
                base=self._base,
                prompt_format=prompt_format,
                parent=self._current.digest if self._current and warm else None,
                pairs=[pair.digest for pair in pairs.usable],
                words=self._words,
            )
        return card.digest

    def _take_over(self, training: LoraTraining, digest: str) -> bool:
        weights: Any = mx.load(str(self._registry.folder(digest) / WEIGHTS))
        return training.start_from(weights)

    def _checkpoint(
        self, learned: Sequence[Pair], later: Sequence[Pair], recipe: Recipe, *, warm: bool
    ) -> Checkpoint:
        name = workspace_name(self._workspace)
        subject = {
            "base": self._base,
            "pairs": [pair.digest for pair in learned],
            "later": [pair.digest for pair in later],
            "words": list(self._words),
            "schemas": sorted({pair.definitions for pair in learned}),
            "parent": self._current.digest if self._current and warm else "",
            "seed": recipe.seed,
        }
        return Checkpoint(state_directory() / "training" / f"{name}.safetensors", subject)

    async def _steps(
        self, training: LoraTraining, curriculum: Curriculum, checkpoint: Checkpoint, until: int
    ) -> None:
        saved = time.monotonic()
        for step in training.train(curriculum.batches(training.step, until)):
            self._losses.append(step.loss)
            self._report.step(step, training.steps)
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                checkpoint.save(training)
                saved = time.monotonic()
            await self._pacer.wait()


@dataclass(frozen=True, slots=True)
class _Trained:
    training: LoraTraining
    prompt_format: str
    checkpoint: Checkpoint
    loss: float
    loss_before: float
    unlearned: Score
    strengths: tuple[float, ...]


def _example(pair: Pair, pairs: Pairs) -> Example:
    schema = pairs.schema_of(pair)
    return Example(pair.question, pair.sql, replace(schema, dialect=pair.dialect))


def _expressible(examples: Sequence[Example], encoder: Encoder) -> list[Example]:
    """Those whose answers the model's form can say: the embedded model writes queries only."""
    found = []
    for example in examples:
        try:
            encoder.encode(example)
        except SchemaError:
            continue
        found.append(example)
    return found
