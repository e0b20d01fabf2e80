"""Messages between a DataLoader and its workers, which neither block the sender nor leave anything behind.

A message is pickled with its arrays apart (pickle protocol 5). Small ones go through the pipe as they are. The bytes
of larger ones go into an anonymous file in memory, whose descriptor travels over the pipe: it is written once, mapped
by the receiver without a copy, and has no name, so that the system frees it however the processes end. Systems without
such files use a named temporary file, which the receiver reads and removes.

Invariant: `post` never waits. What the pipe cannot take at once stays in the outbox until `flush`; so two processes
that post to each other cannot wait for each other.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import select
import socket
import tempfile
import weakref
from collections import deque
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, BinaryIO

import numpy as np

from ..tensor import Tensor
from .arrays import array_of_tensor, tensor_of_array

INLINE_LIMIT = 1500  # bytes; a pipe that polls as writable takes this much on every system
ALIGNMENT = 64  # of each array in shared memory
MAPPED_LIMIT = 64  # each mapped batch holds a file descriptor: beyond this many alive, batches are copied out
HAS_MEMORY_FILES = hasattr(os, "memfd_create")
HAS_POLL = hasattr(select, "poll")

_mapped: set[weakref.ref] = set()


def _rebuild_tensor(array: np.ndarray, dtype_name: str, requires_grad: bool) -> Tensor:
    made = tensor_of_array(array, dtype_name)
    return made.requires_grad_() if requires_grad else made


class _Pickler(ForkingPickler):
    """Pickles tensors as their arrays, so that these can travel apart."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not Tensor:
            return NotImplemented
        if value.requires_grad and not value.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support "
                "crossing process boundaries. If you just want to transfer the data, call detach() on the tensor "
                "before serializing (e.g., putting it on the queue)."
            )
        array, dtype_name = array_of_tensor(value)
        dense = array if array.flags.c_contiguous else array.copy(order="C")
        return _rebuild_tensor, (dense, dtype_name, value.requires_grad)


def _pickle(message: Any) -> tuple[bytes, list[memoryview]]:
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    _Pickler(file, 5, True, buffers.append).dump(message)
    return file.getvalue(), [buffer.raw() for buffer in buffers]


def _lay_out(parts: list[memoryview]) -> list[tuple[int, int]]:
    """Where each part lies in a segment."""
    spans, end = [], 0
    for part in parts:
        start = -(-end // ALIGNMENT) * ALIGNMENT
        end = start + part.nbytes
        spans.append((start, end))
    return spans


def _fill(file: int, parts: list[memoryview], spans: list[tuple[int, int]]) -> None:
    # Written, not mapped: no page faults, and where memory is short an error instead of a killed process.
    try:
        for part, (start, stop) in zip(parts, spans, strict=True):
            rest = part
            while start < stop:
                written = os.pwrite(file, rest, start)
                start, rest = start + written, rest[written:]
    except OSError as error:
        size = sum(part.nbytes for part in parts)
        raise OSError(error.errno, f"no room for a batch of {size} bytes in shared memory: {error.strerror}") from None


def _map(file: int) -> memoryview:
    """The segment's bytes, shared while few batches are alive, else copied."""
    size = os.fstat(file).st_size
    memory = mmap.mmap(file, size, mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0))
    if len(_mapped) >= MAPPED_LIMIT:
        with memory:
            return memoryview(bytearray(memory))
    _mapped.add(weakref.ref(memory, _mapped.discard))
    return memoryview(memory)


class _MemorySegment:
    """An anonymous file on its way through the pipe."""

    def __init__(self, parts: list[memoryview], spans: list[tuple[int, int]]) -> None:
        self.name = None
        self._file = os.memfd_create("rushlight-batch")
        try:
            _fill(self._file, parts, spans)
        except BaseException:
            self.discard()
            raise

    def sent_over(self, connection: Connection) -> None:
        with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as pipe:
            socket.send_fds(pipe, [b"."], [self._file])
        self.discard()

    def discard(self) -> None:
        os.close(self._file)


class _NamedSegment:
    """A temporary file that its receiver removes."""

    def __init__(self, parts: list[memoryview], spans: list[tuple[int, int]]) -> None:
        file, self.name = tempfile.mkstemp(prefix="rushlight-batch-")
        try:
            _fill(file, parts, spans)
        except BaseException:
            self.discard()
            raise
        finally:
            os.close(file)

    def sent_over(self, connection: Connection) -> None:
        pass  # its name was in the envelope

    def discard(self) -> None:
        os.unlink(self.name)


def _received_memory(connection: Connection) -> memoryview:
    with socket.fromfd(connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as pipe:
        _, files, _, _ = socket.recv_fds(pipe, 1, 1)
    if not files:
        raise EOFError
    try:
        return _map(files[0])
    finally:
        os.close(files[0])


def _read_and_remove(name: str) -> memoryview:
    file: BinaryIO
    with open(name, "rb") as file:
        content = bytearray(file.read())
    os.unlink(name)
    return memoryview(content)


class Channel:
    """One end of a pipe; `post` and `receive` pass any picklable message."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._outbox: deque[tuple[bytes, _MemorySegment | _NamedSegment | None]] = deque()
        self.cut = False  # whether an exception came in the middle of a message

    def post(self, message: Any) -> None:
        """Pickles now, raising what pickling raises; sends now or, where the pipe is full, at a later `flush`."""
        body, buffers = _pickle(message)
        if len(body) + sum(buffer.nbytes for buffer in buffers) <= INLINE_LIMIT:
            envelope = pickle.dumps((body, [bytes(buffer) for buffer in buffers]))
            self._outbox.append((envelope, None))
        else:
            parts = [*buffers, memoryview(body)]
            table = memoryview(np.array(_lay_out(parts), np.int64).tobytes())
            parts.append(table)
            spans = _lay_out(parts)
            segment = (_MemorySegment if HAS_MEMORY_FILES else _NamedSegment)(parts, spans)
            self._outbox.append((pickle.dumps((segment.name, spans[-1])), segment))
        self.flush()

    @property
    def waiting(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._outbox)

    def _writable(self) -> bool:
        if not HAS_POLL:
            return True
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLOUT)
        return bool(poll.poll(0))

    def flush(self) -> None:
        """Sends what the pipe takes without waiting; OSError where nobody reads any more."""
        while self._outbox and self._writable():
            envelope, segment = self._outbox[0]
            self.cut = True
            self.connection.send_bytes(envelope)
            if segment is not None:
                segment.sent_over(self.connection)
            self._outbox.popleft()
            self.cut = False

    def receive(self) -> Any:
        """The next message; waits for it. EOFError or OSError where the other end is gone."""
        self.cut = True
        body_or_name, place = pickle.loads(self.connection.recv_bytes())
        memory = _received_memory(self.connection) if body_or_name is None else None
        self.cut = False
        if isinstance(body_or_name, bytes):
            return pickle.loads(body_or_name, buffers=[bytearray(buffer) for buffer in place])
        if memory is None:
            memory = _read_and_remove(body_or_name)
        table = np.frombuffer(memory[slice(*place)], np.int64).reshape(-1, 2)
        *buffers, body = [memory[start:stop] for start, stop in table.tolist()]
        return pickle.loads(body, buffers=buffers)

    def close(self) -> None:
        """Closes the pipe; what was not sent is thrown away."""
        for _, segment in self._outbox:
            if segment is not None:
                segment.discard()
        self._outbox.clear()
        if not self.connection.closed:
            self.connection.close()
