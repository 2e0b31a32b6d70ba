"""Adapters over the wire: a real daemon with the embedded model and small random adapters."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from conftest import REAL_DAEMON, TESTS

from squill.adapters import user_registry
from squill.client import DaemonClient
from squill.errors import AdapterError
from squill.model_files import content_digest
from squill.paths import EMBEDDED_MODEL
from squill.prompt import format_for_model

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SCHEMA = "CREATE TABLE students (name TEXT, age INT, school TEXT, grade INT);"
QUESTIONS = ("How many students are there?", "names of students by age", "oldest student")
MAKE = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tiny_adapter import make_tiny_adapter
for seed in (1, 2):
    make_tiny_adapter(Path(sys.argv[2]), Path(sys.argv[3]) / str(seed), seed=seed, scale=0.6)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two adapters, made by a process of its own: this one keeps clear of MLX."""
    folder = tmp_path_factory.mktemp("made")
    tests = str(TESTS)
    subprocess.run(
        [sys.executable, "-c", MAKE, tests, str(EMBEDDED_MODEL), str(folder)], check=True
    )
    return folder


@pytest.fixture
def digests(own_folders: Path, made: Path) -> list[str]:
    assert own_folders
    registry = user_registry()
    base = content_digest(EMBEDDED_MODEL)
    return [
        registry.publish(
            made / str(seed), base=base, prompt_format=format_for_model(EMBEDDED_MODEL, None).id
        ).digest
        for seed in (1, 2)
    ]


@pytest.fixture
async def client(
    start_daemon: Callable[..., subprocess.Popen[bytes]], digests: list[str]
) -> AsyncIterator[DaemonClient]:
    assert digests
    start_daemon(command=REAL_DAEMON)
    async with await DaemonClient.connect() as connected:
        yield connected


async def answers(client: DaemonClient, **params: Any) -> list[tuple[Any, ...]]:
    patient = {"schema": SCHEMA, "budget_ms": 120_000}  # however busy the machine is
    requests = (patient | {"question": q} | params for q in QUESTIONS)
    found = await asyncio.gather(*(client.call("generate", r) for r in requests))
    return [(a["adapter"], a["refused"], *(c["sql"] for c in a["candidates"])) for a in found]


async def test_each_request_is_answered_with_the_adapter_it_names(client, digests):
    alone = [await answers(client, adapter=adapter) for adapter in ("", *digests)]
    assert [{a[0] for a in found} for found in alone] == [{None}, {digests[0]}, {digests[1]}]
    assert len({str([a[1:] for a in found]) for found in alone}) == 3
    mixed = await asyncio.gather(*(answers(client, adapter=a) for a in ("", *digests)))
    assert list(mixed) == alone


async def test_activating_and_rolling_back_act_on_the_next_request(client, digests):
    first, second = digests
    base = await answers(client)
    assert (await client.call("adapters/list"))["active"] is None
    moved = await client.call("adapters/activate", {"digest": first})
    assert moved == {"active": first, "previous": None}
    learned = await answers(client)
    assert {a[0] for a in learned} == {first}
    await client.call("adapters/activate", {"digest": second[:12]})
    listed = await client.call("adapters/list")
    assert listed["active"] == second
    assert {card["digest"] for card in listed["adapters"]} == set(digests)
    assert set((await client.call("status"))["adapters_loaded"]) == set(digests)
    back = await client.call("adapters/rollback")
    assert back == {"active": first, "previous": second}
    assert await answers(client) == learned
    await client.call("adapters/activate", {"digest": None})
    assert await answers(client) == base


async def test_a_workspace_has_its_own(client, digests, tmp_path):
    workspace = str(tmp_path)
    await client.call("adapters/activate", {"digest": digests[0], "workspace": workspace})
    assert {a[0] for a in await answers(client, workspace=workspace)} == {digests[0]}
    assert {a[0] for a in await answers(client)} == {None}


async def test_what_cannot_be_used_is_refused_and_the_one_in_use_stays(client, digests):
    first, second = digests
    await client.call("adapters/activate", {"digest": first})
    weights = user_registry().folder(second) / "adapters.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    for wrong in (second, "0" * 64, "zz"):
        with pytest.raises(AdapterError):
            await client.call("adapters/activate", {"digest": wrong})
    with pytest.raises(AdapterError):
        await answers(client, adapter=second)
    assert {a[0] for a in await answers(client)} == {first}


async def test_an_active_adapter_that_got_damaged_leaves_the_base_model(client, digests):
    base = await answers(client, adapter="")
    user_registry().activate(digests[0])
    config = user_registry().folder(digests[0]) / "adapter_config.json"
    config.write_text("{}")
    assert await answers(client) == base
    assert digests[0][:16] in (await client.call("status"))["adapter_problem"]


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("adapters/activate", {"digest": 7}),
        ("adapters/activate", {"digest": None, "workspace": 7}),
        ("adapters/rollback", {}),
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(client, method, params):
    with pytest.raises(Exception, match=r"must be|no earlier adapter"):
        await client.call(method, params)
