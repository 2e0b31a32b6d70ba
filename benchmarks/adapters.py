"""Adapters beside one base model, against the reload of the whole model as mlx_lm.server does it.

``python benchmarks/adapters.py [model folder]`` makes random LoRA and DoRA adapters for the model
(default: the embedded one) with mlx-lm's own code and prints what it costs to change between them,
to load one, to hold one, and to decode through one. Everything is measured in one process, the
compared cases taking turns; times are medians.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from squill.blas import load_blas
from squill_daemon.backend import served_backend

BLAS = served_backend(load_blas())  # before MLX

import mlx.core as mx  # noqa: E402
from mlx.utils import tree_flatten  # noqa: E402
from mlx_lm.models.cache import make_prompt_cache  # noqa: E402
from mlx_lm.tuner.utils import load_adapters  # noqa: E402
from mlx_lm.utils import dequantize_model, load, load_model  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from squill.adapters import AdapterRegistry  # noqa: E402
from squill.model_files import content_digest  # noqa: E402
from squill.paths import EMBEDDED_MODEL  # noqa: E402
from squill.prompt import format_for_model  # noqa: E402
from squill_daemon.mlx_adapters import AdapterSwitch, ResidentAdapters, load_adapter  # noqa: E402
from tiny_adapter import make_tiny_adapter  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

RANK = 8
TOKENS = 64
FORMAT = format_for_model(EMBEDDED_MODEL, None).id


def milliseconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - began)


def median(action: Callable[[], object], repeats: int) -> float:
    return statistics.median(milliseconds(action) for _ in range(repeats))


def served(folder: Path) -> Any:
    model, _ = load_model(folder)
    if mx.default_device() == mx.cpu:
        dequantize_model(model).set_dtype(mx.float32)
    mx.eval(model.parameters())
    return model


def reload(folder: Path, adapter: Path) -> None:
    """What mlx_lm.server does for a request that names another adapter."""
    gc.collect()
    mx.clear_cache()
    load(str(folder), adapter_path=str(adapter))


def decode(model: Any) -> float:
    """Milliseconds a token."""
    cache = make_prompt_cache(model)
    token = mx.argmax(model(mx.array([list(range(1, 17))]), cache=cache)[:, -1, :], axis=-1)
    mx.eval(token)

    def write() -> None:
        nonlocal token
        for _ in range(TOKENS):
            token = mx.argmax(model(token[:, None], cache=cache)[:, -1, :], axis=-1)
            mx.eval(token)

    return milliseconds(write) / TOKENS


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else EMBEDDED_MODEL
    with tempfile.TemporaryDirectory() as home:
        measure(folder, Path(home))


def measure(folder: Path, home: Path) -> None:
    base = content_digest(folder)
    registry = AdapterRegistry(home / "adapters")
    sources = {
        "lora": make_tiny_adapter(folder, home / "lora", rank=RANK, scale=0.1),
        "lora of twice the rank": make_tiny_adapter(folder, home / "b", rank=2 * RANK, scale=0.1),
        "dora": make_tiny_adapter(folder, home / "dora", kind="dora", rank=RANK, scale=0.1),
    }
    cards = {
        name: registry.publish(source, base=base, prompt_format=FORMAT)
        for name, source in sources.items()
    }
    model = served(folder)
    switch = AdapterSwitch(model)
    resident = ResidentAdapters(switch, registry, base, FORMAT, 1 << 40)
    loaded = {name: resident.get(card.digest) for name, card in cards.items()}
    switch.select(None)
    wrapping = load_adapter(model, sources["lora"], cards["lora"], base, FORMAT, fused_bytes=0)
    loaded["lora, not fused"] = wrapping

    print(f"{folder.name}, {mx.default_device()}, BLAS {BLAS}, rank {RANK}, all linear layers\n")
    change(folder, list(sources.values())[:2], switch, list(loaded.values()))
    from_disk(folder, registry, cards, base)
    held(model, switch, loaded)
    decoding(folder, switch, loaded, sources)


def change(folder: Path, sources: list[Path], switch: AdapterSwitch, loaded: list[Any]) -> None:
    turns = 0

    def select() -> None:
        nonlocal turns
        turns += 1
        switch.select(loaded[turns % 2])

    whole = median(lambda: reload(folder, sources[turns % 2]), 15)
    print("change to another adapter (ms)            median   of a reload")
    line("the whole model anew, as mlx_lm.server", whole, whole)
    line("AdapterSwitch.select, another", median(select, 2000), whole)
    line("AdapterSwitch.select, the same", median(lambda: switch.select(loaded[1]), 2000), whole)
    line("AdapterSwitch.select, the base again", to_base(switch, loaded[0]), whole)
    print()


def to_base(switch: AdapterSwitch, loaded: Any) -> float:
    times = []
    for _ in range(2000):
        switch.select(loaded)
        times.append(milliseconds(lambda: switch.select(None)))
    return statistics.median(times)


def from_disk(folder: Path, registry: AdapterRegistry, cards: dict[str, Any], base: str) -> None:
    model = served(folder)
    print("load from the registry, checks included (ms)")
    for name, card in cards.items():
        place = registry.folder(card.digest)
        source, whole, own = place, [], []
        for _ in range(11):
            whole.append(milliseconds(lambda s=source: reload(folder, s)))  # type: ignore[misc]
            own.append(
                milliseconds(
                    lambda p=place, c=card: load_adapter(model, p, c, base, FORMAT)  # type: ignore[misc]
                )
            )
        line(name, statistics.median(own), statistics.median(whole))
    print()


def held(model: Any, switch: AdapterSwitch, loaded: dict[str, Any]) -> None:
    switch.select(None)
    weights = sum(array.nbytes for _, array in tree_flatten(model.parameters()))
    print("memory (MB)                                         of the base")
    line("the base model", weights / 1e6, weights / 1e6)
    for name, adapter in loaded.items():
        line(name, adapter.nbytes / 1e6, weights / 1e6)
    print()


def decoding(
    folder: Path, switch: AdapterSwitch, loaded: dict[str, Any], sources: dict[str, Path]
) -> None:
    theirs = {}
    for name in ("lora", "dora"):
        theirs[f"{name} as mlx-lm loads it"] = load_adapters(served(folder), str(sources[name]))
    times: dict[str, list[float]] = {}
    for _ in range(7):
        switch.select(None)
        times.setdefault("the base model", []).append(decode(switch.model))
        for name, adapter in loaded.items():
            switch.select(adapter)
            times.setdefault(name, []).append(decode(switch.model))
        for name, model in theirs.items():
            model.eval()
            times.setdefault(name, []).append(decode(model))
    print("decode (ms a token)                                 of the base")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        line(name, value, medians["the base model"])


def line(name: str, value: float, reference: float) -> None:
    ratio = value / reference
    print(f"{name:40}{value:9.4f}   {ratio:8.5f}   (1/{1 / ratio:,.2f})")


if __name__ == "__main__":
    main()
