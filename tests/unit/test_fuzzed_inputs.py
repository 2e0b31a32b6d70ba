"""Whatever a settings file or an adapter's folder holds ends in sentences, not in tracebacks."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from squill.adapters import AdapterRegistry
from squill.adapters.content import CARD, CONFIG, WEIGHTS
from squill.adapters.foreign import adopt
from squill.errors import SquillError
from squill.model_files import content_digest
from squill.settings import Settings, known_settings, load_settings
from squill_daemon.adapter_files import check_adapter
from tiny_adapter import make_tiny_adapter
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from collections.abc import Mapping

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TOML_VALUES = st.one_of(
    st.integers(-(2**80), 2**80).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.text(st.characters(exclude_categories=["Cs"])).map(json.dumps),
    st.just("1979-05-27"),
    st.lists(st.sampled_from(('"/usr"', '"../.."', "1", "[]", "{}")), max_size=3).map(
        lambda items: f"[{', '.join(items)}]"
    ),
)
LINES = st.builds(
    "{} = {}".format,
    st.sampled_from([*known_settings(), "model.x", "generation", "x"]),
    TOML_VALUES,
)
FUZZ = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(content=st.binary(max_size=200) | st.lists(LINES, max_size=6).map("\n".join).map(str.encode))
def test_a_settings_file_is_read_as_far_as_it_goes_and_never_raises(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SQUILL_TRUST", raising=False)
    monkeypatch.delenv("SQUILL_MODEL", raising=False)
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("SQUILL_CONFIG_DIR", f"{name}/config")
        monkeypatch.setenv("SQUILL_DATA_DIR", f"{name}/data")
        folder = Path(name)
        (folder / "squill.toml").write_bytes(content)
        said: list[str] = []
        found = load_settings(folder, said.append)
        assert all(isinstance(sentence, str) and sentence for sentence in said)
        assert (found.model, found.learning, found.daemon) == (
            Settings().model,
            Settings().learning,
            Settings().daemon,
        )


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and an adapter for it that is whole."""
    folder = tmp_path_factory.mktemp("adapter")
    model = make_tiny_model(folder / "model")
    return model, make_tiny_adapter(model, folder / "whole")


def changed_config(config: Mapping[str, Any], changes: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(config) | dict(changes)).encode()


CHANGES = st.one_of(
    st.tuples(st.just("bytes"), st.sampled_from((WEIGHTS, CONFIG, CARD)), st.binary(max_size=300)),
    st.tuples(st.just("cut"), st.sampled_from((WEIGHTS, CONFIG)), st.integers(0, 400)),
    st.tuples(
        st.just("config"),
        st.just(CONFIG),
        st.dictionaries(
            st.sampled_from(("fine_tune_type", "num_layers", "lora_parameters", "model_file", "x")),
            VALUES,
            max_size=3,
        ),
    ),
)


@FUZZ
@given(change=CHANGES)
def test_an_adapter_of_any_content_is_taken_whole_or_refused_with_a_sentence(
    adapter: tuple[Path, Path], change: tuple[str, str, Any]
) -> None:
    model, whole = adapter
    kind, name, value = change
    with tempfile.TemporaryDirectory() as place:
        folder, root = Path(place) / "adapter", Path(place) / "registry"
        shutil.copytree(whole, folder)
        path = folder / name
        if kind == "bytes":
            path.write_bytes(value)
        elif kind == "cut":
            path.write_bytes(path.read_bytes()[:value])
        else:
            path.write_bytes(changed_config(json.loads(path.read_bytes()), value))
        before = sorted(folder.rglob("*"))
        registry = AdapterRegistry(root)
        with suppress(SquillError):
            card = adopt(registry, folder, model)
            published = registry.folder(card.digest)
            check_adapter(published, card, content_digest(model), card.prompt_format)
        assert sorted(folder.rglob("*")) == before
        assert {path.name for path in Path(place).iterdir()} <= {"adapter", "registry"}
