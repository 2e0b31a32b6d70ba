"""Adapters to and from Hugging Face PEFT: the same logits on both sides."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.tuner.utils import load_adapters
from mlx_lm.utils import load_model

from squill.errors import AdapterError
from squill_trainer.tuning.base_shapes import base_shapes
from squill_trainer.tuning.peft_export import export_peft
from squill_trainer.tuning.peft_import import import_peft
from tiny_adapter import make_tiny_adapter
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
PEFT_PYTHON = ROOT / ".venv" / "peft" / "bin" / "python"
TOKENS = [1, 5, 9, 2, 40, 77, 13]
CASES: dict[str, dict[str, Any]] = {
    "every linear layer": {},
    "the last layer": {"num_layers": 1, "rank": 3},
    "chosen projections": {"keys": ["self_attn.q_proj", "mlp.up_proj"], "scale": 0.7},
    "the tied embedding": {"keys": ["model.embed_tokens", "self_attn.v_proj"]},
    "dora": {"kind": "dora"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        name: make_tiny_adapter(base, folder / str(number), seed=number, **options)
        for number, (name, options) in enumerate(CASES.items())
    }


def logits(base: Path, adapter: Path) -> NDArray[np.float32]:
    model, _ = load_model(base)
    model.set_dtype(mx.float32)
    model = load_adapters(model, str(adapter))
    model.eval()
    return np.array(model(mx.array([TOKENS]))[0].astype(mx.float32))


def exported(base: Path, adapter: Path, target: Path) -> Path:
    export_peft(adapter, base_shapes(base), target, base_name=str(base))
    return target


@pytest.mark.skipif(
    not PEFT_PYTHON.exists(), reason="PEFT and PyTorch are not there (make .venv/peft/.ready)"
)
def test_peft_computes_what_mlx_computes(tmp_path, base, adapters):
    folders = [exported(base, a, tmp_path / str(n)) for n, a in enumerate(adapters.values())]
    script = str(ROOT / "tests" / "peft_logits.py")
    command = [str(PEFT_PYTHON), script, str(base), json.dumps(TOKENS), *map(str, folders)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    for name, theirs, adapter in zip(CASES, found, adapters.values(), strict=True):
        ours = logits(base, adapter)
        assert np.abs(ours - np.array(theirs)).max() < 2e-3 * np.abs(ours).max(), name


@pytest.mark.parametrize("name", CASES)
def test_there_and_back_computes_the_same(tmp_path, base, adapters, name):
    there = exported(base, adapters[name], tmp_path / "peft")
    import_peft(there, base_shapes(base), tmp_path / "back")
    ours, back = logits(base, adapters[name]), logits(base, tmp_path / "back")
    assert np.abs(ours - back).max() < 1e-3 * np.abs(ours).max()


def peft_adapter(folder: Path, ranks: dict[str, int], **config: Any) -> dict[str, Any]:
    """A PEFT adapter of random matrices for the tiny model's square projections."""
    random = np.random.default_rng(0)
    tensors = {}
    for path, rank in ranks.items():
        for letter, shape in (("A", (rank, 32)), ("B", (32, rank))):
            matrix = mx.array(random.normal(0, 0.3, shape).astype(np.float32))
            tensors[f"base_model.model.{path}.lora_{letter}.weight"] = matrix
    folder.mkdir(parents=True)
    mx.save_safetensors(str(folder / "adapter_model.safetensors"), tensors)
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 6, "bias": "none"} | config
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return tensors


Q0, Q1, O1 = (f"model.layers.{n}.self_attn.{p}_proj" for n, p in ((0, "q"), (1, "q"), (1, "o")))


def merged(folder: Path) -> dict[str, NDArray[np.float32]]:
    """What the imported adapter adds to each weight matrix."""
    config = json.loads((folder / "adapter_config.json").read_text())
    weights: Any = mx.load(str(folder / "adapters.safetensors"))
    scale = config["lora_parameters"]["scale"]
    paths = {name.rpartition(".")[0] for name in weights}
    return {p: scale * np.array(weights[f"{p}.lora_a"] @ weights[f"{p}.lora_b"]).T for p in paths}


@pytest.mark.parametrize("stabilised", [False, True], ids=["plain", "rank-stabilised"])
def test_ranks_and_scales_of_their_own_are_kept(tmp_path, base, stabilised):
    ranks = {Q0: 4, Q1: 2, O1: 4}
    patterns = {"alpha_pattern": {"layers.1.self_attn.q_proj": 3}, "use_rslora": stabilised}
    tensors = peft_adapter(tmp_path / "peft", ranks, **patterns)
    import_peft(tmp_path / "peft", base_shapes(base), tmp_path / "mlx")
    found = merged(tmp_path / "mlx")
    for path, rank in ranks.items():
        at = f"base_model.model.{path}"
        added = np.array(tensors[f"{at}.lora_B.weight"] @ tensors[f"{at}.lora_A.weight"])
        alpha = 3 if path == Q1 else 6
        scaling = alpha / math.sqrt(rank) if stabilised else alpha / rank
        assert np.allclose(found[path], scaling * added, atol=1e-4)
    assert not found["model.layers.0.self_attn.o_proj"].any()
    assert logits(base, tmp_path / "mlx").shape == (len(TOKENS), 97)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "biases": ({"bias": "all"}, "it trained biases"),
    "another kind": ({"peft_type": "IA3"}, "of the kind IA3"),
    "whole modules": ({"modules_to_save": ["lm_head"]}, "whole modules"),
}


@pytest.mark.parametrize(("config", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_mlx_lm_has_no_place_for_is_refused(tmp_path, base, config, said):
    peft_adapter(tmp_path / "peft", {Q0: 4}, **config)
    with pytest.raises(AdapterError, match=said):
        import_peft(tmp_path / "peft", base_shapes(base), tmp_path / "mlx")


@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ({"model.layers.7.self_attn.q_proj": 4}, "does not have"),
        ({"model.layers.0.mlp.up_proj": 4}, "has as 64 x 32"),
        ({"lm_head": 4}, "head is its embedding"),
    ],
)
def test_an_adapter_of_another_base_is_refused(tmp_path, base, ranks, said):
    peft_adapter(tmp_path / "peft", ranks)
    with pytest.raises(AdapterError, match=said):
        import_peft(tmp_path / "peft", base_shapes(base), tmp_path / "mlx")


def test_dora_on_the_embedding_is_not_exported(tmp_path, base):
    adapter = make_tiny_adapter(base, tmp_path / "a", kind="dora", keys=["model.embed_tokens"])
    with pytest.raises(AdapterError, match="DoRA on the embedding"):
        exported(base, adapter, tmp_path / "peft")


def test_export_and_import_by_command(tmp_path, base, adapters, monkeypatch, capsys):
    from squill_trainer.commands.adapters import main

    for name in ("RUNTIME", "STATE", "CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    model = ["--model", str(base), "--json"]
    adapter = str(adapters["the last layer"])
    for kind in ("peft", "mlx"):
        out = str(tmp_path / kind)
        assert main(["export", adapter, "--format", kind, "--out", out, *model]) == 0
        assert main(["import", out, *model]) == 0
    first, second, third, fourth = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["format"], third["format"]) == ("peft", "mlx")
    assert fourth["digest"] == first["digest"]
    assert second["prompt_format"] == "plain-1"
    assert main(["export", adapter, "--out", str(tmp_path / "peft"), *model]) == 3
    assert "is not empty" in capsys.readouterr().err
