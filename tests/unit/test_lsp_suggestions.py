"""From a request to what may be shown, with a fake daemon that changes the world meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from squill.errors import CancelledError, DaemonBusyError, SquillError
from squill.settings import Settings
from squill_lsp.buffers import Buffer
from squill_lsp.status import StatusReporter
from squill_lsp.suggestions import Suggester
from squill_lsp.workspace_files import WorkspaceFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TABLE = "CREATE TABLE students (Name TEXT, Age INT);\n\n"
SQL = "SELECT Age FROM students"


@dataclass
class FakeLink:
    answers: list[str] = field(default_factory=lambda: [SQL])
    error: SquillError | None = None
    meanwhile: Callable[[], None] = lambda: None
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    connections: int = 1

    async def connected(self) -> None:
        pass

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((method, params))
        self.meanwhile()
        if self.error:
            raise self.error
        candidates = [{"sql": sql, "tables": []} for sql in self.answers[: params.get("n")]]
        return {"candidates": candidates, "refused": None if candidates else "it is unsure"}


class World:
    """A suggester on a fake link; ``buffers`` are the open documents, the asking one first."""

    def __init__(self, text: str, **link: Any) -> None:
        self.buffers = [Buffer("untitled:1", 1, text)]
        self.link = FakeLink(**link)
        self.messages: list[str] = []
        status = StatusReporter(lambda found: self.messages.append(found.message))
        self.suggester = Suggester(
            self.link,  # type: ignore[arg-type]
            status,
            WorkspaceFiles(),
            lambda: self.buffers,
            Settings,
        )

    async def shown(self, n: int = 1) -> tuple[str, ...] | None:
        document = self.buffers[0]
        request = self.suggester.request_at(document, len(document.text))
        assert request is not None
        answer = await self.suggester.answer(document, request, n)
        return answer.statements if answer else None


QUESTION = TABLE + "-- how old is Wang?\n"


async def test_a_valid_answer_is_shown() -> None:
    assert await World(QUESTION).shown() == (SQL,)


async def test_the_request_names_document_version_and_budget() -> None:
    world = World(QUESTION)
    await world.shown()
    [(method, params)] = world.link.calls
    assert (method, params["question"], params["n"]) == ("generate", "how old is Wang?", 1)
    assert params["document"] == {"uri": "untitled:1", "version": 1}
    assert params["budget_ms"] == Settings().generation.budget_ms
    assert [table["name"] for table in params["schema"]["tables"]] == ["students"]


async def test_an_answer_for_an_old_version_is_dropped() -> None:
    world = World(QUESTION)

    def edit() -> None:
        world.buffers[0] = Buffer("untitled:1", 2, QUESTION + " ")

    world.link.meanwhile = edit
    document = world.buffers[0]
    request = world.suggester.request_at(document, len(document.text))
    assert request is not None
    assert await world.suggester.answer(document, request) is None


async def test_an_answer_is_checked_against_the_tables_as_they_are_then() -> None:
    world = World("-- how old is Wang?\n")
    world.buffers.append(Buffer("untitled:2", 1, TABLE))

    def rename() -> None:
        world.buffers[1] = Buffer("untitled:2", 2, TABLE.replace("Age", "Years"))

    world.link.meanwhile = rename
    assert await world.shown() is None
    assert "Nothing shown" in world.messages[-1]


async def test_candidates_that_do_not_bind_leave_the_others() -> None:
    world = World(QUESTION, answers=["SELECT Weight FROM students", SQL, SQL])
    assert await world.shown(n=3) == (SQL,)


async def test_a_begun_statement_chooses_among_more_candidates() -> None:
    world = World(QUESTION + "SELECT n", answers=[SQL, "SELECT Name FROM students"])
    assert await world.shown() == ("SELECT Name FROM students",)


async def test_an_answer_that_is_out_of_place_is_not_shown_and_the_status_says_so() -> None:
    world = World(QUESTION + "SELECT Name", answers=[SQL])
    assert await world.shown() is None
    assert "does not continue" in world.messages[-1]


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ({"answers": []}, "it is unsure"),
        ({"error": DaemonBusyError("Too many requests.")}, "Too many requests."),
    ],
)
async def test_silence_has_a_reason(link: dict[str, Any], message: str) -> None:
    world = World(QUESTION, **link)
    assert await world.shown() is None
    assert message in world.messages[-1]


async def test_what_was_cancelled_leaves_no_message() -> None:
    world = World(QUESTION, error=CancelledError("A newer version came."))
    assert await world.shown() is None
    assert not any(world.messages)


async def test_the_daemon_is_not_asked_without_tables() -> None:
    world = World("-- how old is Wang?\n")
    assert await world.shown() is None
    assert world.link.calls == []


async def test_the_same_tables_are_warmed_once_per_connection() -> None:
    world = World(QUESTION)
    for _ in range(2):
        await world.suggester.prefill(world.buffers[0])
    assert [method for method, _ in world.link.calls] == ["prefill"]
    world.link.connections += 1
    await world.suggester.prefill(world.buffers[0])
    assert len(world.link.calls) == 2


async def test_a_failed_warm_up_is_quiet() -> None:
    world = World(QUESTION, error=DaemonBusyError("Too many requests."))
    await world.suggester.prefill(world.buffers[0])
    assert not any(world.messages)
