"""What is held out, how a candidate is measured, and when it is promoted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from squill.adapters import AdapterRegistry, adapter_digest
from squill.ddl import parse_schema
from squill.errors import AdapterError, NoValidAnswerError
from squill.settings import Settings
from squill_trainer.learning import candidate, pacing, run, trial
from squill_trainer.learning.checkpoint import Checkpoint
from squill_trainer.learning.composition import plain_examples
from squill_trainer.learning.evaluation import Score, measure
from squill_trainer.learning.examples import Example
from squill_trainer.learning.gate import Kept, Measured, forgetting, judge
from squill_trainer.learning.general import (
    made_up_examples,
    real_examples,
    replayed_examples,
    watched_examples,
)
from squill_trainer.learning.pacing import Pacer, runs_on_battery
from squill_trainer.learning.split import FEWEST, choose_left_out, split

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = parse_schema("CREATE TABLE t (a INT, b INT)", "sqlite").schema
BASE = Kept(Score(50, 50, 40))


def measured(right: int, canary: int = 40, loss: float = 1.0, valid: int = 10) -> Measured:
    return Measured(Score(10, valid, right), Kept(Score(50, 50, canary)), loss)


def test_one_that_answers_more_is_promoted_and_its_figures_kept() -> None:
    verdict = judge(measured(9), measured(4), BASE)
    assert verdict.promoted
    assert verdict.reason == "pairs 4/10 → 9/10, general questions 40/50 → 40/50"
    assert verdict.figures["pairs_right"] == 9
    assert verdict.figures["pairs_right_before"] == 4


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (measured(3), "fewer of the pairs: 4/10 before, 3/10 now"),
        (measured(9, valid=9), "Fewer answers are valid: 10 before, 9 now"),
        (measured(9, canary=37), "forgets general questions"),
        (measured(4), "no better than what is in use"),
    ],
)
def test_a_refusal_says_why(candidate: Measured, said: str) -> None:
    verdict = judge(candidate, measured(4), BASE)
    assert not verdict.promoted
    assert said in verdict.reason


def test_small_losses_do_not_add_up_from_adapter_to_adapter() -> None:
    assert not judge(measured(9, canary=38), measured(4, canary=39), BASE).promoted


def test_a_small_share_of_the_general_questions_may_go_wrong() -> None:
    now = Kept(Score(50, 50, 39))
    assert forgetting(now, BASE, BASE) == ""
    assert "39/50 now" in forgetting(now, Kept(Score(50, 50, 41)), BASE)


def keeps_plain(right: int) -> Kept:
    return replace(BASE, plain=Score(20, 20, right))


def test_one_plain_question_on_the_pairs_tables_may_go_wrong_and_no_second_one() -> None:
    assert forgetting(keeps_plain(14), keeps_plain(15), keeps_plain(15)) == ""
    said = forgetting(keeps_plain(13), keeps_plain(13), keeps_plain(15))
    assert "13/20 before, 15/20 without any adapter, 13/20 now" in said
    assert not judge(
        replace(measured(9), kept=keeps_plain(13)), measured(4), keeps_plain(15)
    ).promoted


def test_plain_questions_are_asked_of_the_pairs_own_tables() -> None:
    asked = plain_examples([GUESTS, SCHEMA], 12)
    assert len({example.question for example in asked}) == 12
    assert {example.schema for example in asked} == {GUESTS, SCHEMA}
    assert plain_examples([GUESTS, SCHEMA], 12) == asked
    assert plain_examples([], 12) == ()


def test_plain_questions_compare_where_the_table_has_a_measure() -> None:
    bikes = parse_schema("CREATE TABLE bikes (name TEXT, price REAL)", "sqlite").schema
    assert any("cheaper than" in example.question for example in plain_examples([bikes], 24))


def test_at_equal_answers_a_clearly_lower_loss_is_better() -> None:
    assert judge(measured(4, loss=0.5), measured(4), BASE).promoted
    assert not judge(measured(4, loss=0.99), measured(4), BASE).promoted


class Answers:
    """A daemon that answers from a map; an exception in it is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[Mapping[str, Any]] = []

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        assert method == "generate"
        assert params is not None
        self.asked.append(params)
        answer = self.answers[params["question"]]
        if isinstance(answer, Exception):
            raise answer
        return {"candidates": [{"sql": answer}] if answer else []}


async def test_answers_are_judged_by_form_and_counted() -> None:
    daemon = Answers(
        same="select T.a from T", other="SELECT b FROM t", none="", failed=NoValidAnswerError("x")
    )
    examples = [Example(name, "SELECT a FROM t", SCHEMA) for name in daemon.answers]
    assert await measure(daemon, "d" * 64, examples) == Score(asked=4, valid=2, right=1)
    assert all(params["background"] and params["adapter"] == "d" * 64 for params in daemon.asked)


async def test_the_base_model_is_asked_for_by_an_empty_name() -> None:
    daemon = Answers(q="SELECT a FROM t")
    await measure(daemon, None, [Example("q", "SELECT a FROM t", SCHEMA)])
    assert daemon.asked[0]["adapter"] == ""


async def test_an_adapter_that_cannot_be_used_is_no_wrong_answer() -> None:
    with pytest.raises(AdapterError):
        await measure(
            Answers(q=AdapterError("foreign")), "d" * 64, [Example("q", "SELECT a FROM t", SCHEMA)]
        )


def pairs(count: int) -> Any:
    return [
        SimpleNamespace(digest=f"{i * 2654435761 % 2**32:08x}" + "0" * 56) for i in range(count)
    ]


def test_of_a_few_pairs_none_is_held_out() -> None:
    assert split(pairs(FEWEST - 1)) == (pairs(FEWEST - 1), [])


GUESTS = parse_schema("CREATE TABLE guests (id INT, name TEXT, points INT)", "sqlite").schema
FEW = {
    f"{number}": Example(f"{asked} of {noun}", f"SELECT {column} FROM guests WHERE {row}", GUESTS)
    for number, (asked, column, noun, row) in enumerate(
        (asked, column, noun, row)
        for noun, row in (("regulars", "points > 9"), ("whales", "points > 99"))
        for asked, column in (
            ("names", "name"),
            ("ids", "id"),
            ("points", "points"),
            ("how many", "COUNT(*)"),
        )
    )
}


def test_of_a_few_pairs_one_in_six_is_learned_later() -> None:
    assert choose_left_out(FEW, known=()) == ["0"]
    more = FEW | {f"{digest} again": example for digest, example in FEW.items()}
    assert choose_left_out(more, known=()) == [], "each has a twin that gives it away"


def test_what_the_adapter_in_use_knows_is_not_left_out() -> None:
    assert choose_left_out(FEW, known=("0", "1", "2", "3")) == ["4"]


def test_a_word_is_never_left_out_altogether() -> None:
    first, *others = FEW
    rare = replace(FEW[first], question="names of skippers", sql="SELECT name FROM guests")
    assert choose_left_out(FEW | {first: rare}, known=others) == []


def test_fewer_than_eight_pairs_are_all_learned_from_the_beginning() -> None:
    assert choose_left_out(dict([*FEW.items()][:7]), known=()) == []


def left_out_figures(right: int, pairs: int = 9) -> Measured:
    return replace(measured(pairs), left_out=Score(5, 5, right))


def test_pairs_answered_before_they_were_learned_are_told() -> None:
    verdict = judge(left_out_figures(4), left_out_figures(1), BASE)
    assert verdict.promoted
    assert "pairs not learned yet 1/5 → 4/5" in verdict.reason
    assert verdict.figures["left_out_right"] == 4


def test_one_that_only_knows_its_pairs_by_heart_is_refused() -> None:
    verdict = judge(left_out_figures(1), left_out_figures(3, pairs=4), BASE)
    assert not verdict.promoted
    assert "had not learned yet: 3/5 before, 1/5 now" in verdict.reason


def test_a_single_pair_left_out_may_go_wrong() -> None:
    assert judge(left_out_figures(2), left_out_figures(3, pairs=4), BASE).promoted


def test_a_pair_stays_on_its_side_as_others_come() -> None:
    _, before = split(pairs(60))
    _, after = split(pairs(200))
    assert before
    assert [pair for pair in after if pair in pairs(60)] == before


def test_the_canary_s_tables_are_not_the_replay_s() -> None:
    watched = {table.name for e in watched_examples(60)[::4] for table in e.schema.tables}
    assert watched
    own = {(e.question, e.sql) for e in watched_examples(60)}
    assert own.isdisjoint((e.question, e.sql) for e in replayed_examples(300))


def test_half_of_what_is_watched_was_asked_by_people_and_is_never_learned() -> None:
    watched = watched_examples(80)
    assert watched[:40] == made_up_examples(40)
    learned = {example.question for example in real_examples()}
    assert len(learned) == 500
    assert learned.isdisjoint(example.question for example in watched[40:])


def test_general_questions_are_the_same_each_time() -> None:
    first = watched_examples(10)
    made_up_examples.cache_clear()
    assert watched_examples(10) == first


def test_a_battery_that_is_being_emptied_is_seen(tmp_path: Path) -> None:
    assert not runs_on_battery(tmp_path)
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0" / "status").write_text("Charging\n")
    assert not runs_on_battery(tmp_path)
    (tmp_path / "BAT0" / "status").write_text("Discharging\n")
    assert runs_on_battery(tmp_path)


def published(folder: Path) -> tuple[AdapterRegistry, str]:
    source = folder / "source"
    source.mkdir()
    (source / "adapters.safetensors").write_bytes(b"weights")
    (source / "adapter_config.json").write_text('{"fine_tune_type": "lora"}')
    registry = AdapterRegistry(folder / "adapters")
    card = registry.publish(source, base="b" * 64, prompt_format="slots-2", pairs=["p"])
    return registry, card.digest


def test_figures_go_on_the_card_and_the_content_stays(tmp_path: Path) -> None:
    registry, digest = published(tmp_path)
    registry.annotate(digest, {"pairs_right": 3.0}, "better")
    card = registry.card(digest)
    assert (card.figures, card.note, card.pairs) == ({"pairs_right": 3.0}, "better", ("p",))
    assert adapter_digest(registry.folder(digest)) == digest


def test_an_adapter_that_is_not_there_gets_no_figures(tmp_path: Path) -> None:
    registry, _ = published(tmp_path)
    with pytest.raises(AdapterError, match="There is no adapter"):
        registry.annotate("f" * 64, {}, "")


PLAIN = ("plain",)


class Trained:
    """A training whose adapters say what strength they were saved with."""

    def save_adapter(self, folder: Path, strength: float) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "adapters.safetensors").write_text(f"{strength:g}")
        (folder / "adapter_config.json").write_text('{"fine_tune_type": "lora"}')
        return folder


async def improved(folder: Path, monkeypatch: pytest.MonkeyPatch, general: dict[str, int]) -> Any:
    """What becomes of a candidate that answers so many general questions at each strength; which
    were put in use, and which were asked the pairs.
    """
    report = candidate.Report(lambda _: None, Any)  # type: ignore[arg-type]
    retraining = run.Retraining(folder, Settings(), Any, report)  # type: ignore[arg-type]
    retraining._registry = registry = AdapterRegistry(folder / "adapters")
    retraining._base, retraining._current = "b" * 64, None

    async def train(*_: object, **__: object) -> candidate.Trained:
        course = SimpleNamespace(
            training=Trained(),
            prompt_format="slots-2",
            warm=False,
            loss_before=1.0,
            checkpoint=Checkpoint(folder / "checkpoint", {}),
            strengths=(1.0, 0.75, 0.5),
        )
        return candidate.Trained(course, 0.1, Score())  # type: ignore[arg-type]

    async def measured(_: object, adapter: str | None, examples: Any) -> Score:
        if examples == PLAIN:
            return Score()
        if adapter is None:
            return Score(80, 80, 40) if examples else Score(1, 1, 0)
        strength = (registry.folder(adapter) / "adapters.safetensors").read_text()
        if examples:
            return Score(80, 80, general[strength])
        asked_pairs.append(strength)
        return Score(1, 1, 1)

    activated: list[str] = []
    asked_pairs: list[str] = []

    async def activate(_: object, digest: str) -> None:
        activated.append((registry.folder(digest) / "adapters.safetensors").read_text())

    monkeypatch.setattr(candidate.CandidateTraining, "train", train)
    monkeypatch.setattr(retraining, "_activate", activate)
    monkeypatch.setattr(run, "plain_examples", lambda *_: PLAIN)
    monkeypatch.setattr(trial, "measure", measured)
    outcome = await retraining._improve(SimpleNamespace(usable=[]), None)  # type: ignore[arg-type]
    return outcome, activated, asked_pairs


async def test_a_candidate_that_forgets_is_tried_with_less_of_what_it_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    general = {"1": 30, "0.75": 39, "0.5": 40}
    outcome, activated, asked_pairs = await improved(tmp_path, monkeypatch, general)
    assert outcome.promoted
    assert activated == asked_pairs == ["0.75"]


async def test_one_that_forgets_even_so_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    general = {"1": 30, "0.75": 31, "0.5": 32}
    outcome, activated, _ = await improved(tmp_path, monkeypatch, general)
    assert not outcome.promoted
    assert activated == []
    assert outcome.reason == (
        "It forgets general questions: 40/80 before, 40/80 without any adapter, 32/80 now."
    )


async def waited(pacer: Pacer) -> bool:
    """Whether the pacer lets a step through at once."""
    try:
        await asyncio.wait_for(pacer.wait(), 0.05)
    except TimeoutError:
        return False
    return True


async def test_no_step_is_taken_while_the_daemon_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = [1]
    asked = asyncio.Event()

    class Busy:
        connected = True

        async def call(self, method: str) -> dict[str, int]:
            assert method == "status"
            asked.set()
            return {"queue": queue[0]}

    async def connect(**_: object) -> Busy:
        return Busy()

    monkeypatch.setattr(pacing.DaemonClient, "connect", connect)
    monkeypatch.setattr(pacing, "_LOOK_SECONDS", 0.0)
    pacer = Pacer(on_battery=True, most_load=0, report=print, patient=False)
    waiting = asyncio.create_task(pacer.wait())
    await asked.wait()
    assert not waiting.done()
    queue[0] = 0
    await waiting


async def test_only_a_patient_training_waits_for_mains_power(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "BAT0" / "status").write_text("Discharging\n")
    monkeypatch.setattr(pacing, "_SUPPLIES", tmp_path)
    monkeypatch.setenv("SQUILL_RUNTIME_DIR", str(tmp_path / "no-daemon"))
    told: list[str] = []
    patient = Pacer(on_battery=False, most_load=0, report=told.append, patient=True)
    assert not await waited(patient)
    assert told == ["waiting for mains power (learning.on_battery)"]
    assert await waited(Pacer(on_battery=False, most_load=0, report=told.append, patient=False))
    assert await waited(Pacer(on_battery=True, most_load=0, report=told.append, patient=True))
