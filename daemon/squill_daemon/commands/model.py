"""``squill model list|use|info|pull|remove``."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.errors import ModelNotFoundError, SquillError, UsageError
from squill.model_files import EMBEDDED_NAME, canonical_model, model_folder
from squill.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from squill_daemon.models.details import Details

DONE, _, USAGE, TROUBLE = range(4)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: done; 2: usage; 3: no such model, no network, no room, or other trouble."""
    options = _parser().parse_args(argv)
    try:
        with redirect_stdout(sys.stderr):  # standard output is for what was asked
            found = _ACTIONS[options.action](options)
    except SquillError as error:
        _say(error.message)
        return USAGE if isinstance(error, UsageError) else TROUBLE
    print(json.dumps(found) if options.json else _TOLD[options.action](found))
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="squill model",
        description="The model that writes: the embedded one, or any that mlx-lm loads.",
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="one JSON object")
    one = argparse.ArgumentParser(add_help=False, parents=[common])
    one.add_argument(
        "model", metavar="MODEL", help=f"a folder, a hub id, or {EMBEDDED_NAME!r} for Squill's own"
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", parents=[common], help="those on this machine, and suggestions")
    actions.add_parser("use", parents=[one], help="fetch it, name it in the settings, load it")
    info = actions.add_parser("info", parents=[common], help="what it is and what it needs")
    info.add_argument("model", metavar="MODEL", nargs="?", help="default: the one in the settings")
    actions.add_parser("pull", parents=[one], help="fetch it from the hub, or go on with that")
    actions.add_parser("remove", parents=[one], help="delete what was fetched")
    return parser


def _say(text: str) -> None:
    print(f"squill model: {text}", file=sys.stderr)


def _list(_: argparse.Namespace) -> dict[str, Any]:
    from squill_daemon.models.catalogue import installed, suggestions
    from squill_daemon.models.changing import served_model
    from squill_daemon.models.sizes import computes_on_cpu

    folder, on_cpu = Path.cwd(), computes_on_cpu()
    chosen = canonical_model(load_settings(folder, _say).model, folder)
    here = list(installed(chosen, on_cpu=on_cpu))
    names = {details.name for details in here}
    return {
        "chosen": chosen or EMBEDDED_NAME,
        "served": served if (served := served_model()) is None else served or EMBEDDED_NAME,
        "installed": [asdict(details) for details in here],
        "suggestions": [asdict(s) for s in suggestions(on_cpu=on_cpu) if s.name not in names],
    }


def _info(options: argparse.Namespace) -> dict[str, Any]:
    chosen = options.model or load_settings(Path.cwd(), _say).model or EMBEDDED_NAME
    return asdict(_details(chosen))


def _details(model: str) -> Details:
    from squill.hub import cached_folder
    from squill_daemon.models.changing import is_hub_id, named
    from squill_daemon.models.details import local_details, remote_details
    from squill_daemon.models.sizes import computes_on_cpu

    name, on_cpu = named(model), computes_on_cpu()
    if is_hub_id(name):
        folder = cached_folder(name)
        if folder is None:
            return remote_details(name, on_cpu=on_cpu)
        return local_details(name, folder, on_cpu=on_cpu)
    return local_details(name or EMBEDDED_NAME, model_folder(name), on_cpu=on_cpu)


def _pull(options: argparse.Namespace) -> dict[str, Any]:
    from squill.hub import fetch
    from squill.memory import total_bytes
    from squill_daemon.models.changing import is_hub_id, named
    from squill_daemon.models.details import remote_details
    from squill_daemon.models.sizes import computes_on_cpu

    name = named(options.model)
    if not is_hub_id(name):
        raise UsageError(f"{options.model} is on this machine. A hub id has the form OWNER/NAME.")
    remote = remote_details(name, on_cpu=computes_on_cpu())
    if remote.memory_bytes > total_bytes():
        raise UsageError(
            f"{name} needs about {_size(remote.memory_bytes)} of memory, and this machine has "
            f"{_size(total_bytes())}. Choose a smaller one: `squill model list`."
        )
    _say(f"fetching {name}: {_size(remote.disk_bytes)}")
    fetch(name, show_progress=True)
    return asdict(_details(name))


def _use(options: argparse.Namespace) -> dict[str, Any]:
    from squill.hub import cached_folder
    from squill_daemon.commands import daemon
    from squill_daemon.models.changing import is_hub_id, named, use

    name = named(options.model)
    if is_hub_id(name) and cached_folder(name) is None:
        _pull(options)

    def restart(model: str) -> bool:
        return daemon.main(["restart", *(("--model", model) if model else ())]) == 0

    use(options.model, restart, _say)
    return asdict(_details(options.model))


def _remove(options: argparse.Namespace) -> dict[str, Any]:
    from squill.hub import remove
    from squill_daemon.models.changing import is_hub_id, named, served_model

    name, folder = named(options.model), Path.cwd()
    if not name:
        raise UsageError("The embedded model is a part of Squill; it stays.")
    if not is_hub_id(name):
        raise UsageError(f"{name} is a folder of your own. Delete it yourself.")
    if name in (served_model(), canonical_model(load_settings(folder, _say).model, folder)):
        raise ModelNotFoundError(
            f"{name} is in use. Use another first: `squill model use {EMBEDDED_NAME}`."
        )
    return {"removed": name, "bytes": remove(name)}


def _told_list(found: Mapping[str, Any]) -> str:
    lines = [_row("", "", "parameters", "bits", "disk", "memory", "licence")]
    for part in found["installed"]:
        mark = "*" if part["name"] == found["chosen"] else " "
        lines.append(_line(mark, part))
    if found["served"] not in (None, found["chosen"]):
        lines.append(f"  The daemon serves {found['served']}.")
    if found["suggestions"]:
        lines.append("\nKnown to do, and not here (sizes computed; `squill model use` fetches):")
        lines += [_line(" ", part) for part in found["suggestions"]]
    return "\n".join(lines)


def _line(mark: str, part: Mapping[str, Any]) -> str:
    sizes = (_size(part["disk_bytes"]), _size(part["memory_bytes"]))
    bits = part["quantization"].split(",")[0].replace("none ", "")
    return _row(mark, part["name"], _count(part["parameters"]), bits, *sizes, part["licence"])


def _row(mark: str, name: str, *cells: str) -> str:
    wide = "".join(f"{cell:>12}" for cell in cells[:-1])
    return f"{mark:<2}{name:<46}{wide}  {cells[-1]}".rstrip()


def _told_details(found: Mapping[str, Any]) -> str:
    about = " (computed)" if found["computed"] else ""
    rows = {
        "model": found["name"],
        "folder": found["folder"] or "not on this machine",
        "architecture": found["architecture"],
        "parameters": f"{found['parameters']:,}{about}",
        "quantisation": found["quantization"],
        "context": f"{found['context']:,} tokens" if found["context"] else "not said",
        "disk": _size(found["disk_bytes"]),
        "memory": f"about {_size(found['memory_bytes'])}",
        "licence": found["licence"] or "not said",
        "chat template": {True: "yes", False: "no", None: "?"}[found["chat_template"]],
        "prompt format": found["prompt_format"] or "?",
        "digest": found["digest"][:12] or "?",
    }
    return "\n".join(f"{name:<15}{value}" for name, value in rows.items() if value != "?")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"


_ACTIONS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "list": _list,
    "info": _info,
    "pull": _pull,
    "use": _use,
    "remove": _remove,
}
_TOLD: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "list": _told_list,
    "info": _told_details,
    "pull": lambda found: f"{found['name']} is at {found['folder']}",
    "use": _told_details,
    "remove": lambda found: (
        f"{found['removed']} is removed: {_size(found['bytes'])} are free again"
    ),
}
