"""Adapters are published whole or not at all, whatever happens, and can be gone back to."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from squill.adapters import (
    CARD,
    CONFIG,
    WEIGHTS,
    AdapterCard,
    AdapterRegistry,
    adapter_digest,
    user_registry,
)
from squill.errors import AdapterError

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": {"rank": 4, "scale": 2.0}}


def make_adapter(folder: Path, content: int = 0, **settings: Any) -> Path:
    """Files that the registry takes for an adapter: it does not look into the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(b"weights %d " % content * 1000)
    (folder / CONFIG).write_text(json.dumps(SETTINGS | settings), encoding="utf-8")
    return folder


def publish(registry: AdapterRegistry, source: Path, **fields: Any) -> AdapterCard:
    return registry.publish(source, **({"base": "b" * 64, "prompt_format": "plain-1"} | fields))


@pytest.fixture
def registry(tmp_path: Path) -> AdapterRegistry:
    return AdapterRegistry(tmp_path / "adapters")


@pytest.fixture
def digests(registry: AdapterRegistry, tmp_path: Path) -> list[str]:
    """Twelve published adapters, the oldest first."""
    sources = [make_adapter(tmp_path / f"source-{i}", i) for i in range(12)]
    return [publish(registry, source).digest for source in sources]


def leftovers(registry: AdapterRegistry) -> list[str]:
    return sorted(p.name for p in registry.root.iterdir() if p.name in (".staged", ".removed"))


# Publishing


def test_a_published_adapter_keeps_its_files_and_its_card(registry, tmp_path):
    source = make_adapter(tmp_path / "source")
    card = publish(
        registry,
        source,
        parent="a" * 64,
        pairs=["1" * 64, "2" * 64],
        figures={"accuracy": 0.5, "pairs": 2},
        note="first",
        words=["whale"],
    )
    assert registry.card(card.digest) == card
    assert registry.cards() == (card,)
    assert card.pairs == ("1" * 64, "2" * 64)
    assert card.words == ("whale",)
    assert card.figures == {"accuracy": 0.5, "pairs": 2}
    folder = registry.folder(card.digest)
    assert sorted(path.name for path in folder.iterdir()) == sorted((WEIGHTS, CONFIG, CARD))
    assert (folder / WEIGHTS).read_bytes() == (source / WEIGHTS).read_bytes()
    assert json.loads((folder / CONFIG).read_text(encoding="utf-8")) == SETTINGS
    assert adapter_digest(folder) == card.digest == folder.name
    assert AdapterCard.from_wire(json.loads(json.dumps(card.to_wire()))) == card


def test_the_same_content_is_the_same_adapter_and_keeps_its_first_card(registry, tmp_path):
    first = publish(registry, make_adapter(tmp_path / "one", seed=1, model="/a"), note="first")
    second = publish(registry, make_adapter(tmp_path / "two", seed=2, model="/b"), note="second")
    assert second == first
    assert len(registry.cards()) == 1
    assert publish(registry, registry.folder(first.digest)) == first


def test_other_weights_or_settings_are_another_adapter(registry, tmp_path):
    sources = [
        make_adapter(tmp_path / "a"),
        make_adapter(tmp_path / "b", 1),
        make_adapter(tmp_path / "c", num_layers=1),
        make_adapter(tmp_path / "d", lora_parameters={"rank": 4, "scale": 3.0}),
    ]
    assert len({publish(registry, source).digest for source in sources}) == len(sources)


def test_the_same_weights_for_another_base_are_refused(registry, tmp_path):
    source = make_adapter(tmp_path / "source")
    publish(registry, source)
    with pytest.raises(AdapterError, match="published for another base model"):
        publish(registry, source, base="c" * 64)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG])
def test_a_folder_that_lacks_a_file_is_no_adapter(registry, tmp_path, name):
    source = make_adapter(tmp_path / "source")
    (source / name).unlink()
    with pytest.raises(AdapterError, match=f"has no {name}, so it is no adapter"):
        publish(registry, source)
    assert registry.cards() == ()
    assert leftovers(registry) == []


@pytest.mark.parametrize("text", ["{", "[]", "null", "[" * 100_000, "\xff"])
def test_a_configuration_that_is_no_json_object_is_refused(registry, tmp_path, text):
    source = make_adapter(tmp_path / "source")
    (source / CONFIG).write_text(text, encoding="latin-1")
    with pytest.raises(AdapterError, match="not an adapter's configuration"):
        publish(registry, source)
    assert leftovers(registry) == []


@pytest.mark.parametrize(
    "fields",
    [{"figures": {"loss": float("nan")}}, {"parent": "a"}, {"pairs": [1]}, {"note": None}],
)
def test_a_card_of_wrong_fields_is_refused(registry, tmp_path, fields):
    with pytest.raises(AdapterError):
        publish(registry, make_adapter(tmp_path / "source"), **fields)
    assert registry.cards() == ()
    assert leftovers(registry) == []


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, CARD])
def test_publishing_again_mends_a_damaged_copy(registry, tmp_path, name):
    source = make_adapter(tmp_path / "source")
    digest = publish(registry, source).digest
    (registry.root / digest / name).write_bytes(b"damage")
    assert publish(registry, source).digest == digest
    assert adapter_digest(registry.folder(digest)) == digest
    assert registry.card(digest).digest == digest


def test_the_users_registry_lies_in_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("SQUILL_DATA_DIR", str(tmp_path))
    assert user_registry().root == tmp_path / "adapters"
    assert user_registry().cards() == ()
    assert user_registry().active("/any") is None
    assert list(tmp_path.iterdir()) == []  # reading creates nothing


def test_nobody_else_may_look_into_the_registry(registry, tmp_path):
    registry.activate(None)
    publish(registry, make_adapter(tmp_path / "source"))
    folders = [path for path in (registry.root, *registry.root.rglob("*")) if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}


# Finding


def test_cards_come_newest_first(registry, digests):
    assert [card.digest for card in registry.cards()] == digests[::-1]


def test_a_unique_prefix_of_four_digits_names_an_adapter(registry, digests):
    assert registry.card(digests[0][:8]).digest == digests[0]
    assert registry.folder(digests[0][:8].upper()) == registry.root / digests[0]
    with pytest.raises(AdapterError, match="too short"):
        registry.card(digests[0][:3])


def test_a_prefix_of_several_adapters_is_refused(registry):
    for end in "ab":
        (registry.root / ("1234" + end * 60)).mkdir(parents=True)
    with pytest.raises(AdapterError, match=r"2 adapters begin with 1234. Give more digits"):
        registry.folder("1234")


@pytest.mark.parametrize(
    "digest", ["", "f" * 64, "../../../etc", "nothing", "active", "....", "\0" * 9]
)
def test_an_adapter_that_is_not_there_is_named_with_what_to_do(registry, digests, digest):
    assert digests
    with pytest.raises(AdapterError) as caught:
        registry.card(digest)
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"digest": 1}'])
def test_a_damaged_card_hides_its_adapter_and_is_reported(registry, digests, content):
    (registry.root / digests[3] / CARD).write_bytes(content)
    assert digests[3] not in {card.digest for card in registry.cards()}
    assert len(registry.cards()) == len(digests) - 1
    [error] = registry.damaged()
    assert digests[3] in error.message
    with pytest.raises(AdapterError, match="Publish the adapter again"):
        registry.card(digests[3])
    with pytest.raises(AdapterError):
        registry.activate(digests[3])


def test_the_card_of_another_adapter_is_damage(registry, digests):
    shutil.copy(registry.root / digests[0] / CARD, registry.root / digests[1] / CARD)
    with pytest.raises(AdapterError, match="is the card of another adapter"):
        registry.card(digests[1])


# Activating


def test_a_workspace_uses_its_own_adapter_or_else_the_default(registry, digests):
    assert registry.active("/work") is None
    assert registry.activate(digests[0]) is None
    assert registry.active("/work") == registry.active() == digests[0]
    assert registry.activate(digests[1][:10], "/work") == digests[0]
    assert registry.active("/work/") == registry.active("/work/../work") == digests[1]
    assert registry.active("/elsewhere") == digests[0]
    assert registry.activate(None, "/work") == digests[1]
    assert registry.active("/work") is None  # the base model, chosen


def test_going_back_retraces_the_choices(registry, digests):
    for digest in (digests[0], digests[1], None, digests[2], digests[2]):
        registry.activate(digest, "/work")
    assert registry.rollback("/work") == (None, digests[2])
    assert registry.rollback("/work") == (digests[1], None)
    assert registry.rollback("/work") == (digests[0], digests[1])
    assert registry.rollback("/work") == (None, digests[0])
    with pytest.raises(AdapterError, match="no earlier adapter to go back to for /work"):
        registry.rollback("/work")
    assert registry.active("/work") is None
    with pytest.raises(AdapterError, match="the default of all workspaces"):
        registry.rollback()


def test_the_first_choice_of_a_workspace_goes_back_to_the_default_it_had(registry, digests):
    registry.activate(digests[0])
    registry.activate(digests[1], "/work")
    assert registry.rollback("/work") == (digests[0], digests[1])


def test_the_history_is_bounded(registry, digests):
    for digest in digests:
        registry.activate(digest, "/work")
    steps = 0
    while True:
        try:
            registry.rollback("/work")
        except AdapterError:
            break
        steps += 1
    assert steps == 8
    assert registry.active("/work") == digests[-9]


def test_going_back_passes_over_adapters_that_are_gone(registry, digests):
    for digest in digests[:3]:
        registry.activate(digest)
    shutil.rmtree(registry.folder(digests[1]))
    assert registry.rollback() == (digests[0], digests[2])


def test_a_relative_workspace_is_refused(registry):
    for call in (registry.active, registry.rollback, lambda w: registry.activate(None, w)):
        with pytest.raises(AdapterError, match="Give the folder's absolute path"):
            call("work")


def test_a_workspace_of_odd_characters_is_a_workspace(registry, digests):
    for i, workspace in enumerate(["/a b/\n", "/ä/数", "/\udcff", "/" + "x" * 5000]):
        registry.activate(digests[i], workspace)
        assert registry.active(workspace) == digests[i]


def pointer_of(registry: AdapterRegistry) -> Path:
    [path] = (registry.root / "active").glob("*.json")
    return path


POINTER_DAMAGES = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"workspace": "/work", "active": "../../etc", "history": []}',
    b'{"workspace": "/work", "active": null, "history": 3}',
]


@pytest.mark.parametrize("content", POINTER_DAMAGES)
def test_a_damaged_record_is_reported_once_and_moved_aside(registry, digests, content):
    registry.activate(digests[0], "/work")
    path = pointer_of(registry)
    path.write_bytes(content)
    with pytest.raises(AdapterError, match=r"was damaged and is now .*\.damaged"):
        registry.active("/work")
    assert registry.active("/work") is None
    assert path.with_suffix(".damaged").read_bytes() == content
    registry.activate(digests[1], "/work")
    assert registry.active("/work") == digests[1]


def test_activating_replaces_a_damaged_record(registry, digests):
    registry.activate(digests[0], "/work")
    pointer_of(registry).write_bytes(b"damage")
    assert registry.activate(digests[1], "/work") is None
    assert registry.active("/work") == digests[1]


def test_going_back_reports_a_damaged_record(registry, digests):
    registry.activate(digests[0], "/work")
    pointer_of(registry).write_bytes(b"damage")
    with pytest.raises(AdapterError, match="was damaged"):
        registry.rollback("/work")


# Pruning


def test_pruning_keeps_the_newest_and_all_that_are_in_use(registry, digests):
    registry.activate(digests[0])
    registry.activate(digests[1], "/work")
    registry.activate(digests[2], "/work")
    gone = registry.prune(2)
    kept = {*digests[:3], *digests[-2:]}
    assert {card.digest for card in registry.cards()} == kept
    assert set(gone) == set(digests) - kept
    assert registry.rollback("/work") == (digests[1], digests[2])
    assert leftovers(registry) == []


def test_an_adapter_that_nobody_uses_can_be_removed(registry, digests):
    registry.activate(digests[0])
    registry.activate(digests[1])
    for digest in digests[:3]:
        registry.remove(digest)
    assert {card.digest for card in registry.cards()} == set(digests) - {digests[2]}
    with pytest.raises(AdapterError, match="There is no adapter"):
        registry.remove(digests[2])


def test_pruning_an_empty_registry_does_nothing(registry):
    assert registry.prune(3) == ()


# Whatever happens meanwhile


# Configuration, weights, card, folder, registry; lock and folders; the staged folder; the rest.
STEPS = [(os, "fsync", at) for at in range(5)]
STEPS += [(os, "open", at) for at in range(3)]
STEPS += [(os, "mkdir", 1), (os, "rename", 0), (shutil, "copyfileobj", 0)]


@pytest.mark.parametrize(
    ("module", "name", "at"), STEPS, ids=lambda step: getattr(step, "__name__", step)
)
def test_a_full_disk_at_any_step_is_named_and_leaves_nothing(
    registry, tmp_path, monkeypatch, module, name, at
):
    present = publish(registry, make_adapter(tmp_path / "present", 1))
    source = make_adapter(tmp_path / "source")
    original, calls = getattr(module, name), itertools.count()

    def fail(*arguments: Any, **options: Any) -> Any:
        if next(calls) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, fail)
        with pytest.raises(AdapterError, match=r"No space left on device.*The disk is full"):
            publish(registry, source)
    assert leftovers(registry) == []
    for card in registry.cards():  # what is there is whole
        assert adapter_digest(registry.folder(card.digest)) == card.digest
    assert present in registry.cards()
    publish(registry, source)
    assert len(registry.cards()) == 2


@pytest.mark.parametrize("at", range(2))
def test_a_full_disk_while_activating_leaves_the_old_choice_or_the_new(
    registry, digests, monkeypatch, at
):
    registry.activate(digests[0], "/work")
    original, calls = os.fsync, itertools.count()

    def fail(descriptor: int) -> None:
        if next(calls) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(AdapterError, match="Activating the adapter failed"):
            registry.activate(digests[1], "/work")
    assert registry.active("/work") == digests[at]  # the rename was done before the second
    registry.activate(digests[2], "/work")
    assert registry.active("/work") == digests[2]


CRASHES = """
    import json, os, sys
    from pathlib import Path
    from squill.adapters import AdapterRegistry, adapter_digest

    root, home = Path(sys.argv[1]), Path(sys.argv[2])
    FIELDS = {"base": "b" * 64, "prompt_format": "plain-1"}
    first = AdapterRegistry(root).publish(home / "a", **FIELDS).digest
    AdapterRegistry(root).activate(first, "/work")

    def actions(registry):
        second = registry.publish(home / "b", **FIELDS).digest
        registry.activate(second, "/work")
        registry.rollback("/work")
        registry.prune(0)

    def die_at(line):
        seen = 0
        def trace(frame, event, _):
            nonlocal seen
            if "adapters" not in frame.f_code.co_filename:
                return None
            seen += event == "line"
            if seen >= line:
                os._exit(9)
            return trace
        sys.settrace(trace)
        actions(AdapterRegistry(root))
        sys.settrace(None)
        os._exit(0)

    line = 0
    while True:
        line += 1
        child = os.fork()
        if not child:
            die_at(line)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9), code
        registry = AdapterRegistry(root)
        cards = registry.cards()
        assert not registry.damaged()
        assert first in {card.digest for card in cards}
        assert all(adapter_digest(registry.folder(c.digest)) == c.digest for c in cards)
        active = registry.active("/work")
        assert active in {card.digest for card in cards}, active
        registry.publish(home / "a", **FIELDS)
        left = {path.name for path in root.iterdir() if path.name[:1] == "."}
        assert left == {".lock"}, left
        registry.activate(first, "/work")
        if not code:
            break
    print(line)
"""


def python(program: str, *arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return output


def test_a_death_at_any_line_leaves_a_registry_that_works(tmp_path):
    make_adapter(tmp_path / "a", 1)
    make_adapter(tmp_path / "b", 2)
    lines = int(finished(python(CRASHES, tmp_path / "adapters", tmp_path)))
    assert lines > 100


PUBLISHER = """
    import sys
    from pathlib import Path
    from squill.adapters import AdapterRegistry
    from squill.errors import AdapterError

    registry, home = AdapterRegistry(Path(sys.argv[1])), Path(sys.argv[2])

    def publish_and_activate(source):
        card = registry.publish(source, base="b" * 64, prompt_format="plain-1")
        try:
            registry.activate(card.digest, "/work")
        except AdapterError:  # another process pruned it: published before, it is not the newest
            publish_and_activate(source)

    sources = sorted(home.glob("source-*"))
    for source in sources * 3:
        publish_and_activate(source)
        assert registry.active("/work")
        registry.prune(3)
"""


def test_several_processes_publish_and_activate_at_once(tmp_path):
    for i in range(6):
        make_adapter(tmp_path / f"source-{i}", i)
    for process in [python(PUBLISHER, tmp_path / "adapters", tmp_path) for _ in range(3)]:
        finished(process)
    registry = AdapterRegistry(tmp_path / "adapters")
    digests = {card.digest for card in registry.cards()}
    assert len(digests) >= 3
    assert all(adapter_digest(registry.folder(digest)) == digest for digest in digests)
    assert registry.active("/work") in digests
    assert leftovers(registry) == []
