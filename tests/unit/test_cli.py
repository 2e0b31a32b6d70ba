"""The dispatcher."""

from __future__ import annotations

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
