"""Training data: what is drawn is right whatever was shuffled, dropped, renamed or made up."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlglot

from squill.binding import bind
from squill.ddl import parse_schema
from squill.errors import SchemaError
from squill.prompt.slots.format import render
from squill.prompt.slots.numbering import Numbering
from squill.prompt.slots.spelling import to_sql
from squill.prompt.slots.vocabulary import ANSWER, END, QUESTION
from squill_trainer.pretrain.association import associate
from squill_trainer.pretrain.augmentation import AugmentationOptions, draw_prompt
from squill_trainer.pretrain.corpus import Pair, Values, make_pair, read_pairs
from squill_trainer.pretrain.roles import ROLES, slot_labels
from squill_trainer.pretrain.shards import TokenSequence, load_shard, save_shard
from squill_trainer.pretrain.synthesis import entity_pairs, synthetic_pairs
from squill_trainer.pretrain.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

SHOP = parse_schema(
    """
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, age INTEGER);
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id),
        ordered_on DATE, amount REAL, note TEXT
    );
    CREATE TABLE stores (id INTEGER PRIMARY KEY, place TEXT);
    """,
    "sqlite",
).schema

WIKI = parse_schema("CREATE TABLE table_1_99_2 (Player TEXT, Points INTEGER, Club TEXT)").schema

PAIRS = [
    make_pair(SHOP, "orders of Ann Lee over 20", sql, "test")
    for sql in (
        "SELECT amount FROM orders JOIN customers ON orders.customer_id = customers.id "
        "WHERE customers.name = 'Ann Lee' AND amount > 20",
        "SELECT COUNT(*) FROM orders",
        "SELECT place FROM stores WHERE id IN (SELECT customer_id FROM orders WHERE amount > 20)",
    )
] + [make_pair(WIKI, "points of Ann Lee", "SELECT Points FROM table_1_99_2", "test")]

VALUES = Values(
    [make_pair(WIKI, "Ann Lee", "SELECT * FROM table_1_99_2 WHERE Player = 'Ann Lee'", "test")]
)

WORD = re.compile(r"<([tcw])(\d+)>( [^<]*)?")


def meaning(prompt: str, target: str) -> list[str]:
    """The target with its slots replaced by the words that the prompt shows for them."""
    shown = {(kind, number): text for kind, number, text in WORD.findall(prompt) if text}
    return [
        shown[kind, number].strip() if kind != "t" else "table"
        for kind, number, _ in WORD.findall(target)
    ]


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("seed", range(25))
def test_a_drawn_prompt_asks_the_same_of_another_numbering(pair: Pair, seed: int) -> None:
    whole = render(Numbering(pair.schema, pair.question))
    drawn = draw_prompt(pair, PAIRS, random.Random(seed), AugmentationOptions())
    assert drawn is not None
    assert meaning(drawn.prompt, drawn.target) == meaning(whole, pair.target)
    assert drawn.prompt.endswith(ANSWER)


def test_columns_that_an_answer_needs_are_never_dropped() -> None:
    narrow = AugmentationOptions(drop_tables=1.0, column_limit=5)
    for seed in range(20):
        drawn = draw_prompt(PAIRS[0], PAIRS, random.Random(seed), narrow)
        assert drawn is not None
        columns = re.findall(r"<c\d+>", drawn.target)
        assert all(column in drawn.prompt for column in columns)


@pytest.mark.parametrize("keep", [0.0, 1.0])
def test_a_table_without_a_telling_name_gets_one_or_keeps_its_own(keep: float) -> None:
    options = AugmentationOptions(keep_names=keep)
    drawn = draw_prompt(PAIRS[3], PAIRS, random.Random(0), options)
    assert drawn is not None
    assert (" table 1 99 2" in drawn.prompt) is bool(keep)


@pytest.mark.parametrize("seed", range(10))
def test_labels_name_the_slots_of_the_drawn_answer(seed: int) -> None:
    drawn = draw_prompt(PAIRS[0], PAIRS, random.Random(seed), AugmentationOptions())
    assert drawn is not None
    echoed = re.findall(r"<[tcw]\d+>", drawn.prompt.split(QUESTION)[2])
    words, names = echoed[:6], echoed[6:]
    name, amount = re.findall(r"(<c\d+>) [=>] '?<w", drawn.target)
    roles = dict(zip(names, map(roles_of, drawn.labels.masks), strict=True))
    assert roles[amount] == {"SELECT", "WHERE", ">"}
    assert roles[name] == {"WHERE", "="}
    assert len(words) == len(drawn.labels.words)
    assert drawn.labels.words == ("", "", name, name, "", amount)


def roles_of(mask: int) -> set[str]:
    return {role for bit, role in enumerate(ROLES) if mask >> bit & 1}


def test_roles_are_read_from_every_clause() -> None:
    question = "q"
    sql = (
        "SELECT city, MAX(age) FROM customers WHERE age <= 30 GROUP BY city "
        "HAVING COUNT(name) > 3 ORDER BY id DESC LIMIT 3"
    )
    numbering = Numbering(SHOP, question)
    target = make_pair(SHOP, question, sql, "test").target
    masks = slot_labels(target, numbering).masks
    assert [roles_of(mask) for mask in masks[:5]] == [
        {"FROM"},
        {"ORDER BY", "DESC"},
        {"HAVING", "COUNT", ">"},
        {"SELECT", "GROUP BY"},
        {"SELECT", "MAX", "WHERE", "<"},
    ]
    assert not any(masks[5:])


def games(number: int) -> Pair:
    ddl = f"CREATE TABLE g{number} (player TEXT, crowd INTEGER, surface TEXT)"
    sql = f"SELECT crowd FROM g{number} WHERE surface = 'clay'"
    return make_pair(parse_schema(ddl, "sqlite").schema, "attendance, clay", sql, "test")


def teams(number: int) -> Pair:
    schema = parse_schema(f"CREATE TABLE t{number} (team TEXT, city TEXT)", "sqlite").schema
    return make_pair(schema, "city of Leeds", f"SELECT city FROM t{number}", "test")


def test_words_are_associated_with_what_they_stood_for() -> None:
    pairs = [*map(games, range(6)), *map(teams, range(12))]
    assert associate(pairs) == {"attend": (6, {"crowd": 0.86}), "clay": (6, {"surfac": 0.86})}
    assert associate([games(0)] * 6 + pairs[6:]) == {}  # one schema says nothing


NAMES = (("anna", "boris"), ("carl", "dora"))


def race(number: int, column: str, name: str) -> Pair:
    ddl = f"CREATE TABLE r{number} (year INTEGER, {column} TEXT)"
    sql = f"SELECT year FROM r{number} WHERE {column} = '{name}'"
    return make_pair(parse_schema(ddl, "sqlite").schema, f"year of {name}", sql, "test")


def test_a_rare_word_speaks_of_columns_that_are_like_its_own() -> None:
    drivers = [("driver", name) for name in ("anna", "boris", "ivan")] * 3
    met, others = (drivers + [("player", n) for n in names] * 3 for names in NAMES)
    teams_between = [teams(number) for number in range(90)]
    alike, apart = (
        associate([race(i, *each) for i, each in enumerate(pairs)] + teams_between)["ivan"].columns
        for pairs in (met, others)
    )
    assert alike["driver"] > alike["player"] > 0
    assert set(apart) == {"driver"}


def test_conditions_stand_in_the_order_of_the_question() -> None:
    sql = "SELECT Club FROM table_1_99_2 WHERE Points > 20 AND Player = 'Ann Lee'"
    pair = make_pair(WIKI, "club of Ann Lee over 20", sql, "test")
    assert pair.target == "SELECT <c3> FROM <t1> WHERE <c1> = '<w3><w4>' AND <c2> > <w6><w6>"


def test_drawing_is_deterministic() -> None:
    first, second = (
        [draw_prompt(p, PAIRS, random.Random(7), AugmentationOptions()) for p in PAIRS]
        for _ in range(2)
    )
    assert first == second


def test_synthetic_questions_bind_and_read_back() -> None:
    for pair in islice(synthetic_pairs([SHOP, WIKI], VALUES, random.Random(3)), 400):
        numbering = Numbering(pair.schema, pair.question)
        sql = to_sql(pair.target, numbering, read="sqlite", write="sqlite")
        bound = bind(sql, pair.schema)
        assert bound.valid, (pair.question, sql, bound.problems)


def test_questions_on_made_up_tables_bind_and_read_back() -> None:
    for pair in islice(entity_pairs(VALUES, random.Random(3)), 300):
        numbering = Numbering(pair.schema, pair.question)
        bound = bind(to_sql(pair.target, numbering, read="sqlite", write="sqlite"), pair.schema)
        assert bound.valid, (pair.question, bound.problems)


def test_a_table_that_refers_to_another_is_no_reason_to_join_it() -> None:
    pairs = [
        p for p in islice(entity_pairs(VALUES, random.Random(5)), 400) if len(p.schema.tables) > 1
    ]
    related = [p for p in pairs if any(table.foreign_keys for table in p.schema.tables)]
    joined = [p for p in related if "JOIN" in p.target]
    assert len(related) > 100
    assert 0.1 < len(joined) / len(related) < 0.4
    assert any(" < <w" in p.target and " than " in p.question for p in related)


def test_synthetic_questions_reach_what_the_data_lacks() -> None:
    pairs = islice(synthetic_pairs([SHOP], VALUES, random.Random(3)), 600)
    text = "\n".join(pair.target for pair in pairs)
    for wanted in (
        "JOIN",
        "HAVING",
        "STRFTIME",
        "IS NULL",
        "BETWEEN",
        "DISTINCT",
        "LIKE '%",
        "NOT ",
    ):
        assert wanted in text


def test_noisy_and_unreadable_rows_are_counted_not_read(tmp_path: Path) -> None:
    schema = "CREATE TABLE t (a TEXT);"
    rows = [
        {"schema": schema, "question": "a", "sql": "SELECT a FROM t"},
        {"schema": schema, "question": "b", "sql": "SELECT a FROM t", "llm_verdict": "INCORRECT"},
        {"schema": schema, "question": "c", "sql": "SELECT missing FROM t"},
        {"schema": schema, "question": "d", "sql": "SELECT a FROM"},
    ]
    path = tmp_path / "x.train.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    rejected: Counter[str] = Counter()
    assert [pair.question for pair in read_pairs(path, rejected)] == ["a"]
    assert sum(rejected.values()) == 3


def test_a_statement_outside_its_schema_is_no_pair() -> None:
    with pytest.raises(SchemaError):
        make_pair(SHOP, "q", "SELECT nothing FROM orders", "test")


def test_the_tokenizer_reads_back_what_it_wrote_and_keeps_words_whole() -> None:
    texts = [render(Numbering(p.schema, p.question)) + p.target for p in PAIRS] * 40
    tokenizer = train_tokenizer(texts, 1000)
    for text in [*texts[:4], "SELECT <c1> FROM <t1> WHERE <c2> = 'Ünïcode 😀 O''Neil'"]:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert tokenizer.token_to_id(END) == 0
    assert tokenizer.encode("<c12> customer<w3> customer").tokens == [
        "<c12>", "Ġcustomer", "<w3>", "Ġcustomer",
    ]  # fmt: skip
    assert tokenizer.encode("SELECT <c1> FROM <t1>").tokens == [
        "SELECT ", "<c1>", " FROM ", "<t1>",
    ]  # fmt: skip
    assert tokenizer.encode(QUESTION).ids != tokenizer.encode(ANSWER).ids


def test_shards_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = [
        TokenSequence(np.array([5, 6, 7, 0]), np.array([0, 8, 3, 0]), 1, 2, 3),
        TokenSequence(np.array([9, 0]), np.array([0, 0]), 0, 0, 1),
    ]
    save_shard(tmp_path / "s.npz", written)
    read = load_shard(tmp_path / "s.npz")
    assert [s.tokens.tolist() for s in read] == [[5, 6, 7, 0], [9, 0]]
    assert [s.marks.tolist() for s in read] == [[0, 8, 3, 0], [0, 0]]
    assert [(s.echo_start, s.names_start, s.answer_start) for s in read] == [(1, 2, 3), (0, 0, 1)]


def test_sqlglot_parses_what_is_drawn_with_its_names() -> None:
    for pair in PAIRS:
        sql = to_sql(
            pair.target, Numbering(pair.schema, pair.question), read="sqlite", write="duckdb"
        )
        sqlglot.parse_one(sql, dialect="duckdb")
