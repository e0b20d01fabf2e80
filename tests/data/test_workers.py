"""DataLoader with worker processes: PyTorch's batches, and no process, file or descriptor left behind."""

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
import torch
import torch.utils.data as theirs
from torch.utils.data._utils.worker import _generate_state

import rushlight
from rushlight import data as ours
from rushlight.data import worker, workers
from rushlight.ir.graph import trace

from .oracle import assert_same, seeded
from .test_dataloader import stream

pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


class Draws:
    """Samples that show which worker read them, with what seeds."""

    def __init__(self, library, info, size=12):
        self.library, self.info, self.size = library, info, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        info = self.info()
        drawn = self.library.rand(3), random.random(), np.random.rand()
        return index, info.id, info.num_workers, info.seed, *drawn


def halves(module, lengths):
    """A stream whose worker `i` gives `lengths[i]` samples."""

    def read(self):
        me = module.get_worker_info().id
        return iter([100 * me + i for i in range(lengths[me])])

    return type("Halves", (module.IterableDataset,), {"__iter__": read})()


def alive_children():
    return [p for p in multiprocessing.active_children() if p.is_alive()]


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def named_files():
    return {name for folder in ("/dev/shm", "/tmp") for name in os.listdir(folder) if "rushlight-batch" in name}


@pytest.fixture(autouse=True)
def nothing_left_behind(request):
    """After each test: no child process, no more descriptors than before, nothing in the temporary folders."""
    gc.collect()
    before, files = descriptors(), named_files()
    yield
    gc.collect()
    assert named_files() <= files
    if "start_methods" in request.node.name:  # multiprocessing keeps helpers of its own for these
        before += 100
    deadline = time.monotonic() + 10  # PyTorch's queues, in tests that compare, are closed by threads of theirs
    while (alive_children() or descriptors() > before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive_children() and descriptors() <= before


OPTIONS = {
    "plain": {"batch_size": 2},
    "shuffle": {"batch_size": 3, "shuffle": True},
    "one worker": {"batch_size": 5, "num_workers": 1},
    "three workers, working ahead": {"batch_size": 1, "num_workers": 3, "prefetch_factor": 4},
    "single samples": {"batch_size": None, "shuffle": True},
    "own batch sampler": {"batch_sampler": [[0, 1], [5], [9, 9, 9], [2]]},
    "persistent": {"batch_size": 3, "shuffle": True, "persistent_workers": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_same_batches_as_pytorch(name):
    options = {"num_workers": 2, **OPTIONS[name]}

    def run(d, t):
        loader = d.DataLoader(Draws(t, d.get_worker_info), **options)
        return [len(loader), list(loader), list(loader)]

    assert_same(seeded(rushlight, 3, lambda: run(ours, rushlight)), seeded(torch, 3, lambda: run(theirs, torch)))


def test_own_generator():
    def run(d, t):
        generator = t.Generator().manual_seed(9)
        loader = d.DataLoader(
            Draws(t, d.get_worker_info), batch_size=4, shuffle=True, generator=generator, num_workers=2
        )
        return [list(loader), t.randint(0, 1 << 30, (3,), generator=generator)]

    assert_same(seeded(rushlight, 3, lambda: run(ours, rushlight)), seeded(torch, 3, lambda: run(theirs, torch)))


class DrawingSampler:
    """Draws when its iterator is made."""

    def __init__(self, library):
        self.library = library

    def __iter__(self):
        return iter(self.library.randperm(6).tolist())


def test_a_sampler_that_draws_at_once():
    def run(d, t):
        return list(d.DataLoader(range(6), batch_size=None, sampler=DrawingSampler(t), num_workers=2))

    assert_same(seeded(rushlight, 3, lambda: run(ours, rushlight)), seeded(torch, 3, lambda: run(theirs, torch)))


@pytest.mark.parametrize("lengths", [[5, 1], [0, 4], [1, 7], [0, 0], [3, 3]])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("batch_size", [2, None])
def test_streams(lengths, persistent, batch_size):
    def run(d):
        loader = d.DataLoader(halves(d, lengths), batch_size, num_workers=2, persistent_workers=persistent)
        return [list(loader), list(loader)]

    assert_same(run(ours), run(theirs))


def test_a_stream_that_every_worker_reads_warns():
    loader = ours.DataLoader(stream(ours, 3), num_workers=2)
    assert len(loader) == 3
    with pytest.warns(UserWarning, match="not properly configuring the IterableDataset replica at each worker"):
        assert sorted(b.item() for b in loader) == [0, 0, 1, 1, 2, 2]


def remember_worker(number):
    os.environ["NUMBER_OF_WORKER"] = str(number)
    random.random()


class Remembered:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return os.environ["NUMBER_OF_WORKER"], index


def test_worker_init_fn():
    loader = ours.DataLoader(Remembered(), num_workers=2, worker_init_fn=remember_worker)
    assert [name for (name,), _ in loader] == ["0", "1", "0", "1"]
    assert ours.get_worker_info() is None


def test_seeds_of_numpy_are_pytorchs():
    for base_seed in (0, 5, 2**32 - 1, 2**32, 2**63 - 1, 987654321987654321):
        for number in (0, 1, 77):
            assert worker.numpy_seed(base_seed, number).tolist() == _generate_state(base_seed, number)


class Slow:
    """Sample 0 takes long, the others do not."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index == 0:
            time.sleep(self.seconds)
        return index


def test_order():
    assert [b.item() for b in ours.DataLoader(Slow(0.3), num_workers=2)] == list(range(6))
    came = [b.item() for b in ours.DataLoader(Slow(2.0), num_workers=2, in_order=False)]
    assert sorted(came) == list(range(6)) and came[0] != 0


def test_timeout():
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.3 seconds"):
        list(ours.DataLoader(Slow(1.0), num_workers=1, timeout=0.3))
    assert len(list(ours.DataLoader(Slow(0.0), num_workers=1, timeout=30))) == 6


class Failing:
    """Sample 3 fails in the way asked for."""

    def __init__(self, way):
        self.way = way

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index == 3:
            self.way()
        return index


class Wordy(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


def raise_value_error():
    raise ValueError("this sample is bad")


def raise_key_error():
    raise KeyError("this sample is bad")


def raise_wordy():
    raise Wordy("this", "sample is bad")


def raise_local():
    class Local(Exception):
        pass

    raise Local("this sample is bad")


@pytest.mark.parametrize(
    "way, kind",
    [(raise_value_error, ValueError), (raise_key_error, KeyError), (raise_wordy, RuntimeError)],
)
def test_an_error_of_a_worker_is_raised_with_its_traceback(way, kind):
    def failure(d):
        batches = iter(d.DataLoader(Failing(way), num_workers=2))
        first = [next(batches).item() for _ in range(3)]
        with pytest.raises(kind) as caught:
            next(batches)
        rest = [batch.item() for batch in batches]  # PyTorch goes on after an error, and so do we
        return first, str(caught.value), rest

    one, other = failure(ours), failure(theirs)
    assert one[0] == other[0] == [0, 1, 2] and one[2] == other[2] == [4, 5]
    heads = [text.split("\n")[:2] for text in (one[1], other[1])]
    assert heads[0] == heads[1]
    assert heads[0][0].endswith("in DataLoader worker process 1.")
    assert f"in {way.__name__}\n" in one[1] and "bad" in one[1]


def test_an_exception_that_cannot_travel():
    with pytest.raises(RuntimeError, match="Caught Local in DataLoader worker process 0") as caught:
        list(ours.DataLoader(Failing(raise_local), num_workers=1))
    assert "this sample is bad" in str(caught.value)


def test_a_batch_that_cannot_travel():
    with pytest.raises(Exception, match="in DataLoader worker process 0") as caught:
        list(ours.DataLoader(range(2), num_workers=1, collate_fn=lambda batch: (i for i in batch)))
    assert "pickle" in str(caught.value)


def fail_at_start(number):
    raise OSError("no such disk")


def test_an_error_of_worker_init_fn():
    with pytest.raises(OSError, match="(?s)Caught OSError in DataLoader worker process 0.*no such disk"):
        list(ours.DataLoader(range(2), num_workers=1, worker_init_fn=fail_at_start))


def kill_myself():
    os.kill(os.getpid(), signal.SIGKILL)


def leave():
    os._exit(3)


@pytest.mark.parametrize("way, reason", [(kill_myself, "killed by signal SIGKILL"), (leave, "exit code 3")])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_worker_that_dies_is_noticed_at_once(way, reason, persistent):
    loader = ours.DataLoader(Failing(way), num_workers=2, persistent_workers=persistent)
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=rf"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly \({reason}"):
        list(loader)
    assert time.monotonic() - start < 10
    if persistent:  # the next pass has new workers
        with pytest.raises(RuntimeError, match="exited unexpectedly"):
            list(loader)
        assert len(alive_children()) == 0 or loader._iterator is not None
    del loader
    gc.collect()


def test_leaving_the_loop_ends_the_workers():
    for _ in ours.DataLoader(range(1000), num_workers=2):
        break
    gc.collect()
    assert not alive_children()


def test_persistent_workers_stay_until_the_loader_goes():
    loader = ours.DataLoader(Remembered(), num_workers=2, worker_init_fn=remember_worker, persistent_workers=True)
    for _ in loader:
        break
    pids = {p.pid for p in alive_children()}
    assert len(pids) == 2
    assert [int(index) for _, index in loader] == [0, 1, 2, 3]
    assert {p.pid for p in alive_children()} == pids
    del loader, _
    gc.collect()
    assert not alive_children()


class Stubborn:
    """A worker that neither answers nor ends when asked to."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        if index == 1:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        return index


def test_a_worker_that_will_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(workers, "JOIN_SECONDS", 0.3)
    monkeypatch.setattr(workers, "KILL_SECONDS", 0.3)
    batches = iter(ours.DataLoader(Stubborn(), num_workers=2))
    assert next(batches).item() == 0
    time.sleep(0.2)
    start = time.monotonic()
    del batches
    gc.collect()
    assert not alive_children() and time.monotonic() - start < 20


def test_batches_survive_their_workers_and_may_be_written():
    batches = list(ours.DataLoader(ours.TensorDataset(rushlight.arange(4000).reshape(4, 1000)), num_workers=2))
    assert not alive_children()
    for i, (batch,) in enumerate(batches):
        assert batch.tolist() == [list(range(1000 * i, 1000 * i + 1000))]
        batch.add_(1)
        assert batch[0, 0].item() == 1000 * i + 1


def test_many_batches_kept_alive_do_not_use_up_descriptors():
    before = descriptors()
    dataset = ours.TensorDataset(rushlight.arange(200_000).reshape(200, 1000))
    kept = list(ours.DataLoader(dataset, num_workers=2))
    assert descriptors() - before < 100
    assert [batch[0, 0].item() for (batch,) in kept] == list(range(0, 200_000, 1000))


def test_large_index_lists_and_much_work_ahead():
    """Both directions full at once: neither side may wait for the other."""
    indices = [list(range(3000)) for _ in range(40)]
    loader = ours.DataLoader(
        range(3000), batch_sampler=indices, num_workers=1, prefetch_factor=40, collate_fn=lambda b: [str(x) for x in b]
    )
    count = 0
    for batch in loader:
        time.sleep(0.01)
        count += len(batch)
    assert count == 120_000


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_other_start_methods(method):
    loader = ours.DataLoader(
        Remembered(), num_workers=1, worker_init_fn=remember_worker, multiprocessing_context=method
    )
    assert [int(index) for _, index in loader] == [0, 1, 2, 3]


class Computed:
    """Samples that are results of operations."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return rushlight.arange(3) * index


def test_workers_started_while_another_thread_computes():
    held = threading.Event()

    def compute():
        with trace.lock:
            held.set()
            time.sleep(0.3)

    thread = threading.Thread(target=compute)
    thread.start()
    held.wait()
    batches = list(ours.DataLoader(Computed(), num_workers=2, timeout=20))
    thread.join()
    assert [batch.sum().item() for batch in batches] == [0, 3, 6, 9]


def test_pending_results_are_computed_before_the_workers_start():
    values = rushlight.arange(4) + 1
    pairs = ours.DataLoader(ours.TensorDataset(values), num_workers=1)
    assert trace.pending
    batches = iter(pairs)
    assert not trace.pending
    assert [batch.item() for (batch,) in batches] == [1, 2, 3, 4]


def test_tensors_with_a_history_are_refused():
    weight = rushlight.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        list(ours.DataLoader(range(2), num_workers=1, collate_fn=lambda batch: weight * 2))


PROGRAM = """
import os, signal, sys, time
from rushlight.data import DataLoader

class Endless:
    def __len__(self):
        return 10**6

    def __getitem__(self, index):
        time.sleep(0.01)
        return index

{body}
"""


def start(body):
    program = textwrap.dedent(PROGRAM).format(body=textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def group_is_empty(group):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_interrupt_ends_everything_and_leaves_the_program_in_charge():
    program = start(
        """
        loader = DataLoader(Endless(), num_workers=2)
        try:
            for count, batch in enumerate(loader):
                if count == 3:
                    print("running", flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        print(next(iter(loader)).item(), flush=True)
        """
    )
    assert program.stdout.readline() == "running\n"
    os.killpg(program.pid, signal.SIGINT)
    output, errors = program.communicate(timeout=30)
    assert output == "interrupted\n0\n" and errors == "" and program.returncode == 0
    assert group_is_empty(program.pid)


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_end_with_a_parent_that_is_killed(persistent):
    program = start(
        f"""
        for count, batch in enumerate(DataLoader(Endless(), num_workers=2, persistent_workers={persistent})):
            if count == 3:
                os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    program.communicate(timeout=30)
    assert program.returncode == -signal.SIGKILL
    assert group_is_empty(program.pid)


@pytest.mark.parametrize("ending", ["sys.exit(0)", "raise SystemExit", "keep = iter(loader); next(keep)"])
def test_the_end_of_the_program_is_clean(ending):
    program = start(
        f"""
        loader = DataLoader(Endless(), num_workers=2, persistent_workers=True)
        for count, batch in enumerate(loader):
            if count == 3:
                break
        {ending}
        """
    )
    output, errors = program.communicate(timeout=30)
    assert (output, errors, program.returncode) == ("", "", 0)
    assert group_is_empty(program.pid)
