"""`squill status`, `squill logs`, and a start that says what came of it. Real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TESTS

from squill.adapters import WEIGHTS, user_registry
from squill.client import DaemonClient
from squill.errors import DaemonUnavailableError, SquillError
from squill.paths import runtime_paths
from squill_daemon import background
from squill_daemon.commands.daemon import main as daemon_command
from squill_daemon.commands.status import adapters_in_use, describe
from squill_daemon.commands.status import main as status
from squill_daemon.instance import answers, holder
from squill_daemon.logs import follow, last_lines, log_to_file, readable
from surroundings import until

SCRIPTED = f"{sys.executable} {TESTS / 'scripted_daemon.py'}"


@pytest.fixture
def stopped_after(own_folders):
    yield own_folders
    daemon_command(["stop"])


@pytest.fixture
def gate(stopped_after, monkeypatch):
    """While this file is missing, a daemon that is started goes on loading."""
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", SCRIPTED)
    monkeypatch.setenv("SQUILL_FAKE_GATE", str(stopped_after / "gate"))
    return stopped_after / "gate"


def squill(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "squill", *arguments], capture_output=True, text=True, timeout=100
    )


# --- status -------------------------------------------------------------------------------------


def test_without_a_daemon_status_says_so_and_fails(own_folders):
    assert own_folders.is_dir()
    told = squill("status")
    assert (told.returncode, told.stdout) == (3, "")
    assert "squill daemon start" in told.stderr
    told = squill("status", "--json")
    assert (told.returncode, told.stderr) == (3, "")
    assert json.loads(told.stdout)["state"] == "stopped"
    assert "squill daemon start" in json.loads(told.stdout)["message"]


async def test_status_tells_of_answers_and_errors(daemon, capsys):
    assert daemon.poll() is None
    async with await DaemonClient.connect() as client:
        await client.call("generate", {"schema": "", "question": "one"})
        with pytest.raises(SquillError):
            await client.call("generate", {"schema": "", "question": "crash"})
    assert await asyncio.to_thread(status, ["--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["answers"]["count"] == 1
    assert told["errors"] == {"model_error": 1}
    assert await asyncio.to_thread(status, []) == 0
    shown = capsys.readouterr().out
    assert "fake is ready" in shown
    assert "1 (the last hundred: p50" in shown
    assert "model_error 1" in shown


def test_both_spellings_of_status_are_the_same(daemon, capsys):
    assert daemon.poll() is None
    shown = []
    for command in (status, lambda words: daemon_command(["status", *words])):
        assert command(["--json"]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    assert shown[0].keys() == shown[1].keys()
    assert shown[0]["pid"] == shown[1]["pid"] == daemon.pid


def test_a_daemon_that_hangs_is_told_from_one_that_is_not_there(daemon, monkeypatch, capsys):
    monkeypatch.setattr("squill_daemon.commands.status.ANSWER_SECONDS", 0.5)
    daemon.send_signal(signal.SIGSTOP)
    assert status(["--json"]) == 3
    assert json.loads(capsys.readouterr().out)["state"] == "not answering"


def test_a_daemon_that_tells_less_is_shown_without_gaps():
    shown = describe({"state": "ready", "message": "", "model": "m", "version": "0.1"})
    assert shown.splitlines() == [
        "state             ready",
        "model             m",
        "adapter           none",
        "version           0.1",
    ]


def test_status_tells_the_adapter_of_this_folder_and_those_of_all(tmp_path, monkeypatch):
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path))
    (tmp_path / "adapter_config.json").write_text('{"num_layers": 1}')
    (tmp_path / WEIGHTS).write_text("1")
    registry = user_registry()
    digest = registry.publish(tmp_path, base="b" * 64, prompt_format="slots-2").digest
    registry.activate(digest, "/shop")
    registry.activate(None, "/plain")
    assert adapters_in_use(Path("/shop")) == {
        "workspace": "/shop",
        "workspace_adapter": digest,
        "workspace_adapters": {"/shop": digest, "/plain": None},
    }
    registry.activate(digest, "/another")
    assert describe({"adapter": None} | adapters_in_use(Path("/plain"))).splitlines() == [
        "adapter           none for questions asked in this folder",
        f"workspaces        {digest[:12]} /another",
        f"                  {digest[:12]} /shop",
    ]


def test_a_full_status_is_one_line_a_figure():
    shown = describe(
        {
            "state": "ready",
            "message": "m is ready on cpu.",
            "uptime_s": 93784.2,
            "model": "m",
            "adapter": "a" * 64,
            "queue": 3,
            "requests": {"waiting": 2, "prefill": 0, "decode": 1},
            "answers": {"count": 1234, "p50_ms": 33.4, "p95_ms": 120.0, "forced_tokens": 4000},
            "cache": {"entries": 7, "bytes": 12_000_000, "budget_bytes": 1 << 30}
            | {"prompt_tokens": 100, "cached_tokens": 90, "hit_rate": 0.9},
            "memory_bytes": 345_000_000,
            "errors": {"schema": 2, "daemon_busy": 5},
            "cancelled": 8,
            "loads": 2,
        }
    ).splitlines()
    assert shown == [
        "state             ready: m is ready on cpu.",
        "up                1 day, 2:03:04",
        "model             m",
        "adapter           aaaaaaaaaaaa",
        "queue             3 (2 waiting, 1 decode)",
        "answers           1,234 (the last hundred: p50 33 ms, p95 120 ms)",
        "cache             90% of prompt tokens were there already; 7 prompts, 12 MB of 1,074 MB",
        "tokens saved      90 by the cache, 4,000 by the grammar",
        "memory            345 MB",
        "model loaded      2 times",
        "cancelled         8",
        "errors            daemon_busy 5, schema 2",
    ]


# --- starting -----------------------------------------------------------------------------------


def test_start_waits_until_the_model_is_ready_and_says_what_serves(gate):
    with subprocess.Popen(
        [sys.executable, "-m", "squill", "daemon", "start"], stderr=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stderr is not None
        assert starter.stderr.readline() == "squill daemon: started\n"
        assert "loaded" in starter.stderr.readline()
        gate.touch()
        assert starter.stderr.read() == "squill daemon: ready: fake on cpu\n"
        assert starter.wait(20) == 0


def test_start_without_waiting_returns_while_the_model_loads(gate):
    assert daemon_command(["start", "--no-wait"]) == 0
    assert json.loads(squill("status", "--json").stdout)["state"] == "loading"
    gate.touch()


def test_a_start_that_takes_too_long_goes_on_by_itself(gate, monkeypatch, capsys):
    monkeypatch.setattr(background, "LOAD_SECONDS", 0.2)
    assert daemon_command(["start"]) == 0
    assert "still loading" in capsys.readouterr().err
    gate.touch()
    monkeypatch.undo()
    assert daemon_command(["stop"]) == 0


@pytest.mark.parametrize("action", ["start", "restart"])
def test_a_model_that_does_not_load_fails_with_its_reason_and_the_daemon_stays(
    stopped_after, monkeypatch, capsys, action
):
    assert stopped_after.is_dir()
    monkeypatch.setenv("SQUILL_FAKE_LOAD", "error")
    assert daemon_command([action]) == 3
    assert "There is no model at /nowhere. Correct `model`." in capsys.readouterr().err
    assert holder(runtime_paths()) is not None
    assert daemon_command(["start"]) == 3


@pytest.mark.parametrize("action", ["start", "restart"])
def test_a_folder_that_is_no_model_is_refused_and_the_daemon_that_runs_goes_on(
    stopped_after, capsys, action
):
    assert daemon_command(["start"]) == 0
    running = holder(runtime_paths())
    for folder, reason in ((stopped_after / "none", "no model folder"), (stopped_after, "config")):
        assert daemon_command([action, "--model", str(folder)]) == 3
        assert reason in capsys.readouterr().err
    assert holder(runtime_paths()) == running


def test_starting_with_a_model_that_is_not_the_served_one_says_so(stopped_after, capsys):
    assert stopped_after.is_dir()
    assert daemon_command(["start"]) == 0
    assert daemon_command(["start", "--model", "owner/name"]) == 3
    assert "squill daemon restart --model owner/name" in capsys.readouterr().err


async def test_a_daemon_that_dies_while_it_loads_is_told(gate):
    assert daemon_command(["start", "--no-wait"]) == 0
    said: list[str] = []
    loading = asyncio.create_task(background.until_loaded(said.append))
    await until(lambda: bool(said))
    pid = holder(runtime_paths())
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(DaemonUnavailableError, match="ended while the model was being loaded"):
        await loading
    assert not gate.exists()


def test_a_daemon_command_that_is_not_there_is_one_sentence(own_folders, monkeypatch, capsys):
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", str(own_folders / "missing"))
    assert daemon_command(["start"]) == 3
    assert "missing: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["start"], ["run", "--detach"]])
def test_a_log_that_cannot_be_written_is_one_sentence(own_folders, capfd, monkeypatch, arguments):
    monkeypatch.setenv("SQUILL_STATE_DIR", str(own_folders / "file" / "state"))
    (own_folders / "file").write_text("")
    done = squill("daemon", *arguments)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert "file" in done.stderr + done.stdout
    assert capfd.readouterr().err == ""


def test_a_start_does_not_erase_the_last_words_of_the_one_that_runs(stopped_after):
    assert daemon_command(["start"]) == 0
    (stopped_after / "state" / "daemon.err").write_text("something serious\n")
    assert daemon_command(["start"]) == 0
    assert (stopped_after / "state" / "daemon.err").read_text() == "something serious\n"


async def test_restart_has_the_requests_answered_that_were_taken(gate, monkeypatch):
    monkeypatch.setenv("SQUILL_FAKE_ANSWERS", json.dumps({"one": ["SELECT 1"]}))
    assert daemon_command(["start", "--no-wait"]) == 0
    async with await DaemonClient.connect() as client:
        before = client.hello["pid"]
        asked = asyncio.create_task(client.call("generate", {"schema": "", "question": "one"}))
        await client.call("status")  # in order: the request before it has been taken
        restart = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "squill", "daemon", "restart"
        )
        await until(lambda: not answers(runtime_paths().socket))  # it is leaving
        gate.touch()
        answer = await asked
        assert answer["candidates"][0]["sql"] == "SELECT 1"
        assert await restart.wait() == 0
    assert holder(runtime_paths()) not in (None, before)


# --- logs ---------------------------------------------------------------------------------------


def test_without_a_log_that_is_said(own_folders):
    told = squill("logs")
    assert (told.returncode, told.stdout) == (0, "")
    assert str(own_folders / "state") in told.stderr


def test_the_last_lines_alone_can_be_had(daemon):
    daemon.terminate()
    daemon.wait(20)
    every = squill("logs", "--json").stdout.splitlines()
    assert len(every) > 2
    assert squill("logs", "--json", "-n", "2").stdout.splitlines() == every[-2:]
    assert squill("daemon", "logs", "--json", "-n", "2").stdout.splitlines() == every[-2:]
    assert squill("logs", "-n", "0").stdout == ""
    assert squill("logs", "-n", "-1").returncode == 2


def test_a_log_that_cannot_be_read_is_one_sentence(own_folders):
    (own_folders / "state" / "daemon.log").mkdir(parents=True)
    told = squill("logs")
    assert told.returncode == 3
    assert "cannot be read" in told.stderr


def test_a_line_says_what_was_refused_and_why():
    entry = {
        "time": "2026-01-02T10:20:30.456+00:00",
        "level": "info",
        "logger": "squill_daemon.connection",
        "message": "request refused",
        "pid": 7,
        "method": "generate",
        "code": "schema",
    }
    refused = "2026-01-02T10:20:30.456+00:00 info    request refused method=generate code=schema"
    assert readable(json.dumps(entry)) == refused
    failed = readable(json.dumps(entry | {"traceback": "Traceback\n  why"}))
    assert failed == f"{refused}\nTraceback\n  why"


def test_logs_go_on_as_they_come_and_over_a_rotation(own_folders):
    log = own_folders / "state" / "daemon.log"
    log.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "squill", "logs", "-f"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        assert "there is no log yet" in follower.stderr.readline()
        log.write_text("one\n")
        assert follower.stdout.readline() == "one\n"
        log.rename(log.with_name("daemon.log.1"))
        log.write_text("two\n")
        assert follower.stdout.readline() == "two\n"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(20) == 0
        assert follower.stderr.read() == ""


class Followed:
    """A log file that is followed; each of ``events`` happens when there is nothing to read."""

    def __init__(self, path, *events):
        self.path = path
        self._events = iter(events)

    def lines(self, count):
        """What is shown until the events run out."""
        shown = []
        with contextlib.suppress(EOFError):
            for line in follow(self.path, count, self._next):
                shown.append(line.rstrip("\n"))  # noqa: PERF401 (the exception must not lose them)
        return shown

    def _next(self):
        event = next(self._events, None)
        if event is None:
            raise EOFError
        event(self.path)


def append(text):
    def event(path):
        with path.open("a") as file:
            file.write(text)

    return event


def rotate(path):
    """As `RotatingFileHandler` does, with three old files."""
    for old in (3, 2, 1, 0):
        source = path.with_name(f"{path.name}.{old}") if old else path
        if source.exists():
            source.replace(path.with_name(f"{path.name}.{old + 1}"))
    path.with_name(f"{path.name}.4").unlink(missing_ok=True)


def in_turn(*events):
    def event(path):
        for each in events:
            each(path)

    return event


def empty(path):
    path.write_text("")


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ([append("c\n"), append("d\n")], ["b", "c", "d"]),
        ([append("c"), append("d\n")], ["b", "cd"]),
        ([append("é\n")], ["b", "é"]),
        ([in_turn(append("c\n"), rotate, append("d\n"))], ["b", "c", "d"]),
        ([in_turn(rotate, append("c\n"), rotate, append("d\n"))], ["b", "c", "d"]),
        ([rotate, append("c\n")], ["b", "c"]),
        ([in_turn(*[rotate, append("c\n")] * 5)], ["b", "c", "c", "c", "c"]),  # one is gone
        ([empty, append("c\n")], ["b", "c"]),
        ([lambda path: path.unlink(), append("c\n")], ["b", "c"]),
    ],
)
def test_a_log_is_followed_whatever_happens_to_its_files(tmp_path, events, shown):
    path = tmp_path / "daemon.log"
    path.write_text("a\nb\n")
    assert Followed(path, *events).lines(1) == shown


def test_a_log_that_does_not_exist_yet_is_waited_for(tmp_path):
    assert Followed(tmp_path / "daemon.log", append("a\n")).lines(5) == ["a"]


def test_the_lines_before_are_the_last_of_all_files(tmp_path):
    path = tmp_path / "daemon.log"
    for text in ("a\nb\n", "c\n", "d\n"):
        rotate(path)
        append(text)(path)
    assert [line.strip() for line in last_lines(path, 3)] == ["b", "c", "d"]
    assert [line.strip() for line in last_lines(path)] == ["a", "b", "c", "d"]
    assert Followed(path).lines(2) == ["c", "d"]


def test_a_log_folder_that_cannot_be_made_is_a_typed_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SquillError, match="SQUILL_STATE_DIR"):
        log_to_file(tmp_path / "file" / "daemon.log", 1000)
