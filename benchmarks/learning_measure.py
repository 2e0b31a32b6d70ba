"""Asks the daemon, through one adapter or none, and judges the answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from squill.canonical import canonical
from squill.schema import to_wire
from squill_trainer.evaluation import Database, compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learning_canary import General
    from learning_data import Business, Case
    from squill.client import DaemonClient
    from squill.schema import Schema

BASE = ""
"""The adapter's digest that stands for the model without one."""

_AT_ONCE = 8
_BUDGET_MS = 60_000  # the machine may be busy: what is measured is accuracy


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer; ``sql`` is None where none was shown."""

    question: str
    gold: str
    sql: str | None
    right: bool


def share(verdicts: Sequence[Verdict]) -> float:
    """Right answers, from 0 to 1."""
    return sum(verdict.right for verdict in verdicts) / len(verdicts)


class Examiner:
    """Belongs to the event loop of its client."""

    def __init__(self, client: DaemonClient) -> None:
        self._client = client
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._matched: dict[str, list[Verdict]] = {}

    async def execution(
        self, business: Business, cases: Sequence[Case], database: Database, adapter: str
    ) -> list[Verdict]:
        """Right is what gives the gold query's rows."""
        asked = (self._ask(business.schema, case.question, adapter) for case in cases)
        written = await asyncio.gather(*asked)
        return [_executed(case, sql, database) for case, sql in zip(cases, written, strict=True)]

    async def canonical_match(self, questions: Sequence[General], adapter: str) -> list[Verdict]:
        """Right is what equals the gold query but for its spelling.

        An adapter is asked once: the questions are the same ones for all.
        """
        if adapter not in self._matched:
            asked = (self._ask(one.schema, one.question, adapter) for one in questions)
            written = await asyncio.gather(*asked)
            judged = [_matched(one, sql) for one, sql in zip(questions, written, strict=True)]
            self._matched[adapter] = judged
        return self._matched[adapter]

    async def _ask(self, schema: Schema, question: str, adapter: str) -> str | None:
        params = {
            "schema": to_wire(schema),
            "question": question,
            "adapter": adapter,
            "confined": True,
            "budget_ms": _BUDGET_MS,
        }
        async with self._places:
            candidates = (await self._client.call("generate", params))["candidates"]
        return candidates[0]["sql"] if candidates else None


def _executed(case: Case, sql: str | None, database: Database) -> Verdict:
    right = sql is not None and compare(database.run(sql), database.run(case.sql), case.sql)
    return Verdict(case.question, case.sql, sql, right)


def _matched(asked: General, sql: str | None) -> Verdict:
    form = canonical(sql, asked.schema) if sql else None
    right = form is not None and form == canonical(asked.sql, asked.schema)
    return Verdict(asked.question, asked.sql, sql, right)
