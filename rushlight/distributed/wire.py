"""Messages over a socket: a count, then parts, each a length and its bytes. Nothing that arrives is executed."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

_COUNT = struct.Struct("!I")
_LENGTH = struct.Struct("!Q")
MOST_PARTS = 1 << 20


def send(connection: socket.socket, parts: Sequence[bytes | memoryview]) -> None:
    """Sends the parts as one message."""
    head = [_COUNT.pack(len(parts)), *(_LENGTH.pack(len(part)) for part in parts)]
    small = sum(len(part) for part in parts) < 1 << 16
    if small:  # one call of the system for what fits a packet or few
        connection.sendall(b"".join([*head, *parts]))
        return
    connection.sendall(b"".join(head))
    for part in parts:
        connection.sendall(part)


def receive(connection: socket.socket) -> list[bytearray]:
    """The parts of the next message; ConnectionError where the other side is gone."""
    (count,) = _COUNT.unpack(_exactly(connection, _COUNT.size))
    if count > MOST_PARTS:
        raise ConnectionError(f"a message of {count} parts: the other side does not speak this protocol")
    head = _exactly(connection, count * _LENGTH.size)
    return [_exactly(connection, length) for (length,) in _LENGTH.iter_unpack(head)]


def _exactly(connection: socket.socket, count: int) -> bytearray:
    data = bytearray(count)
    rest = memoryview(data)
    while rest:
        got = connection.recv_into(rest)
        if not got:
            raise ConnectionError("Connection closed by peer")
        rest = rest[got:]
    return data
