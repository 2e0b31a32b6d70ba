"""The model thread: order, cancelling between two tokens, one reply a request, an orderly end."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fake_daemon import FakeEngine, written
from squill.errors import (
    CancelledError,
    DaemonBusyError,
    DaemonStoppingError,
    ModelError,
    ModelNotFoundError,
    SchemaError,
)
from squill.schema import Schema
from squill_daemon.engine import Answer, ModelInfo, Prefilled, Step
from squill_daemon.model_thread import ModelThread
from squill_daemon.requests import Document, GenerateRequest, PrefillRequest
from squill_daemon.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Sequence

    from squill_daemon.engine import Row
    from squill_daemon.requests import Request


class SteppedEngine(FakeEngine):
    """Takes a step only when the test says so. ``log`` tells what the model thread did."""

    model_name = "stepped"

    def __init__(self, load_error: Exception | None = None) -> None:
        self.log: list[str] = []
        self.threads: set[str] = set()
        self.may_load = threading.Semaphore(0)
        self.may_step = threading.Semaphore(0)
        self.may_prepare = threading.Event()
        self.may_prepare.set()
        self.shed_calls = 0
        self.to_shed = ["prompts", "adapters"]
        self._load_error = load_error

    def load(self) -> ModelInfo:
        self.may_load.acquire()
        if self._load_error is not None:
            raise self._load_error
        return ModelInfo(self.model_name, "", "cpu", "")

    def prepare(self, request: Request) -> Request:
        self.may_prepare.wait(20)
        if request.schema == ("nothing",):
            raise SchemaError("There are no tables.")
        return request

    def shed(self) -> str:
        self.shed_calls += 1
        return self.to_shed.pop(0) if self.to_shed else ""

    def rest(self) -> None:
        self.log.append("rested")

    def unload(self) -> None:
        self.log.append("unloaded")

    def generate(self, request: GenerateRequest, _: float) -> Generator[Step, None, Answer]:
        yield from self._steps(request.question)
        if request.question == "crash":
            raise ZeroDivisionError
        return Answer((), request.question, "sqlite", "default", "stepped")

    def prefill(self, _: PrefillRequest, __: float) -> Generator[Step, None, Prefilled]:
        yield from self._steps("prefill")
        return Prefilled(2, 0)

    def _steps(self, name: str) -> Generator[Step, None, None]:
        self.threads.add(threading.current_thread().name)
        try:
            for number in (1, 2):
                self.log.append(f"{name} {number}")
                self.may_step.acquire()
                if name == "prefill":
                    yield Step("prefill")
                else:
                    yield written(f"{name} {number}")
        finally:
            self.log.append(f"{name} left")

    def close(self) -> None:
        self.log.append("closed")


@asynccontextmanager
async def running(
    engine: SteppedEngine, limit: int = 8, *, loaded: bool = True, upkeep: Upkeep | None = None
) -> AsyncIterator[tuple[ModelThread, list[str]]]:
    states: list[str] = []
    thread = ModelThread(engine, lambda state: states.append(state.name), limit, upkeep)
    thread.start()
    if loaded:
        engine.may_load.release()
    try:
        yield thread, states
    finally:
        engine.may_load.release()
        engine.may_step.release(100)
        assert await thread.stop(10)


def ask(question: str, version: int | None = None) -> GenerateRequest:
    document = None if version is None else Document("file:///a.sql", version)
    return GenerateRequest(Schema(()), question, document=document)


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop and the thread run until ``condition()`` holds."""
    while not condition():  # noqa: ASYNC110 (the thread has no asyncio event to set)
        await asyncio.sleep(0.001)


async def test_requests_share_the_model_thread_token_by_token():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        first = thread.submit(ask("first"))
        await until(lambda: "first 1" in engine.log)
        second = thread.submit(ask("second"))
        await until(lambda: thread.queued == 2)
        await asyncio.sleep(0)
        engine.may_step.release(5)
        answers = [await job.result for job in (first, second)]
    assert [a.refused for a in answers] == ["first", "second"]
    assert engine.threads == {"model"}
    assert engine.log.index("second 1") < engine.log.index("first left")
    assert thread.tokens_generated == 4


class RowEngine(SteppedEngine):
    """Each step has a row; ``passes`` tells which were read together."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[list[str]] = []
        self.broken = False

    def _steps(self, name: str) -> Generator[Step, None, None]:
        try:
            for _ in (1, 2):
                row = NamedRow(name)
                if name.startswith("more"):
                    yield Step("decode", others=(row,))
                else:
                    yield Step("decode", rows=(row,), tokens=1)
        finally:
            self.log.append(f"{name} left")

    def launch(self, rows: Sequence[Row]) -> None:
        self.may_step.acquire()
        self.passes.append([row.name for row in rows])
        if self.broken:
            raise MemoryError("no room for a pass")

    def abandon(self) -> None:
        self.broken = False


class NamedRow:
    pending = (1,)

    def __init__(self, name: str) -> None:
        self.name = name


async def test_the_passes_of_all_requests_are_made_together():
    engine = RowEngine()
    async with running(engine, loaded=False) as (thread, _):
        jobs = [thread.submit(ask(name)) for name in "abc"]
        await until(lambda: thread._inbox.qsize() == 3)
        engine.may_load.release()
        engine.may_step.release(2)
        for job in jobs:
            await job.result
    assert engine.passes == [["a", "b", "c"]] * 2


async def test_alternatives_wait_while_somebody_has_no_answer_yet():
    engine = RowEngine()
    async with running(engine, loaded=False) as (thread, _):
        jobs = [thread.submit(ask(name)) for name in ("more", "first")]
        await until(lambda: thread._inbox.qsize() == 2)
        engine.may_load.release()
        engine.may_step.release(10)
        for job in jobs:
            await job.result
    assert engine.passes == [["first"], ["first"]]


async def test_a_pass_that_fails_answers_its_requests_and_the_next_ones_are_served():
    engine = RowEngine()
    engine.broken = True
    async with running(engine, loaded=False) as (thread, _):
        jobs = [thread.submit(ask(name)) for name in "ab"]
        await until(lambda: thread._inbox.qsize() == 2)
        engine.may_load.release()
        engine.may_step.release(10)
        for job in jobs:
            with pytest.raises(ModelError, match="no room"):
                await job.result
        assert (await thread.submit(ask("next")).result).refused == "next"
    assert engine.log[:2] == ["a left", "b left"]


async def test_evaluation_waits_until_nobody_asks():
    engine = SteppedEngine()
    async with running(engine, loaded=False) as (thread, _):
        jobs = [
            thread.submit(replace(ask("evaluation"), background=True)),
            thread.submit(ask("question")),
        ]
        await until(lambda: thread._inbox.qsize() == 2)
        engine.may_load.release()
        engine.may_step.release(10)
        for job in jobs:
            await job.result
    assert engine.log.index("question left") < engine.log.index("evaluation 1")


async def test_an_idle_model_is_unloaded_and_the_next_question_loads_it_again():
    engine, now = SteppedEngine(), [0.0]
    upkeep = Upkeep(idle_seconds=60, seconds=0.001, clock=lambda: now[0], floor_bytes=0)
    async with running(engine, upkeep=upkeep) as (thread, states):
        engine.may_step.release(10)
        await thread.submit(ask("first")).result
        now[0] = 59
        await asyncio.sleep(0.02)
        assert thread.state.name == "ready"
        now[0] = 61
        await until(lambda: thread.state.name == "idle")
        assert "loads it again" in thread.state.message
        assert "unloaded" in engine.log
        engine.may_load.release()
        assert (await thread.submit(ask("second")).result).refused == "second"
        assert states[:4] == ["ready", "idle", "loading", "ready"]
        assert thread.loads == 2


async def test_spare_memory_is_given_back_once_after_each_burst_of_questions():
    engine = SteppedEngine()
    async with running(engine, upkeep=Upkeep(seconds=0.02, floor_bytes=0)) as (thread, _):
        engine.may_step.release(100)
        await until(lambda: engine.log == ["rested"])  # what the load needed
        for burst in (1, 2):
            await asyncio.gather(*(thread.submit(ask(f"{n}")).result for n in range(3)))
            await until(lambda: engine.log[-1] == "rested")
            await asyncio.sleep(0.1)
            assert engine.log.count("rested") == 1 + burst


async def test_short_memory_takes_caches_first_and_then_a_model_nobody_uses():
    engine, later, free = SteppedEngine(), [0.0], [100]
    upkeep = Upkeep(
        seconds=0.001,
        clock=lambda: time.monotonic() + later[0],
        floor_bytes=10,
        available=lambda: free[0],
    )
    async with running(engine, upkeep=upkeep) as (thread, _):
        await until(lambda: thread.state.name == "ready")
        free[0] = 9
        await until(lambda: engine.shed_calls > 3)
        assert engine.to_shed == []
        assert thread.state.name == "ready"  # it was used a moment ago
        later[0] = 100
        await until(lambda: thread.state.name == "idle")
        assert "memory is short" in thread.state.message


async def test_ddl_is_read_beside_the_model_thread_and_can_be_cancelled_there():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        engine.may_prepare.clear()
        slow = thread.submit(replace(ask("slow"), schema=("CREATE TABLE t (a INT)",)))
        quick = thread.submit(replace(ask("quick"), schema=Schema(())))
        engine.may_step.release(10)
        assert (await quick.result).refused == "quick"
        thread.cancel(slow)
        with pytest.raises(CancelledError):
            await slow.result
        engine.may_prepare.set()
    assert "slow 1" not in engine.log


async def test_ddl_that_cannot_be_read_is_the_answer():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        with pytest.raises(SchemaError, match="no tables"):
            await thread.submit(replace(ask("q"), schema=("nothing",))).result


async def test_draining_waits_for_the_answers():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        job = thread.submit(ask("first"))
        draining = asyncio.create_task(thread.drain())
        await until(lambda: "first 1" in engine.log)
        assert not draining.done()
        engine.may_step.release(10)
        await draining
        assert job.result.done()


async def test_a_cancel_acts_between_two_tokens():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        job = thread.submit(ask("first"))
        engine.may_step.release()
        await until(lambda: "first 2" in engine.log)  # one token is out, the second under way
        thread.cancel(job)
        engine.may_step.release(10)
        with pytest.raises(CancelledError):
            await job.result
        assert engine.log == ["first 1", "first 2", "first left"]
        assert thread.tokens_generated == 2


async def test_a_waiting_request_is_cancelled_before_the_model_is_there():
    engine = SteppedEngine()
    async with running(engine, loaded=False) as (thread, _):
        job = thread.submit(ask("first"))
        thread.cancel(job)
        with pytest.raises(CancelledError):
            await job.result
        assert thread.queued == 0
    assert "first 1" not in engine.log


async def test_a_newer_document_version_cancels_the_older_request():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        older, newer = thread.submit(ask("old", 1)), thread.submit(ask("new", 2))
        engine.may_step.release(10)
        with pytest.raises(CancelledError, match="newer version"):
            await older.result
        assert (await newer.result).refused == "new"


async def test_an_older_version_that_comes_late_is_not_begun():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        newer, older = thread.submit(ask("new", 2)), thread.submit(ask("old", 1))
        with pytest.raises(CancelledError, match="newer version"):
            await older.result
        engine.may_step.release(10)
        assert (await newer.result).refused == "new"


@pytest.mark.parametrize("case", ["same version", "other owner"])
async def test_other_requests_on_a_document_are_left_alone(case):
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        first = thread.submit(ask("first", 1), owner="a")
        second = thread.submit(
            ask("second", 1 if case == "same version" else 2),
            owner="a" if case == "same version" else "b",
        )
        engine.may_step.release(10)
        assert (await first.result).refused == "first"
        assert (await second.result).refused == "second"


async def test_a_question_goes_before_a_prefill_that_has_begun():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        warm = thread.submit(PrefillRequest(Schema(())))
        await until(lambda: "prefill 1" in engine.log)
        question = thread.submit(ask("question"))
        engine.may_step.release(10)
        assert (await question.result).refused == "question"
        assert await warm.result == Prefilled(2, 0)
    order = [entry for entry in engine.log if entry in ("question left", "prefill left")]
    assert order == ["prefill left", "question left", "prefill left"]


async def test_too_many_requests_are_refused_and_the_others_answered():
    engine = SteppedEngine()
    async with running(engine, limit=2) as (thread, _):
        jobs = [thread.submit(ask(q)) for q in ("a", "b")]
        with pytest.raises(DaemonBusyError):
            thread.submit(ask("c"))
        engine.may_step.release(10)
        assert [(await job.result).refused for job in jobs] == ["a", "b"]
        thread.submit(ask("d"))  # there is room again


async def test_a_crash_in_the_model_answers_its_request_and_no_other():
    engine = SteppedEngine()
    async with running(engine) as (thread, _):
        broken, whole = thread.submit(ask("crash")), thread.submit(ask("whole"))
        engine.may_step.release(10)
        with pytest.raises(ModelError, match="ZeroDivisionError"):
            await broken.result
        assert (await whole.result).refused == "whole"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ModelNotFoundError("There is no model. Correct it."), ModelNotFoundError),
        (RuntimeError("foreign"), ModelError),
    ],
)
async def test_a_model_that_cannot_be_loaded_is_the_answer_to_every_request(error, expected):
    engine = SteppedEngine(error)
    async with running(engine) as (thread, states):
        for _ in range(2):
            with pytest.raises(expected):
                await thread.submit(ask("first")).result
        assert states == ["model_error"]
        assert thread.state.message


async def test_stopping_answers_everything_and_closes_the_engine():
    engine = SteppedEngine()
    async with running(engine) as (thread, states):
        jobs = [thread.submit(ask(q)) for q in ("running", "waiting")]
        await until(lambda: "running 1" in engine.log)
        stopping = asyncio.create_task(thread.stop(10))
        await until(lambda: "stopping" in states)
        engine.may_step.release(10)
        outcomes = await asyncio.gather(*(job.result for job in jobs), return_exceptions=True)
        assert await stopping
    assert all(isinstance(outcome, DaemonStoppingError) for outcome in outcomes)
    assert states[:2] == ["ready", "stopping"]
    assert engine.log[-1] == "closed"


async def test_the_text_so_far_comes_while_the_model_writes():
    engine = SteppedEngine()
    texts: list[str] = []
    async with running(engine) as (thread, _):
        job = thread.submit(ask("first"), on_text=texts.append)
        engine.may_step.release()
        await until(lambda: texts)
        assert texts == ["first 1"]
        assert not job.result.done()
