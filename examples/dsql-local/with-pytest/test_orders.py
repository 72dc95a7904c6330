# pip install pytest "psycopg[binary]" && pytest
from uuid import uuid4

import pytest
from orders import SCHEMA, place_order
from psycopg import errors


@pytest.fixture
def connection(connect):
    """With the tables: one DDL a transaction, so each on its own."""
    connection = connect(autocommit=True)
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO stock VALUES ('tea', 10)")
    return connection


def left(connection):
    return connection.execute("SELECT pieces FROM stock").fetchone()[0]


def test_an_order_takes_from_the_stock_and_no_more_than_there_is(connection):
    place_order(connection, uuid4(), "tea", 7)
    with pytest.raises(LookupError):
        place_order(connection, uuid4(), "tea", 7)
    assert left(connection) == 3


def test_who_commits_later_loses_and_nobody_waits(connection, connect):
    other = connect()
    other.execute("UPDATE stock SET pieces = pieces - 1")
    place_order(connection, uuid4(), "tea", 2)
    with pytest.raises(errors.SerializationFailure, match="OC000"):
        other.commit()
    assert left(connection) == 8


def test_an_order_outlives_conflicts(connection, dsql):
    dsql.control("POST", "/faults", {"kind": "conflict", "code": "OC000", "times": 3})
    place_order(connection, uuid4(), "tea", 1)
    assert left(connection) == 9
    assert dsql.control("GET", "/counters")["conflictsOC000"] == 3


def test_what_postgresql_would_let_through_is_refused(connection):
    with pytest.raises(errors.FeatureNotSupported, match="unsupported statement: Truncate"):
        connection.execute("TRUNCATE stock")
    with pytest.raises(errors.ProgramLimitExceeded, match="transaction row limit exceeded"):
        connection.execute("INSERT INTO stock SELECT n::text, 0 FROM generate_series(1, 3001) AS n")
