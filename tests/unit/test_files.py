"""Files take another's place whole, under a name that nobody can guess or wait at."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from squill.blas import REFERENCE
from squill.errors import SocketPathError, SquillError
from squill.files import explained, replace_file, replacing
from squill.pairs import keep
from squill.pairs.files import ACCEPTED_FILE
from squill.private import make_private_directory
from squill.trust import trust
from squill_daemon.doctor.device import _blas

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_users_file_beside_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl.new").write_text("mine")
    replace_file(tmp_path / "out.jsonl", b"theirs")
    assert (tmp_path / "out.jsonl.new").read_text() == "mine"
    assert (tmp_path / "out.jsonl").read_bytes() == b"theirs"
    assert names(tmp_path) == ["out.jsonl", "out.jsonl.new"]


def test_two_writers_have_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path) as one, replacing(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert names(tmp_path) == ["a"]


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError), replacing(path) as aside:
        aside.write_text("half\ud800", encoding="utf-8")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["a"]


def test_the_mode_is_kept_and_a_new_file_has_the_users(tmp_path: Path) -> None:
    path = tmp_path / "a"
    before = os.umask(0o027)
    try:
        replace_file(path, b"1")
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o600)
        replace_file(path, b"2")
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_what_a_killed_writer_left_goes_once_it_is_old(tmp_path: Path) -> None:
    old, young = (tmp_path / f".a.{digit * 16}.new" for digit in "0f")
    other = tmp_path / ".a.mine.new"
    for path in (old, young, other):
        path.touch()
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))
    replace_file(tmp_path / "a", b"")
    assert young.exists()
    assert other.exists()
    assert not old.exists()


@pytest.fixture
def untrusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SQUILL_TRUST", raising=False)
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path / "data"))
    workspace = tmp_path / "cloned"
    workspace.mkdir()
    return workspace


def test_a_squill_folder_that_is_a_link_gets_nothing_until_it_is_trusted(
    untrusted: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (untrusted / ".squill").symlink_to(elsewhere)
    with pytest.raises(SquillError, match="leads out of its folder by a link"):
        keep(untrusted, "how many", "SELECT 1", "sqlite")
    assert names(elsewhere) == []
    trust(untrusted)
    keep(untrusted, "how many", "SELECT 1", "sqlite")
    assert "accepted.jsonl" in names(elsewhere)


@pytest.mark.parametrize("target", ["precious", "missing/deep", "/dev/full"])
def test_a_file_of_pairs_that_is_a_link_is_not_written_through(
    untrusted: Path, tmp_path: Path, target: str
) -> None:
    (tmp_path / "precious").write_text("precious")
    (untrusted / ".squill").mkdir()
    (untrusted / ACCEPTED_FILE).symlink_to(tmp_path / target)
    with pytest.raises(SquillError):
        keep(untrusted, "how many", "SELECT 1", "sqlite")
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_loop_of_links_and_a_pipe_are_sentences(untrusted: Path) -> None:
    loop = untrusted / ".squill"
    loop.symlink_to(untrusted / ".squill")
    with pytest.raises(SquillError):
        keep(untrusted, "how many", "SELECT 1", "sqlite")
    loop.unlink()
    loop.mkdir()
    os.mkfifo(untrusted / ACCEPTED_FILE)
    with pytest.raises(SquillError):
        keep(untrusted, "how many", "SELECT 1", "sqlite")


def test_a_link_that_stays_inside_is_followed(untrusted: Path) -> None:
    (untrusted / "notes").mkdir()
    (untrusted / ".squill").symlink_to(untrusted / "notes")
    keep(untrusted, "how many", "SELECT 1", "sqlite")
    assert "accepted.jsonl" in names(untrusted / "notes")


@pytest.mark.parametrize(
    ("number", "says", "not_says"),
    [
        (errno.ENOSPC, "The disk is full: make room", "yours to write"),
        (errno.EDQUOT, "The disk is full: make room", "yours to write"),
        (errno.EROFS, "mounted read-only", "make room"),
        (errno.EACCES, "yours to write", "room"),
        (errno.EIO, "the disk has room and the folder is yours", "full"),
    ],
)
def test_an_error_of_the_file_system_names_its_own_remedy(
    number: int, says: str, not_says: str
) -> None:
    with pytest.raises(SquillError) as caught, explained("Writing it"):
        raise OSError(number, os.strerror(number))
    assert says in caught.value.message
    assert not_says not in caught.value.message


@pytest.mark.parametrize(
    ("number", "says", "not_says"),
    [
        (errno.ENOSPC, "The disk is full", "SQUILL_CACHE_DIR"),
        (errno.EROFS, "Set SQUILL_CACHE_DIR", "SQUILL_RUNTIME_DIR"),
    ],
)
def test_a_directory_that_cannot_be_made_names_its_own_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str, not_says: str
) -> None:
    def mkdir(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("pathlib.Path.mkdir", mkdir)
    with pytest.raises(SocketPathError) as caught:
        make_private_directory(tmp_path / "cache" / "tmp", "SQUILL_CACHE_DIR")
    assert says in caught.value.message
    assert not_says not in caught.value.message


def test_doctor_takes_a_full_disk_for_no_missing_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SQUILL_BLAS", raising=False)
    note = "the BLAS shim could not be compiled: ld: final link failed: No space left on device"
    [finding] = _blas({"blas": REFERENCE, "notes": [note], "shim_cached": False})
    assert finding.remedy.startswith("Make room on the disk")
