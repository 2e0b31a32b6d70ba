"""One retraining of one workspace: pairs → training → publication → gate → activation."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from squill.adapters import user_registry
from squill.client import connect_or_start
from squill.errors import ModelError
from squill.model_choice import model_choice
from squill.model_files import EMBEDDED_NAME, canonical_model, content_digest, model_folder
from squill.pairs.store import PairStore
from squill.training.history import subject_of
from squill_trainer.learning.candidate import CandidateTraining, Lesson
from squill_trainer.learning.composition import plain_examples
from squill_trainer.learning.confinement import confining_words
from squill_trainer.learning.examples import example_of
from squill_trainer.learning.general import watched_examples
from squill_trainer.learning.need import card_in_use, needless
from squill_trainer.learning.split import choose_left_out, split
from squill_trainer.learning.trial import Keeping, Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from squill.pairs import Pair, Pairs
    from squill.settings import Settings
    from squill_trainer.learning.candidate import Report, Trained
    from squill_trainer.learning.evaluation import Asks
    from squill_trainer.learning.pacing import Pacer
    from squill_trainer.learning.trial import Judged

_CANARY = 80
_PLAIN = 24


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


class Retraining:
    """One run for ``workspace``. Everything but `run` is its business alone."""

    def __init__(
        self,
        workspace: Path,
        settings: Settings,
        pacer: Pacer,
        report: Report,
        *,
        trusted: bool | None = None,
    ) -> None:
        self._workspace = Path(os.path.normpath(workspace.absolute()))
        self._settings = settings
        self._trusted = trusted
        self._pacer = pacer
        self._report = report
        self._registry = user_registry()

    async def run(self) -> Outcome:
        """
        Raises:
            SquillError: the model cannot be loaded or trained, or the daemon cannot be reached.
        """
        began = time.monotonic()
        pairs = PairStore(self._workspace, self._settings, trusted=self._trusted).load()
        self._base = content_digest(model_folder(self._settings.model))
        self._current, problem = card_in_use(self._registry, self._workspace, self._base)
        if problem:
            self._report.say(problem)
        if reason := needless(pairs.usable, self._current):
            return Outcome(promoted=False, reason=reason, pairs=len(pairs.usable))
        options = model_choice(self._settings, self._workspace).options
        async with await connect_or_start(options=options, name="squill train") as daemon:
            self._pacer.begin()
            await self._check_served(daemon)
            outcome = await self._improve(pairs, daemon)
        return replace(
            outcome,
            seconds=time.monotonic() - began,
            subject=subject_of(self._base, (pair.digest for pair in pairs.usable)),
        )

    async def _check_served(self, daemon: Asks) -> None:
        served = (await daemon.call("status"))["model"]
        wanted = canonical_model(self._settings.model, self._workspace) or EMBEDDED_NAME
        if served != wanted:
            raise ModelError(
                f"The daemon serves {served}, the pairs are for {wanted}: "
                f"`squill model use {wanted}` has the daemon serve that."
            )

    async def _improve(self, pairs: Pairs, daemon: Asks) -> Outcome:
        learned, held_out = split(pairs.usable)
        asked = [example_of(pair, pairs) for pair in held_out or learned]
        current = self._current.digest if self._current else None
        left_out = [] if held_out else self._left_out(pairs, learned)
        usable = [example_of(pair, pairs) for pair in pairs.usable]
        words = await confining_words(daemon, usable)
        self._report.say(f"measuring what is in use ({current[:12] if current else 'no adapter'})")
        asked_before = [example_of(pair, pairs) for pair in left_out]
        schemas = list(dict.fromkeys(example.schema for example in usable))
        keeping = Keeping(watched_examples(_CANARY), plain_examples(schemas, _PLAIN))
        trial = await Trial.begin(daemon, current, asked, keeping, asked_before)
        training = CandidateTraining(
            self._workspace,
            self._settings,
            self._registry,
            Lesson(self._base, self._current, pairs, learned, left_out, words),
            self._pacer,
            self._report,
        )
        for warm in (True, False) if self._only_added(pairs) else (False,):
            trained = await training.train(trial, warm=warm)
            digest, judged = await self._judged(training, trained, trial)
            if judged.verdict.promoted:
                await self._activate(daemon, digest)
            trained.course.checkpoint.clear()
            if judged.verdict.promoted or not warm:
                break
            self._report.say(f"{judged.verdict.reason} Training once more, from the beginning.")
        return Outcome(
            judged.verdict.promoted,
            judged.verdict.reason,
            digest,
            len(pairs.usable),
            before=str(trial.before),
            after=str(judged.after),
            losses=tuple(training.losses),
        )

    def _left_out(self, pairs: Pairs, learned: Sequence[Pair]) -> list[Pair]:
        known = self._current.pairs if self._current else ()
        chosen = choose_left_out({pair.digest: example_of(pair, pairs) for pair in learned}, known)
        return [pair for pair in learned if pair.digest in chosen]

    def _only_added(self, pairs: Pairs) -> bool:
        """Whether the adapter in use knows nothing but pairs that are still there."""
        digests = {pair.digest for pair in pairs.usable}
        return self._current is not None and set(self._current.pairs) <= digests

    async def _judged(
        self, training: CandidateTraining, trained: Trained, trial: Trial
    ) -> tuple[str, Judged]:
        """The candidate at the first strength at which it does not forget, else at the last."""
        course = trained.course
        for strength in course.strengths:
            digest = training.publish(course, strength)
            self._report.say(f"measuring the candidate at {strength:.1%} of its strength")
            reason = await trial.forgets(digest)
            if not reason:
                break
            self._registry.annotate(digest, {}, reason)
            self._report.say(reason)
        judged = await trial.judge(digest, trained.loss, course.loss_before, trained.left_out)
        self._registry.annotate(digest, judged.verdict.figures, judged.verdict.reason)
        return digest, judged

    async def _activate(self, daemon: Asks, digest: str) -> None:
        params = {"digest": digest, "workspace": str(self._workspace)}
        await daemon.call("adapters/activate", params)
