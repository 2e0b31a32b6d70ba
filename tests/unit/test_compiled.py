"""The compiled decoding step says what the plain one says, or is not used."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from squill.blas import load_blas

if TYPE_CHECKING:
    from pathlib import Path

    from squill_daemon.compiled import CompiledStep


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded(tmp_path_factory.mktemp("tiny"))


def loaded(folder: Path, **config: object) -> Any:
    load_blas()
    import mlx.core as mx
    from mlx_lm.utils import load_model

    from tiny_model import make_tiny_model

    model, _ = load_model(make_tiny_model(folder, **config))
    model.set_dtype(mx.float32)
    return model


def compiled(model: Any) -> CompiledStep:
    from squill_daemon.compiled import CompiledStep

    step = CompiledStep(model)
    step.prepare(None)
    return step


def read(model: Any, length: int) -> list[Any]:
    import mlx.core as mx
    from mlx_lm.models.cache import make_prompt_cache

    layers = make_prompt_cache(model)
    mx.eval(model(mx.array([[1 + i % 90 for i in range(length)]]), cache=layers))
    return layers


def test_steps_over_the_end_of_the_buffer_give_the_plain_ones_logits(model):
    import mlx.core as mx

    step, plain, fast = compiled(model), read(model, 250), read(model, 250)
    for token in range(3, 15):
        expected = model(mx.array([[token]]), cache=plain)[:, -1, :]
        assert step.ready(None, fast)
        found = step(None, token, fast)
        np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-4, atol=1e-4)
    assert [layer.offset for layer in fast] == [layer.offset for layer in plain]


def test_prompts_of_all_lengths_are_served_by_one_compilation(model):
    """MLX keeps all that it compiled: one for each length would be a leak."""
    import mlx.core as mx

    calls = []

    class Counted:
        layers = model.layers

        def __call__(self, tokens: Any, cache: list[Any]) -> Any:
            calls.append(tokens.shape)
            return model(tokens, cache=cache)

    step = compiled(Counted())
    before = len(calls)
    for length in (3, 60, 100, 130, 200):
        layers = read(model, length)
        for layer in layers:  # as they are when they leave a batch
            layer.keys, layer.values = (
                mx.contiguous(array[:, :, :length]) for array in (layer.keys, layer.values)
            )
        mx.eval(step(None, 5, layers))
    assert len(calls) == before


def test_a_copy_is_left_as_it_was(model):
    import mlx.core as mx

    step, layers = compiled(model), read(model, 20)
    kept = copy.deepcopy(layers)
    before = np.array(kept[0].keys)
    mx.eval(step(None, 5, layers), [layer.state for layer in layers])
    assert kept[0].offset == 20
    np.testing.assert_array_equal(np.array(kept[0].keys), before)


def test_nothing_is_compiled_before_it_is_prepared(model):
    from squill_daemon.compiled import CompiledStep

    assert not CompiledStep(model).ready(None, read(model, 5))


def test_a_model_whose_code_wants_the_offset_as_a_number_is_left_alone(model):
    class Picky:
        layers = model.layers

        def __call__(self, tokens: Any, cache: list[Any]) -> Any:
            assert int(cache[0].offset) >= 0
            return model(tokens, cache=cache)

    assert not compiled(Picky()).ready(None, read(model, 5))


def test_a_model_with_a_sliding_window_is_left_alone(tmp_path):
    types = ["sliding_attention", "full_attention"]
    model = loaded(tmp_path, layer_types=types, sliding_window=8)
    layers = read(model, 20)
    assert not compiled(model).ready(None, layers)


def test_each_adapter_has_a_step_of_its_own(model):
    step = compiled(model)
    adapter: Any = object()
    layers = read(model, 5)
    assert not step.ready(adapter, layers)
    step.prepare(adapter)
    assert step.ready(adapter, layers)
    step.forget_adapters()
    assert not step.ready(adapter, layers)
    assert step.ready(None, layers)


FAILING_COMPILER = '#!/bin/sh\ncase "$*" in *-shared*) exit 1;; esac\nexec {compiler} "$@"\n'

ANSWERED = """
import time
from squill.settings import Settings
from squill_daemon.answerer import make_answerer
from squill_daemon.engine import run_alone
from squill_daemon.requests import GenerateRequest

answerer = make_answerer(Settings())
answerer.load()
schema = ("CREATE TABLE students (name TEXT, age INTEGER);",)
asked = answerer.prepare(GenerateRequest(schema=schema, question="how many students"))
answer = run_alone(answerer, answerer.generate(asked, time.monotonic()))
answerer.close()
print(answer.candidates[0].sql)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("g++"), reason="MLX compiles with g++ on Linux"
)
def test_a_compiler_or_disk_that_fails_costs_time_and_no_answer(tmp_path):
    compiler = tmp_path / "g++"
    compiler.write_text(FAILING_COMPILER.format(compiler=shutil.which("g++")))
    compiler.chmod(0o700)
    here = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", ANSWERED],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
        env=os.environ | here,
    )
    assert run.stdout == "SELECT COUNT(*) FROM students\n"
    assert "kernels cannot be compiled" in run.stderr
