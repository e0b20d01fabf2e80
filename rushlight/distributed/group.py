"""Process groups: how they begin and end, who belongs to them.

There is one mesh of connections for the whole world. A group is a list of ranks with a name; the names stand in the keys of messages.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from ..runtime.watch import Watching
from .collectives import Channel
from .mesh import Mesh
from .rendezvous import rendezvous
from .store import FileStore, PrefixStore, Store, TCPStore
from .work import Work, Worker

DEFAULT_TIMEOUT = timedelta(minutes=30)
BACKENDS = ("undefined", "gloo", "nccl", "xccl", "ucc", "mpi")


class Backend(str):
    """The name of a backend, in small letters."""

    UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI = BACKENDS
    backend_list = list(BACKENDS)

    def __new__(cls, name: str) -> Backend:
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish: {name}")
        return str.__new__(cls, name.lower())


class ProcessGroup:
    """Processes that call collectives together."""

    def __init__(
        self, mesh: Mesh, ranks: Sequence[int], name: str, timeout: timedelta, backend: str, store: Store, desc: str
    ) -> None:
        self._mesh, self._ranks, self.group_name, self._timeout = mesh, list(ranks), name, timeout
        self._backend, self._store, self.group_desc = backend, store, desc
        self._worker = Worker(f"collectives of group {name}")
        self._calls = itertools.count()

    def rank(self) -> int:
        """The place of this process in the group."""
        return self._ranks.index(self._mesh.rank)

    def size(self) -> int:
        """How many processes there are."""
        return len(self._ranks)

    def name(self) -> str:
        return self._backend

    def get_group_store(self) -> Store:
        """The group's part of the store."""
        return self._store

    def set_timeout(self, timeout: timedelta) -> None:
        """How long a collective waits for the others."""
        self._timeout = timeout

    def _channel(self, timeout: timedelta | None = None) -> Channel:
        """For the next collective."""
        key = f"{self.group_name}/{next(self._calls)}"
        return Channel(self._mesh, self._ranks, key, (timeout or self._timeout).total_seconds())

    def _start(
        self, run: Callable[[Channel], Any], store: Callable[[Any], Any], timeout: timedelta | None = None
    ) -> Work:
        """Begins a collective: `run` in the group's thread, `store` by whoever waits for it."""
        refuse_recording("a collective of torch.distributed")
        channel = self._channel(timeout)
        return self._worker.submit(Work(lambda: run(channel), store))

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name!r} of ranks {self._ranks}>"


def refuse_recording(what: str) -> None:
    """Where `compile` records: what waits for other processes is not repeated but run each time."""
    watcher: Any = Watching.watcher
    if watcher is not None:
        watcher.refuse(f"it calls {what}, which waits for other processes")


class GroupMember:
    """What `new_group` gives to a process that is not in the group."""

    NON_GROUP_MEMBER = -100
    WORLD: Any = None


class _World:
    """The state of this process."""

    default: ProcessGroup | None = None
    mesh: Mesh | None = None
    store: Store | None = None
    groups: dict[str, ProcessGroup] = {}
    made = itertools.count(1)
    local = itertools.count(1)


class _GroupNames(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        """The default group, None before `init_process_group`."""
        return _World.default


class group(metaclass=_GroupNames):
    """`group.WORLD` is the default group."""


# ---- begin and end ----


def _backend_of(backend: str | None) -> str:
    """The backend's name; RuntimeError for those that need what is not here."""
    if backend is None:
        return "undefined"
    names = [part.partition(":")[2] for part in backend.split(",")] if ":" in backend else [backend]
    names = [str(Backend(name)) for name in names]
    if "gloo" in names:  # "cpu:gloo,cuda:nccl": the CPU's part is what counts
        return "gloo" if ":" not in backend else "undefined"
    words = {"nccl": "NCCL", "mpi": "MPI", "ucc": "UCC", "xccl": "XCCL"}
    if names[0] in words:
        raise RuntimeError(
            f"Distributed package doesn't have {words[names[0]]} built in — use backend='gloo', which computes on the CPU"
        )
    if names[0] != "undefined":
        raise AssertionError(
            f"Unknown backend type {backend} — init_process_group: unknown backend {backend!r}; there is 'gloo'"
        )
    return names[0]


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Store | None = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
    _ranks: list[int] | None = None,
) -> None:
    """Joins this process with the others to the default group; returns when all are there.

    Processes find each other by `init_method`: "env://" (MASTER_ADDR, MASTER_PORT, RANK, WORLD_SIZE; the default), "tcp://host:port",
    "file:///path", or by a `store` with `rank` and `world_size`. Backend "gloo" (or None) sends over TCP, on one machine or several.

    >>> import tempfile
    >>> import rushlight as torch
    >>> import rushlight.distributed as dist
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
    ...     x = torch.ones(2)
    ...     dist.all_reduce(x)
    ...     dist.destroy_process_group()
    >>> x
    tensor([1., 1.])
    """
    if _World.default is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    name = _backend_of(backend)
    limit = DEFAULT_TIMEOUT if timeout is None else timeout
    if not isinstance(limit, timedelta):
        raise ValueError(f"Expected timeout argument to be of type datetime.timedelta, got {timeout}")
    if store is None:
        store, rank, world_size = rendezvous(init_method or "env://", rank, world_size, limit)
    elif not (world_size > 0 and rank >= 0):
        raise AssertionError("world_size must be positive and rank non-negative if using store")
    store.set_timeout(limit)
    inner = PrefixStore("default", store)
    mesh = Mesh(inner, rank, world_size, limit.total_seconds(), _own_address(store))
    world = ProcessGroup(mesh, range(world_size), "0", limit, name, PrefixStore("group/0", store), "default_pg")
    _World.default, _World.mesh, _World.store = world, mesh, store
    _World.groups = {"0": world}
    _World.made, _World.local = itertools.count(1), itertools.count(1)
    GroupMember.WORLD = world


def _own_address(store: Store) -> str:
    """The address by which others reach this machine: that by which it reaches the store."""
    return store.local_address() if isinstance(store, TCPStore) else os.environ.get("GLOO_SOCKET_ADDRESS", "127.0.0.1")


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Ends a group, or all of them where none is given."""
    if not is_initialized():
        raise AssertionError(
            "Process group cannot be None — destroy_process_group: init_process_group has not been called"
        )
    world = _default()
    if group is not None and group is not world:
        _World.groups.pop(_member(group).group_name, None)
        group._worker.close()
        return
    for each in _World.groups.values():
        each._worker.close()
    assert _World.mesh is not None
    _World.mesh.close()
    store, _World.store = _World.store, None
    if isinstance(store, TCPStore | FileStore):
        store.close()
    _World.default = _World.mesh = GroupMember.WORLD = None
    _World.groups = {}


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> Any:
    """A group of some of the processes; all of them must call this, in the same order, unless `use_local_synchronization`.

    Where this process is not in it: `GroupMember.NON_GROUP_MEMBER`, with which collectives do nothing.
    """
    world = _default()
    mesh = world._mesh
    members = list(range(mesh.size)) if ranks is None else list(ranks)
    if sort_ranks:
        members.sort()
    if len(set(members)) != len(members) or not all(0 <= each < mesh.size for each in members):
        raise ValueError(f"new_group: ranks {members} must be different numbers from 0 to {mesh.size - 1}")
    if use_local_synchronization:
        digest = hashlib.sha1(",".join(map(str, members)).encode()).hexdigest()[:16]
        if mesh.rank not in members:
            return GroupMember.NON_GROUP_MEMBER
        name = f"{digest}.{next(_World.local)}"
    else:
        name = str(next(_World.made))
    kind = world._backend if backend is None else _backend_of(backend)
    if mesh.rank not in members:
        return GroupMember.NON_GROUP_MEMBER
    assert _World.store is not None
    made = ProcessGroup(
        mesh,
        members,
        name,
        timeout or world._timeout,
        kind,
        PrefixStore(f"group/{name}", _World.store),
        group_desc or "undefined",
    )
    _World.groups[name] = made
    return made


def new_subgroups(
    group_size: int | None = None,
    group: ProcessGroup | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """The world in groups of `group_size` neighbours; the own one, and all."""
    world = _member(group)
    count = world.size()
    if group_size is None:
        raise ValueError("new_subgroups: give group_size, the number of processes of each group")
    if group_size <= 0:
        raise ValueError(f"The arg 'group_size' ({group_size}) must be positive")
    if count < group_size:
        raise ValueError(f"The arg 'group_size' ({group_size}) must not exceed the world size ({count})")
    if count % group_size:
        raise ValueError(f"The world size ({count}) must be divisible by 'group_size={group_size}'")
    return new_subgroups_by_enumeration(
        [world._ranks[start : start + group_size] for start in range(0, count, group_size)], timeout, backend
    )


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: Sequence[Sequence[int]],
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """Groups of the ranks given; the one that this process is in (None where in none), and all."""
    made = [new_group(ranks, timeout, backend) for ranks in ranks_per_subgroup_list]
    own = [each for each in made if isinstance(each, ProcessGroup)]
    if len(own) > 1:
        raise ValueError(f"rank {get_rank()} is in more than one of the subgroups {ranks_per_subgroup_list}")
    return (own[0] if own else None), made


# ---- who is who ----


def _default() -> ProcessGroup:
    if _World.default is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _World.default


def _member(group: Any) -> ProcessGroup:
    """The group, or the default one for None."""
    if group is None:
        return _default()
    if not isinstance(group, ProcessGroup):
        raise ValueError("Invalid process group specified or this process is no member of it")
    return group


def outside(group: Any) -> bool:
    """Whether the group is one that this process is not in."""
    return group is GroupMember.NON_GROUP_MEMBER or (isinstance(group, int) and group == GroupMember.NON_GROUP_MEMBER)


def is_initialized() -> bool:
    """Whether there is a default group."""
    return _World.default is not None


def get_rank(group: Any = None) -> int:
    """The rank of this process, -1 where it is not in the group."""
    return -1 if outside(group) else _member(group).rank()


def get_world_size(group: Any = None) -> int:
    """How many processes the group has, -1 where this one is not in it."""
    return -1 if outside(group) else _member(group).size()


def get_backend(group: Any = None) -> Backend:
    """The name of the backend that the group was made with."""
    return Backend(_member(group)._backend)


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in the group of a process of the world."""
    ranks = _member(group)._ranks
    if global_rank not in ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return ranks.index(global_rank)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the world of a process of the group."""
    ranks = _member(group)._ranks
    if not 0 <= group_rank < len(ranks):
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return ranks[group_rank]


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """The ranks in the world of the group's processes."""
    return list(_member(group)._ranks)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The rank among this machine's processes, from LOCAL_RANK."""
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, assuming you "
        "are not running in a multi-device context and want the code to run locally instead."
    )
