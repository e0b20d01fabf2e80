"""A connection between every two processes of a world, and a thread for each that reads what comes.

Because something always reads, a process that sends never waits for one that sends to it. What has come lies in an inbox under
(sender, key) until somebody asks for it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from . import wire
from .errors import DistBackendError, DistNetworkError
from .store import Store

Message = list[bytearray]
_GREETING = struct.Struct("!I16s")


class Mesh:
    """The connections of process `rank` to the other `size - 1`, found by the store."""

    def __init__(self, store: Store, rank: int, size: int, timeout: float, address: str) -> None:
        self.rank, self.size = rank, size
        self._peers: dict[int, socket.socket] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._inbox: dict[tuple[int, str], deque[Message]] = defaultdict(deque)
        self._arrival = threading.Condition()
        self._gone: dict[int, str] = {}
        if size > 1:
            self._connect(store, timeout, address)

    def _connect(self, store: Store, timeout: float, address: str) -> None:
        local = address.startswith("127.")
        with socket.create_server(("127.0.0.1" if local else "", 0), backlog=self.size) as listener:
            secret = os.urandom(16)  # so that a stranger who finds the port is not taken for one of us
            store.set(f"mesh/{self.rank}", f"{address} {listener.getsockname()[1]} {secret.hex()}")
            for other in range(self.rank):
                host, port, token = store.get(f"mesh/{other}").decode().split()
                connection = socket.create_connection((host, int(port)), timeout=timeout)
                connection.sendall(_GREETING.pack(self.rank, bytes.fromhex(token)))
                self._join(other, connection)
            listener.settimeout(timeout)
            while len(self._peers) < self.size - 1:
                self._accept(listener, secret, timeout)

    def _accept(self, listener: socket.socket, secret: bytes, timeout: float) -> None:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            missing = sorted(set(range(self.size)) - {self.rank} - set(self._peers))
            raise DistNetworkError(
                f"rank {self.rank} waited {timeout:.0f} s for the other processes; not there: {missing}"
            ) from None
        connection.settimeout(timeout)
        try:
            other, token = _GREETING.unpack(bytes(wire._exactly(connection, _GREETING.size)))
        except OSError:
            other, token = -1, b""
        if token != secret or not self.rank < other < self.size:
            connection.close()
            return
        self._join(other, connection)

    def _join(self, other: int, connection: socket.socket) -> None:
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._peers[other], self._locks[other] = connection, threading.Lock()
        threading.Thread(target=self._read, args=(other, connection), name=f"from rank {other}", daemon=True).start()

    def _read(self, other: int, connection: socket.socket) -> None:
        try:
            while True:
                key, *parts = wire.receive(connection)
                with self._arrival:
                    self._inbox[other, key.decode()].append(parts)
                    self._arrival.notify_all()
        except OSError as error:
            with self._arrival:
                self._gone[other] = str(error)
                self._arrival.notify_all()

    # ---- messages ----

    def send(self, to: int, key: str, *parts: bytes | memoryview | np.ndarray) -> None:
        """Sends bytes and arrays (as their bytes) under a key."""
        if to == self.rank:
            with self._arrival:
                self._inbox[to, key].append([bytearray(_view(part)) for part in parts])
                self._arrival.notify_all()
            return
        try:
            with self._locks[to]:
                wire.send(self._peers[to], [key.encode(), *map(_view, parts)])
        except (OSError, KeyError) as error:
            raise DistBackendError(f"rank {self.rank} cannot send to rank {to}: {self._gone.get(to, error)}") from None

    def receive(self, source: int, key: str, timeout: float) -> Message:
        """The next message under a key from one process."""
        return self.receive_from_any((source,), key, timeout)[1]

    def receive_from_any(self, sources: Iterable[int], key: str, timeout: float) -> tuple[int, Message]:
        """The next message under a key, and who sent it; RuntimeError where none comes in time, or its sender has ended."""
        wanted = tuple(sources)
        end = time.monotonic() + timeout
        with self._arrival:
            while True:
                for source in wanted:
                    waiting = self._inbox.get((source, key))
                    if waiting:
                        message = waiting.popleft()
                        if not waiting:
                            del self._inbox[source, key]
                        return source, message
                if all(source in self._gone for source in wanted):
                    raise DistBackendError(
                        f"rank {self.rank} waits for rank {_listed(wanted)}, which has ended or left the group: "
                        f"{self._gone[wanted[0]]}"
                    )
                if not self._arrival.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                    raise DistBackendError(
                        f"Timed out waiting {round(timeout * 1000)}ms for recv operation to complete: rank {self.rank} waits for "
                        f"rank {_listed(wanted)}; every process of a group has to make the same calls in the same order"
                    )

    def arrived(self, sources: Iterable[int], key: str) -> bool:
        """Whether such a message is there."""
        with self._arrival:
            return any(self._inbox.get((source, key)) for source in sources)

    def close(self) -> None:
        """Ends all connections; what was sent before still arrives."""
        for connection in self._peers.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        for connection in self._peers.values():
            connection.close()


def _view(part: bytes | memoryview | np.ndarray) -> bytes | memoryview:
    if isinstance(part, np.ndarray):
        flat: Any = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
        return memoryview(flat)
    return part


def _listed(ranks: tuple[int, ...]) -> str:
    return " or ".join(map(str, ranks))
