"""One evaluation from questions to verdicts, which goes on where it was killed."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.errors import UsageError
from squill_trainer.evaluation.asking import ask, identify, private_daemon
from squill_trainer.evaluation.databases import Databases
from squill_trainer.evaluation.predictions import appended, fingerprint, kept
from squill_trainer.evaluation.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from squill_trainer.evaluation.predictions import Prediction, Run
    from squill_trainer.evaluation.questions import Question
    from squill_trainer.evaluation.verdicts import Verdict

    Keep = Callable[[Prediction], None]
    Progress = Callable[[Verdict], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What to ask of whom. ``predictions`` is the file that keeps them, None for none.

    ``model`` is a path or hub id, "" for the embedded one; ``adapter`` a whole digest.
    """

    questions: Sequence[Question]
    database: Path | None = None
    model: str = ""
    adapter: str | None = None
    constrained: bool = True
    predictions: Path | None = None
    resume: bool = False

    async def run(self, progress: Progress) -> tuple[Run, list[Verdict]]:
        """All verdicts, in the questions' order; ``progress`` gets each as it is there.

        Raises:
            UsageError: the predictions' file is another run's, or there without ``resume``.
            ModelError, DaemonError: nobody answers; what was answered is kept.
        """
        before, known = self._earlier()
        with Databases(self.database) as databases:
            async with private_daemon(self.model, constrained=self.constrained) as client:
                run = await identify(client, self.adapter, constrained=self.constrained)
                _require_same(before, run, self.predictions)
                verdicts = dict(self._judged(known, databases, progress))
                with self._keeping(run) as keep:
                    for question in self.questions:
                        if question.id not in verdicts:
                            prediction = await ask(client, question, self.adapter)
                            keep(prediction)
                            verdict = judge(question, prediction, databases)
                            verdicts[question.id] = verdict
                            progress(verdict)
        return run, [verdicts[question.id] for question in self.questions]

    def _earlier(self) -> tuple[Run | None, Mapping[str, Prediction]]:
        if self.predictions is None:
            return None, {}
        if not self.resume and self.predictions.exists():
            raise UsageError(
                f"{self.predictions} holds predictions already. "
                "Go on with them by --resume, or name another folder."
            )
        return kept(self.predictions)

    def _judged(
        self, known: Mapping[str, Prediction], databases: Databases, progress: Progress
    ) -> Iterator[tuple[str, Verdict]]:
        for question in self.questions:
            prediction = known.get(question.id)
            if prediction is not None and prediction.asked == fingerprint(question):
                verdict = judge(question, prediction, databases)
                progress(verdict)
                yield question.id, verdict

    def _keeping(self, run: Run) -> AbstractContextManager[Keep]:
        if self.predictions is None:
            return nullcontext(lambda _: None)
        return appended(self.predictions, run)


def _require_same(before: Run | None, now: Run, path: Path | None) -> None:
    if before is None or before == now:
        return
    differing = [
        f"{name} {getattr(before, name)} then, {getattr(now, name)} now"
        for name in now.__slots__
        if getattr(before, name) != getattr(now, name)
    ]
    raise UsageError(
        f"{path} is another run's ({'; '.join(differing)}). Name another folder for this one."
    )
