"""How processes find each other: addresses of `init_process_group` to a store, a rank and a world size."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import NoReturn
from urllib.parse import parse_qs, urlparse

from .store import FileStore, Store, TCPStore


def rendezvous(url: str, rank: int, world_size: int, timeout: timedelta) -> tuple[Store, int, int]:
    """The store that the address names, with this process's rank and the number of processes."""
    parts = urlparse(url)
    asked = {name: int(values[0]) for name, values in parse_qs(parts.query).items() if name in ("rank", "world_size")}
    rank = asked.get("rank", rank)
    world_size = asked.get("world_size", world_size)
    if parts.scheme == "env":
        return _from_environment(rank, world_size, timeout)
    if parts.scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {parts.scheme}:// — use env://, tcp://host:port or file:///path")
    if rank == -1:
        _missing(parts.scheme, "rank parameter missing")
    if world_size == -1:
        _missing(parts.scheme, "world size parameter missing")
    if parts.scheme == "file":
        if not parts.path:
            _missing("file", "path missing")
        return FileStore(parts.path, world_size), rank, world_size
    if parts.port is None or parts.hostname is None:
        _missing("tcp", "port number missing")
    return TCPStore(parts.hostname, parts.port, world_size, rank == 0, timeout), rank, world_size


def _missing(scheme: str, what: str) -> NoReturn:
    raise ValueError(f"Error initializing torch.distributed using {scheme}:// rendezvous: {what}")


def _variable(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        _missing("env", f"environment variable {name} expected, but not set")
    return value


def _from_environment(rank: int, world_size: int, timeout: timedelta) -> tuple[Store, int, int]:
    rank = int(_variable("RANK")) if rank == -1 else rank
    world_size = int(_variable("WORLD_SIZE")) if world_size == -1 else world_size
    host, port = _variable("MASTER_ADDR"), int(_variable("MASTER_PORT"))
    return TCPStore(host, port, world_size, rank == 0, timeout), rank, world_size
