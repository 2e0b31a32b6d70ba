"""What no good editor sends, over the real stdio of `squill lsp`: one reply each, and no harm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from editor import DOCUMENT

from squill.dialects import DIALECTS
from surroundings import own_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002

TEXT = "CREATE TABLE students (Name TEXT);\n\n-- List the students\n"
SQL = "SELECT Name FROM students"
HERE = {"line": 3, "character": 0}
POSITION: dict[str, Any] = {"textDocument": {"uri": DOCUMENT}, "position": HERE}
INLINE = POSITION | {"context": {"triggerKind": 1}}
SELECTION = {
    "textDocument": {"uri": DOCUMENT},
    "range": {"start": {"line": 2, "character": 4}, "end": {"line": 2, "character": 4}},
    "context": {"diagnostics": []},
}
RESOLVE_SUPPORT = {"resolveSupport": {"properties": ["additionalTextEdits"]}}
CAPABILITIES = {
    "textDocument": {
        "completion": {"completionItem": RESOLVE_SUPPORT},
        "codeAction": {"resolveSupport": {"properties": ["edit"]}},
    }
}
ABSENT = object()
STATUS = "squill/status"

BAD_PARAMS: list[tuple[str, Any]] = [
    ("textDocument/inlineCompletion", ABSENT),
    ("textDocument/inlineCompletion", "foo"),
    ("textDocument/inlineCompletion", None),
    ("textDocument/inlineCompletion", []),
    ("textDocument/inlineCompletion", {}),
    ("textDocument/inlineCompletion", {"textDocument": 5}),
    ("textDocument/inlineCompletion", INLINE | {"position": "x"}),
    ("textDocument/inlineCompletion", INLINE | {"position": {"line": -1, "character": 0}}),
    ("textDocument/inlineCompletion", INLINE | {"position": {"line": 2**40, "character": 0}}),
    ("textDocument/inlineCompletion", INLINE | {"context": {"triggerKind": 99}}),
    ("textDocument/codeAction", {"textDocument": 5}),
    ("textDocument/completion", {}),
    ("textDocument/hover", {}),
    ("completionItem/resolve", {"data": 1}),
    ("initialize", {"jsonrpc": "2.0"}),
    ("workspace/executeCommand", {"command": "no.such.command"}),
]
ITEM = {"uri": DOCUMENT, "comment": [2, 0], "cursor": [3, 0], "question": "List the students"}
ACTION = {"uri": DOCUMENT, "comment": [2, 0], "n": 1}
FOREIGN_DATA: list[tuple[str, Any]] = [
    *(
        ("completionItem/resolve", {"label": "foo", "data": data})
        for data in (
            {"foo": 1},
            7,
            "foo",
            [],
            ITEM | {"uri": None},
            ITEM | {"cursor": [1]},
            ITEM | {"cursor": ["1", 2]},
            ITEM | {"comment": [-1, 0]},
            ITEM | {"comment": [2**40, 0]},
            ITEM | {"question": 5},
        )
    ),
    *(
        ("codeAction/resolve", {"title": "foo", "data": data})
        for data in (
            {"foo": 1},
            7,
            "foo",
            [],
            ACTION | {"uri": 5},
            ACTION | {"comment": {"line": 2}},
            ACTION | {"comment": [0, -1]},
            ACTION | {"n": 1_000_000},
            ACTION | {"n": "1"},
        )
    ),
]
UNKNOWN_METHODS: list[tuple[str, Any]] = [
    ("squill/unknown", ABSENT),
    ("squill/unknown", [1]),
    ("textDocument/hover", POSITION),
]


class Stdio:
    """Writes what it is told to, right or wrong, and keeps all that the server says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self.process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self.messages: list[dict[str, Any]] = []
        self._last_id = 0

    def send(self, message: Any) -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def notify(self, method: Any, params: Any = ABSENT) -> None:
        self.send(_message(method, params))

    def request(self, method: Any, params: Any = ABSENT) -> int:
        self._last_id += 1
        self.send(_message(method, params) | {"id": self._last_id})
        return self._last_id

    async def ask(self, method: Any, params: Any = ABSENT) -> dict[str, Any]:
        return await self.reply(self.request(method, params))

    async def reply(self, request_id: int | str) -> dict[str, Any]:
        while not (found := self.replies_to(request_id)):
            await self._receive()
        return found[0]

    def replies_to(self, request_id: int | str) -> list[dict[str, Any]]:
        return [m for m in self.messages if "method" not in m and m["id"] == request_id]

    async def _receive(self) -> None:
        header = await self._stdout.readuntil(b"\r\n\r\n")
        length = int(header.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        self.messages.append(json.loads(await self._stdout.readexactly(length)))

    async def settled(self) -> None:
        """Everything sent before was handled: the server answers in good order what comes now."""
        assert (await self.ask("squill/fence"))["error"]["code"] == METHOD_NOT_FOUND

    def logged(self, part: str) -> list[str]:
        logs = [m["params"]["message"] for m in self.messages if _method(m) == "window/logMessage"]
        return [text for text in logs if part in text]

    async def initialize(self, options: Any = None) -> None:
        params = {"processId": None, "rootUri": None, "capabilities": CAPABILITIES}
        reply = await self.ask("initialize", params | {"initializationOptions": options})
        assert "capabilities" in reply["result"]
        self.notify("initialized", {})
        document = {"uri": DOCUMENT, "languageId": "sql", "version": 1, "text": TEXT}
        self.notify("textDocument/didOpen", {"textDocument": document})

    async def still_serves(self) -> None:
        reply = await self.ask("textDocument/inlineCompletion", INLINE)
        assert [item["insertText"] for item in reply["result"]["items"]] == [f"{SQL};"]

    async def exit_code(self) -> int:
        self.notify("exit")
        return await self.process.wait()


def _message(method: Any, params: Any) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "method": method}
    return message if params is ABSENT else message | {"params": params}


def _method(message: Mapping[str, Any]) -> str:
    return str(message.get("method"))


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    answers = json.dumps({"List the students": [SQL]})
    async with own_environment(tmp_path, SQUILL_FAKE_ANSWERS=answers) as own:
        yield own


@contextlib.asynccontextmanager
async def serving(
    environment: Mapping[str, str], folder: Path, *command: str | Path
) -> AsyncIterator[Stdio]:
    """What the server writes to stderr is in the folder's file of that name."""
    with (folder / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=folder,
        )
    try:
        yield Stdio(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.fixture
async def server(environment: dict[str, str], tmp_path: Path) -> AsyncIterator[Stdio]:
    squill = Path(sys.executable).with_name("squill")
    async with serving(environment, tmp_path, squill, "lsp") as started:
        yield started


async def codes_of(server: Stdio, cases: Iterable[tuple[str, Any]]) -> list[tuple[str, str, Any]]:
    """Each case and the error code of its reply; there is no second reply to any."""
    sent = [(server.request(method, params), method, params) for method, params in cases]
    codes = []
    for request_id, method, params in sent:
        error = (await server.reply(request_id)).get("error", {})
        _is_fit_for_an_editor(error)
        codes.append((method, _shown(params), error.get("code")))
    await server.settled()
    replies = Counter(m["id"] for m in server.messages if "method" not in m)
    assert [replies[request_id] for request_id, *_ in sent] == [1] * len(sent)
    return codes


def _is_fit_for_an_editor(error: Mapping[str, Any]) -> None:
    """A sentence or a short phrase, without traces of the server's inside."""
    assert error.get("data") is None
    text = error.get("message", "")
    assert len(text.splitlines()) == 1, error
    assert not any(part in text for part in ("Traceback", ".py", "/site-packages")), error


def _shown(params: Any) -> str:
    return "absent" if params is ABSENT else json.dumps(params)


def expected(cases: Iterable[tuple[str, Any]], code: int) -> list[tuple[str, str, Any]]:
    return [(method, _shown(params), code) for method, params in cases]


async def test_a_request_with_bad_params_has_one_reply_that_says_so(server: Stdio) -> None:
    await server.initialize()
    cases = [case for case in BAD_PARAMS if case[0] != "initialize"]
    assert await codes_of(server, cases) == expected(cases, INVALID_PARAMS)
    assert await codes_of(server, UNKNOWN_METHODS) == expected(UNKNOWN_METHODS, METHOD_NOT_FOUND)
    await server.still_serves()


async def test_data_that_squill_did_not_give_out_is_refused_in_a_sentence(server: Stdio) -> None:
    await server.initialize()
    assert await codes_of(server, FOREIGN_DATA) == expected(FOREIGN_DATA, INVALID_PARAMS)
    await server.still_serves()


async def test_what_squill_gave_out_or_left_without_data_can_be_resolved(server: Stdio) -> None:
    await server.initialize()
    actions = await server.ask("textDocument/codeAction", SELECTION)
    action = await server.ask("codeAction/resolve", actions["result"][0])
    assert SQL in json.dumps(action["result"]["edit"])
    bare = {"title": "foo"}
    assert (await server.ask("codeAction/resolve", bare))["result"] == bare
    item = await server.ask("completionItem/resolve", {"label": "foo", "data": ITEM})
    assert SQL in json.dumps(item["result"]["additionalTextEdits"])
    assert (await server.ask("completionItem/resolve", {"label": "foo"}))["result"] == {
        "label": "foo"
    }


FAILING_SERVER = """
from squill_lsp.handlers import register
from squill_lsp.server import SquillServer

def fail(ls, params):
    raise FileNotFoundError("/home/me/secret.py")

async def fail_later(ls, params):
    fail(ls, params)

server = SquillServer()
register(server)
server.feature("squill/fail")(fail)
server.feature("squill/failLater")(fail_later)
server.start_io()
"""


async def test_a_failure_inside_is_a_short_reply_and_its_traceback_is_on_stderr(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async with serving(environment, tmp_path, sys.executable, "-c", FAILING_SERVER) as server:
        await server.initialize()
        cases: list[tuple[str, Any]] = [("squill/fail", {}), ("squill/failLater", {})]
        assert await codes_of(server, cases) == expected(cases, INTERNAL_ERROR)
        await server.still_serves()
        statuses = [m["params"]["message"] for m in server.messages if _method(m) == STATUS]
        assert any("failed on a request" in message for message in statuses)
    log = (tmp_path / "stderr").read_text()
    assert log.count("Traceback") == len(cases)
    assert "secret.py" in log


async def test_messages_of_a_wrong_form_are_answered_where_they_have_an_id(server: Stdio) -> None:
    await server.initialize()
    server.send({"id": "no version", "method": "shutdown"})
    server.send({"jsonrpc": "1.0", "id": "old version", "method": "shutdown"})
    server.send({"jsonrpc": "2.0", "id": "method 5", "method": 5})
    server.send({"jsonrpc": "2.0", "id": "method []", "method": []})
    for request_id in ("no version", "old version", "method 5", "method []"):
        assert (await server.reply(request_id))["error"]["code"] == INVALID_REQUEST
    replied = sum("method" not in message for message in server.messages)
    for nothing in (b"{", b"5", b"[]", b"null", b'{"jsonrpc": "2.0"}'):
        server.send(nothing)
    await server.settled()
    assert sum("method" not in message for message in server.messages) == replied + 1
    await server.still_serves()


async def test_a_request_may_carry_what_looks_like_a_message_in_it(server: Stdio) -> None:
    await server.initialize()
    nested = INLINE | {"workDoneToken": "a", "extra": {"jsonrpc": "2.0", "id": 9, "method": "exit"}}
    assert (await server.ask("textDocument/inlineCompletion", nested))["result"]["items"]


async def test_a_notification_with_bad_params_is_logged_only(server: Stdio) -> None:
    await server.initialize()
    for method in ("textDocument/didChange", "textDocument/didOpen", "$/cancelRequest"):
        server.notify(method, {"textDocument": 5})
    server.notify("squill/unknown")
    await server.settled()
    [logged] = server.logged("textDocument/didChange")
    assert "params" in logged
    assert "window/showMessage" not in map(_method, server.messages)
    await server.still_serves()


async def test_nothing_is_served_before_initialize(server: Stdio) -> None:
    early = [("textDocument/inlineCompletion", INLINE), ("shutdown", ABSENT), ("foo", ABSENT)]
    server.notify("textDocument/didOpen", {"textDocument": 5})
    server.notify("initialized", {})
    sent = [(server.request(method, params), method) for method, params in early]
    for request_id, _ in sent:
        error = (await server.reply(request_id))["error"]
        assert error["code"] == NOT_INITIALIZED
        _is_fit_for_an_editor(error)
    refused = await server.ask(*next(case for case in BAD_PARAMS if case[0] == "initialize"))
    assert refused["error"]["code"] == INVALID_PARAMS
    assert len(server.messages) == len(early) + 1, "the server spoke unasked"
    await server.initialize()
    again = await server.ask("initialize", {"processId": None, "capabilities": {}})
    assert again["error"]["code"] == INVALID_REQUEST
    await server.still_serves()


async def test_nothing_is_served_after_shutdown(server: Stdio) -> None:
    await server.initialize()
    await server.still_serves()
    shutdown = server.request("shutdown")
    late = [
        server.request("textDocument/inlineCompletion", INLINE),
        server.request("textDocument/inlineCompletion", "foo"),
        server.request("shutdown"),
        server.request("squill/unknown"),
    ]
    server.notify("textDocument/didClose", {"textDocument": {"uri": DOCUMENT}})
    assert (await server.reply(shutdown))["result"] is None
    late.append(server.request("shutdown"))
    for request_id in late:
        error = (await server.reply(request_id))["error"]
        assert error["code"] == INVALID_REQUEST
        _is_fit_for_an_editor(error)
    assert all(len(server.replies_to(request_id)) == 1 for request_id in (shutdown, *late))
    assert await server.exit_code() == 0


@pytest.mark.parametrize("how", ["before initialize", "after initialize", "after shutdown"])
async def test_an_exit_is_orderly_only_after_shutdown(server: Stdio, how: str) -> None:
    if how != "before initialize":
        await server.initialize()
    if how == "after shutdown":
        await server.ask("shutdown")
    assert await server.exit_code() == (0 if how == "after shutdown" else 1)


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
async def test_what_is_a_line_break_to_python_alone_moves_no_position(
    server: Stdio, mark: str
) -> None:
    await server.initialize()
    end = {"line": 0, "character": len(TEXT.splitlines()[0])}
    document = {"textDocument": {"uri": DOCUMENT, "version": 2}}
    inserted = {"range": {"start": end, "end": end}, "text": f" -- {mark} --{mark}"}
    server.notify("textDocument/didChange", document | {"contentChanges": [inserted]})
    await server.still_serves()
    whole = {"range": {"start": {"line": 2, "character": 0}, "end": HERE}, "text": "-- List\n"}
    server.notify("textDocument/didChange", document | {"contentChanges": [whole]})
    cleared = {"range": {"start": {"line": 2, "character": 7}, "end": HERE}}
    change = cleared | {"text": " the students\n"}
    server.notify("textDocument/didChange", document | {"contentChanges": [change]})
    await server.still_serves()


async def test_an_unknown_dialect_is_reported_once_and_the_default_kept(server: Stdio) -> None:
    await server.initialize({"squill": {"dialect": "klingon"}})
    server.notify("workspace/didChangeConfiguration", {"settings": {"dialect": "klingon"}})
    await server.still_serves()
    [logged] = server.logged("klingon")
    assert all(name in logged for name in DIALECTS)
    statuses = [m["params"] for m in server.messages if _method(m) == STATUS]
    assert statuses[-1]["dialect"] == "sqlite"
    server.notify("workspace/didChangeConfiguration", {"settings": {"dialect": "vulcan"}})
    server.notify("workspace/didChangeConfiguration", {"settings": {"dialect": "PostgreSQL"}})
    await server.settled()
    assert len(server.logged("vulcan")) == 1
    assert not server.logged("PostgreSQL")
