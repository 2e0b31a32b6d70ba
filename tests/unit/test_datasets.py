"""Public data sets in the layouts they come in, written for a training."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
import types
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from squill.binding import bind
from squill.errors import UsageError
from squill_trainer.commands.dataset import main
from squill_trainer.datasets.forms import FORMS
from squill_trainer.datasets.sources import hub_splits, local_splits

if TYPE_CHECKING:
    from pathlib import Path

    from squill_trainer.datasets.row import Row

TABLE = {
    "id": "1-10015132-16",
    "header": ["Player", "No.", "School/Club Team"],
    "types": ["text", "real", "text"],
}
TWICE = {"id": "1-2", "header": ["A", "a"], "types": ["text", "text"]}
ASKED = (
    ("What is terrence ross' team ", {"sel": 2, "agg": 0, "conds": [[0, 0, "Terrence O'Ross"]]}),
    ("how many wear 3 or more", {"sel": 0, "agg": 3, "conds": [[1, 1, 3], [1, 0, "4"]]}),
)
RECIPE = (
    "table: 1-10015132-16\ncolumns: Player, No., School/Club Team\n"
    "Q: What is terrence ross' team\n"
    "A: SELECT School/Club Team FROM 1-10015132-16 WHERE Player = 'Terrence O'Ross'",
    "table: 1-10015132-16\ncolumns: Player, No., School/Club Team\n"
    "Q: how many wear 3 or more\n"
    "A: SELECT COUNT Player FROM 1-10015132-16 WHERE No. > 3 AND No. = '4'",
)
SPIDER_TABLES = {
    "db_id": "shop",
    "table_names_original": ["client", "order"],
    "column_names_original": [[-1, "*"], [0, "id"], [0, "name"], [1, "id"], [1, "client_id"]],
    "column_types": ["text", "number", "text", "number", "number"],
    "primary_keys": [1, 3],
    "foreign_keys": [[4, 1]],
}
SPIDER_SQL = "SELECT T1.name FROM client AS T1 JOIN 'order' AS T2 ON T1.id = T2.client_id"


def json_lines(*entries: Any) -> bytes:
    return "".join(f"{json.dumps(entry)}\n" for entry in entries).encode()


def wikisql_files() -> dict[str, bytes]:
    asked = [{"table_id": TABLE["id"], "question": q, "sql": sql} for q, sql in ASKED]
    double = {"table_id": "1-2", "question": "which", "sql": {"sel": 0, "agg": 0, "conds": []}}
    files = {}
    for split in ("train", "dev", "test"):
        files[f"{split}.jsonl"] = json_lines(*asked, double)
        files[f"{split}.tables.jsonl"] = json_lines(TABLE, TWICE)
    return files


def spider_files() -> dict[str, bytes]:
    entry = {"db_id": "shop", "question": "names of clients with orders", "query": SPIDER_SQL}
    others = [entry | {"db_id": f"shop{n}"} for n in range(60)]
    tables = [SPIDER_TABLES, *(SPIDER_TABLES | {"db_id": f"shop{n}"} for n in range(60))]
    content = {"tables.json": tables, "train_spider.json": [entry], "dev.json": [entry]}
    content["train_others.json"] = others
    return {name: json.dumps(value).encode() for name, value in content.items()}


def in_folder(files: dict[str, bytes], path: Path) -> Path:
    (path / "data").mkdir(parents=True)
    for name, data in files.items():
        (path / "data" / name).write_bytes(data)
    return path


def in_tar(files: dict[str, bytes], path: Path) -> Path:
    with tarfile.open(path, "w:bz2") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"data/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def in_zip(files: dict[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"spider/{name}", data)
    return path


def rows(name: str, path: Path, split: str = "train") -> list[Row]:
    return list(local_splits(name, path)[split]())


@pytest.mark.parametrize("packed", [in_folder, in_tar, in_zip])
def test_wikisql_becomes_the_recipes_text(tmp_path, packed):
    path = packed(wikisql_files(), tmp_path / "wikisql")
    found = [FORMS["recipe"](row)["text"] for row in rows("wikisql", path)]
    assert found == list(RECIPE)
    assert len(rows("wikisql", path, "valid")) == len(rows("wikisql", path, "test")) == 2


def test_every_row_binds_to_its_own_tables(tmp_path):
    found = rows("wikisql", in_tar(wikisql_files(), tmp_path / "w.tar.bz2"))
    found += rows("spider", in_zip(spider_files(), tmp_path / "s.zip"))
    assert len(found) > 50
    for row in found:
        assert bind(row.sql, row.schema).valid, row.sql


def test_spider_keeps_keys_and_holds_whole_databases_back(tmp_path):
    path = in_zip(spider_files(), tmp_path / "spider.zip")
    train, valid = rows("spider", path), rows("spider", path, "valid")
    assert len(train) + len(valid) == 61
    assert valid
    assert {row.database for row in train}.isdisjoint(row.database for row in valid)
    (test,) = rows("spider", path, "test")
    written = FORMS["plain-1"](test)
    assert "foreign key: client_id -> client(id)\n" in written["prompt"]
    assert written["prompt"].endswith("Q: names of clients with orders\nA:")
    assert written["completion"].startswith(" SELECT T1.name FROM client AS T1 JOIN")
    assert "columns: id, name\n" in FORMS["recipe"](test)["text"]


def test_json_lines_with_definitions_are_read_and_judged_rows_left_out(tmp_path):
    row = {
        "db_id": "t",
        "schema": "CREATE TABLE t (a INT)",
        "question": "q",
        "sql": "SELECT a FROM t",
    }
    bad = row | {"llm_verdict": "INCORRECT"}
    path = tmp_path / "spider.train.jsonl.gz"
    path.write_bytes(gzip.compress(json_lines(row, bad)))
    splits = local_splits("spider", tmp_path)
    assert len([*splits["train"](), *splits["valid"]()]) == 1
    assert local_splits("spider", path).keys() == {"train", "valid"}


def test_the_embedded_models_form_names_slots(tmp_path):
    (first, _) = rows("wikisql", in_folder(wikisql_files(), tmp_path))
    assert FORMS["slots-2"](first)["completion"].startswith("SELECT <c3> FROM <t1>")
    assert FORMS["chat-1"](first)["prompt"].startswith("Write one SQLite query.")


def test_the_command_writes_three_files_and_counts_them(tmp_path, capsys):
    source = in_tar(wikisql_files(), tmp_path / "data.tar.bz2")
    out = tmp_path / "out"
    arguments = ["wikisql", "--from", str(source), "--out", str(out), "--test", "1", "--json"]
    assert main(arguments) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert lines == {"train": 2, "valid": 2, "test": 1}
    assert json.loads((out / "train.jsonl").read_text().splitlines()[0]) == {"text": RECIPE[0]}
    assert sorted(path.name for path in out.iterdir()) == [
        "test.jsonl",
        "train.jsonl",
        "valid.jsonl",
    ]


BROKEN = {
    "a file is missing": lambda files: files.pop("dev.tables.jsonl"),
    "a line is no JSON": lambda files: files.update({"dev.jsonl": b"{\n"}),
    "a table is unknown": lambda files: files.update({"dev.tables.jsonl": json_lines(TWICE)}),
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_damaged_data_is_one_sentence(tmp_path, capsys, spoil):
    files = wikisql_files()
    spoil(files)
    source = in_folder(files, tmp_path / "in")
    assert main(["wikisql", "--from", str(source), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("squill dataset: ")
    assert said.count("\n") == 1


def test_what_is_no_data_set_is_refused(tmp_path, capsys):
    assert main(["spider", "--from", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "spider.train.jsonl" in capsys.readouterr().err
    assert main(["spider", "--from", str(tmp_path / "no"), "--out", str(tmp_path)]) == 2


def test_the_hub_needs_its_library(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert main(["wikisql", "--out", str(tmp_path)]) == 2
    assert "pip install datasets" in capsys.readouterr().err


def fake_hub(monkeypatch: pytest.MonkeyPatch, data: dict[str, list[dict[str, Any]]]) -> None:
    library = types.SimpleNamespace(load_dataset=lambda _: data)
    monkeypatch.setitem(sys.modules, "datasets", library)


def test_the_hubs_wikisql_is_the_authors(monkeypatch):
    conditions = {"column_index": [0], "operator_index": [0], "condition": ["Terrence O'Ross"]}
    query = ASKED[0][1] | {"conds": conditions}
    entry = {"question": ASKED[0][0], "table": TABLE, "sql": query}
    fake_hub(monkeypatch, {"train": [entry]})
    splits = hub_splits("wikisql", "Salesforce/wikisql")
    assert [FORMS["recipe"](row)["text"] for row in splits["train"]()] == [RECIPE[0]]
    assert list(splits["test"]()) == []


def test_the_hubs_spider_without_tables_is_refused(monkeypatch):
    fake_hub(monkeypatch, {"train": [{"db_id": "x", "question": "q", "query": "SELECT 1"}]})
    with pytest.raises(UsageError, match="which tables"):
        list(hub_splits("spider", "xlangai/spider")["train"]())
