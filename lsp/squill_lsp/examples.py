"""The example pairs of the editor's workspaces: kept, forgotten and listed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sqlglot import exp

from squill.binding import bind
from squill.errors import UsageError
from squill.pairs import SetAside, keep, withdraw
from squill.pairs.listing import to_wire
from squill.pairs.pair import normal_question
from squill.pairs.store import PairStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from squill.binding import Binding
    from squill.pairs import Pair, Pairs
    from squill.schema import Schema
    from squill.settings import Settings
    from squill_lsp.acceptances import Acceptance, Standing

P = ParamSpec("P")
T = TypeVar("T")


class ExamplePairs:
    """Belongs to the event loop; all files are read and written on one thread of its own."""

    def __init__(self, settings: Callable[[], Settings], trusts: Callable[[Path], bool]) -> None:
        self._settings = settings
        self._trusts = trusts
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pairs")
        self._stores: dict[Path, tuple[Settings, bool, PairStore]] = {}
        self._written: dict[Acceptance, tuple[str, str, bytes]] = {}
        self.in_order = asyncio.Lock()
        """Held while the pairs of one saving are settled, so that a later one has the last word."""

    async def keep(self, workspace: Path, question: str, sql: str, schema: Schema) -> str:
        """Keep a pair; gives the reason for which it cannot be used yet, empty for none.

        ``schema`` is what the editor knows, unsaved documents included.

        Raises:
            SquillError: it cannot be written.
        """
        reason, _ = await self._run(self._keep, workspace, question, sql, schema)
        return reason

    async def settle(self, workspace: Path, standing: Standing, schema: Schema) -> str:
        """Keep what an accepted statement has become, in place of what was kept of it before.

        One that was taken back, with its question left unanswered, is no pair any more. Gives what
        `keep` gives.

        Raises:
            SquillError: it cannot be written.
        """
        return await self._run(self._settle, workspace, standing, schema)

    async def forget(self, workspace: Path, question: str) -> int:
        """Forget every pair that answers ``question``; gives their number.

        Raises:
            UsageError: there is none.
            SquillError: it cannot be written.
        """
        return await self._run(self._forget, workspace, question)

    async def listed(self, workspace: Path) -> dict[str, Any]:
        """All pairs as `squill.pairs.listing.to_wire` has them."""
        return to_wire(await self._run(self._load, workspace))

    async def left_out(self, workspace: Path) -> int:
        """How many pairs came with an untrusted workspace, and aren't used."""
        return await self._run(self._left_out, workspace)

    def close(self) -> None:
        """What is being written will be; nothing new is begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: work(*args, **kwargs))

    def _store(self, workspace: Path) -> PairStore:
        settings, trusted = self._settings(), self._trusts(workspace)
        known = self._stores.get(workspace)
        if known is None or known[:2] != (settings, trusted):
            store = PairStore(workspace, settings, trusted=trusted)
            known = self._stores[workspace] = (settings, trusted, store)
        return known[2]

    def _load(self, workspace: Path) -> Pairs:
        return self._store(workspace).load()

    def _left_out(self, workspace: Path) -> int:
        store = self._store(workspace)
        store.load()
        return store.left_out

    def _keep(
        self,
        workspace: Path,
        question: str,
        sql: str,
        schema: Schema,
        *,
        edited: bool = False,
        in_place_of: bytes = b"",
    ) -> tuple[str, bytes]:
        """The reason for which the pair cannot be used, and its line (empty: it is there)."""
        pairs = self._load(workspace)
        checked = self._store(workspace).check(question, sql, schema.dialect)
        if isinstance(checked, SetAside):
            own = schema if bind(sql, schema).valid else None
            reason = "" if own else checked.reason
        elif checked.digest in {pair.digest for pair in pairs.usable}:
            return "", in_place_of
        else:
            own, reason = None, ""
        line = keep(
            workspace,
            question,
            sql,
            schema.dialect,
            own,
            edited=edited,
            in_place_of=in_place_of,
        )
        return reason, line

    def _settle(self, workspace: Path, standing: Standing, schema: Schema) -> str:
        question, sql, line = self._written.get(standing.acceptance, ("", "", b""))
        if not standing.sql:
            if line and standing.asks:
                withdraw(workspace, line)
                del self._written[standing.acceptance]
            return ""
        if (question, sql) == (standing.question, standing.sql):
            return ""
        bound = bind(standing.sql, schema)
        if not bound.valid or not isinstance(bound.tree, exp.Query):
            # What was kept of it stays as it was; a later save may find it finished.
            return _unfit(bound)
        reason, kept = self._keep(
            workspace,
            standing.question,
            standing.sql,
            schema,
            edited=standing.edited,
            in_place_of=line,
        )
        before = (normal_question(question), sql)
        if line and kept == line and before != (normal_question(standing.question), standing.sql):
            withdraw(workspace, line)  # the new pair is there already, from elsewhere
            kept = b""
        self._written[standing.acceptance] = (standing.question, standing.sql, kept)
        return reason

    def _forget(self, workspace: Path, question: str) -> int:
        store = self._store(workspace)
        wanted = normal_question(question)
        found = {
            pair.digest for pair in _all(store.load()) if normal_question(pair.question) == wanted
        }
        if not found:
            raise UsageError(f"No example pair asks {question!r}. `squill pairs list` names all.")
        store.forget(found)
        return len(found)


def _unfit(bound: Binding) -> str:
    """Why a statement isn't kept; empty while it doesn't parse, for it is still being typed."""
    if bound.tree is None:
        return ""
    return bound.problems[0] if bound.problems else "Only queries are learned from."


def _all(pairs: Pairs) -> Iterator[Pair]:
    yield from pairs.usable
    yield from (aside.pair for aside in pairs.set_aside if aside.pair)
    yield from (overruled.pair for overruled in (*pairs.conflicts, *pairs.duplicates))
