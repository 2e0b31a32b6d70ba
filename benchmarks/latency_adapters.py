"""The cost of a change of adapter between two requests."""

from __future__ import annotations

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from figures import Most, Row
from latency_server import Server
from squill.errors import SquillError

if TYPE_CHECKING:
    from latency_cases import Bench
    from latency_peer import Peer
    from latency_prompts import Asked

_RANK, _SCALE, _LAYERS = 8, 2.0, -1
_SPREAD = 0.02  # of the random weights: answers stay what they are


async def switches(bench: Bench) -> list[Row]:
    """One adapter's request after another adapter's, less the same right before, after its own.

    Same request, same adapter, same answer: the one difference is what was asked in between.
    Nothing where the daemon knows no adapters.
    """
    try:
        await bench.daemon.client.call("adapters/list")
    except SquillError:
        return []
    if find_spec("squill.adapters") is None:
        return []
    extra: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="squill-adapters-") as folder:
        digests, folders = await _published(bench, Path(folder))
        asked = next(bench.fresh(4))
        for peer in bench.peers:
            is_server = isinstance(peer, Server)
            names = folders if is_server else digests
            rounds = bench.effort.vanished if is_server else 4 * bench.effort.queries
            extra[peer.name] = await _extra(peer, asked, names, rounds)
    return [Row("change of adapter, time added", "ms", extra, Most(1, percent=50))]


async def _extra(peer: Peer, asked: Asked, names: list[str], rounds: int) -> list[float]:
    one, other = names
    for name in (one, other, one):
        await peer.ask(asked, adapter=name)
    extra = []
    for _ in range(rounds):
        after_own = await peer.ask(asked, adapter=one)
        await peer.ask(asked, adapter=other)
        after_other = await peer.ask(asked, adapter=one)
        extra.append(after_other.full - after_own.full)
    return extra


async def _published(bench: Bench, folder: Path) -> tuple[list[str], list[str]]:
    """Two random adapters in the user's registry: their digests, and where they lie."""
    from squill.adapters import user_registry

    status = await bench.daemon.status()
    registry = user_registry()
    digests, folders = [], []
    for seed in (1, 2):
        source = folder / str(seed)
        _write_adapter(bench.prompts.folder, source, seed)
        card = registry.publish(
            source, base=status["digest"], prompt_format=bench.prompts.format_id
        )
        digests.append(card.digest)
        folders.append(str(registry.folder(card.digest)))
    return digests, folders


def _write_adapter(model_folder: Path, folder: Path, seed: int) -> None:
    """As mlx-lm's own training writes one; its weights are random."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load_model

    parameters: dict[str, Any] = {"rank": _RANK, "scale": _SCALE, "dropout": 0.0}
    model, _ = load_model(model_folder, lazy=True)
    model.freeze()
    linear_to_lora_layers(model, _LAYERS, parameters)
    weights = dict(tree_flatten(model.trainable_parameters()))
    keys = mx.random.split(mx.random.key(seed), len(weights))
    drawn = {
        name: _SPREAD * mx.random.normal(weight.shape, key=key)
        for key, (name, weight) in zip(keys, sorted(weights.items()), strict=True)
    }
    folder.mkdir()
    mx.save_safetensors(str(folder / "adapters.safetensors"), drawn)
    config = {"fine_tune_type": "lora", "num_layers": _LAYERS, "lora_parameters": parameters}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
