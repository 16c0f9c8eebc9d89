"""Names of statements in traces: from a fixed set of words, and never what a statement holds."""

import re
from pathlib import Path

import pytest

from service.adapters.postgres.statements import TABLES, statement_name

MIGRATIONS = Path(__file__).parents[2] / "service" / "adapters" / "postgres" / "migrations"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("BEGIN; SELECT set_config('app.user_id', convert_from(decode('616c696365', 'hex'), 'UTF8'), true)", "BEGIN"),
        ("COMMIT", "COMMIT"),
        ("ROLLBACK", "ROLLBACK"),
        ("\n  INSERT INTO media (user_id) VALUES ($1)", "INSERT media"),
        ("UPDATE users SET revision = revision + 1", "UPDATE users"),
        ("DELETE FROM events WHERE at < $1", "DELETE events"),
        (
            "SELECT it.* FROM (SELECT set_config('app.user_id', $1, true)) AS me, LATERAL (SELECT 1 FROM me_images) it",
            "SELECT me_images",
        ),
        ("WITH u AS (UPDATE users SET revision = 1) SELECT 1 FROM u", "WITH users"),
        ("SELECT 1", "SELECT"),
        ("SELECT * FROM canary", "SELECT"),
        ("canary", "OTHER"),
        ("canary'; DROP TABLE users", "OTHER"),
    ],
)
def test_a_name_is_a_verb_and_a_table_of_ours(query: str, name: str) -> None:
    assert statement_name(query) == name


def test_the_tables_are_those_of_the_schema() -> None:
    schema = "".join(path.read_text("utf-8") for path in MIGRATIONS.glob("*.sql"))
    assert set(re.findall(r"CREATE TABLE (\w+)", schema)) - {"schema_migrations"} == TABLES
