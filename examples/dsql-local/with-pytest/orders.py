"""The code that the tests are about: an order takes from the stock, and is made anew after a conflict."""

import random
import time

from psycopg import errors

MOST_ATTEMPTS = 8

SCHEMA = [
    "CREATE TABLE stock (item text PRIMARY KEY, pieces int NOT NULL)",
    "CREATE TABLE orders (id uuid PRIMARY KEY, item text NOT NULL, pieces int NOT NULL)",
]


def place_order(connection, order_id, item, pieces):
    """Takes the pieces from the stock and writes the order down. Raises where there are too few."""
    for attempt in range(1, MOST_ATTEMPTS + 1):
        try:
            with connection.transaction():
                _place(connection, order_id, item, pieces)
            return
        except errors.SerializationFailure:
            if attempt == MOST_ATTEMPTS:
                raise
            time.sleep(random.random() * 2**attempt / 1000)


def _place(connection, order_id, item, pieces):
    taken = connection.execute(
        "UPDATE stock SET pieces = pieces - %(pieces)s WHERE item = %(item)s AND pieces >= %(pieces)s",
        {"item": item, "pieces": pieces},
    )
    if taken.rowcount == 0:
        raise LookupError(f"not enough of {item}")
    connection.execute("INSERT INTO orders VALUES (%s, %s, %s)", (order_id, item, pieces))
