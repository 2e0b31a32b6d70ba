"""From a request to what may be shown, with a fake daemon that changes the world meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from squill.adapters import AdapterRegistry
from squill.adapters.pointers import Pointer
from squill.errors import CancelledError, DaemonBusyError, SquillError
from squill.settings import Settings
from squill_lsp.buffers import Buffer
from squill_lsp.status import StatusReporter
from squill_lsp.suggestions import Suggester
from squill_lsp.workspace_files import WorkspaceFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

TABLE = "CREATE TABLE students (Name TEXT, Age INT);\n\n"
SQL = "SELECT Age FROM students"


@dataclass
class FakeLink:
    answers: list[str] = field(default_factory=lambda: [SQL])
    error: SquillError | None = None
    meanwhile: Callable[[], None] = lambda: None
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    epoch: int = 1
    asleep: bool = False
    adapter: str | None = None
    milliseconds: float = 1.0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def connected(self) -> None:
        pass

    async def call(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((method, params))
        self.called.set()
        await self.gate.wait()
        self.meanwhile()
        if self.error:
            raise self.error
        candidates = [{"sql": sql, "tables": []} for sql in self.answers[: params.get("n")]]
        return {
            "candidates": candidates,
            "refused": None if candidates else "it is unsure",
            "adapter": self.adapter,
            "milliseconds": {"total": self.milliseconds},
        }

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]


class World:
    """A suggester on a fake link; ``buffers`` are the open documents, the asking one first."""

    def __init__(self, text: str, **link: Any) -> None:
        self.buffers = [Buffer("untitled:1", 1, text)]
        self.link = FakeLink(**link)
        self.messages: list[str] = []
        self.status = StatusReporter(lambda found: self.messages.append(found.message))
        self.suggester = Suggester(
            self.link,  # type: ignore[arg-type]
            self.status,
            WorkspaceFiles(),
            lambda: self.buffers,
            Settings,
            lambda _: "/project",
        )

    def edit(self, text: str) -> None:
        document = self.buffers[0]
        self.buffers[0] = Buffer(document.uri, document.version + 1, text)

    async def inserted(self, text: str) -> str | None:
        """What is inserted at the end of the document, which is now ``text``."""
        self.edit(text)
        request = self.suggester.request_at(self.buffers[0], len(text))
        assert request is not None, text
        placed = await self.suggester.text_at_cursor(self.buffers[0], request)
        return placed.text if placed else None

    async def shown(self, n: int = 1) -> tuple[str, ...] | None:
        document = self.buffers[0]
        request = self.suggester.request_at(document, len(document.text))
        assert request is not None
        answer = await self.suggester.answer(document, request, n)
        return answer.statements if answer else None


QUESTION = TABLE + "-- how old is Wang?\n"


@pytest.fixture(autouse=True)
def own_adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path))
    return tmp_path / "adapters"


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


async def test_what_was_cancelled_for_a_newer_version_leaves_no_message() -> None:
    world = World(QUESTION, error=CancelledError("A newer version came."))
    world.link.meanwhile = lambda: world.edit(QUESTION + " ")
    document = world.buffers[0]
    request = world.suggester.request_at(document, len(document.text))
    assert request is not None
    assert await world.suggester.answer(document, request) is None
    assert not any(world.messages)


async def test_what_the_daemon_cancelled_by_itself_has_a_reason() -> None:
    world = World(QUESTION, error=CancelledError("Memory was short."))
    assert await world.shown() is None
    assert world.messages[-1] == "Memory was short."


async def test_an_answer_that_fits_no_more_is_told_from_one_that_is_out_of_place() -> None:
    world = World(QUESTION, answers=["SELECT Weight FROM students"])
    assert await world.shown() is None
    assert "does not fit the tables" in world.messages[-1]


async def test_a_definition_that_cannot_be_read_is_named_where_there_is_no_other() -> None:
    world = World("CREATE TABLE students (((;\n\n-- how old is Wang?\n")
    assert await world.shown() is None
    assert "untitled:1:1" in world.messages[-1]


async def test_the_daemon_is_not_asked_without_tables() -> None:
    world = World("-- how old is Wang?\n")
    assert await world.shown() is None
    assert world.link.calls == []


async def prefilled(world: World, *, wake: bool = True) -> int:
    """How many prefills the daemon has got after one more was asked for."""
    await world.suggester.prefill(world.buffers[0], wake=wake)
    await asyncio.sleep(0)
    return world.link.methods.count("prefill")


async def test_the_same_tables_are_warmed_once() -> None:
    world = World(QUESTION)
    assert [await prefilled(world) for _ in range(2)] == [1, 1]
    _, params = world.link.calls[0]
    assert params["workspace"] == "/project"


async def test_other_tables_are_warmed_again_and_then_the_first_are_still_warm() -> None:
    world = World(QUESTION)
    assert await prefilled(world) == 1
    world.edit(QUESTION.replace("Age", "Years"))
    assert await prefilled(world) == 2
    world.edit(QUESTION)
    assert await prefilled(world) == 2


async def test_what_may_have_forgotten_the_tables_is_warmed_again() -> None:
    world = World(QUESTION)
    assert await prefilled(world) == 1
    world.link.epoch += 1
    assert await prefilled(world) == 2


async def test_a_sleeping_daemon_is_warmed_only_for_a_question() -> None:
    world = World(QUESTION, asleep=True)
    assert await prefilled(world, wake=False) == 0
    assert await prefilled(world) == 1


async def test_a_warm_up_outlives_the_edit_after_it_and_is_not_sent_twice() -> None:
    world = World(QUESTION)
    world.link.gate.clear()
    assert await prefilled(world) == 1
    world.edit(QUESTION + " ")
    assert await prefilled(world) == 1


async def test_a_warm_up_for_tables_that_are_no_more_gives_way() -> None:
    world = World(QUESTION)
    world.link.gate.clear()
    assert await prefilled(world) == 1
    world.edit(QUESTION.replace("Age", "Years"))
    assert await prefilled(world) == 2
    world.link.gate.set()
    await asyncio.sleep(0)
    assert await prefilled(world) == 2


async def test_no_warm_up_is_sent_while_a_question_waits_and_none_is_needed_after_it() -> None:
    world = World(QUESTION)
    world.link.gate.clear()
    asking = asyncio.create_task(world.shown())
    await world.link.called.wait()
    assert await prefilled(world) == 0
    world.link.gate.set()
    assert await asking == (SQL,)
    assert await prefilled(world) == 0


async def test_a_failed_warm_up_is_quiet() -> None:
    world = World(QUESTION, error=DaemonBusyError("Too many requests."))
    assert await prefilled(world) == 1
    assert not any(world.messages)


BEGUN = QUESTION + "SELECT "


@pytest.mark.parametrize(
    "texts",
    [
        [QUESTION, QUESTION],
        [QUESTION[:-1], QUESTION, QUESTION + "\n"],
        [QUESTION, BEGUN, BEGUN + "Age ", BEGUN + "Age FROM "],
        [QUESTION, QUESTION + "select age  from", QUESTION + "SeLeCt Age FROM"],
        [QUESTION, QUESTION.replace("?", ""), QUESTION.replace("?\n", " ?  \n")],
        [QUESTION, QUESTION.replace("how", "How"), QUESTION.replace("?", ".")],
        [QUESTION, QUESTION.replace("-- how", "SELECT 1;\n\n-- how")],
    ],
    ids=["again", "new line", "typed along", "other case", "unfinished", "finished", "moved"],
)
async def test_what_asks_the_same_is_asked_once(texts: list[str]) -> None:
    world = World("")
    for text in texts:
        shown = await world.inserted(text)
        assert shown is not None, text
        assert shown.endswith("students;"), text
    assert world.link.methods == ["generate"]


async def test_another_beginning_asks_for_more_candidates_once() -> None:
    world = World("", answers=[SQL, "SELECT Name FROM students"])
    assert await world.inserted(QUESTION) == f"{SQL};"
    assert await world.inserted(QUESTION + "SELECT N") == "ame FROM students;"
    assert await world.inserted(QUESTION + "SELECT Na") == "me FROM students;"
    assert await world.inserted(QUESTION + "SELECT A") == "ge FROM students;"
    assert await world.inserted(QUESTION + "SELECT x") is None
    assert "does not continue" in world.messages[-1]
    assert [params["n"] for _, params in world.link.calls] == [1, 3]


async def test_more_candidates_than_were_asked_for_are_asked_for() -> None:
    world = World(QUESTION, answers=[SQL, "SELECT Name FROM students"])
    assert len(await world.shown() or ()) == 1
    assert len(await world.shown(3) or ()) == 2
    assert len(await world.shown(2) or ()) == 2
    assert [params["n"] for _, params in world.link.calls] == [1, 3]


async def test_other_tables_or_another_epoch_ask_again() -> None:
    world = World("")
    await world.inserted(QUESTION)
    await world.inserted(QUESTION.replace("Age INT", "Age INT, Town TEXT"))
    assert len(world.link.calls) == 2
    await world.inserted(QUESTION)
    assert len(world.link.calls) == 2
    world.link.epoch += 1
    await world.inserted(QUESTION)
    assert len(world.link.calls) == 3


def activate(adapters: Path, digest: str | None) -> None:
    """As the registry records it, without an adapter behind it."""
    with AdapterRegistry(adapters)._pointers.lock():
        AdapterRegistry(adapters)._pointers.write(Pointer("", digest))


async def test_another_active_adapter_asks_again_and_no_answer_of_the_old_one_is_shown(
    own_adapters: Path,
) -> None:
    first, second = "a" * 64, "b" * 64
    world = World(QUESTION, adapter=first)
    activate(own_adapters, first)
    assert await world.shown() == await world.shown() == (SQL,)
    assert len(world.link.calls) == 1
    activate(own_adapters, second)
    world.link.adapter, world.link.answers = second, ["SELECT Name FROM students"]
    assert await world.shown() == await world.shown() == ("SELECT Name FROM students",)
    assert len(world.link.calls) == 2


async def test_an_answer_of_another_adapter_than_the_active_one_is_not_kept(
    own_adapters: Path,
) -> None:
    activate(own_adapters, "a" * 64)
    world = World(QUESTION, adapter="b" * 64)
    await world.shown()
    await world.shown()
    assert len(world.link.calls) == 2


@pytest.mark.parametrize(
    "link", [{"answers": []}, {"milliseconds": 6000.0}], ids=["nothing found", "cut short"]
)
async def test_what_asking_again_could_better_is_asked_again(link: dict[str, Any]) -> None:
    world = World(QUESTION, **link)
    await world.shown(2)
    await world.shown(2)
    assert len(world.link.calls) == 2


async def test_what_is_known_comes_without_a_pause_in_typing() -> None:
    world = World(QUESTION)
    await world.shown()
    document = world.buffers[0]
    request = world.suggester.request_at(document, len(document.text))
    assert request is not None
    async with asyncio.timeout(60):
        assert await world.suggester.answer(document, request, pause=3600) is not None


async def test_an_answer_leaves_the_daemons_own_message_alone() -> None:
    world = World(QUESTION)
    world.status.update(state="idle", message="The model's memory was given back.")
    await world.shown()
    assert world.status.current.message == "The model's memory was given back."


async def test_an_answer_that_is_late_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("squill_lsp.suggestions.LATE_SECONDS", -5.0)
    world = World(QUESTION)
    world.status.update(state="ready")
    world.link.gate.clear()
    late = asyncio.Event()
    world.status._notify = lambda status: late.set() if "restart" in status.message else None
    asking = asyncio.create_task(world.shown())
    await late.wait()
    world.link.gate.set()
    assert await asking == (SQL,)
    assert world.status.current.message == ""
