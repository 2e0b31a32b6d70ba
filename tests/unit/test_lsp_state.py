"""Positions, status, background work, settings: the server's small parts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from pygls.workspace import PositionCodec

from squill_lsp.editor_settings import read_settings, section
from squill_lsp.in_flight import InFlight
from squill_lsp.positions import offset_at, position_at, range_between
from squill_lsp.status import Status, StatusReporter
from squill_lsp.text_documents import LspTextDocument

ENCODINGS = list(types.PositionEncodingKind)


def document(text: str, encoding: types.PositionEncodingKind) -> LspTextDocument:
    return LspTextDocument("untitled:a.sql", text, 1, "sql", position_codec=PositionCodec(encoding))


@pytest.mark.parametrize(
    ("encoding", "character"),
    [
        (types.PositionEncodingKind.Utf8, 7),
        (types.PositionEncodingKind.Utf16, 4),
        (types.PositionEncodingKind.Utf32, 3),
    ],
)
def test_positions_count_in_the_encodings_units(
    encoding: types.PositionEncodingKind, character: int
) -> None:
    opened = document("x\né😀z", encoding)
    offset = opened.source.index("z") + 1
    assert position_at(opened, offset) == types.Position(1, character)
    assert offset_at(opened, types.Position(1, character)) == offset


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_only_the_line_breaks_of_lsp_break_lines(mark: str) -> None:
    opened = document(f"a{mark}b\r\nc{mark}d\re\nf", types.PositionEncodingKind.Utf16)
    assert len(opened.lines) == 4
    assert "".join(opened.lines) == opened.source
    offset = opened.source.index("d")
    assert position_at(opened, offset) == types.Position(1, 2)
    assert offset_at(opened, types.Position(1, 2)) == offset
    inside = types.Range(types.Position(1, 2), types.Position(1, 3))
    opened.apply_change(types.TextDocumentContentChangePartial(inside, "D"))
    assert opened.source == f"a{mark}b\r\nc{mark}D\re\nf"


@given(st.text("a é😀\n\x0c\u2028", max_size=20), st.data(), st.sampled_from(ENCODINGS))
def test_every_offset_has_a_position_and_comes_back(
    text: str, data: st.DataObject, encoding: types.PositionEncodingKind
) -> None:
    opened = document(text, encoding)
    offset = data.draw(st.integers(0, len(text)))
    assert offset_at(opened, position_at(opened, offset)) == offset


@pytest.mark.parametrize("text", ["ab\ncd", "ab\r\ncd\r\n", ""])
def test_a_position_behind_an_end_counts_as_that_end(text: str) -> None:
    opened = document(text, types.PositionEncodingKind.Utf16)
    first = text.splitlines()[0] if text else ""
    assert offset_at(opened, types.Position(0, 99)) == len(first)
    assert offset_at(opened, types.Position(99, 0)) == len(text)


def test_a_range_spans_lines() -> None:
    opened = document("ab\ncd", types.PositionEncodingKind.Utf16)
    wanted = types.Range(types.Position(0, 1), types.Position(1, 1))
    assert range_between(opened, 1, 4) == wanted


def test_a_status_is_told_once() -> None:
    told: list[Status] = []
    status = StatusReporter(told.append)
    status.update(state="ready")
    status.update(state="ready")
    with status.thinking(), status.thinking():
        pass
    assert [found.state for found in told] == ["ready", "thinking", "ready"]


def test_thinking_is_not_shown_over_a_model_that_loads() -> None:
    told: list[Status] = []
    status = StatusReporter(told.append)
    status.update(state="loading")
    with status.thinking():
        status.update(state="ready")
        assert told[-1].state == "thinking"
    assert [found.state for found in told] == ["loading", "thinking", "ready"]


async def forever(started: asyncio.Event) -> None:
    started.set()
    await asyncio.Event().wait()


async def running(in_flight: InFlight, kind: str = "a") -> asyncio.Task[Any]:
    started = asyncio.Event()
    task = asyncio.create_task(in_flight.run("uri", kind, forever(started)))
    await started.wait()
    return task


async def test_work_gives_its_result() -> None:
    assert await InFlight().run("uri", "a", asyncio.sleep(0, "done")) == "done"


async def test_newer_work_of_the_same_kind_makes_the_older_stale() -> None:
    in_flight = InFlight()
    older, other = await running(in_flight), await running(in_flight, "b")
    assert await in_flight.run("uri", "a", asyncio.sleep(0, "done")) == "done"
    assert await older is None
    assert not other.done()
    in_flight.edited("another uri")
    in_flight.edited("uri")
    assert await other is None


async def test_cancelling_the_caller_cancels_the_work() -> None:
    in_flight = InFlight()
    task = await running(in_flight)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, {}),
        ([], {}),
        ({"dialect": "mysql"}, {"dialect": "mysql"}),
        ({"squill": {"dialect": "mysql"}}, {"dialect": "mysql"}),
        ({"squill": None}, {}),
        ({"trace": {"server": "off"}, "model": None}, {}),
    ],
)
def test_the_editors_section_comes_in_several_forms(sent: Any, expected: dict[str, Any]) -> None:
    assert section(sent) == expected


def test_a_bad_setting_is_reported_and_the_others_are_used(monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setenv("SQUILL_CONFIG_DIR", str(tmp_path))
    problems: list[str] = []
    sent = {"dialect": "mysql", "generation": {"budget_ms": "long"}, "colour": 1}
    settings = read_settings(None, sent, problems.append)
    assert settings.dialect == "mysql"
    assert settings.generation.budget_ms == 5000
    assert len(problems) == 2
