"""Stores: keys and bytes that the processes of a group share, by which they find each other.

`TCPStore` is served by one process; `FileStore` lies in a file that all can reach; `HashStore` serves the threads of one process.
Names and methods are those of `torch.distributed`'s stores.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NoReturn

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from ..errors import NotThereYet
from . import wire
from .errors import DistNetworkError, DistStoreError

DEFAULT_TIMEOUT = timedelta(seconds=300)
Text = str | bytes


def _bytes(value: Text) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


class Store:
    """What every store can do; a subclass has `_exchange`, which looks at the whole and may change it."""

    _timeout = DEFAULT_TIMEOUT

    # ---- what a subclass gives ----

    def _call(self, name: str, *parts: bytes) -> list[bytes]:
        """Runs one of the operations of `Table` at once."""
        raise NotImplementedError

    # ---- what users call ----

    def set(self, key: str, value: Text) -> None:
        """Puts a value under a key."""
        self._call("set", _bytes(key), _bytes(value))

    def get(self, key: str) -> bytes:
        """The value under a key, once it is there; DistStoreError after the store's timeout."""
        self.wait([key])
        return self._call("get", _bytes(key))[0]

    def add(self, key: str, amount: int) -> int:
        """Adds to the number under a key, 0 at first, and returns the sum."""
        return int(self._call("add", _bytes(key), str(amount).encode())[0])

    def append(self, key: str, value: Text) -> None:
        """Appends to the value under a key."""
        self._call("append", _bytes(key), _bytes(value))

    def compare_set(self, key: str, expected_value: Text, desired_value: Text) -> bytes:
        """Sets the key if it holds what is expected (nothing, where that is empty); returns what it holds then."""
        return self._call("compare_set", _bytes(key), _bytes(expected_value), _bytes(desired_value))[0]

    def check(self, keys: Sequence[str]) -> bool:
        """Whether all the keys are there."""
        return self._call("check", *map(_bytes, keys))[0] == b"1"

    def wait(self, keys: Sequence[str], timeout: timedelta | None = None) -> None:
        """Waits until all the keys are there; DistStoreError after the timeout."""
        seconds = (self._timeout if timeout is None else timeout).total_seconds()
        end, pause = time.monotonic() + seconds, 0.0005
        while not self.check(keys):
            if time.monotonic() > end:
                raise DistStoreError(f"wait timeout after {round(seconds * 1000)}ms, keys: {', '.join(map(str, keys))}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def delete_key(self, key: str) -> bool:
        """Takes a key out; whether it was there."""
        return self._call("delete", _bytes(key))[0] == b"1"

    def num_keys(self) -> int:
        """How many keys there are."""
        return int(self._call("count")[0])

    def list_keys(self) -> list[str]:
        """The keys."""
        return [bytes(key).decode() for key in self._call("keys")]

    def multi_get(self, keys: Sequence[str]) -> list[bytes]:
        """The values under several keys, once all are there."""
        self.wait(keys)
        return [self._call("get", _bytes(key))[0] for key in keys]

    def multi_set(self, keys: Sequence[str], values: Sequence[Text]) -> None:
        """Puts several values."""
        for key, value in zip(keys, values, strict=True):
            self.set(key, value)

    def has_extended_api(self) -> bool:
        """True: `append`, `multi_get` and `multi_set` are there."""
        return True

    def set_timeout(self, timeout: timedelta) -> None:
        """How long `get` and `wait` wait."""
        self._timeout = timeout

    @property
    def timeout(self) -> timedelta:
        return self._timeout


class Table:
    """The keys with their values, and the operations on them; each is given and gives bytes."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.lock = threading.Lock()

    def call(self, name: str, parts: Sequence[bytes | bytearray]) -> list[bytes]:
        operation: Callable[..., list[bytes]] | None = getattr(self, f"_{name}", None)
        if operation is None:
            raise DistStoreError(f"a store has no operation {name!r}")
        with self.lock:
            return operation(*map(bytes, parts))

    def _set(self, key: bytes, value: bytes) -> list[bytes]:
        self.values[key] = value
        return []

    def _get(self, key: bytes) -> list[bytes]:
        return [self.values.get(key, b"")]

    def _add(self, key: bytes, amount: bytes) -> list[bytes]:
        self.values[key] = str(int(self.values.get(key, b"0")) + int(amount)).encode()
        return [self.values[key]]

    def _append(self, key: bytes, value: bytes) -> list[bytes]:
        self.values[key] = self.values.get(key, b"") + value
        return []

    def _compare_set(self, key: bytes, expected: bytes, desired: bytes) -> list[bytes]:
        have = self.values.get(key)
        if have is None and expected:  # PyTorch answers with what was expected
            return [expected]
        if (have or b"") == expected:
            self.values[key] = have = desired
        return [have or b""]

    def _check(self, *keys: bytes) -> list[bytes]:
        return [b"1" if all(key in self.values for key in keys) else b"0"]

    def _delete(self, key: bytes) -> list[bytes]:
        return [b"0" if self.values.pop(key, None) is None else b"1"]

    def _count(self) -> list[bytes]:
        return [str(len(self.values)).encode()]

    def _keys(self) -> list[bytes]:
        return list(self.values)


class HashStore(Store):
    """A store in this process's memory."""

    def __init__(self) -> None:
        self._table = Table()

    def _call(self, name: str, *parts: bytes) -> list[bytes]:
        return self._table.call(name, parts)


class PrefixStore(Store):
    """A part of another store: its keys have a prefix there."""

    def __init__(self, prefix: str, store: Store) -> None:
        self._prefix, self._store = prefix.encode() + b"/", store
        self._timeout = store.timeout

    def _call(self, name: str, *parts: bytes) -> list[bytes]:
        keys = len(parts) if name == "check" else min(1, len(parts))
        found = self._store._call(name, *(self._prefix + key for key in parts[:keys]), *parts[keys:])
        if name != "keys":
            return found
        return [key[len(self._prefix) :] for key in map(bytes, found) if key.startswith(self._prefix)]

    @property
    def underlying_store(self) -> Store:
        return self._store


class _Server:
    """Serves a table to all who connect, each in a thread of its own."""

    def __init__(self, host: str, port: int, listen_fd: int | None = None) -> None:
        self.table = Table()
        self._clients: set[socket.socket] = set()
        if listen_fd is not None:
            self._listener = socket.socket(fileno=listen_fd)
        else:
            local = host in ("localhost", "127.0.0.1", "::1")
            self._listener = socket.create_server(("127.0.0.1" if local else "", port), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="store", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed
                return
            self._clients.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="store client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                name, *parts = wire.receive(connection)
                try:
                    wire.send(connection, [b"ok", *self.table.call(name.decode(), parts)])
                except (DistStoreError, TypeError, ValueError) as error:
                    wire.send(connection, [b"error", str(error).encode()])
        except (OSError, ValueError):
            pass
        finally:
            self._clients.discard(connection)
            connection.close()

    def close(self, patience: float) -> None:
        """Takes nobody new, waits so long for the others to have gone, and ends."""
        self._listener.close()
        end = time.monotonic() + patience
        while self._clients and time.monotonic() < end:
            time.sleep(0.005)
        for connection in list(self._clients):
            connection.close()


class TCPStore(Store):
    """A store that one process serves (`is_master`) and all reach over TCP.

    Port 0 lets the system choose; `port` tells which. With `world_size` and `wait_for_workers`, the master waits until so many are there.
    """

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: timedelta = DEFAULT_TIMEOUT,
        wait_for_workers: bool = True,
        multi_tenant: bool = False,
        master_listen_fd: int | None = None,
        use_libuv: bool = True,
    ) -> None:
        self._timeout = timeout
        self._server: _Server | None = None
        if is_master:
            try:
                self._server = _Server(host_name, port, master_listen_fd)
            except OSError as error:
                raise DistNetworkError(
                    f"The server socket has failed to listen on any local network address. port: {port}, useIpv6: false, "
                    f"code: -{error.errno}, name: {error.strerror}"
                ) from None
            port = self._server.port
        self.host, self.port = host_name, port
        self._lock = threading.Lock()
        self._connection = _connected("localhost" if is_master else host_name, port, timeout.total_seconds())
        if world_size is not None and world_size > 0 and wait_for_workers:
            self._wait_for(world_size, is_master)

    def _wait_for(self, world_size: int, is_master: bool) -> None:
        arrived = self.add("init/workers", 1)
        if arrived >= world_size:
            self.set("init/all", b"1")
        if is_master:
            try:
                self.wait(["init/all"])
            except DistStoreError:
                raise DistStoreError(
                    f"Timed out after {self._timeout.total_seconds():.0f} seconds waiting for clients. "
                    f"{self._call('get', b'init/workers')[0].decode()}/{world_size} clients joined."
                ) from None

    def _call(self, name: str, *parts: bytes) -> list[bytes]:
        with self._lock:
            try:
                wire.send(self._connection, [name.encode(), *parts])
                verdict, *found = wire.receive(self._connection)
            except OSError as error:
                raise DistNetworkError(
                    f"the store at {self.host}:{self.port} does not answer ({error}); the process that serves it may have ended"
                ) from None
        if verdict != b"ok":
            raise DistStoreError(found[0].decode())
        return [bytes(part) for part in found]

    def local_address(self) -> str:
        """The address of this machine by which it reaches the store."""
        return str(self._connection.getsockname()[0])

    def close(self, patience: float = 2.0) -> None:
        """Ends the connection; where the store is served here, once the others are gone or after `patience` seconds."""
        self._connection.close()
        if self._server is not None:
            self._server.close(patience)


def _connected(host: str, port: int, seconds: float) -> socket.socket:
    """A connection, tried until it succeeds: the master may be up later."""
    end, pause = time.monotonic() + seconds, 0.01
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=max(0.1, end - time.monotonic()))
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError as error:
            if time.monotonic() + pause > end:
                _unreachable(host, port, seconds, error)
        time.sleep(pause)
        pause = min(pause * 2, 0.5)


def _unreachable(host: str, port: int, seconds: float, error: OSError) -> NoReturn:
    raise DistNetworkError(
        f"The client socket has timed out after {round(seconds * 1000)}ms while trying to connect to ({host}, {port}): {error}"
    ) from None


class FileStore(Store):
    """A store in a file that all processes can reach and lock. The file is made where it is not there.

    Each change is a record at the end of the file, so that nothing is lost where a process ends in between.
    """

    def __init__(self, file_name: str, world_size: int = -1) -> None:
        self._path, self._world_size = os.fspath(file_name), world_size
        self._table = Table()
        self._read = 0
        with open(self._path, "ab"):
            pass

    @property
    def path(self) -> str:
        return self._path

    def _call(self, name: str, *parts: bytes) -> list[bytes]:
        with open(self._path, "r+b") as file, _Locked(file):
            self._catch_up(file)
            result = self._table.call(name, parts)
            if name in ("set", "add", "append", "compare_set", "delete"):
                record = b"".join(_framed(part) for part in (name.encode(), str(len(parts)).encode(), *parts))
                file.seek(0, os.SEEK_END)
                file.write(record)
                file.flush()
                self._read = file.tell()
            return result

    def _catch_up(self, file: Any) -> None:
        file.seek(self._read)
        while True:
            name = _unframed(file)
            if name is None:
                break
            count = int(_unframed(file) or b"0")
            self._table.call(name.decode(), [_unframed(file) or b"" for _ in range(count)])
        self._read = file.tell()

    def close(self) -> None:
        """Leaves the store; the last of `world_size` processes removes the file, so that the path can be used again."""
        if self.add("store/left", 1) == self._world_size:
            os.remove(self._path)


def _framed(part: bytes) -> bytes:
    return len(part).to_bytes(8, "big") + part


def _unframed(file: Any) -> bytes | None:
    head = file.read(8)
    return file.read(int.from_bytes(head, "big")) if len(head) == 8 else None


class _Locked:
    """Within it no other process changes the file."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> None:
        if fcntl is None:
            raise NotThereYet("FileStore: this system has no file locks (fcntl); use init_method='tcp://…' or 'env://'")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *exception: Any) -> None:
        self._file.flush()
        fcntl.flock(self._file, fcntl.LOCK_UN)
