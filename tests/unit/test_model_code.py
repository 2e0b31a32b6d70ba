"""No Python file of a model's folder runs, on any of the ways that load a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from squill.errors import ModelUnsupportedError
from squill.model_files import read_config
from tiny_model import make_tiny_model

if TYPE_CHECKING:
    from pathlib import Path

TRAP = """
import pathlib
pathlib.Path(__file__).with_name("fired").touch()
class EvilTokenizer: pass
class EvilConfig: pass
class Model: pass
class ModelArgs: pass
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    make_tiny_model(tmp_path)
    (tmp_path / "evil.py").write_text(TRAP)
    return tmp_path


def change(path: Path, **entries: object) -> None:
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(config | entries))


def with_own_tokenizer(model: Path) -> None:
    """Only the long way through transformers looks at these."""
    auto = {"AutoTokenizer": ["evil.EvilTokenizer", None], "AutoConfig": "evil.EvilConfig"}
    change(model / "tokenizer_config.json", auto_map=auto, tokenizer_class="EvilTokenizer")
    change(model / "config.json", auto_map=auto)


def test_the_daemon_loads_no_tokenizer_of_a_models_own(model):
    from squill_daemon.loading import load

    with_own_tokenizer(model)
    (model / "tokenizer.json").unlink()
    with pytest.raises(ModelUnsupportedError):
        load(model, read_config(model), on_cpu=True)
    assert not (model / "fired").exists()


def test_the_trainer_loads_no_tokenizer_of_a_models_own(model):
    from squill_trainer.base_model import load_base

    with_own_tokenizer(model)
    (model / "tokenizer.json").unlink()
    with pytest.raises(ModelUnsupportedError):
        load_base(str(model))
    assert not (model / "fired").exists()


def test_no_way_of_loading_builds_a_model_from_a_file_of_its_folder(model):
    from squill_trainer.base_model import load_base

    change(model / "config.json", model_file="evil.py")
    with pytest.raises(ModelUnsupportedError, match="never runs"):
        load_base(str(model))
    assert not (model / "fired").exists()


def test_a_chat_template_cannot_reach_out_of_its_sandbox():
    """transformers renders templates in Jinja's immutable sandbox; this holds it to that."""
    from jinja2.exceptions import SecurityError
    from transformers.utils.chat_template_utils import render_jinja_template

    template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(SecurityError):
        render_jinja_template(
            conversations=[[{"role": "user", "content": "x"}]], chat_template=template
        )
