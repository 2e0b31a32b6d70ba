"""`squill model`: real processes, a hub of the test's own, small random models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import REAL_DAEMON

from fake_hub import FakeHub, serve
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Iterator

SQUILL = (sys.executable, "-m", "squill")
MODEL = "owner/tiny"


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    called = [*SQUILL, *map(str, arguments)]
    return subprocess.run(called, capture_output=True, text=True, check=False)


def found(*arguments: object) -> dict[str, object]:
    run = command("model", *arguments, "--json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture
def hub(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    folder = make_tiny_model(own_folders / "hub" / "tiny")
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA tiny model.\n")
    (folder / "code.py").write_text("raise SystemExit('a model brought code')\n")
    (folder / "model.bin").write_bytes(b"pickled")
    monkeypatch.setenv("HF_HOME", str(own_folders / "hf"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    with serve(FakeHub(folder)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens on the discard port


def test_a_model_is_looked_up_fetched_listed_and_removed(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = found("info", MODEL)
    assert (remote["folder"], remote["licence"], remote["computed"]) == (None, "mit", True)

    pulled = found("pull", MODEL)
    assert set(hub.names) >= {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    assert not {"code.py", "model.bin"} & set(hub.names)

    offline(monkeypatch)
    local = found("info", MODEL)
    assert local == pulled
    assert local["parameters"] == pytest.approx(remote["parameters"], rel=0.1)
    assert {name: local[name] for name in ("architecture", "quantization", "licence")} == {
        "architecture": "llama",
        "quantization": "none (F16)",
        "licence": "mit",
    }
    assert (local["prompt_format"], local["chat_template"]) == ("plain-1", False)
    listed = found("list")
    assert [part["name"] for part in listed["installed"]] == ["embedded", MODEL]
    assert len(listed["suggestions"]) >= 5

    assert found("remove", MODEL)["bytes"] > 0
    assert [part["name"] for part in found("list")["installed"]] == ["embedded"]
    assert command("model", "remove", MODEL).returncode == 3


CHUNK = 10 << 20  # bytes that the hub's client gathers before it writes them


def test_a_fetch_that_was_killed_goes_on_where_it_was(hub: FakeHub, own_folders: Path) -> None:
    lengthen(hub.folder / "model.safetensors", CHUNK + 5000)
    hub.stall_after = CHUNK + 1000
    with subprocess.Popen([*SQUILL, "model", "pull", MODEL], stderr=subprocess.DEVNULL) as process:
        assert hub.stalled.wait(60)
        part = wait_for_part(own_folders / "hf", process)
        process.kill()
    assert [entry["name"] for entry in found("list")["installed"]] == ["embedded"]

    hub.stall_after = None
    folder = Path(str(found("pull", MODEL)["folder"]))
    assert hub.asked == [0, CHUNK]
    sent, kept = (path / "model.safetensors" for path in (hub.folder, folder))
    assert kept.read_bytes() == sent.read_bytes()
    assert not part.exists()


def lengthen(path: Path, size: int) -> None:
    """Make the weights one tensor of ``size`` bytes."""
    header = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + os.urandom(size))


def wait_for_part(folder: Path, process: subprocess.Popen[bytes]) -> Path:
    """The file that is being fetched, once a chunk of it is written."""
    while True:
        parts = [p for p in folder.rglob("*.incomplete") if p.stat().st_size >= CHUNK]
        if parts:
            return parts[0]
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.05)


def test_weights_that_arrive_damaged_are_not_kept(hub: FakeHub) -> None:
    hub.damaged = True
    run = command("model", "pull", MODEL)
    assert run.returncode == 3
    assert "arrived damaged" in run.stderr
    hub.damaged = False
    found("pull", MODEL)


def test_without_a_network_one_sentence_says_so(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    run = command("model", "use", MODEL)
    assert (run.returncode, run.stdout) == (3, "")
    assert "is not on this machine and the hub cannot be reached" in run.stderr
    assert "Traceback" not in run.stderr
    assert hub.asked == []


def test_a_name_that_the_hub_does_not_know_is_said(hub: FakeHub) -> None:
    run = command("model", "pull", "owner/other")
    assert run.returncode == 3
    assert "neither a folder nor a hub model named owner/other" in run.stderr
    assert hub.asked == []


def test_the_daemon_changes_over(
    hub: FakeHub, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQUILL_DAEMON_COMMAND", " ".join(REAL_DAEMON))
    settings = own_folders / "config" / "squill.toml"
    settings.parent.mkdir()
    settings.write_text("# mine\n[generation]\nbudget_ms = 60000 # slow\n")
    try:
        assert command("daemon", "start", "--no-wait").returncode == 0
        found("use", MODEL)
        listed = found("list")
        assert (listed["chosen"], listed["served"]) == (MODEL, MODEL)
        assert settings.read_text().endswith("[generation]\nbudget_ms = 60000 # slow\n")
        assert "is in use" in command("model", "remove", MODEL).stderr
    finally:
        command("daemon", "stop")
    assert hub.asked == [0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["remove", "embedded"], 2, "it stays"),
        (["remove", "/"], 2, "Delete it yourself"),
        (["pull", "embedded"], 2, "is on this machine"),
        (["info", "/nowhere"], 3, "There is no model folder"),
        (["use", "/"], 3, "no config.json"),
    ],
)
def test_wrong_use_is_one_sentence(
    own_folders: Path, arguments: list[str], code: int, said: str
) -> None:
    run = command("model", *arguments)
    assert (run.returncode, run.stdout) == (code, "")
    assert said in run.stderr
    assert "Traceback" not in run.stderr
    assert not (own_folders / "config").exists()
