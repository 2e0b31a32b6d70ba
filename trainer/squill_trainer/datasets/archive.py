"""The files of a data set, in a folder, a tar archive or a zip archive alike."""

from __future__ import annotations

import gzip
import json
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Archive:
    """Files by their names alone: where in the archive they lie does not matter."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            UsageError: there is nothing, or nothing that can be read.
        """
        self.path = path
        try:
            self._readers = dict(_readers(path))
        except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise UsageError(f"{path} cannot be read ({error}). Fetch it again.") from error

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """The objects of a JSON Lines file, gzipped or not.

        Raises:
            UsageError: the file is missing, or a line is no JSON object.
        """
        for number, line in enumerate(self._text(name).splitlines(), 1):
            if line.strip():
                value = _parsed(line, f"{name}:{number}")
                if not isinstance(value, dict):
                    raise UsageError(f"{name}:{number} is no JSON object. Correct the line.")
                yield value

    def json(self, name: str) -> Any:
        """
        Raises:
            UsageError: the file is missing or no JSON.
        """
        return _parsed(self._text(name), name)

    def _text(self, name: str) -> str:
        found = self._find(name)
        if found is None:
            raise UsageError(f"{self.path} has no {name}. Name the folder or archive that has it.")
        try:
            data = self._readers[found]()
            return (gzip.decompress(data) if found.endswith(".gz") else data).decode("utf-8")
        except (OSError, EOFError, UnicodeDecodeError, tarfile.TarError) as error:
            raise UsageError(
                f"{name} in {self.path} is damaged ({error}). Fetch it again."
            ) from error

    def _find(self, name: str) -> str | None:
        return next((found for found in (name, f"{name}.gz") if found in self._readers), None)


def _readers(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if path.is_dir():
        for file in sorted(path.rglob("*.json*"), reverse=True):  # the uppermost of a name wins
            yield file.name, file.read_bytes
    elif zipfile.is_zipfile(path):
        whole = zipfile.ZipFile(path)
        for name in whole.namelist():
            yield Path(name).name, lambda name=name: whole.read(name)  # type: ignore[misc]
    elif tarfile.is_tarfile(path):
        for name, content in _unpacked(path):
            yield name, lambda content=content: content  # type: ignore[misc]
    else:
        yield path.name, path.read_bytes


def _unpacked(path: Path) -> Iterator[tuple[str, bytes]]:
    """All at once: to seek in a compressed tar archive is to read it again."""
    with tarfile.open(path) as whole:
        for member in whole:
            if member.isfile() and ".json" in Path(member.name).name:
                file = whole.extractfile(member)
                assert file is not None, "a regular file has content"
                yield Path(member.name).name, file.read()


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{where} is no JSON ({error}). Correct or fetch it again.") from error
