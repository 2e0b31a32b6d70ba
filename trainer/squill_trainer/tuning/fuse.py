"""An adapter fused into its base: a model folder that any mlx-lm tool asks as the daemon does.

What makes the difference between a fused model that answers as it was trained and one that does
not is the text around the question. So the folder is made to have one meaning: it carries a chat
template only where the adapter learned its prompts through it, the template says by itself what
the daemon passes to it, and every token that ends an answer stands in both configuration files.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx
from mlx.utils import tree_unflatten
from mlx_lm.utils import quantize_model, save_config, save_model

from squill.errors import AdapterError
from squill.prompt import chat_template
from squill.prompt.chat import ChatFormat
from squill.prompt.formats import MANIFEST, format_by_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from squill_trainer.base_model import Base

    Save = Callable[[Path], None]

_TEMPLATE = "chat_template.jinja"
_TEMPLATES = (_TEMPLATE, "chat_template.json")
_WEIGHTS = ("model*.safetensors", "*.index.json", "*.bin", "*.gguf", "adapters.safetensors")
_OWN = ("config.json", "generation_config.json", MANIFEST, "README.md", *_TEMPLATES)
_PINNED = "{% set enable_thinking = false %}"
_DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}


def fuse_layers(base: Base) -> None:
    """Make plain layers of the adapted ones, in the base's own precision; quantises nothing."""
    layers = [
        (path, module.fuse(dequantize=True))
        for path, module in base.model.named_modules()
        if hasattr(module, "fuse")
    ]
    base.model.update_modules(tree_unflatten(layers))
    mx.eval(base.model.parameters())


def reduce(base: Base, dtype: str, bits: int | None, group_size: int) -> None:
    """Round the fused weights to ``dtype``, or quantise them, once, to ``bits``."""
    base.config.pop("quantization", None)
    base.config.pop("quantization_config", None)
    if bits is not None:
        _, config = quantize_model(base.model, base.config, group_size, bits)
        base.config.update(config)
    else:
        base.model.set_dtype(_DTYPES[dtype])
        base.config.pop("torch_dtype", None)
        base.config["dtype"] = dtype
    mx.eval(base.model.parameters())


def save_folder(base: Base, prompt_format: str, folder: Path) -> None:
    """Write weights, tokenizer, configuration and template; ``prompt_format`` is the adapter's.

    Raises:
        AdapterError: there is something in ``folder`` already, or the format needs a chat template
            that the base does not have.
    """
    if folder.exists() and any(folder.iterdir()):
        raise AdapterError(f"{folder} is not empty. Name a new folder for the fused model.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        aside.chmod(0o755)
        _copy_rest(base.folder, aside)
        save_model(aside, base.model)
        _write_configs(base, aside)
        _write_template(base, prompt_format, aside)
        _write_manifest(base.folder, prompt_format, aside)
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _copy_rest(source: Path, target: Path) -> None:
    """The tokenizer's files as they are: saved anew they may come out different."""
    left_out = {path.name for pattern in _WEIGHTS for path in source.glob(pattern)} | set(_OWN)
    for path in source.iterdir():
        if path.is_file() and path.name not in left_out and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)


def _write_configs(base: Base, folder: Path) -> None:
    ends: Any = sorted(base.ends)
    ends = ends[0] if len(ends) == 1 else ends
    base.config["eos_token_id"] = ends
    save_config(dict(base.config), folder / "config.json")
    generation = _json(base.folder / "generation_config.json") | {"eos_token_id": ends}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=1))


def _write_template(base: Base, prompt_format: str, folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    config = _json(path)
    for key in ("chat_template", "chat_template_type"):
        config.pop(key, None)
    if config or path.exists():
        path.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
    if prompt_format != ChatFormat.id:
        return
    template = base.tokenizer.chat_template
    if not isinstance(template, str):
        raise AdapterError(
            "The adapter learned through a chat template, and the base model's is not one that can "
            "be written to a folder. Fuse it with the model that it was trained on."
        )
    pinned = _PINNED if "enable_thinking" in template else ""
    (folder / _TEMPLATE).write_text(pinned + template, encoding="utf-8")


def _write_manifest(source: Path, prompt_format: str, folder: Path) -> None:
    manifest = _json(source / MANIFEST) | {"prompt_format": prompt_format}
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise AdapterError(f"{path} cannot be read ({error}). Fetch the model again.") from error
    return found


def asked_by_mlx_lm(tokenizer: Any, prompt: str) -> list[int]:
    """The tokens that `mlx_lm.generate` makes of its ``--prompt``."""
    templated = tokenizer.has_chat_template
    if templated:
        messages = [{"role": "user", "content": prompt}]
        prompt = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, continue_final_message=False
        )
    return list(tokenizer.encode(prompt, add_special_tokens=not templated))


def asked_by_daemon(base: Base, prompt_format: str, prompt: str) -> list[int]:
    """The tokens that the adapter learned to answer, for the same text of a person's."""
    template = chat_template(base.tokenizer)
    if prompt_format == ChatFormat.id and template is not None:
        text = template([{"role": "user", "content": prompt}])
        return list(base.tokenizer.encode(text, add_special_tokens=False))
    special = format_by_id(prompt_format).adds_special_tokens
    return list(base.tokenizer.encode(prompt, add_special_tokens=special))
