"""What saving a document makes of the pairs that were accepted in it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from squill.binding import bind
from squill.ddl import parse_schema
from squill.pairs import keep
from squill.pairs.comments import asked_statements
from squill.pairs.files import ACCEPTED_FILE
from squill.settings import Settings
from squill_lsp.acceptances import Acceptances
from squill_lsp.buffers import Buffer
from squill_lsp.examples import ExamplePairs
from squill_lsp.handlers import examples as handler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from squill.schema import Schema
    from squill_lsp.acceptances import Standing

URI = "file:///shop/queries.sql"
TABLES = "CREATE TABLE clients (id INT, town TEXT);\n\nCREATE TABLE species (name TEXT);\n\n"
SCHEMA = parse_schema(TABLES, "sqlite").schema
ASKED = {
    "list the id of every client": "SELECT id FROM clients",
    "in which towns do people live": "SELECT DISTINCT town FROM clients",
    "what are all the animals called": "SELECT name FROM species ORDER BY name",
}
OTHERS = (
    "SELECT COUNT(*) FROM species",
    "SELECT id, town FROM clients WHERE id > 3",
    "DELETE FROM clients",
    "SELECT nothing FROM clients",
    "select count",
)


class Scratch:
    """A document, its acceptances, and the pairs of the folder that it is saved in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = TABLES
        self.acceptances = Acceptances()
        self.pairs = ExamplePairs(Settings, lambda _: True)
        (folder / "schema.sql").write_text(TABLES)

    def edit(self, after: str) -> None:
        self.acceptances.edited(URI, self.text, after)
        self.text = after

    def accept(self, question: str, sql: str) -> None:
        """Type the question at the end, and take its answer."""
        self.edit(f"{self.text}-- {question}\n")
        near = len(self.text)
        self.edit(f"{self.text}{sql};\n\n")
        self.acceptances.accept(URI, self.text, "sqlite", near, question, sql)

    def save(self) -> None:
        standings = self.acceptances.saved(URI, self.text)
        asyncio.run(self._settle(standings))

    async def _settle(self, standings: list[Standing]) -> None:
        for standing in standings:
            await self.pairs.settle(self.folder, standing, SCHEMA)

    def kept(self) -> set[tuple[str, str]]:
        path = self.folder / ACCEPTED_FILE
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return {(each["question"], each["sql"]) for each in found}


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    found = Scratch(tmp_path)
    yield found
    found.pairs.close()


def test_clearing_a_file_of_three_acceptances_changes_none_of_their_pairs(scratch: Scratch) -> None:
    for question, sql in ASKED.items():
        scratch.accept(question, sql)
    scratch.save()
    scratch.edit("")
    scratch.edit("SELECT name FROM species;\n")
    scratch.save()
    assert scratch.kept() == set(ASKED.items())


def test_a_correction_that_is_a_pair_already_takes_the_place_of_the_first(scratch: Scratch) -> None:
    (question, sql), *_ = ASKED.items()
    corrected = f"{sql} WHERE id > 1"
    scratch.accept(question, sql)
    scratch.save()
    keep(scratch.folder, question, corrected, "sqlite")
    scratch.edit(scratch.text.replace(f"{sql};", f"{corrected};"))
    scratch.save()
    assert scratch.kept() == {(question, corrected)}


def test_a_question_in_other_letter_case_keeps_its_pair(scratch: Scratch) -> None:
    (question, sql), *_ = ASKED.items()
    scratch.accept(question, sql)
    scratch.save()
    scratch.edit(scratch.text.replace(question, f"{question.title()}?"))
    scratch.save()
    assert scratch.kept() == {(question, sql)}


async def test_the_first_of_two_savings_is_settled_first(scratch: Scratch) -> None:
    (question, sql), *_ = ASKED.items()
    began, go_on = asyncio.Event(), asyncio.Event()
    settled: list[str] = []

    async def schema(_: Buffer) -> Schema:
        if not began.is_set():
            began.set()
            await go_on.wait()
        return SCHEMA

    async def settle(_: Path, standing: Standing, __: Schema) -> str:
        settled.append(standing.sql)
        return ""

    async def watch_pairs() -> None:
        pass

    examples = SimpleNamespace(settle=settle, in_order=asyncio.Lock())
    suggester = SimpleNamespace(schema=schema)
    server: Any = SimpleNamespace(
        suggester=suggester, examples=examples, watch_pairs=watch_pairs, status=None
    )

    def saved() -> asyncio.Task[None]:
        standings = scratch.acceptances.standing(URI, scratch.text)
        buffer = Buffer(URI, 1, scratch.text, "")
        return asyncio.create_task(handler._settle(server, scratch.folder, buffer, standings))

    scratch.accept(question, sql)
    first = saved()
    await began.wait()
    scratch.edit(scratch.text.replace(f"{sql};", f"{sql} WHERE id > 1;"))
    second = saved()
    await asyncio.sleep(0)  # the second goes as far as it can
    go_on.set()
    await asyncio.gather(first, second)
    assert settled == [sql, f"{sql} WHERE id > 1"]


def _words(text: str) -> str:
    return " ".join(text.replace("--", " ").casefold().split())


class KeptPairs(RuleBasedStateMachine):
    """Whatever is done to a document, what saving it does to the pairs can be read in it.

    A new pair is a query that fits, and stands below its question or was typed in the place of an
    accepted one. A pair goes only where another takes its place, below its question or by an edit
    of its statement, or where its question is left alone, without its statement even in a comment.
    A document with nothing of what was accepted changes no pair.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.scratch = Scratch(Path(self.folder.name))
        self.past: list[str] = []

    def teardown(self) -> None:
        self.scratch.pairs.close()
        self.folder.cleanup()

    @property
    def text(self) -> str:
        return self.scratch.text

    def change(self, after: str) -> None:
        self.past.append(self.text)
        self.scratch.edit(after)

    @rule(question=st.sampled_from(sorted(ASKED)))
    def accept(self, question: str) -> None:
        if question not in self.text:
            self.past.append(self.text)
            self.scratch.accept(question, ASKED[question])

    @rule(question=st.sampled_from(sorted(ASKED)), save=st.booleans())
    def accept_and_undo(self, question: str, save: bool) -> None:
        """With a saving between, as editors do by themselves."""
        if question in self.text or ASKED[question] in self.text:
            return
        before = self.scratch.kept()
        self.scratch.accept(question, ASKED[question])
        if save:
            self.save()
        self.scratch.edit(self.text.removesuffix(f"{ASKED[question]};\n\n"))
        self.save()
        assert (question, ASKED[question]) not in self.scratch.kept() - before

    @rule(question=st.sampled_from(sorted(ASKED)), other=st.sampled_from((*OTHERS, "")))
    def retype(self, question: str, other: str) -> None:
        self.change(self.text.replace(f"{ASKED[question]};", f"{other};", 1))

    @rule(question=st.sampled_from(sorted(ASKED)))
    def comment_out(self, question: str) -> None:
        self.change(self.text.replace(f"\n{ASKED[question]};", f"\n-- {ASKED[question]};", 1))

    @rule(start=st.integers(0, 500), length=st.integers(0, 300), data=st.data())
    def replace(self, start: int, length: int, data: st.DataObject) -> None:
        other = data.draw(st.sampled_from(("", "\n", *(f"{each};\n" for each in OTHERS))))
        start = min(start, len(self.text))
        self.change(self.text[:start] + other + self.text[start + length :])

    @rule(line=st.integers(0, 20), to=st.integers(0, 20))
    def move_a_line(self, line: int, to: int) -> None:
        lines = self.text.splitlines(keepends=True)
        if line < len(lines):
            moved = lines.pop(line)
            self.change("".join(lines))
            self.change("".join((*lines[:to], moved, *lines[to:])))

    @rule(other=st.sampled_from(("", *(f"{each};\n" for each in OTHERS))))
    def replace_all_and_save(self, other: str) -> None:
        before = self.scratch.kept()
        self.change("")
        self.save()
        self.change(TABLES + other)
        self.save()
        assert self.scratch.kept() == before

    @rule()
    def format_all(self) -> None:
        self.change(self.text.replace("SELECT", "select").replace(" FROM", "\n  from"))

    @precondition(lambda self: self.past)
    @rule()
    def undo(self) -> None:
        self.scratch.edit(self.past.pop())

    @rule()
    def reload(self) -> None:
        """The document is closed and opened again, as it is."""
        self.scratch.acceptances.closed(URI)
        self.past.clear()

    @rule()
    def save(self) -> None:
        before = self.scratch.kept()
        self.scratch.save()
        after = self.scratch.kept()
        asked = {(each.question, each.sql) for each in asked_statements(self.text, "sqlite")}
        for question, sql in after - before:
            assert bind(sql, SCHEMA).valid
            assert "DELETE" not in sql
            assert sql in self.text
            assert (question, sql) in asked or question in ASKED
        answered = {question for question, _ in asked & after}
        gone = [pair for pair in before - after if pair[0] not in answered]
        left = [pair for pair in gone if self.is_left_alone(*pair)]
        assert len(gone) <= len(after - before) + len(left), (before, after, self.text)

    def is_left_alone(self, question: str, sql: str) -> bool:
        """Whether the question, or its last line, stands where ``sql`` doesn't follow."""
        words = _words(self.text)
        asked = [each for each in (question, *ASKED) if question.endswith(each)]
        return any(words.count(_words(q)) > words.count(_words(f"{q} {sql}")) for q in asked)


TestKeptPairs = KeptPairs.TestCase
TestKeptPairs.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
