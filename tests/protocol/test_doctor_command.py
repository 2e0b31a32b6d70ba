"""`squill doctor` as people run it, on a chain that is whole and on one that is not."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys

import pytest

from squill.adapters import user_registry
from squill.model_files import content_digest
from squill.paths import EMBEDDED_MODEL, runtime_paths
from squill_daemon.doctor.chain import probes
from squill_daemon.doctor.probes import run_probes
from squill_daemon.instance import holder

COMMAND = [sys.executable, "-m", "squill", "doctor"]

pytestmark = pytest.mark.skipif(
    not (EMBEDDED_MODEL / "model.safetensors").exists(), reason="the embedded model is not here"
)


@pytest.fixture
def folder(own_folders, monkeypatch):
    place = own_folders / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


class Report:
    """The command's report; `of` has the findings of a group, by name."""

    def __init__(self, **environment: str) -> None:
        done = subprocess.run(
            [*COMMAND, "--json"],
            capture_output=True,
            text=True,
            timeout=100,
            env=os.environ | environment,
        )
        assert done.stderr == ""
        self.code = done.returncode
        self.checks = json.loads(done.stdout)["checks"]
        assert json.loads(done.stdout)["ok"] is (self.code == 0)
        assert all(bool(c["remedy"]) is (c["status"] != "ok") for c in self.checks)

    def of(self, group: str) -> dict[str, dict[str, str]]:
        return {check["name"]: check for check in self.checks if check["group"] == group}

    def bad(self) -> set[tuple[str, str, str]]:
        return {(c["group"], c["name"], c["status"]) for c in self.checks if c["status"] != "ok"}


def look(folder, *groups):
    """Some groups of the report, in this process: group, name and status of what is not well."""
    found = run_probes([probe for probe in probes(folder) if probe.group in groups])
    return {(group, finding.name): finding for group, finding in found if finding.status != "ok"}


def test_without_a_daemon_nothing_is_wrong_and_none_is_started(folder):
    (folder / "a.sql").write_text("CREATE TABLE a (id SERIAL);\n")
    report = Report()
    allowed = {("device", "blas", "warning"), ("device", "device", "warning")}
    assert {c for c in report.bad() if c[0] != "editors"} <= allowed
    assert report.code == 0
    assert "not running" in report.of("daemon")["process"]["detail"]
    assert "postgres" in report.of("workspace")["dialect"]["detail"]
    assert "embedded" in report.of("model")["folder"]["detail"]
    assert "initialize" in report.of("language server")["start"]["detail"]
    assert holder(runtime_paths()) is None
    assert not runtime_paths().directory.exists()


def test_everything_that_is_wrong_is_named_at_once(folder, own_folders):
    (folder / "a.sql").write_text("CREATE TABLE a (id INT);\nCREATE TABLE b (id INT;\n")
    (folder / "squill.toml").write_text("model = './nowhere'\ndialekt = 'x'\n")
    runtime_paths().directory.mkdir(mode=0o755)
    runtime_paths().directory.chmod(0o755)
    (own_folders / "file").write_text("")
    report = Report(SQUILL_CACHE_DIR=str(own_folders / "file" / "cache"))
    assert report.code == 1
    assert {
        ("model", "model", "failure"),
        ("folders", "cache", "failure"),
        ("socket", "directory", "failure"),
        ("settings", "settings", "warning"),
        ("workspace", "schema", "warning"),
    } <= report.bad()
    assert str(folder / "nowhere") in report.of("model")["model"]["detail"]
    assert "chmod 700" in report.of("socket")["directory"]["remedy"]
    assert any("a.sql:2: " in check["detail"] for check in report.checks)
    assert any("dialekt" in check["detail"] for check in report.checks)


def test_an_mlx_that_crashes_is_one_line_and_the_others_go_on(folder, own_folders):
    assert folder.is_dir()
    (own_folders / "fake" / "mlx").mkdir(parents=True)
    (own_folders / "fake" / "mlx" / "__init__.py").write_text("")
    (own_folders / "fake" / "mlx" / "core.py").write_text("import os; os.abort()")
    report = Report(PYTHONPATH=str(own_folders / "fake"))
    assert report.code == 1
    assert {c for c in report.bad() if c[2] == "failure"} == {("device", "mlx", "failure")}
    assert "crashed (SIGABRT)" in report.of("device")["mlx"]["detail"]
    assert "files" in report.of("model")


def test_without_a_terminal_there_is_no_colour_and_the_last_line_counts(folder):
    assert folder.is_dir()
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=100)
    assert "\x1b" not in done.stdout
    assert " checks: " in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_a_terminal_shows_marks_in_colour_unless_told_not_to(folder, no_colour, coloured):
    assert folder.is_dir()
    ours, theirs = pty.openpty()
    environment = os.environ | {"NO_COLOR": no_colour, "TERM": "xterm"}
    with subprocess.Popen(COMMAND, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = _read_all(ours)
        assert process.wait(100) == 0
    assert ("\x1b[32mok" in shown) is coloured


def _read_all(descriptor):
    shown = b""
    with os.fdopen(descriptor, "rb", buffering=0) as terminal:
        try:
            while data := terminal.read(4096):
                shown += data
        except OSError:  # Linux tells the end of a terminal's other side so
            pass
    return shown.decode()


# --- single failures, each with the real thing --------------------------------------------------


def test_two_that_look_at_the_lock_do_not_take_each_other_for_a_daemon(folder, daemon):
    assert folder.is_dir()
    assert holder(runtime_paths()) == daemon.pid
    daemon.kill()
    daemon.wait(20)
    with runtime_paths().lock.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert holder(runtime_paths()) is None


def test_a_stale_socket_is_a_warning(folder, daemon):
    daemon.kill()
    daemon.wait(20)
    found = look(folder, "socket", "daemon")
    assert set(found) == {("socket", "socket")}
    assert found["socket", "socket"].status == "warning"


def test_a_linked_directory_is_refused(folder):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    runtime_paths().directory.symlink_to(elsewhere)
    assert look(folder, "socket")["socket", "directory"].status == "failure"


def test_a_daemon_that_runs_is_well_and_stays_as_it_is(folder, daemon):
    found = look(folder, "socket", "daemon")
    assert set(found) == {("daemon", "served model")}  # "fake" is not what the settings name
    assert "squill daemon restart" in found["daemon", "served model"].remedy
    assert holder(runtime_paths()) == daemon.pid


def test_a_running_daemon_behind_an_open_directory_is_not_asked(folder, daemon):
    assert daemon.poll() is None
    runtime_paths().directory.chmod(0o755)
    found = look(folder, "socket", "daemon")
    assert found["socket", "directory"].status == "failure"
    assert found["daemon", "process"].detail == "not asked"
    assert "chmod 700" in found["daemon", "process"].remedy


def test_a_daemon_that_hangs_is_told_within_the_time(folder, daemon, monkeypatch):
    monkeypatch.setattr("squill_daemon.doctor.daemon.ANSWER_SECONDS", 0.5)
    daemon.send_signal(signal.SIGSTOP)
    found = look(folder, "daemon")
    assert found["daemon", "process"].status == "failure"
    assert "restart" in found["daemon", "process"].remedy


def test_a_daemon_that_is_ending_or_hangs_without_its_socket_is_a_warning(folder, daemon):
    assert daemon.poll() is None
    runtime_paths().socket.rename(runtime_paths().socket.with_suffix(".away"))
    assert look(folder, "socket")["socket", "lock"].status == "warning"


def test_a_model_that_did_not_load_is_a_failure_with_the_model_s_own_advice(folder, start_daemon):
    process = start_daemon(SQUILL_FAKE_LOAD="error")
    assert process.poll() is None
    found = look(folder, "daemon")
    assert found["daemon", "model"].status == "failure"
    assert found["daemon", "model"].remedy == "Correct `model`."
    assert "no model at /nowhere" in found["daemon", "last error"].detail


def test_a_daemon_of_another_version_is_a_warning(folder, daemon, monkeypatch):
    assert daemon.poll() is None
    monkeypatch.setattr("squill_daemon.doctor.daemon.__version__", "99.0")
    assert look(folder, "daemon")["daemon", "version"].status == "warning"


def test_what_a_dead_daemon_said_last_is_shown(folder, own_folders):
    (own_folders / "state").mkdir()
    (own_folders / "state" / "daemon.err").write_text("Fatal Python error: Aborted\n\nThread 1\n")
    assert "Fatal Python error" in look(folder, "daemon")["daemon", "last words"].detail
    (own_folders / "state" / "daemon.log").write_text('{"message": "stopped"}\n')
    assert ("daemon", "last words") not in look(folder, "daemon")


def _cut(model):
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def _without_tokenizer(model):
    (model / "tokenizer.json").unlink()


def _without_config(model):
    (model / "config.json").unlink()


@pytest.mark.parametrize(
    ("damage", "name"),
    [(_cut, "model"), (_without_config, "model"), (_without_tokenizer, "tokenizer")],
)
def test_a_damaged_model_is_a_failure_that_names_its_files(folder, damage, name):
    model = folder / "model"
    shutil.copytree(EMBEDDED_MODEL, model)
    damage(model)
    (folder / "squill.toml").write_text("model = './model'\n")
    found = look(folder, "model")
    assert {key: finding.status for key, finding in found.items()} == {("model", name): "failure"}
    assert str(model) in found["model", name].detail


def test_an_adapter_is_read_whole_and_held_against_the_model(folder):
    assert not look(folder, "adapters")
    source = folder / "adapter"
    source.mkdir()
    (source / "adapter_config.json").write_text('{"num_layers": 1}')
    (source / "adapters.safetensors").write_bytes(b"weights")
    registry = user_registry()
    base = content_digest(EMBEDDED_MODEL)
    card = registry.publish(source, base=base, prompt_format="plain-1")
    registry.activate(card.digest)
    assert not look(folder, "adapters")
    (registry.folder(card.digest) / "adapters.safetensors").write_bytes(b"other")
    found = look(folder, "adapters")
    assert found["adapters", "damaged"].status == "failure"
    assert card.digest[:12] in found["adapters", "damaged"].detail


def test_an_active_adapter_of_another_model_is_a_warning(folder):
    source = folder / "adapter"
    source.mkdir()
    (source / "adapter_config.json").write_text("{}")
    (source / "adapters.safetensors").write_bytes(b"weights")
    card = user_registry().publish(source, base="f" * 64, prompt_format="plain-1")
    user_registry().activate(card.digest, str(folder))
    found = look(folder, "adapters")
    assert "another model" in found["adapters", "active here"].detail


def test_a_hub_model_that_is_not_here_is_a_warning_and_is_not_fetched(folder, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(folder / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (folder / "squill.toml").write_text("model = 'nobody/nothing'\n")
    found = look(folder, "model")
    assert found["model", "folder"].status == "warning"


def test_a_model_that_does_not_fit_fails_unless_a_daemon_may_hold_it(
    folder, start_daemon, monkeypatch
):
    monkeypatch.setattr("squill.model_files.available_bytes", lambda: 1000)
    assert look(folder, "model")["model", "memory"].status == "failure"
    start_daemon()
    assert look(folder, "model")["model", "memory"].status == "warning"


def test_a_language_server_that_dies_is_a_failure_with_its_last_words(folder, monkeypatch):
    (folder / "squill_lsp.py").write_text("raise SystemExit('no server today')")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    found = look(folder, "language server")
    assert found["language server", "start"].status == "failure"
    assert "no server today" in found["language server", "start"].detail


def test_a_language_server_that_hangs_is_ended(folder, monkeypatch):
    (folder / "squill_lsp.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setattr("squill_daemon.doctor.language_server.LSP_SECONDS", 0.5)
    detail = look(folder, "language server")["language server", "start"].detail
    assert "did not answer `initialize`" in detail
