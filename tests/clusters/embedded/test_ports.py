"""Ports: one creator each, handed over without a gap."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clusters.errors import ClusterError
from clusters.providers.embedded.ports import LOOPBACK, RANGE, held_port


@contextmanager
def listener(port: int, *, shared: bool) -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers in Go do
        if shared:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((LOOPBACK, port))
        server.listen()
        yield server


def test_a_port_is_chosen_below_those_of_outgoing_connections() -> None:
    with held_port() as port:
        assert port in RANGE


def test_a_held_port_is_taken_over_by_a_server_that_shares_ports() -> None:
    with held_port() as port, listener(port, shared=True):
        socket.create_connection((LOOPBACK, port)).close()


def test_a_held_port_is_not_taken_by_any_other_server() -> None:
    with held_port() as port, pytest.raises(OSError, match="in use"), listener(port, shared=False):
        pass


def test_a_second_creator_does_not_get_a_held_port() -> None:
    with held_port() as port, pytest.raises(ClusterError, match=str(port)), held_port(port):
        pass


def test_a_creator_does_not_get_the_port_of_a_running_server_that_shares_ports() -> None:
    with held_port() as port, listener(port, shared=True):
        with pytest.raises(ClusterError, match="in use by another program"), held_port(port):
            pass


def test_connections_of_a_dead_server_do_not_keep_its_port() -> None:
    with held_port() as port:
        with listener(port, shared=True) as server:
            client = socket.create_connection((LOOPBACK, port))
            accepted, _ = server.accept()
            accepted.close()  # the server closes first: its end lingers in TIME_WAIT
        client.close()

    with held_port(port) as again:
        assert again == port


def test_a_full_range_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with held_port() as port:
        monkeypatch.setattr("clusters.providers.embedded.ports.RANGE", range(port, port + 1))
        monkeypatch.setattr("clusters.providers.embedded.ports._TRIES", 1)

        with pytest.raises(ClusterError, match="no free port"), held_port():
            pass
