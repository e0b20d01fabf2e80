"""Memory is used again when, and only when, the last view of it has died."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rushlight.backend.cpu import pool

FLOAT = np.dtype(np.float32)


@pytest.fixture(autouse=True)
def own_pool(monkeypatch: pytest.MonkeyPatch) -> pool.Pool:
    monkeypatch.setattr(pool, "POOL", pool.Pool(most=1 << 30))
    return pool.POOL


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (7, 5), (64, 512), (64, 513), (300, 1000)])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint16, np.float32, np.complex128])
def test_arrays_are_new_aligned_and_whole(shape: tuple[int, ...], dtype: type) -> None:
    a = pool.take(shape, np.dtype(dtype))
    assert type(a) is np.ndarray and a.shape == shape and a.dtype == dtype
    assert a.flags.c_contiguous and a.flags.writeable
    assert pool.address_of(a) % 64 == 0 and pool.address_of(a) == a.ctypes.data
    a.fill(1)
    b = pool.take(shape, np.dtype(dtype))
    b.fill(0)
    assert (a == 1).all()


def test_the_address_is_that_of_the_first_element() -> None:
    a = np.arange(24, dtype=np.float32).reshape(4, 6)
    for view in (a, a.T, a[1:, 2:], a[::-1, ::-1], a[:0], a[2, 3, ...]):
        assert pool.address_of(view) == view.ctypes.data


def test_memory_is_used_again_when_all_views_have_died() -> None:
    a = pool.take((1000, 1000), FLOAT)
    address = pool.address_of(a)
    holders = [a[3:5].T, memoryview(a), a.reshape(-1)[::2].view(np.int32)]
    del a
    for _ in range(len(holders)):
        other = pool.take((1000, 1000), FLOAT)
        assert pool.address_of(other) != address
        del other
        holders.pop()
    # The other's block is free too; the one freed last comes first.
    assert pool.address_of(pool.take((1000, 990), FLOAT)) == address


def test_what_is_held_is_counted(own_pool: pool.Pool) -> None:
    assert own_pool.held() == own_pool.kept() == 0
    arrays = [pool.take((1 << 20,), FLOAT) for _ in range(3)]
    assert 3 << 22 <= pool.live() == own_pool.held() <= 3.4 * (1 << 22)
    del arrays[1:]
    assert 2 << 22 <= own_pool.kept() == own_pool.held() - pool.live()
    own_pool.trim()
    assert own_pool.kept() > 0  # not free for long
    own_pool.trim(0)
    assert own_pool.kept() == 0 and own_pool.held() == pool.live() > 0


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "POOL", pool.Pool(most=100 << 20))
    arrays = [pool.take((1 << 20,), FLOAT) for _ in range(60)]
    assert pool.live() >= 60 << 22
    arrays.clear()
    assert pool.POOL.kept() <= 100 << 20
    huge = pool.take((200 << 20,), np.dtype(np.uint8))
    del huge
    assert pool.POOL.kept() <= 100 << 20


def test_what_nobody_asks_for_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = itertools.count(0.0, 0.5)
    monkeypatch.setattr(pool, "_clock", lambda: next(now))
    pool.take((3 << 20,), FLOAT)  # dies at once
    assert pool.POOL.kept() > 3 << 20
    for _ in range(2 * pool.TICK):
        pool.take((1 << 20,), FLOAT)
    assert pool.POOL.kept() < 6 << 20
