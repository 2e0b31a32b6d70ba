"""``squill adapters`` on a registry of made-up adapters, without a daemon."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from squill.adapters import WEIGHTS, user_registry
from squill.model_files import content_digest, model_folder
from squill_trainer.commands import adapters

if TYPE_CHECKING:
    from pathlib import Path

QUESTION = "how many gold clients are there"


class Shop:
    """A workspace with one pair, and what `squill adapters` prints in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.folder = folder / "shop"
        (self.folder / ".squill" / "examples").mkdir(parents=True)
        (self.folder / "tables.sql").write_text("CREATE TABLE clients (grade TEXT);")
        (self.folder / ".squill" / "examples" / "a.sql").write_text(
            f"-- {QUESTION}\nSELECT COUNT(*) FROM clients WHERE grade = 'G';\n"
        )
        self._source = folder / "adapter"
        self._source.mkdir()

    def publish(self, content: str, base: str = "", **about: object) -> str:
        (self._source / WEIGHTS).write_text(content)
        (self._source / "adapter_config.json").write_text('{"num_layers": 1}')
        base = base or content_digest(model_folder(""))
        card = user_registry().publish(
            self._source,
            base=base,
            prompt_format="slots-2",
            **about,  # type: ignore[arg-type]
        )
        return card.digest

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        code = adapters.main([*arguments, "--workspace", str(self.folder)])
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shop:
    for name in ("RUNTIME", "STATE", "CONFIG", "DATA", "CACHE"):
        monkeypatch.setenv(f"SQUILL_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.delenv("SQUILL_MODEL", raising=False)
    (tmp_path / "runtime").mkdir(mode=0o700)
    return Shop(tmp_path, capsys)


def test_the_list_marks_the_one_in_use(shop: Shop) -> None:
    first, second = shop.publish("1", note="it is better"), shop.publish("2")
    assert shop.run("activate", first[:8])[0] == 0
    _, out, _ = shop.run("list")
    assert [line[:14] for line in out.splitlines()] == [f"  {second[:12]}", f"* {first[:12]}"]
    assert "it is better" in out
    found = json.loads(shop.run("list", "--json")[1])
    assert found["active"] == first
    assert [each["digest"] for each in found["adapters"]] == [second, first]


def test_showing_tells_everything(shop: Shop) -> None:
    digest = shop.publish("1", figures={"loss": 0.25}, note="it is better", pairs=["a" * 64])
    _, out, _ = shop.run("show", digest[:6])
    rows = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (rows["digest"], rows["verdict"], rows["loss"]) == (digest, "it is better", "0.25")
    assert rows["pairs"] == "1"
    assert json.loads(shop.run("show", digest, "--json")[1])["figures"] == {"loss": 0.25}


def test_without_a_digest_the_one_in_use_is_shown(shop: Shop) -> None:
    digest = shop.publish("1")
    code, _, err = shop.run("show")
    assert (code, err) == (
        2,
        "squill adapters: No adapter is in use here. Name one: `squill adapters list`.\n",
    )
    shop.run("activate", digest)
    assert shop.run("show")[1].split()[1] == digest


@pytest.mark.parametrize("action", ["show", "diff", "activate"])
def test_a_digest_that_names_nothing_is_wrong_usage(shop: Shop, action: str) -> None:
    code, _, err = shop.run(action, "abcdef", *(("abcdef",) if action == "diff" else ()))
    assert code == 2
    assert "There is no adapter 'abcdef'" in err


def test_the_difference_is_pairs_and_figures(shop: Shop) -> None:
    known = next(iter(adapters._questions(shop.folder)))
    old = shop.publish("1", figures={"loss": 0.5, "old": 1.0}, pairs=["a" * 64])
    new = shop.publish("2", figures={"loss": 0.25}, pairs=[known], base="other")
    _, out, _ = shop.run("diff", old, new)
    assert out.splitlines() == [
        f"{old[:12]} → {new[:12]}",
        "They are adapters of different models.",
        f"+ {known[:12]}  {QUESTION}",
        f"- {'a' * 12}  no longer there",
        "  loss  0.5 → 0.25",
        "  old   1 → -",
    ]
    found = json.loads(shop.run("diff", old, new, "--json")[1])
    assert found["pairs_added"] == [known]


def test_one_adapter_is_compared_with_the_one_in_use(shop: Shop) -> None:
    old, new = shop.publish("1"), shop.publish("2")
    code, _, err = shop.run("diff", old)
    assert (code, err) == (
        2,
        "squill adapters: No adapter is in use here. Name two of them.\n",
    )
    shop.run("activate", new)
    assert shop.run("diff", old)[1].startswith(f"{old[:12]} → {new[:12]}")


def test_without_a_daemon_what_is_damaged_or_foreign_is_refused_all_the_same(shop: Shop) -> None:
    good, damaged = shop.publish("1"), shop.publish("2")
    foreign = shop.publish("3", base="f" * 64)
    shop.run("activate", good)
    (user_registry().folder(damaged) / WEIGHTS).write_text("cut")
    for digest, sentence in ((damaged, "has changed since"), (foreign, "another model")):
        code, _, err = shop.run("activate", digest)
        assert code == 3
        assert sentence in err
        assert user_registry().active(str(shop.folder)) == good


def test_rolling_back_and_choosing_none_go_through_the_registry(shop: Shop) -> None:
    digest = shop.publish("1")
    shop.run("activate", digest)
    before = "in use: the model without an adapter (before: "
    assert shop.run("activate", "none")[1] == f"{before}{digest[:12]})\n"
    assert shop.run("rollback")[1].startswith(f"in use: {digest[:12]}")


def test_pruning_leaves_those_in_use(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    used, old, new = (shop.publish(content) for content in "123")
    shop.run("activate", used)
    assert adapters.main(["prune", "--keep", "1"]) == 0
    assert capsys.readouterr().out == f"1 removed\n{old[:12]}\n"
    assert {card.digest for card in user_registry().cards()} == {used, new}


def test_a_card_that_cannot_be_read_costs_only_itself(shop: Shop) -> None:
    good, bad = shop.publish("1"), shop.publish("2")
    os.truncate(user_registry().folder(bad) / "card.json", 5)
    code, out, err = shop.run("list")
    assert code == 0
    assert good[:12] in out
    assert bad[:12] not in out
    assert "is damaged" in err
