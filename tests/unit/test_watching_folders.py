"""Folders are watched through everything that editors and file systems do to them."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from squill.pairs import store
from squill_trainer.watching import folders
from squill_trainer.watching.changes import Changes
from squill_trainer.watching.folders import FolderWatch
from squill_trainer.watching.mounts import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Watching = Callable[..., "Watched"]

QUIET = 0.05


class Watched:
    """A watch on ``folder``, which need not exist. To be made on an event loop."""

    def __init__(self, folder: Path, poll_seconds: int = 0) -> None:
        self.folder = folder
        self.changes = Changes()
        self.watch = FolderWatch(
            self.changes.happened, lambda path: path.suffix == ".sql", poll_seconds=poll_seconds
        )
        self.watch.arm([folder])

    async def change(self) -> None:
        """Returns when a change was seen, and the folders are watched as they are now."""
        await self.changes.settled(QUIET)
        while self.watch.arm([self.folder]):
            pass


@pytest.fixture
def watching() -> Iterator[Watching]:
    begun: list[Watched] = []

    def begin(folder: Path, poll_seconds: int = 0) -> Watched:
        begun.append(Watched(folder, poll_seconds))
        return begun[-1]

    yield begin
    for watched in begun:
        watched.watch.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "examples"
    folder.mkdir(parents=True)
    return folder


def make(folder: Path) -> None:
    folder.mkdir(parents=True)


async def test_new_changed_moved_and_deleted_files_are_seen(
    watching: Watching, folder: Path
) -> None:
    watched = watching(folder)
    (folder / "a.sql").write_text("1")
    await watched.change()
    with (folder / "a.sql").open("a") as file:
        file.write("2")
    await watched.change()
    (folder / "a.sql").rename(folder / "b.sql")
    await watched.change()
    (folder / "b.sql").unlink()
    await watched.change()


async def test_an_editors_atomic_save_is_seen(watching: Watching, folder: Path) -> None:
    (folder / "a.sql").write_text("1")
    watched = watching(folder)
    (folder / ".a.sql.swp").write_text("2")
    (folder / ".a.sql.swp").replace(folder / "a.sql")
    await watched.change()


async def test_files_in_new_folders_below_are_seen(watching: Watching, folder: Path) -> None:
    watched = watching(folder)
    (folder / "deep" / "deeper").mkdir(parents=True)
    await watched.change()
    (folder / "deep" / "deeper" / "a.sql").write_text("1")
    await watched.change()


async def test_what_does_not_matter_and_what_is_only_read_is_no_change(
    watching: Watching, folder: Path
) -> None:
    (folder / "a.sql").write_text("1")
    watched = watching(folder)
    (folder / "notes.txt").write_text("1")
    (folder / "a.sql").read_text()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watched.changes.settled(QUIET), 0.5)


async def test_a_folder_that_comes_later_is_watched(watching: Watching, tmp_path: Path) -> None:
    folder = tmp_path / "shop" / "examples"
    watched = watching(folder)
    make(folder.parent)
    await watched.change()
    make(folder)
    await watched.change()
    (folder / "a.sql").write_text("1")
    await watched.change()


@pytest.mark.parametrize("depth", [0, 1])
async def test_a_folder_that_disappears_and_comes_back_is_watched_again(
    watching: Watching, folder: Path, depth: int
) -> None:
    watched = watching(folder)
    for _ in range(2):
        shutil.rmtree([folder, *folder.parents][depth])
        await watched.change()
        make(folder)
        await watched.change()
        (folder / "a.sql").write_text("1")
        await watched.change()


async def test_another_folder_of_the_same_name_is_watched_in_its_place(
    watching: Watching, folder: Path, tmp_path: Path
) -> None:
    watched = watching(folder)
    shutil.move(folder, tmp_path / "old")
    make(folder)
    await watched.change()
    (folder / "a.sql").write_text("1")
    await watched.change()


async def test_file_systems_that_tell_nothing_are_looked_at(
    watching: Watching, folder: Path
) -> None:
    watched = watching(folder, poll_seconds=1)
    (folder / "a.sql").write_text("1")
    await watched.change()
    (folder / "a.sql").write_text("longer than before")
    await watched.change()


async def test_without_room_for_watches_folders_are_looked_at(
    watching: Watching, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(folders, "REMOTE_SECONDS", 1)
    monkeypatch.setattr(folders.Observer, "schedule", no_room)
    watched = watching(folder)
    (folder / "a.sql").write_text("1")
    await watched.change()


async def test_a_change_among_ten_thousand_files_is_seen(watching: Watching, folder: Path) -> None:
    for number in range(100):
        (folder / str(number)).mkdir()
        for other in range(101):
            os.close(os.open(folder / str(number) / f"{other}.sql", os.O_CREAT | os.O_WRONLY))
    watched = watching(folder)
    (folder / "57" / "57.sql").write_text("1")
    await watched.change()


async def test_a_burst_is_one_change(watching: Watching, folder: Path) -> None:
    watched = watching(folder)
    for number in range(500):
        (folder / f"{number}.sql").write_text("1")
        await asyncio.sleep(0)
    await watched.changes.settled(0.5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watched.changes.settled(QUIET), 0.3)


def test_network_file_systems_are_known_by_their_mounts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    place = tmp_path / "my share"
    place.mkdir()
    escaped = str(place).replace(" ", "\\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nhost:/x {escaped} nfs4 rw 0 0\n")
    assert is_remote(place / "examples", mounts)
    assert not is_remote(tmp_path, mounts)
    assert not is_remote(place, tmp_path / "nothing")


def test_folders_without_end_are_not_watched_and_that_is_said_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (folder / str(number)).mkdir()
    monkeypatch.setattr(store, "MOST_FOLDERS", 3)
    said: list[str] = []
    watch = FolderWatch(lambda: None, lambda _: True, say=said.append)
    try:
        watch.arm([folder])
        watch.arm([folder])
        assert [armed.recursive for armed in watch._armed.values()] == [False, False]
        assert said == [f"{folder}: {store.MANY_FOLDERS}"]
        (folder / "0").rmdir()
        watch.arm([folder])
        assert watch._armed[folder].recursive
    finally:
        watch.close()
