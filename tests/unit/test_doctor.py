"""The doctor's parts: what a check can become, and how the report reads."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from squill.errors import ModelNotFoundError
from squill_daemon.doctor import folders
from squill_daemon.doctor.chain import probes
from squill_daemon.doctor.editors import Editor, check_editor
from squill_daemon.doctor.finding import (
    Finding,
    failure,
    failure_of,
    happened_and_to_do,
    ok,
    warning,
)
from squill_daemon.doctor.folders import check_folder
from squill_daemon.doctor.installation import check_installation, numbers, requirements
from squill_daemon.doctor.probes import Probe, run_probes
from squill_daemon.doctor.processes import run_bounded
from squill_daemon.doctor.rendering import is_ok, to_json, to_text
from squill_daemon.doctor.workspace import check_examples, check_schema, check_settings

if TYPE_CHECKING:
    from pathlib import Path


def statuses(findings):
    return [(finding.name, finding.status) for finding in findings]


# --- running --------------------------------------------------------------------------------------


def test_findings_come_in_the_order_of_their_probes_not_of_their_ends():
    second_has_ended = threading.Event()

    def first():
        second_has_ended.wait()
        yield ok("a", "")

    def second():
        yield ok("b", "")
        second_has_ended.set()

    found = run_probes([Probe("one", "a", first), Probe("two", "b", second)])
    assert found == [("one", ok("a", "")), ("two", ok("b", ""))]


def test_a_check_that_raises_is_a_failure_that_names_it_and_hides_nothing():
    def broken():
        yield ok("before", "it was fine")
        raise ZeroDivisionError("by nothing")

    found = run_probes([Probe("g", "broken", broken), Probe("g", "other", lambda: [ok("x", "")])])
    assert statuses(f for _, f in found) == [
        ("before", "ok"),
        ("broken", "failure"),
        ("x", "ok"),
    ]
    assert "ZeroDivisionError: by nothing" in found[1][1].detail
    assert found[1][1].remedy


def test_our_own_errors_keep_their_advice():
    def refused():
        raise ModelNotFoundError("There is no model at /x. Correct `model`.")
        yield

    [(_, found)] = run_probes([Probe("g", "model", refused)])
    assert found == failure("model", "There is no model at /x.", "Correct `model`.")


def test_a_check_that_hangs_is_a_failure_that_names_it():
    end = threading.Event()

    def hanging():
        yield ok("before", "")
        end.wait()

    found = run_probes([Probe("g", "hanging", hanging, seconds=0.05)])
    end.set()
    assert statuses(f for _, f in found) == [("before", "ok"), ("hanging", "failure")]
    assert "did not end within" in found[1][1].detail


@pytest.mark.parametrize(
    ("message", "happened", "to_do"),
    [
        ("It is gone. Fetch it.", "It is gone.", "Fetch it."),
        ("a.b/c.d is 3.5 MB. Run `x`. Or y.", "a.b/c.d is 3.5 MB.", "Run `x`. Or y."),
        ("It is gone (really.) `x` helps.", "It is gone (really.)", "`x` helps."),
        ("It is gone.", "It is gone.", "`squill logs` may tell more."),
    ],
)
def test_a_message_is_taken_apart_into_what_happened_and_what_to_do(message, happened, to_do):
    assert happened_and_to_do(message) == (happened, to_do)
    assert failure_of("x", ModelNotFoundError(message)) == failure("x", happened, to_do)


# --- other programs -------------------------------------------------------------------------------


def python(code, seconds=30.0):
    return run_bounded([sys.executable, "-c", code], seconds)


def test_a_program_s_output_and_errors_are_apart():
    ended = python("import sys; print(1); print(2, file=sys.stderr)")
    assert (ended.code, ended.output, ended.errors) == (0, "1\n", "2\n")


def test_a_crash_is_told_by_its_signal():
    assert python("import os; os.abort()").how == "crashed (SIGABRT)"


def test_an_exit_is_told_with_the_last_words():
    assert python("raise SystemExit('no\\n\\nway\\n')").how == "ended with exit code 1: way"


def test_a_program_that_runs_out_of_time_is_killed_with_what_it_started():
    # The grandchild holds the pipe: without its death, the call would not return.
    ended = run_bounded(["sh", "-c", "sleep 600 & echo up; wait"], seconds=0.3)
    assert ended.code is None
    assert "did not end in time" in ended.how


# --- installation and editors ---------------------------------------------------------------------


def test_this_installation_is_sound():
    found = list(check_installation())
    assert statuses(found) == [("python", "ok"), ("packages", "ok")]
    assert "sqlglot" in found[1].detail


def test_requirements_of_other_systems_and_of_extras_are_left_out(monkeypatch):
    from squill_daemon.doctor import installation

    texts = [
        "a>=1.2",
        "b[x]>=3.4; sys_platform == 'darwin'",
        "c>=5; sys_platform == 'linux'",
        "d>=6; extra == 'pretrain'",
    ]
    monkeypatch.setattr(installation, "requires", lambda _: texts)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert requirements() == [("a", "1.2"), ("b", "3.4")]


def test_a_missing_package_fails_and_an_old_one_warns(monkeypatch):
    from squill_daemon.doctor import installation

    monkeypatch.setattr(
        installation, "requires", lambda _: ["msgpack>=999", "no-such-package-here>=1"]
    )
    assert statuses(check_installation()) == [
        ("python", "ok"),
        ("msgpack", "warning"),
        ("no-such-package-here", "failure"),
        ("packages", "ok"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"), [("0.11.4", (0, 11, 4)), ("v1", ()), ("29.3-rc1", (29, 3)), ("", ())]
)
def test_a_version_is_compared_by_its_leading_numbers(text, expected):
    assert numbers(text) == expected


@pytest.fixture
def program(tmp_path: Path, monkeypatch):
    """Puts programs of the test's own first on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def make(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return make


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        ("echo 'NVIM v0.11.4'; echo 'LuaJIT 2.1'", "ok", "0.11.4"),
        ("echo 'NVIM v0.9.5'", "warning", "older than 0.11"),
        ("exit 3", "warning", "exit code 3"),
        ("echo hello", "warning", "tells no version"),
    ],
)
def test_an_editor_is_judged_by_its_version(program, script, status, said):
    program("nvim-of-ours", script)
    [found] = check_editor(Editor("Neovim", "nvim-of-ours", "0.11", "for a reason"))
    assert found.status == status
    assert said in found.detail
    assert bool(found.remedy) is (status != "ok")


# --- folders and workspace ------------------------------------------------------------------------


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path):
    found = check_folder("state", tmp_path / "a" / "b", "X")
    assert found.status == "ok"
    assert "made when it is needed" in found.detail
    assert not (tmp_path / "a").exists()


def test_a_file_in_a_folder_s_place_fails_with_the_variable_to_set(tmp_path):
    (tmp_path / "file").write_text("")
    found = check_folder("cache", tmp_path / "file" / "squill", "SQUILL_CACHE_DIR")
    assert found.status == "failure"
    assert "SQUILL_CACHE_DIR" in found.remedy


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_fails(tmp_path):
    tmp_path.chmod(0o555)
    found = check_folder("cache", tmp_path, "SQUILL_CACHE_DIR")
    tmp_path.chmod(0o755)
    assert found.status == "failure"


@pytest.mark.parametrize(
    ("free", "status"), [(10**6, "failure"), (10**8, "warning"), (10**10, "ok")]
)
def test_a_disk_is_judged_by_the_room_on_it(tmp_path, monkeypatch, free, status):
    usage = folders.shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda _: usage)
    assert check_folder("cache", tmp_path, "X").status == status


def test_a_broken_definition_is_named_by_file_and_line(tmp_path):
    (tmp_path / "a.sql").write_text("CREATE TABLE a (id INT);\nCREATE TABLE b (id INT;\n")
    problem, schema, dialect = check_schema(tmp_path)
    assert (problem.name, problem.status) == ("schema", "warning")
    assert problem.detail.startswith("a.sql:2: ")
    assert schema.detail == "1 file, 1 table, 1 column"
    assert "default" in dialect.detail


def test_many_problems_are_counted_not_listed(tmp_path):
    (tmp_path / "a.sql").write_text("CREATE TABLE b (id INT;\n" * 9)
    found = list(check_schema(tmp_path))
    assert [f.detail for f in found if f.status == "warning"][5] == "and 4 more like these"


def test_sql_without_tables_warns_and_no_sql_at_all_does_not(tmp_path):
    assert [f.status for f in check_schema(tmp_path)] == ["ok"]
    (tmp_path / "a.sql").write_text("SELECT 1;\n")
    assert [f.status for f in check_schema(tmp_path)] == ["warning", "ok"]


def test_settings_that_are_not_used_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SQUILL_CONFIG_DIR", str(tmp_path / "config"))
    assert "all defaults" in next(iter(check_settings(tmp_path))).detail
    (tmp_path / "pyproject.toml").write_text("[tool.ruff]\n")
    (tmp_path / "squill.toml").write_text("dialekt = 'x'\n")
    typo, files = check_settings(tmp_path)
    assert typo.status == "warning"
    assert "dialekt" in typo.detail
    assert files.detail == f"from {tmp_path / 'squill.toml'}"


def test_examples_are_counted(tmp_path):
    place = tmp_path / ".squill" / "examples"
    assert [f.detail for f in check_examples(tmp_path)] == [f"no {place}"]
    place.mkdir(parents=True)
    for name in ("a.sql", "b.jsonl", "notes.txt"):
        (place / name).write_text("")
    assert [f.detail for f in check_examples(tmp_path)] == [f"2 files in {place}"]


# --- the report -----------------------------------------------------------------------------------

REPORT = [
    ("python", ok("python", "3.11")),
    ("python", warning("a package", "is old", "Update it.")),
    ("device", Finding("mlx", "failure", "it crashed\nbadly", "Reinstall it.")),
]


def test_the_report_is_grouped_aligned_and_counted():
    assert to_text(REPORT, colour=False).splitlines() == [
        "python",
        "  ok    python     3.11",
        "  warn  a package  is old",
        "                   Update it.",
        "device",
        "  FAIL  mlx        it crashed",
        "                   badly",
        "                   Reinstall it.",
        "3 checks: 1 ok, 1 warning, 1 failure",
    ]


def test_colour_is_in_the_marks_alone():
    plain, coloured = (to_text(REPORT, colour=c) for c in (False, True))
    assert "\x1b[31mFAIL\x1b[0m" in coloured
    assert plain == coloured.replace("\x1b[0m", "").replace("\x1b[31m", "").replace(
        "\x1b[32m", ""
    ).replace("\x1b[33m", "")


def test_warnings_do_not_make_it_fail():
    assert is_ok(REPORT[:2])
    assert not is_ok(REPORT)


def test_the_json_report_has_every_field():
    report = to_json(REPORT)
    assert report["ok"] is False
    assert report["checks"][1] == {
        "group": "python",
        "name": "a package",
        "status": "warning",
        "detail": "is old",
        "remedy": "Update it.",
    }


def test_every_part_of_the_chain_has_a_probe(tmp_path):
    groups = {probe.group for probe in probes(tmp_path)}
    assert groups == {
        *("installation", "device", "model", "folders", "socket", "daemon", "adapters"),
        *("settings", "workspace", "language server", "editors"),
    }
