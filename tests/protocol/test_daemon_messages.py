"""What the daemon answers, over a real socket to a real process with a fake model."""

from __future__ import annotations

import asyncio
import itertools

import msgpack
import pytest

from squill.client import DaemonClient
from squill.errors import (
    CancelledError,
    InvalidParamsError,
    ModelError,
    ModelNotFoundError,
    UnknownMethodError,
    VersionMismatchError,
)
from squill.paths import PROTOCOL_VERSION

QUESTION = {"schema": "CREATE TABLE t (a INT)", "question": "how many?"}
ENDLESS = QUESTION | {"question": "hang on"}


async def test_hello_names_the_protocol_and_the_process(raw, daemon):
    error, result = await raw.ask(1, "hello", {"protocol": PROTOCOL_VERSION})
    assert error is None
    assert result["protocol"] == PROTOCOL_VERSION
    assert result["pid"] == daemon.pid


@pytest.mark.parametrize(
    ("protocol", "advice"),
    [(PROTOCOL_VERSION + 1, "Update the daemon"), (0, "Update the client")],
)
async def test_another_version_is_refused_with_what_to_do(raw, protocol, advice):
    error, _ = await raw.ask(1, "hello", {"protocol": protocol})
    assert error["code"] == VersionMismatchError.code
    assert advice in error["message"]
    assert "squill daemon restart" in error["message"]
    error, _ = await raw.ask(2, "status", {})
    assert error["code"] == "protocol"


@pytest.mark.parametrize("method", ["status", "generate", "shutdown", "nonsense"])
async def test_nothing_is_done_before_hello(raw, method):
    error, _ = await raw.ask(1, method, QUESTION)
    assert error["code"] == "protocol"
    assert "hello" in error["message"]
    assert (await raw.ask(2, "hello", {"protocol": PROTOCOL_VERSION}))[0] is None


async def test_a_question_is_answered_with_partials_before(client):
    partials: list[str] = []
    answer = await client.call("generate", QUESTION, on_partial=partials.append)
    assert [c["sql"] for c in answer["candidates"]] == ["SELECT 1"]
    assert partials[0] == "S"
    assert partials[-1] == "SELECT 1"
    assert set(answer) >= {"refused", "dialect", "dialect_origin", "model", "adapter", "tokens"}
    assert set(answer["milliseconds"]) == {"queue", "prefill", "decode", "total"}


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        ("no-such-method", {}, UnknownMethodError),
        ("generate", {}, InvalidParamsError),
        ("generate", {"question": "q"}, InvalidParamsError),
        ("generate", {"question": " ", "schema": ""}, InvalidParamsError),
        ("generate", {"question": "q", "schema": 7}, InvalidParamsError),
        ("generate", {"question": "q", "schema": ["a", 7]}, InvalidParamsError),
        ("generate", {"question": "q", "schema": {"tables": 7}}, InvalidParamsError),
        ("generate", QUESTION | {"n": 0}, InvalidParamsError),
        ("generate", QUESTION | {"n": "two"}, InvalidParamsError),
        ("generate", QUESTION | {"n": True}, InvalidParamsError),
        ("generate", QUESTION | {"budget_ms": 1.5}, InvalidParamsError),
        ("generate", QUESTION | {"document": {"uri": "x"}}, InvalidParamsError),
        ("generate", QUESTION | {"examples": [{"question": "x"}]}, InvalidParamsError),
        ("prefill", {"schema": None}, InvalidParamsError),
        ("cancel", {"id": "x"}, InvalidParamsError),
        ("hello", {"protocol": "one"}, InvalidParamsError),
        ("generate", QUESTION | {"question": "crash now"}, ModelError),
    ],
)
async def test_a_request_that_cannot_be_served_gets_its_error_and_the_next_is_served(
    client, method, params, error
):
    with pytest.raises(error):
        await client.call(method, params)
    assert (await client.call("status"))["queue"] == 0


@pytest.mark.parametrize("params", [None, 5, [1], [{}, {}], [{1: 2}]])
async def test_params_that_are_not_one_map_are_refused(greeted, params):
    await greeted.send(0, 5, "status", params)
    error, _ = await greeted.reply(5)
    assert error["code"] == InvalidParamsError.code


async def test_lua_s_empty_table_counts_as_an_empty_map(greeted):
    error, result = await greeted.ask(1, "status", [])
    assert error is None
    assert result["state"] in ("loading", "ready")


async def test_a_message_of_another_shape_is_answered_and_the_connection_goes_on(greeted):
    await greeted.send(0, "seven", "status", [])
    error, _ = await greeted.reply(None)
    assert error["code"] == "protocol"
    await greeted.send("hello?")
    assert (await greeted.reply(None))[0]["code"] == "protocol"
    assert (await greeted.ask(2, "status"))[0] is None


async def test_bytes_that_are_not_messagepack_close_that_connection_only(greeted, client):
    greeted.writer.write(b"\xc1\xc1\xc1")
    error, _ = await greeted.reply(None)
    assert error["code"] == "protocol"
    with pytest.raises(EOFError):
        await greeted.receive()
    assert (await client.call("status"))["state"] == "ready"


async def test_a_frame_over_the_limit_is_answered_and_the_connection_goes_on(greeted):
    await greeted.send(0, 9, "generate", [QUESTION | {"schema": "x" * 9_000_000}])
    error, _ = await greeted.reply(9)
    assert error["code"] == "frame_too_large"
    assert (await greeted.ask(10, "status"))[0] is None


async def test_many_requests_at_once_are_each_answered_once(greeted):
    for number in range(1, 41):
        method = ("status", "generate", "unknown", "prefill")[number % 4]
        await greeted.send(0, number, method, [QUESTION])
    seen: list[object] = []
    while len(seen) < 40:
        kind, *rest = await greeted.receive()
        if kind == 1:
            seen.append(rest[0])
    assert sorted(seen) == list(range(1, 41))


async def test_an_id_in_use_is_refused_and_the_first_request_goes_on(greeted):
    await greeted.send(0, 1, "generate", [ENDLESS])
    error, _ = await greeted.ask(1, "status")
    assert error["code"] == "protocol"
    assert (await greeted.ask(2, "cancel", {"id": 1}))[1] == {"cancelled": True}
    assert (await greeted.reply(1))[0]["code"] == CancelledError.code


async def begun(raw) -> None:
    """Returns when the first partial text has come."""
    while (await raw.receive())[:2] != [2, "generate/partial"]:
        pass


async def test_after_a_cancel_the_model_writes_no_further_token(greeted):
    await greeted.send(0, 1, "generate", [ENDLESS])
    await begun(greeted)
    await greeted.send(0, 2, "cancel", [{"id": 1}])
    error, _ = await greeted.reply(1)  # the model has stopped when this comes
    assert error["code"] == CancelledError.code
    first = (await greeted.ask(3, "status"))[1]
    await greeted.ask(4, "generate", QUESTION)
    second = (await greeted.ask(5, "status"))[1]
    assert second["tokens_generated"] - first["tokens_generated"] == len("SELECT 1")


async def test_cancel_says_whether_there_was_something_to_cancel(greeted):
    assert (await greeted.ask(1, "cancel", {"id": 77}))[1] == {"cancelled": False}
    await greeted.ask(2, "generate", QUESTION)
    assert (await greeted.ask(3, "cancel", {"id": 2}))[1] == {"cancelled": False}


async def test_cancel_works_as_a_notification_too(greeted):
    await greeted.send(0, 1, "generate", [ENDLESS])
    await begun(greeted)
    await greeted.send(2, "cancel", [{"id": 1}])
    assert (await greeted.reply(1))[0]["code"] == CancelledError.code


async def test_nobody_cancels_another_connection_s_request(greeted, client):
    started = asyncio.Event()
    task = asyncio.create_task(client.call("generate", ENDLESS, on_partial=lambda _: started.set()))
    await started.wait()
    for request_id in range(10):
        assert (await greeted.ask(100 + request_id, "cancel", {"id": request_id}))[1] == {
            "cancelled": False
        }
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def idle(client: DaemonClient) -> dict[str, object]:
    """The status, once no request is left; each look waits for the daemon's answer."""
    while (status := await client.call("status"))["queue"]:
        pass
    return status


async def test_cancelling_the_task_stops_the_model(client):
    started = asyncio.Event()
    task = asyncio.create_task(client.call("generate", ENDLESS, on_partial=lambda _: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await idle(client)


async def test_a_client_that_vanishes_takes_its_requests_along(greeted, client):
    await greeted.send(0, 1, "generate", [ENDLESS])
    await begun(greeted)
    greeted.writer.transport.abort()
    await idle(client)
    assert (await client.call("generate", QUESTION))["candidates"]


async def test_a_newer_version_of_a_document_cancels_the_older_question(greeted):
    document = {"uri": "file:///a.sql", "version": 1}
    await greeted.send(0, 1, "generate", [ENDLESS | {"document": document}])
    await begun(greeted)
    await greeted.send(0, 2, "generate", [QUESTION | {"document": document | {"version": 2}}])
    assert (await greeted.reply(1))[0]["code"] == CancelledError.code
    error, result = await greeted.reply(2)
    assert error is None
    assert result["candidates"]


async def test_a_client_that_does_not_read_costs_no_memory(greeted, client):
    before = (await client.call("status"))["memory_bytes"]
    ids = itertools.count(1)
    sent = 0
    try:
        async with asyncio.timeout(2):
            while sent < 100_000_000:
                requests = [msgpack.packb([0, next(ids), "no" * 2000, [{}]]) for _ in range(16)]
                greeted.writer.write(b"".join(requests))
                await greeted.writer.drain()
                sent += 16 * len(requests[0])
    except TimeoutError:
        pass  # the daemon has stopped reading, as it should
    assert sent < 100_000_000
    after = await client.call("status")
    assert after["memory_bytes"] - before < 50_000_000
    assert (await client.call("generate", QUESTION))["candidates"]


async def test_status_tells_what_there_is_to_know(client, daemon):
    await client.call("generate", QUESTION)
    status = await client.call("status")
    assert status["state"] == "ready"
    assert status["pid"] == daemon.pid
    assert status["tokens_generated"] == len("SELECT 1")
    assert status["requests"] == {"waiting": 0, "prefill": 0, "decode": 0}
    assert {"message", "model", "adapter", "device", "blas", "protocol", "version"} < set(status)
    assert status["uptime_s"] >= 0
    assert status["memory_bytes"] > 1_000_000


async def test_a_daemon_without_a_model_lives_on_and_says_so(start_daemon):
    process = start_daemon(SQUILL_FAKE_LOAD="error")
    async with await DaemonClient.connect() as client:
        for _ in range(2):
            with pytest.raises(ModelNotFoundError, match="Correct `model`"):
                await client.call("generate", QUESTION)
        status = await client.call("status")
    assert status["state"] == "model_error"
    assert "There is no model at /nowhere" in status["message"]
    assert process.poll() is None
