"""``squill adapters fuse``, ``export`` and ``import``: adapters as folders for other tools."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.errors import AdapterError
from squill.model_files import content_digest, model_folder
from squill.paths import runtime_paths
from squill.private import make_private_directory
from squill.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Actions = argparse._SubParsersAction[argparse.ArgumentParser]

_DIGITS = 12


def add_actions(actions: Actions) -> Mapping[str, Callable[[argparse.Namespace], None]]:
    """Add the parsers of the three; gives what carries each out."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--model", help="the base model (default: the setting `model`)")
    common.add_argument("--json", action="store_true", help="one JSON object on what was done")
    named = {"metavar": "DIGEST|DIR", "help": "the first digits of its digest, or its folder"}
    fuse = actions.add_parser("fuse", parents=[common], help="make a plain model of an adapter")
    fuse.add_argument("adapter", **named)  # type: ignore[arg-type]
    fuse.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    fuse.add_argument(
        "--dtype",
        choices=("float32", "float16", "bfloat16"),
        default="float32",
        help="of its weights; float32, the default, answers exactly as the daemon on a CPU",
    )
    fuse.add_argument(
        "--bits", type=int, choices=(2, 3, 4, 6, 8), help="quantise the fused weights"
    )
    fuse.add_argument("--group-size", type=int, choices=(32, 64, 128), default=64)
    export = actions.add_parser("export", parents=[common], help="an adapter for another tool")
    export.add_argument("adapter", **named)  # type: ignore[arg-type]
    export.add_argument("--format", choices=("peft", "mlx"), default="peft", help="default: peft")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    export.add_argument("--base-name", metavar="NAME", help="what PEFT is to load as the base")
    imported = actions.add_parser("import", parents=[common], help="take in a PEFT or mlx adapter")
    imported.add_argument("folder", type=Path, metavar="DIR", help="adapter_config.json is in it")
    return {"fuse": _fuse, "export": _export, "import": _import}


def _model(options: argparse.Namespace) -> str:
    settings = load_settings(Path.cwd(), lambda text: print(text, file=sys.stderr))
    return settings.model if options.model is None else str(options.model)


def _prepare() -> None:
    # mx.compile loads libraries from TMPDIR: a shared /tmp would be a way in.
    os.environ["TMPDIR"] = str(
        make_private_directory(runtime_paths().temporary, "SQUILL_CACHE_DIR")
    )
    from squill.blas import load_blas

    load_blas()  # before anything imports MLX


def _fuse(options: argparse.Namespace) -> None:
    _prepare()
    from squill_trainer.tuning.adapter_source import find_adapter
    from squill_trainer.tuning.fused_folder import Precision, fuse_adapter

    model = _model(options)
    card, adapter = find_adapter(options.adapter, model)
    precision = Precision(options.dtype, options.bits, options.group_size)
    found = fuse_adapter(card, adapter, model, options.out, precision)
    told: dict[str, Any] = {"folder": str(options.out), "digest": card.digest, "agreement": None}
    if found is not None:
        told["agreement"] = {
            "tokens": found.tokens,
            "same": found.same,
            "answers": found.answers,
            "whole": found.whole,
        }
    lines = [f"{options.out}: {precision}. Its README.md says how to call it."]
    lines += [f"agreement with float32: {found}"] if found is not None else []
    _tell(options, told, lines)


def _export(options: argparse.Namespace) -> None:
    _prepare()
    from squill.adapters import CARD, CONFIG, WEIGHTS
    from squill_trainer.tuning.adapter_source import find_adapter
    from squill_trainer.tuning.base_shapes import base_shapes
    from squill_trainer.tuning.peft_export import export_peft

    model = _model(options)
    card, adapter = find_adapter(options.adapter, model)
    if options.out.exists() and any(options.out.iterdir()):
        raise AdapterError(f"{options.out} is not empty. Name a new folder for the adapter.")
    if options.format == "peft":
        folder = model_folder(model)
        name = options.base_name or (model if model and not Path(model).exists() else str(folder))
        export_peft(adapter, base_shapes(folder), options.out, base_name=name)
    else:
        options.out.mkdir(parents=True, exist_ok=True)
        for name in (CARD, CONFIG, WEIGHTS):
            shutil.copyfile(adapter / name, options.out / name)
    told = {"folder": str(options.out), "digest": card.digest, "format": options.format}
    _tell(options, told, [f"{options.out}: adapter {card.digest[:_DIGITS]} for {options.format}"])


def _import(options: argparse.Namespace) -> None:
    _prepare()
    from squill.adapters import user_registry
    from squill.adapters.foreign import adopt
    from squill_trainer.tuning.base_shapes import base_shapes
    from squill_trainer.tuning.peft_import import import_peft, is_peft

    if not options.folder.is_dir():
        raise AdapterError(f"There is no folder {options.folder}. Name the adapter's.")
    base = model_folder(_model(options))
    with tempfile.TemporaryDirectory(prefix="adapter-") as place:
        source = options.folder
        if is_peft(source):
            source = Path(place) / source.resolve().name
            import_peft(options.folder, base_shapes(base), source)
        card = adopt(user_registry(), source, base)
    if card.base != content_digest(base):
        raise AdapterError(
            f"The adapter was trained on another base model ({card.base[:_DIGITS]}) than that in "
            f"{base}. It is in the registry; name its base with --model to use it."
        )
    told = {"digest": card.digest, "prompt_format": card.prompt_format}
    name = card.digest[:_DIGITS]
    _tell(options, told, [f"adapter {name}: `squill adapters activate {name}` puts it in use"])


def _tell(options: argparse.Namespace, told: Mapping[str, Any], lines: list[str]) -> None:
    print(json.dumps(told) if options.json else "\n".join(lines))
