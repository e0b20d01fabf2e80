"""Names that packages look at: what they say, and what they raise when they are used."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

import rushlight
import rushlight.distributed.fsdp
import rushlight.distributed.tensor
import rushlight.nn.attention.flex_attention

from .both import assert_alike, run

UNUSED = "float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu complex32"


@pytest.mark.parametrize("name", UNUSED.split())
def test_dtypes_without_tensors_have_pytorchs_facts(name: str) -> None:
    def facts(t: Any) -> Any:
        kind = getattr(t, name)
        info = t.finfo(kind)
        return str(kind), kind.itemsize, kind.is_floating_point, kind.is_complex, kind.is_signed, repr(info), info.bits

    assert facts(rushlight) == facts(torch)
    assert pickle.loads(pickle.dumps(getattr(rushlight, name))) is getattr(rushlight, name)


def test_tensors_of_them_are_refused() -> None:
    kind = rushlight.float8_e4m3fn
    for attempt in (
        lambda: rushlight.zeros(2, dtype=kind),
        lambda: rushlight.ones(2).to(kind),
        lambda: rushlight.ones(2).view(kind),
        lambda: rushlight.promote_types(kind, rushlight.float32),
    ):
        with pytest.raises(NotImplementedError, match="tensors of torch.float8_e4m3fn are not in Rushlight yet"):
            attempt()


def test_absent_classes_have_no_instances() -> None:
    sharded = rushlight.distributed.fsdp.FullyShardedDataParallel
    assert not isinstance(rushlight.nn.Linear(1, 1), sharded) and sharded.__name__ == "FullyShardedDataParallel"
    with pytest.raises(
        NotImplementedError, match=r"torch.distributed.fsdp.FullyShardedDataParallel is not .*DistributedDataParallel"
    ):
        sharded(rushlight.nn.Linear(1, 1))
    with pytest.raises(NotImplementedError, match="distribute_tensor is not in Rushlight yet"):
        rushlight.distributed.tensor.distribute_tensor(rushlight.ones(1))
    with pytest.raises(NotImplementedError, match="scaled_dot_product_attention"):
        rushlight.nn.attention.flex_attention.flex_attention(None, None, None)


def placements(t: Any) -> Any:
    kinds = t.distributed.tensor
    each = [kinds.Shard(0), kinds.Shard(1), kinds.Replicate(), kinds.Partial(), kinds.Partial("avg")]
    shares = [kinds.Shard.local_shard_size_and_offset(size, 4, rank) for size in (10, 3, 0) for rank in range(4)]
    facts = [(repr(p), str(p), p.is_shard(), p.is_shard(1), p.is_replicate(), p.is_partial()) for p in each]
    return facts, shares, each[0] == kinds.Shard(0), each[0] == each[1], hash(each[2]) == hash(kinds.Replicate())


def test_placements_are_pytorchs() -> None:
    import torch.distributed.tensor  # noqa: F401 — loaded for this test alone, since it is slow

    assert placements(rushlight) == placements(torch)


def on_a_file(t: Any, path: Path) -> Any:
    path.write_bytes(bytes(range(16)))
    private, shared = (t.UntypedStorage.from_file(str(path), flag, 8) for flag in (False, True))
    private[0] = 99
    before = path.read_bytes()
    shared[1] = 77
    longer = t.UntypedStorage.from_file(str(path), True, 20)
    part = t.asarray(private[4:8], dtype=t.uint8).view(t.float32)
    return [private.tolist(), shared.tolist(), longer.tolist(), part, before == bytes(range(16)), path.read_bytes()[1]]


def test_storages_on_a_file(tmp_path: Path) -> None:
    assert_alike(
        run(lambda t: on_a_file(t, tmp_path / "x"), rushlight), run(lambda t: on_a_file(t, tmp_path / "y"), torch)
    )
    with pytest.raises(RuntimeError, match="is smaller than the required mapping size <99>"):
        rushlight.UntypedStorage.from_file(tmp_path / "x", nbytes=99)
    with pytest.raises(RuntimeError, match="unable to open file"):
        rushlight.UntypedStorage.from_file(tmp_path / "none", nbytes=1)


def test_modules_may_have_attributes_of_short_names() -> None:
    class Own(rushlight.nn.Linear):
        def __init__(self) -> None:
            super().__init__(2, 2)
            for name in "_persistent _take _assign _forget _gate _overrides _unexpected".split():
                object.__setattr__(self, name, None)

    module = Own()
    assert not module.load_state_dict(module.state_dict()).missing_keys
    del module.bias
    assert "bias" not in module._parameters
