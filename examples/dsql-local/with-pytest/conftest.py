"""Fixtures that give each test an empty Aurora DSQL of this machine."""

import json
import os
import shlex
import signal
import subprocess
import urllib.request

import psycopg
import pytest

# Node 24 and its npx are all that it needs; DSQL_LOCAL names another command, such as one in a container.
COMMAND = shlex.split(os.environ.get("DSQL_LOCAL", "npx --yes dsql-local"))
ARGUMENTS = ["--port", "0", "--tls", "off", "--control", "127.0.0.1:0", "--json"]


class Dsql:
    """A running cluster: where it is, and its control port."""

    def __init__(self, ready):
        self.url = "postgresql://{user}:any@{host}:{port}/{database}".format(**ready)
        self._control = ready["control"]

    def control(self, method, path, body=None):
        """Calls the control port, whose GET /openapi.json tells what there is."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._control + path, data, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def cluster():
    """One for all tests. Its first line says where it is; npx hands signals on only to its group."""
    with subprocess.Popen(
        [*COMMAND, *ARGUMENTS], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Dsql(json.loads(process.stdout.readline()))
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.fixture
def dsql(cluster):
    """The cluster, emptied: tables, faults, limits and the clock are as at its start."""
    cluster.control("POST", "/reset")
    return cluster


@pytest.fixture
def connect(dsql):
    """Opens connections that end with the test."""
    opened = []

    def open_one(**options):
        opened.append(psycopg.connect(dsql.url, **options))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()
