"""On a terminal, text of a folder, of a database or of a message is shown and never obeyed."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from surroundings import own_environment

SQUILL = Path(sys.executable).with_name("squill")
EVIL = "\x1b]0;owned\x07\x1b[2Jname\x9b31m\u202ereversed\r\x08"
OWN_SEQUENCES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
"""Colours and movements of our own on a terminal; the attack's OSC and C1 are none of these."""


def on_a_terminal(
    command: list[str], folder: Path, environment: dict[str, str], typed: str
) -> bytes:
    """All that the command writes to the terminal that its three streams are."""
    parent, child = pty.openpty()
    with subprocess.Popen(
        [str(SQUILL), *command],
        cwd=folder,
        env=environment | {"TERM": "dumb", "NO_COLOR": "1"},
        stdin=subprocess.PIPE if not typed else child,
        stdout=child,
        stderr=child,
        start_new_session=True,
    ) as process:
        os.close(child)
        if typed:
            os.write(parent, typed.encode())
        else:
            assert process.stdin is not None
            process.stdin.close()
        written = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while more := os.read(parent, 65536):
                written += more
    os.close(parent)
    return written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / f"shop{EVIL.replace('/', '')}"
    folder.mkdir()
    quoted = EVIL.replace('"', "")
    (folder / "tables.sql").write_text(f'CREATE TABLE "{quoted}" (id INTEGER, "{quoted}" TEXT);\n')
    (folder / f"broken{EVIL}.sql").write_text(f'SELECT "{quoted}x" FROM nowhere;\nSELEC {EVIL};\n')
    (folder / "squill.toml").write_text(f'nonsense = "{json.dumps(EVIL)[1:-1]}"\nmodel = "x"\n')
    (folder / ".squill").mkdir()
    pair = {"question": EVIL, "sql": f"SELECT '{EVIL}'", "dialect": "sqlite"}
    (folder / ".squill" / "accepted.jsonl").write_text(json.dumps(pair) + "\n")
    with sqlite3.connect(folder / "rows.db") as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
        connection.execute("INSERT INTO t VALUES (?)", [EVIL])
        connection.execute(f'CREATE TABLE "{quoted}" ("{quoted}" TEXT)')
    connection.close()
    return folder


@pytest.mark.timeout(600)
async def test_no_subcommand_writes_a_sequence_of_the_folder_to_a_terminal(
    folder: Path, tmp_path: Path
) -> None:
    name = f"broken{EVIL}.sql"
    commands: list[tuple[list[str], str]] = [
        (["ask", EVIL, "--schema", "tables.sql"], ""),
        (["ask", "x", "--schema", f"missing{EVIL}"], ""),
        (["check", name], ""),
        (["check", "--schema", "tables.sql", name], ""),
        (["pairs", "list"], ""),
        (["pairs", "add", EVIL, "--sql", EVIL], ""),
        (["train", "--once", "--workspace", EVIL], ""),
        (["adapters", "show", EVIL], ""),
        (["model", "info", EVIL], ""),
        (["doctor", "--workspace", str(folder)], ""),
        (["daemon", "start", "--model", EVIL], ""),
        (["trust", "add", "."], ""),
        (["trust", "list"], ""),
        (["status"], ""),
        (["logs"], ""),
        ([EVIL], ""),
        (["repl", "rows.db"], "SELECT * FROM t;\r\\tables\r\\schema\r\\quit\r"),
    ]
    async with own_environment(tmp_path) as environment:
        for command, typed in commands:
            command = [part.replace("\0", "") for part in command]
            written = on_a_terminal(command, folder, environment, typed)
            text = OWN_SEQUENCES.sub(b"", written).decode(errors="surrogateescape")
            assert "Traceback" not in text, (command, text)
            for sign in ("\x1b]", "\x07", "\x9b", "\u202e", "\x08"):
                assert sign not in text, (command, sign, text)


def test_a_pipe_gets_the_query_as_it_is() -> None:
    """What a program reads is data, and must be exact."""
    script = (
        "import sys; from squill.terminal_text import guarded\n"
        "with guarded():\n"
        "    print('a\\x1b[2Jb'); print('a\\x1b[2Jb', file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "a\x1b[2Jb\n"
    assert ended.stderr == "a\\x1b[2Jb\n"
