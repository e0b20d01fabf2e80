"""DataLoader: reads a data set in batches, in this process or in workers.

The draws are PyTorch's: each iterator draws one base seed for its workers, after the sampler's iterator is made and
before its first draw. So a seeded program shuffles, augments and goes on with the same numbers.

>>> import rushlight as torch
>>> from rushlight.data import DataLoader, TensorDataset
>>> for batch, in DataLoader(TensorDataset(torch.arange(5)), batch_size=2):
...     print(batch)
tensor([0, 1])
tensor([2, 3])
tensor([4])
"""

from __future__ import annotations

import math
import multiprocessing
import multiprocessing.context
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from ..generator import Generator
from .collate import default_collate, default_convert
from .dataset import Dataset, IterableDataset
from .fetch import make_fetcher
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler, draw_seed
from .worker import WorkerPlan, get_worker_info
from .workers import Schedule, Workers

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)


class _DatasetKind:
    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler[None]):
    """Indices for an iterable data set, which needs none."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


def _checked_sampling(
    kind: int, batch_size: int | None, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    """Raises where arguments of the DataLoader exclude each other."""
    if kind == _DatasetKind.Iterable:
        for name, value, wrong in (
            ("shuffle", shuffle, shuffle not in (False, None)),
            ("sampler", sampler, sampler is not None),
            ("batch_sampler", batch_sampler, batch_sampler is not None),
        ):
            if wrong:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")


def _checked_prefetch(num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool) -> int | None:
    """Raises where arguments about workers are wrong; the prefetch factor in force."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    return 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor


class DataLoader(Generic[T_co]):
    """Batches of a data set.

    Args:
        dataset: a map-style data set, or an `IterableDataset`.
        batch_size: samples in a batch; None gives single samples, not collated.
        shuffle: visit in a new random order at every pass.
        sampler: indices to visit, instead of `shuffle`.
        batch_sampler: lists of indices, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
        num_workers: processes that read; 0 reads in this one.
        collate_fn: makes a batch of a list of samples; default `default_collate`.
        pin_memory: accepted; there is no accelerator, so memory is not pinned, and a warning says so as PyTorch's does.
        drop_last: leave out an incomplete last batch.
        timeout: seconds to wait for a batch of a worker before RuntimeError; 0 waits as long as the workers live.
        worker_init_fn: called in each worker with its number, after seeding.
        multiprocessing_context: start method of workers, as name or context. Default "fork" on Linux.
        generator: source of the shuffle and of the workers' base seed, instead of the default generator.
        prefetch_factor: batches each worker works ahead; default 2.
        persistent_workers: keep the workers, and their data set, from one pass to the next.
        in_order: False hands out batches of workers as they come.

    A worker's exception is raised here, with the worker's traceback in its text. A worker that dies is a RuntimeError
    at once. Batches of workers lie in shared memory; from the 65th that is kept alive on, they are copied to memory of
    this process. Where a data set can make a whole batch at once, it does (see `rushlight.data.dataset`).
    """

    dataset: Dataset[T_co]
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Any
    pin_memory_device: str
    prefetch_factor: int | None
    _iterator: _BaseDataLoaderIter | None = None
    __initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self.prefetch_factor = _checked_prefetch(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers
        self._dataset_kind = _DatasetKind.Iterable if isinstance(dataset, IterableDataset) else _DatasetKind.Map
        _checked_sampling(self._dataset_kind, batch_size, shuffle, sampler, batch_sampler, drop_last)

        if batch_sampler is not None:
            batch_size = None
        chosen: Any = sampler
        if chosen is None:
            if self._dataset_kind == _DatasetKind.Iterable:
                chosen = _InfiniteConstantSampler()
            elif shuffle:
                chosen = RandomSampler(dataset, generator=generator)
            else:
                chosen = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(chosen, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = chosen
        self.batch_sampler = batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self._IterableDataset_len_called: int | None = None
        self.__initialized = True

    @property
    def multiprocessing_context(self) -> Any:
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None and self.num_workers == 0:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                f"but got num_workers={self.num_workers}"
            )
        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ValueError(
                    f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                    f"multiprocessing_context={context!r}"
                )
            context = multiprocessing.get_context(context)
        if context is not None and not isinstance(context, multiprocessing.context.BaseContext):
            raise TypeError(
                "multiprocessing_context option should be a valid context object or a string specifying the start "
                f"method, but got multiprocessing_context={context}"
            )
        self.__multiprocessing_context = context

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
        if self.__initialized and name in fixed:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> _BaseDataLoaderIter:
        if not (self.persistent_workers and self.num_workers > 0):
            return self._get_iterator()
        if self._iterator is None or self._iterator._broken:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def _get_iterator(self) -> _BaseDataLoaderIter:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __len__(self) -> int:
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        length = self._IterableDataset_len_called = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else math.ceil(length / self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warns where there are more workers than processors this process may use."""
        known = hasattr(os, "sched_getaffinity")
        processors = len(os.sched_getaffinity(0)) if known else os.cpu_count()
        if processors is not None and self.num_workers <= processors:
            return
        if processors is None:
            advice = "DataLoader is not able to compute a suggested max number of worker in current system."
        else:
            advice = (
                f"Our suggested max number of worker in current system is {processors}"
                f"{'' if known else ' (`cpuset` is not taken into account)'}, which is smaller than what this "
                "DataLoader is going to create."
            )
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. {advice} "
            "Please be aware that excessive worker creation might get DataLoader running slow or even freeze, "
            "lower the worker number to avoid potential slowness/freeze if necessary.",
            stacklevel=2,
        )


class _BaseDataLoaderIter:
    """What both kinds of iterators have in common."""

    _broken = False

    def __init__(self, loader: DataLoader) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._num_workers = loader.num_workers
        if loader.pin_memory and loader.pin_memory_device:
            warnings.warn(
                "pin_memory_device is deprecated, the current accelerator will be used as the device,"
                f"ignore pin_memory_device='{loader.pin_memory_device}'.",
                stacklevel=2,
            )
        if loader.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, "
                "then device pinned memory won't be used.",
                stacklevel=2,
            )
        self._index_sampler = loader._index_sampler
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._num_yielded = 0
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = draw_seed(loader.generator)

    def __iter__(self) -> _BaseDataLoaderIter:
        return self

    def _reset(self, loader: DataLoader) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        announced = self._IterableDataset_len_called
        if self._dataset_kind == _DatasetKind.Iterable and announced is not None and self._num_yielded > announced:
            message = (
                f"Length of IterableDataset {self._dataset} was reported to be {announced}"
                f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
            )
            if self._num_workers > 0:
                message += (
                    "For multiprocessing data-loading, this could be caused by not properly configuring the "
                    "IterableDataset replica at each worker. Please see "
                    "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
                )
            warnings.warn(message, stacklevel=2)
        return data

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        if loader.timeout != 0:
            raise AssertionError("timeout needs num_workers > 0: there is no worker to wait for")
        self._fetcher = make_fetcher(
            loader.dataset,
            loader._dataset_kind == _DatasetKind.Iterable,
            loader._auto_collation,
            loader.collate_fn,
            loader.drop_last,
        )

    def _next_data(self) -> Any:
        return self._fetcher.fetch(next(self._sampler_iter))


def _default_context() -> Any:
    """The context the program has chosen; else fork on Linux, where Python 3.14 would take forkserver."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    return multiprocessing.get_context("fork" if chosen is None and sys.platform == "linux" else chosen)


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor or loader.prefetch_factor < 1:
            raise AssertionError("prefetch_factor must be at least 1 with num_workers > 0")
        context = loader.multiprocessing_context or _default_context()
        plans = [
            WorkerPlan(
                dataset=loader.dataset,
                iterable=loader._dataset_kind == _DatasetKind.Iterable,
                auto_collation=loader._auto_collation,
                collate_fn=loader.collate_fn,
                drop_last=loader.drop_last,
                base_seed=self._base_seed,
                init_fn=loader.worker_init_fn,
                id=number,
                num_workers=loader.num_workers,
            )
            for number in range(loader.num_workers)
        ]
        self._persistent_workers = loader.persistent_workers
        self._in_order = loader.in_order
        self._prefetch_factor = loader.prefetch_factor
        self._workers = Workers(context, plans, loader.timeout)
        self._reset(loader, first_pass=True)

    @property
    def _broken(self) -> bool:  # type: ignore[override]
        return self._workers.broken

    def _reset(self, loader: DataLoader, first_pass: bool = False) -> None:
        super()._reset(loader)  # PyTorch, too, makes the sampler's iterator twice for the first pass
        if not first_pass:
            self._workers.resume()
        self._schedule = Schedule(
            self._workers, self._sampler_iter, self._prefetch_factor, self._in_order, self._persistent_workers
        )

    def _next_data(self) -> Any:
        return self._schedule.next_batch()
