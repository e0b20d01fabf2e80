"""The launcher, as `torchrun`: starts a program in several processes and tells each who it is.

    python -m rushlight.distributed.run --nproc-per-node 4 train.py --its arguments

On several machines, each runs it with `--nnodes`, `--node-rank`, `--master-addr` and `--master-port`. In the program `import torch` means
Rushlight. When one process fails, the others of the machine are ended; `--max-restarts` starts them again.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

POLL = 0.1  # seconds between looks at the processes
GRACE = 30.0  # seconds that they have to end
_IGNORED = ("--rdzv-conf", "--monitor-interval", "--role", "--log-dir", "--local-ranks-filter", "--logs-specs")


def _flags(name: str) -> tuple[str, ...]:
    """A flag in both spellings, with dashes and with underscores."""
    other = "--" + name[2:].replace("-", "_")
    return (name,) if other == name else (name, other)


def parser(program: str = "rushlight.distributed.run") -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog=program, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def add(name: str, **settings: Any) -> None:
        made.add_argument(*_flags(name), **settings)

    add("--nnodes", default="1", help="how many machines")
    add(
        "--nproc-per-node",
        default="1",
        help="processes on this machine: a number, or 'cpu' or 'auto' for one a processor",
    )
    add("--node-rank", type=int, default=None, help="which of the machines this is")
    add("--master-addr", default=None, help="the machine of rank 0")
    add("--master-port", type=int, default=None, help="a free port there")
    add("--standalone", action="store_true", help="one machine; the port is chosen")
    add("--rdzv-backend", default="static", choices=["static", "c10d"], help="'static'; 'c10d' means the same here")
    add("--rdzv-endpoint", default="", help="host:port, instead of --master-addr and --master-port")
    add("--rdzv-id", default="none", help="a name for the job")
    add("--max-restarts", type=int, default=0, help="how often the processes are started again after a failure")
    add("--start-method", default="spawn", choices=["spawn", "fork", "forkserver"], help="without effect")
    add("--no-python", action="store_true", help="run the program itself, not by Python")
    made.add_argument("-m", "--module", action="store_true", help="the program is a module, as for python -m")
    for name in _IGNORED:
        add(name, default=None, help="without effect")
    for short, name in (("-r", "--redirects"), ("-t", "--tee")):
        made.add_argument(short, name, default=None, help="without effect: all processes write to this terminal")
    made.add_argument("training_script", help="the program")
    made.add_argument("training_script_args", nargs=argparse.REMAINDER, help="its arguments")
    return made


class Job:
    """What is started, where and how often."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.nodes = _nodes(options.nnodes)
        self.per_node = _processes(options.nproc_per_node)
        self.node = options.node_rank
        host, port = options.master_addr, options.master_port
        if options.rdzv_endpoint:
            name, _, number = options.rdzv_endpoint.rpartition(":")
            host, port = name or options.rdzv_endpoint, int(number) if name else port
        if self.nodes > 1:
            if self.node is None:
                raise SystemExit(
                    "rushlight.distributed.run: with several machines, each is told its number by --node-rank"
                )
            if host is None:
                raise SystemExit("rushlight.distributed.run: with several machines, --master-addr says where rank 0 is")
        self.node = self.node or 0
        single = self.nodes == 1 and host in (None, "localhost", "127.0.0.1")
        self.host = host or "127.0.0.1"
        self.port = port if port and not options.standalone else _free_port() if single else 29500
        self.id = str(uuid.uuid4()) if options.standalone or options.rdzv_id == "none" else options.rdzv_id

    def environment(self, local: int, restarts: int) -> dict[str, str]:
        """What tells a process who it is."""
        world = self.nodes * self.per_node
        rank = self.node * self.per_node + local
        told = {
            "LOCAL_RANK": local,
            "RANK": rank,
            "GROUP_RANK": self.node,
            "ROLE_RANK": rank,
            "ROLE_NAME": "default",
            "LOCAL_WORLD_SIZE": self.per_node,
            "WORLD_SIZE": world,
            "GROUP_WORLD_SIZE": self.nodes,
            "ROLE_WORLD_SIZE": world,
            "MASTER_ADDR": self.host,
            "MASTER_PORT": self.port,
            "TORCHELASTIC_RESTART_COUNT": restarts,
            "TORCHELASTIC_MAX_RESTARTS": self.options.max_restarts,
            "TORCHELASTIC_RUN_ID": self.id,
        }
        result = {**os.environ, **{name: str(value) for name, value in told.items()}}
        if self.per_node > 1:
            result.setdefault("OMP_NUM_THREADS", "1")
        return result

    def command(self, local: int) -> list[str]:
        """What a process runs."""
        options = self.options
        program = [options.training_script, *options.training_script_args]
        if options.no_python:
            return program
        return [sys.executable, "-u", "-m", "rushlight", *(["-m"] if options.module else []), *program]


def _nodes(text: str) -> int:
    least, _, most = text.partition(":")
    if most and most != least:
        raise SystemExit(
            f"rushlight.distributed.run: --nnodes {text}: machines that join while a job runs are not in Rushlight yet; give one number"
        )
    return int(least)


def _processes(text: str) -> int:
    if text in ("auto", "cpu"):
        return os.cpu_count() or 1
    if text == "gpu":
        raise ValueError("Cuda is not available.")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"Unsupported nproc_per_node value: {text}") from None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _end(processes: Sequence[subprocess.Popen[bytes]], by: int = signal.SIGTERM) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(by)
    end = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _once(job: Job, restarts: int) -> tuple[int, int] | None:
    """Runs all processes to the end; the local rank and exit code of one that failed."""
    processes = [
        subprocess.Popen(job.command(local), env=job.environment(local, restarts)) for local in range(job.per_node)
    ]
    try:
        while True:
            codes = [process.poll() for process in processes]
            failed = [(local, code) for local, code in enumerate(codes) if code not in (None, 0)]
            if failed:
                _end(processes)
                return failed[0][0], failed[0][1] or 0
            if None not in codes:
                return None
            time.sleep(POLL)
    except BaseException:
        _end(processes)
        raise


def launch(options: argparse.Namespace, job: Job | None = None) -> int:
    """Runs the job; the exit code."""
    job = Job(options) if job is None else job
    for restarts in range(options.max_restarts + 1):
        failed = _once(job, restarts)
        if failed is None:
            return 0
        local, code = failed
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        print(
            f"rushlight.distributed.run: rank {job.node * job.per_node + local} (local rank {local}) of "
            f"{options.training_script} failed with {how}",
            file=sys.stderr,
        )
    return 1


def main(args: Sequence[str] | None = None) -> None:
    """Parses the command line, runs the job, ends with its code."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sys.exit(launch(parser().parse_args(args)))


if __name__ == "__main__":
    main()
