"""Several processes, by both libraries: they see the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as their

import rushlight
import rushlight.distributed as ours
from rushlight.distributed import collectives
from rushlight.distributed.mesh import Mesh

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("program.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def outputs(library: str, folder: Path) -> list[dict[str, Any]]:
    """What two processes saw."""
    processes = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), library, str(rank), "2", str(folder / library)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        for rank in range(2)
    ]
    found = []
    for process in processes:
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()
        found.append(json.loads(out.decode().splitlines()[-1]))
    return found


def test_two_processes_see_what_pytorchs_see(tmp_path: Path) -> None:
    mine, reference = outputs("rushlight", tmp_path), outputs("torch", tmp_path)
    for own, other in zip(mine, reference, strict=True):
        assert list(own) == list(other)
        for name, value in other.items():
            if isinstance(value, dict):
                for key in value:
                    np.testing.assert_allclose(
                        own[name][key], value[key], rtol=1e-5, atol=1e-6, err_msg=f"{name} {key}"
                    )
            else:
                assert own[name] == value, name
    assert mine[0]["big"] == mine[1]["big"]


@pytest.mark.parametrize("size", [3, 40_000])
def test_all_processes_get_the_same_bits(size: int) -> None:
    """Collectives of five threads, each as one process: what is summed in floats is the same everywhere."""
    store = ours.HashStore()
    values = np.random.default_rng(0).standard_normal((5, size), np.float32)
    results: dict[int, np.ndarray] = {}

    def process(rank: int) -> None:
        mesh = Mesh(store, rank, 5, 30.0, "127.0.0.1")
        channel = collectives.Channel(mesh, range(5), "test", 30.0)
        results[rank] = collectives.all_reduce(channel, values[rank], np.add)
        spread = collectives.broadcast(collectives.Channel(mesh, range(5), "spread", 30.0), values[rank], 3)
        assert (spread == values[3]).all()
        collectives.all_gather(collectives.Channel(mesh, range(5), "end", 30.0), np.zeros(1))
        mesh.close()

    threads = [threading.Thread(target=process, args=(rank,)) for rank in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 5
    np.testing.assert_allclose(results[0], values.sum(0), rtol=1e-4, atol=1e-5)
    assert all((results[rank] == results[0]).all() for rank in range(5))


SYNCHRONIZED = """
import sys, json, rushlight as torch, rushlight.distributed as dist
rank = int(sys.argv[1])
dist.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
torch.manual_seed(0)
whole = torch.randn(5, 3, 2, 2)
own = (whole[:2] if rank == 0 else whole[2:]).clone().requires_grad_()  # shares of different sizes
net = torch.nn.SyncBatchNorm.convert_sync_batchnorm(torch.nn.Sequential(torch.nn.BatchNorm2d(3)))
assert type(net[0]) is torch.nn.SyncBatchNorm
y = net(own)
(y * y.detach().cos()).sum().backward()
mean, var = net[0].running_mean, net[0].running_var
weight = net[0].weight.grad.clone()
dist.all_reduce(weight)
net.eval()
print(json.dumps([each.tolist() for each in (y, own.grad, mean, var, weight, net(own))]))
"""


def test_synchronized_batch_norm_sees_the_batches_of_all(tmp_path: Path) -> None:
    """Two processes with a share each give what PyTorch's BatchNorm2d gives for the whole batch."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SYNCHRONIZED, str(rank), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        for rank in range(2)
    ]
    found = []
    for process in processes:
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()
        found.append([np.array(each) for each in json.loads(out.decode().splitlines()[-1])])
    torch.manual_seed(0)
    x = torch.randn(5, 3, 2, 2, requires_grad=True)
    norm = torch.nn.BatchNorm2d(3)
    y = norm(x)
    (y * y.detach().cos()).sum().backward()
    assert x.grad is not None and norm.weight.grad is not None
    expected = [y, x.grad, norm.running_mean, norm.running_var, norm.weight.grad, norm.eval()(x)]
    for place, each in enumerate(expected):
        shares = [share[place] for share in found]
        for got in [np.concatenate(shares)] if place in (0, 1, 5) else shares:
            np.testing.assert_allclose(got, each.detach().numpy(), rtol=1e-5, atol=1e-5, err_msg=str(place))


def test_a_process_that_ends_is_named(tmp_path: Path) -> None:
    code = (
        "import sys, rushlight as torch, rushlight.distributed as dist\n"
        "rank = int(sys.argv[1])\n"
        "dist.init_process_group('gloo', init_method='file://' + sys.argv[2], rank=rank, world_size=2)\n"
        "if rank == 0:\n    dist.all_reduce(torch.ones(2))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(rank), str(tmp_path / "store")], stderr=subprocess.PIPE, env=ENVIRONMENT
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert (
        "DistBackendError: rank 0 waits for rank 1, which has ended" in errors[0]
        or "cannot send to rank 1" in errors[0]
    )
    assert processes[1].returncode == 0


def launch(tmp_path: Path, source: str, *flags: str, module: str = "run") -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(source)
    return subprocess.run(
        [sys.executable, "-m", f"rushlight.distributed.{module}", *flags, str(script), "--mine"],
        capture_output=True,
        text=True,
        timeout=120,
        env=ENVIRONMENT,
    )


def test_the_launcher_starts_processes_that_find_each_other(tmp_path: Path) -> None:
    source = (
        "import sys, torch, torch.distributed as dist\n"
        "dist.init_process_group('gloo')\n"
        "x = torch.ones(2) * (dist.get_rank() + 1)\n"
        "dist.all_reduce(x)\n"
        "line = f'{dist.get_node_local_rank()} {x.tolist()} {sys.argv[1:]} {dist.is_torchelastic_launched()}'\n"
        "sys.stdout.write(line + chr(10))\n"  # at once: both write to the same pipe
        "dist.destroy_process_group()\n"
    )
    done = launch(tmp_path, source, "--nproc_per_node=2", "--standalone")
    assert done.returncode == 0, done.stderr
    for rank in range(2):
        assert f"{rank} [3.0, 3.0] ['--mine'] True" in done.stdout


def test_the_launcher_ends_all_when_one_fails(tmp_path: Path) -> None:
    source = "import os, sys, time\nif os.environ['RANK'] == '1':\n    sys.exit(7)\ntime.sleep(60)\n"
    done = launch(tmp_path, source, "--nproc-per-node", "2", "--max-restarts", "1")
    assert done.returncode == 1
    assert done.stderr.count("rank 1 (local rank 1)") == 2 and "exit code 7" in done.stderr


def test_the_older_launcher_passes_the_local_rank(tmp_path: Path) -> None:
    done = launch(tmp_path, "import sys\nprint(sys.argv[1:])\n", "--nproc_per_node=1", module="launch")
    assert "['--local-rank=0', '--mine']" in done.stdout


def test_a_world_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        ours.init_process_group("gloo")
        x = rushlight.ones(3)
        ours.all_reduce(x)
        layer = rushlight.nn.parallel.DistributedDataParallel(rushlight.nn.Linear(3, 1))
        layer(x).backward()
        assert (ours.get_rank(), ours.get_world_size(), ours.get_backend()) == (0, 1, "gloo")
        assert layer.module.weight.grad.tolist() == [[1.0, 1.0, 1.0]]
        ours.destroy_process_group()


CALLS = {
    "rank": lambda d, t: d.get_rank(),
    "all_reduce": lambda d, t: d.all_reduce(t.ones(2)),
    "nothing set": lambda d, t: d.init_process_group("gloo"),
    "no rank": lambda d, t: d.init_process_group("gloo", init_method="tcp://127.0.0.1:1"),
    "no scheme": lambda d, t: d.init_process_group("gloo", init_method="file://", rank=0, world_size=1),
    "backends": lambda d, t: (d.is_available(), d.is_nccl_available(), d.is_gloo_available(), d.is_mpi_available()),
    "initialized": lambda d, t: d.is_initialized(),
    "names": lambda d, t: (str(d.Backend("GLOO")), str(d.ReduceOp.SUM), d.is_backend_available("gloo")),
    "device": lambda d, t: d.get_default_backend_for_device("cpu"),
    "nccl": lambda d, t: d.init_process_group("nccl", init_method="tcp://127.0.0.1:0", rank=0, world_size=1),
}


@pytest.mark.parametrize("name", CALLS)
def test_without_a_group_as_pytorch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(variable, raising=False)

    def outcome(dist: Any, library: Any) -> Any:
        try:
            return CALLS[name](dist, library)
        except Exception as error:
            return type(error).__name__, str(error).partition(" — ")[0]

    assert outcome(ours, rushlight) == outcome(their, torch)


def stores(dist: Any, folder: Path, timedelta: Any) -> list[Any]:
    return [
        dist.HashStore(),
        dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False),
        dist.FileStore(str(folder / dist.__name__), 1),
        dist.PrefixStore("part", dist.HashStore()),
    ]


def test_stores_do_what_pytorchs_do(tmp_path: Path) -> None:
    for mine, reference in zip(stores(ours, tmp_path, timedelta), stores(their, tmp_path, timedelta), strict=True):
        for store in (mine, reference):
            store.set_timeout(timedelta(milliseconds=300))

        def both(call: Any, mine: Any = mine, reference: Any = reference) -> None:
            assert call(mine) == call(reference)

        both(lambda store: (store.set("a", "1"), store.get("a")))
        both(lambda store: (store.add("n", 3), store.add("n", -1), store.get("n")))
        both(lambda store: store.check(["a", "n"]))
        both(lambda store: store.check(["a", "b"]))
        if not isinstance(mine, ours.FileStore):  # PyTorch's file store lacks these
            both(lambda store: (store.compare_set("c", "", "x"), store.compare_set("c", "x", "y"), store.get("c")))
            both(lambda store: (store.append("a", "2"), store.get("a"), store.multi_get(["a", "n"])))
        both(lambda store: (store.delete_key("a"), store.check(["a"])))
        for store in (mine, reference):
            with pytest.raises(RuntimeError):
                store.get("nothing")


def test_a_killed_process_is_named_by_its_signal(tmp_path: Path) -> None:
    source = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    done = launch(tmp_path, source)
    assert done.returncode == 1 and signal.Signals.SIGKILL.name in done.stderr
