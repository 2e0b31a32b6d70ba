"""The error tree on the wire, and where things are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from squill import errors
from squill.paths import SOCKET_PATH_LIMIT, runtime_paths


def all_errors() -> list[type[errors.SquillError]]:
    found = [errors.SquillError]
    for error in found:
        found += error.__subclasses__()
    return found


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in all_errors()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", all_errors())
def test_an_error_survives_the_wire(error: type[errors.SquillError]) -> None:
    rebuilt = errors.from_wire(error.code, "what happened")
    assert type(rebuilt) is error
    assert rebuilt.message == "what happened"


def test_an_unknown_code_is_still_an_error() -> None:
    assert type(errors.from_wire("from_the_future", "x")) is errors.SquillError


def test_every_error_stands_in_the_tree_that_the_module_draws() -> None:
    drawn = errors.__doc__ or ""
    assert [e.__name__ for e in all_errors() if e.__name__ not in drawn] == []


def test_the_socket_lies_in_the_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SQUILL_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert runtime_paths().socket.parent == Path("/run/user/1000/squill")
    monkeypatch.setenv("SQUILL_RUNTIME_DIR", str(tmp_path))
    assert runtime_paths().socket.parent == tmp_path


def test_a_socket_path_over_the_limit_moves_to_a_short_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sockets = set()
    for name in ("a", "b"):
        monkeypatch.setenv("SQUILL_RUNTIME_DIR", f"/{name}" + "/long" * 40)
        sockets.add(runtime_paths().socket)
    assert len(sockets) == 2
    assert all(len(os.fsencode(path)) <= SOCKET_PATH_LIMIT for path in sockets)
