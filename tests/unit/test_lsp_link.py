"""The tie to a daemon that stops, dies, hangs, falls asleep: a stub on a real socket."""

from __future__ import annotations

import asyncio
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from squill import client as client_module
from squill.client import connect_or_start
from squill.errors import DaemonStoppingError, DaemonUnavailableError
from squill.paths import runtime_paths
from squill_lsp.link import DaemonLink
from stub_daemon import StubDaemon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SQL = "SELECT Age FROM students"
ASKED = {"question": "how old?", "n": 1}
STOPPING = DaemonStoppingError("The daemon is stopping.")


@pytest.fixture
def socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The daemon's; nothing that is started to listen there can."""
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", "/bin/false")
    with tempfile.TemporaryDirectory(prefix="squill-", dir="/tmp") as folder:
        monkeypatch.setenv("SQUILL_RUNTIME_DIR", folder)
        yield runtime_paths().socket


class Told(list[tuple[str, str]]):
    """States and messages of a link, in order."""

    def __call__(self, state: str, message: str, _: str) -> None:
        self.append((state, message))


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def link(told: Told) -> AsyncIterator[DaemonLink]:
    made = DaemonLink(told)
    yield made
    await made.close()


def stub(socket: Path, **state: Any) -> StubDaemon:
    return StubDaemon(socket, {"how old?": [SQL]}, **state)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "SILENCE_SECONDS", 0.02)


async def replaced_when_asked(old: StubDaemon, new: StubDaemon) -> None:
    """``new`` listens before ``old`` ends, so that no moment is without a daemon."""
    await old.until(lambda: bool(old.questions))
    async with new:
        await old.end()
        await new.until(lambda: bool(new.questions))


@pytest.mark.parametrize("reason", [STOPPING, None], ids=["stopping", "killed"])
async def test_what_a_daemon_leaves_unanswered_is_asked_of_the_next(
    socket: Path, link: DaemonLink, reason: DaemonStoppingError | None
) -> None:
    new = stub(socket)
    async with stub(socket, failure=reason, holds=reason is None) as old:
        replacing = asyncio.create_task(replaced_when_asked(old, new))
        answer = await link.call("generate", ASKED)
        await replacing
    assert answer["candidates"][0]["sql"] == SQL
    assert (len(old.questions), len(new.questions)) == (1, 1)


async def test_it_is_asked_of_one_other_daemon_only(socket: Path, link: DaemonLink) -> None:
    async with stub(socket, failure=STOPPING) as old:
        new = stub(socket, failure=STOPPING)
        replacing = asyncio.create_task(replaced_when_asked(old, new))
        with pytest.raises(DaemonStoppingError):
            await link.call("generate", ASKED)
        await replacing
    assert len(new.questions) == 1


async def test_a_daemon_that_hangs_is_given_up_with_a_sentence(
    socket: Path,
    link: DaemonLink,
    told: Told,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert impatient is None
    monkeypatch.setattr(client_module, "LIFE_SECONDS", 0.02)
    async with stub(socket) as daemon:
        await link.connected()
        daemon.deaf = True
        for _ in range(2):  # the second time at once, without a connection
            with pytest.raises(DaemonUnavailableError, match="squill daemon restart"):
                await link.call("generate", ASKED)
        assert len(daemon.questions) == daemon.count("hello") == 1
    assert told[-1] == ("trouble", "The daemon does not answer. Run `squill daemon restart`.")


async def test_a_daemon_at_work_for_long_is_not_given_up(
    socket: Path, link: DaemonLink, impatient: None
) -> None:
    assert impatient is None
    async with stub(socket, holds=True) as daemon:
        asking = asyncio.create_task(link.call("generate", ASKED))
        await daemon.until(lambda: daemon.count("status") > 4)
        daemon.release()
        assert (await asking)["candidates"]


async def test_a_daemon_that_does_not_read_is_given_up_too(
    socket: Path, link: DaemonLink, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert impatient is None
    monkeypatch.setattr(client_module, "LIFE_SECONDS", 0.02)
    async with stub(socket) as daemon:
        client = await link.connected()
        daemon.read_no_more()
        with pytest.raises(DaemonUnavailableError, match="does not answer"):
            await link.call("generate", ASKED | {"schema": "x" * 4_000_000})
        assert not client.connected


async def test_no_second_daemon_is_started_beside_one_that_hangs(
    socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CONNECT_SECONDS", 0.02)
    async with stub(socket, deaf=True):
        with pytest.raises(DaemonUnavailableError, match="does not answer"):
            await connect_or_start()


async def heard(link: DaemonLink, daemon: StubDaemon, state: str) -> int:
    """The link's epoch once it has heard of the state."""
    daemon.tell(state)
    await link.call("prefill", {})
    return link.epoch


async def test_the_epoch_grows_with_all_but_the_loading_of_the_same_model(
    socket: Path, link: DaemonLink
) -> None:
    async with stub(socket, state="loading") as daemon:
        assert not link.asleep
        await link.connected()
        loading = link.epoch
        assert await heard(link, daemon, "ready") == loading
        assert await heard(link, daemon, "ready") > loading
        idle = await heard(link, daemon, "idle")
        assert idle > loading
        assert link.asleep
        assert await heard(link, daemon, "loading") == idle
        assert not link.asleep
        assert await heard(link, daemon, "ready") == idle
        assert await heard(link, daemon, "model_error") > idle
        assert link.asleep


async def test_a_lost_daemon_is_asleep_and_begins_a_new_epoch(
    socket: Path, link: DaemonLink, told: Told
) -> None:
    async with stub(socket) as daemon:
        client = await link.connected()
        before = link.epoch
        await daemon.end()
        await client.wait_closed()
        await asyncio.sleep(0)
    assert link.epoch > before
    assert link.asleep
    assert told[-1] == ("trouble", "The daemon has stopped; the next question starts it again.")


async def test_a_model_that_was_unloaded_is_a_state_of_its_own(
    socket: Path, link: DaemonLink, told: Told
) -> None:
    async with stub(socket, state="idle"):
        await link.connected()
    assert told[-1][0] == "idle"


async def test_a_closed_link_connects_no_more(socket: Path, link: DaemonLink) -> None:
    async with stub(socket, holds=True) as daemon:
        asking = asyncio.create_task(link.call("generate", ASKED))
        await daemon.until(lambda: bool(daemon.questions))
        await link.close()
        with pytest.raises(DaemonUnavailableError):
            await asking
        assert daemon.count("hello") == 1
