"""The dispatcher."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from squill import __version__
from squill.cli import main


def test_without_a_command_it_explains_itself_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: squill" in capsys.readouterr().out


@pytest.mark.parametrize("flag", ["-h", "--help", "help"])
def test_help_lists_every_command(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    output = capsys.readouterr().out
    assert all(name in output for name in ("ask", "daemon", "lsp", "pretrain"))


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"squill {__version__}\n"


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aks"]) == 2
    assert "'aks'" in capsys.readouterr().err


FULL = Path("/dev/full")


def check_a_wrong_query(tmp_path: Path, stdout: int) -> subprocess.CompletedProcess[str]:
    (tmp_path / "a.sql").write_text("SELECT nothing FROM nowhere;")
    return subprocess.run(
        [sys.executable, "-m", "squill", "check", "a.sql", "--dialect", "sqlite"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        check=False,
    )


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with FULL.open("wb") as full:
        done = check_a_wrong_query(tmp_path, full.fileno())
    assert done.returncode == 3
    assert done.stderr.startswith("squill: the output cannot be written")


def test_a_reader_that_has_gone_is_no_error_to_tell_of(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.wait()
    with process.stdin as pipe:
        done = check_a_wrong_query(tmp_path, pipe.fileno())
    assert done.returncode == 141
    assert done.stderr == ""
