"""Models of the Hugging Face hub: found on this machine, looked up, fetched.

Weights are fetched apart from the hub's own client, which begins a file anew where a process was
killed; ours goes on with it. They lie where that client keeps them, so that both find them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.errors import ModelError, ModelNotFoundError, ModelTooLargeError
from squill.files import locked
from squill.terminal_text import drawing

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS = "model*.safetensors"
NEEDED = ("*.json", WEIGHTS, "tokenizer.model", "*.txt", "*.jinja")
"""No Python files: a model brings no code. No other weights: pickled ones can run any."""
BESIDE = ("README.md", "LICENSE*")

_UNFINISHED = ".incomplete"
_HASHED_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """``sha256`` is known of large files only, which the hub keeps apart."""

    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a fetch of the model brings: the files of one revision, by name."""

    model: str
    revision: str
    files: dict[str, RemoteFile]
    licence: str

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    @property
    def weights(self) -> dict[str, RemoteFile]:
        return {name: file for name, file in self.files.items() if fnmatch(name, WEIGHTS)}


def cached_folder(model: str) -> Path | None:
    """Where the model lies on this machine; None where not all of it does. Uses no network."""
    hub = _client(show_progress=False)
    try:
        found = hub.snapshot_download(model, allow_patterns=list(NEEDED), local_files_only=True)
    except (OSError, ValueError, hub.errors.HfHubHTTPError):
        return None
    return Path(found)


def listing(model: str) -> Listing:
    """What the hub has of the model.

    Raises:
        ModelNotFoundError: it has none of that name, or cannot be reached.
    """
    hub = _client(show_progress=False)
    with _explained(model):
        api = hub.HfApi()
        info = api.model_info(model)
        entries = api.list_repo_tree(model, recursive=True, revision=info.sha)
        files = {
            entry.path: RemoteFile(entry.size, entry.lfs.sha256 if entry.lfs else None)
            for entry in entries
            if hasattr(entry, "size") and _is_wanted(entry.path)
        }
        card: Any = info.card_data
        return Listing(model, info.sha or "", files, str(card.get("license") or "") if card else "")


def _is_wanted(path: str) -> bool:
    return any(fnmatch(path, pattern) for pattern in (*NEEDED, *BESIDE))


def read_remote(found: Listing, name: str) -> bytes:
    """One small file of the revision.

    Raises:
        ModelNotFoundError: it has none of that name, or cannot be reached.
    """
    hub = _client(show_progress=False)
    with _explained(found.model):
        return Path(hub.hf_hub_download(found.model, name, revision=found.revision)).read_bytes()


def fetch(model: str, *, show_progress: bool = False) -> Path:
    """The folder of the model, once all of it is on this machine.

    Goes on with what an earlier call left unfinished. Bars on standard error, where a person looks
    at it, say how far it is.

    Raises:
        ModelNotFoundError: the hub has none of that name, cannot be reached, or sent other bytes.
        ModelTooLargeError: the disk has no room for it.
    """
    found = listing(model)
    hub = _client(show_progress=show_progress)
    with _explained(model), drawing():
        blobs = _cache_folder(hub, model) / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        _require_room(found, blobs)
        for name, file in found.weights.items():
            if file.sha256 is not None:
                with locked(blobs / f"{file.sha256}.lock"):
                    _fetch_weights(hub, found, name, file.sha256, blobs)
        patterns = [*NEEDED, *BESIDE]
        return Path(hub.snapshot_download(model, allow_patterns=patterns))


def _cache_folder(hub: Any, model: str) -> Path:
    return Path(hub.constants.HF_HUB_CACHE) / f"models--{model.replace('/', '--')}"


def _require_room(found: Listing, blobs: Path) -> None:
    parts = (
        blobs / f"{f.sha256}{end}" for f in found.weights.values() for end in ("", _UNFINISHED)
    )
    there = sum(path.stat().st_size for path in parts if path.exists())
    needed, free = found.size - there, shutil.disk_usage(blobs).free
    if needed > free:
        raise ModelTooLargeError(
            f"{found.model} needs {needed / 1e9:.1f} GB of disk below {blobs} and "
            f"{free / 1e9:.1f} GB are free. Make room, or set HF_HOME to a folder on another disk."
        )


def _fetch_weights(hub: Any, found: Listing, name: str, sha256: str, blobs: Path) -> None:
    blob, part = blobs / sha256, blobs / f"{sha256}{_UNFINISHED}"
    if blob.exists():
        return
    size = found.files[name].size
    with part.open("ab") as file:
        if file.tell() > size:
            file.truncate(0)
        hub.file_download.http_get(
            hub.hf_hub_url(found.model, name, revision=found.revision),
            file,
            resume_size=file.tell(),
            headers=hub.utils.build_hf_headers(),
            expected_size=size,
            displayed_filename=name,
        )
    if _sha256(part) != sha256:
        part.unlink()
        raise ModelNotFoundError(
            f"{name} of {found.model} arrived damaged and was removed. "
            f"Run `squill model pull {found.model}` again."
        )
    part.replace(blob)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_HASHED_BYTES):
            digest.update(data)
    return digest.hexdigest()


def _client(*, show_progress: bool) -> Any:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    import huggingface_hub.errors
    import huggingface_hub.file_download
    import huggingface_hub.utils

    switch = "enable" if show_progress else "disable"
    getattr(huggingface_hub.utils, f"{switch}_progress_bars")()
    return huggingface_hub


@contextmanager
def _explained(model: str) -> Iterator[None]:
    """Turn the hub's errors into the user's sentence."""
    from huggingface_hub import errors

    try:
        yield
    except ModelError:
        raise
    except errors.GatedRepoError as error:
        raise ModelNotFoundError(
            f"The hub gives {model} only to those who asked for it. "
            "Ask there, log in with `hf auth login`, then run `squill daemon restart`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelNotFoundError(
            f"There is neither a folder nor a hub model named {model}. Correct `model`."
        ) from error
    except OSError as error:
        if error.errno is None:  # the hub's client has some of its own in this class
            raise _unreachable(model, error) from error
        raise ModelNotFoundError(
            f"{model} cannot be kept on this machine ({error.strerror}: {error.filename}). "
            "Correct that, or set HF_HOME to another folder."
        ) from error
    except Exception as error:  # the hub's client lets its transport's own errors through
        raise _unreachable(model, error) from error


def _unreachable(model: str, error: Exception) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"{model} is not on this machine and the hub cannot be reached "
        f"({type(error).__name__}). Check the network, or set `model` to a folder."
    )


def cache_folders() -> dict[str, Path]:
    """The models of the hub's cache on this machine, whole or not, each with its newest files."""
    hub = _client(show_progress=False)
    try:
        repositories = hub.scan_cache_dir().repos
    except (OSError, hub.errors.CacheNotFound):
        return {}
    newest = {
        found.repo_id: max(found.revisions, key=lambda revision: revision.last_modified)
        for found in repositories
        if found.repo_type == "model" and found.revisions
    }
    return {name: Path(newest[name].snapshot_path) for name in sorted(newest)}


def remove(model: str) -> int:
    """Delete all of the model from the hub's cache; how many bytes that gave back.

    Raises:
        ModelNotFoundError: it is not there, or cannot be deleted.
    """
    hub = _client(show_progress=False)
    folder = _cache_folder(hub, model)
    if not folder.is_dir():
        raise ModelNotFoundError(
            f"{model} is not on this machine. `squill model list` says what is."
        )
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ModelNotFoundError(
            f"{folder} cannot be deleted ({error.strerror}). Delete it by hand."
        ) from error
    return size
