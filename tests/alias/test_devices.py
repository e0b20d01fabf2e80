"""`torch.cuda`, `torch.accelerator`, `torch.backends` beside PyTorch's build for the CPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import rushlight

from ..both import check

ASKED = {
    "cuda": lambda t: [t.cuda.is_available(), t.cuda.device_count(), t.cuda.is_initialized(), t.cuda.is_bf16_supported()],
    "more": lambda t: [t.cuda.get_arch_list(), t.cuda.get_gencode_flags(), t.cuda.is_tf32_supported(), t.cuda.default_generators],
    "memory": lambda t: [t.cuda.memory_allocated(), t.cuda.max_memory_reserved(0), t.cuda.memory_stats(), t.cuda.memory.memory_cached()],
    "seeds": lambda t: [t.cuda.manual_seed(0), t.cuda.manual_seed_all(1), t.cuda.seed_all(), t.cuda.get_rng_state_all(), t.cuda.empty_cache()],
    "devices": lambda t: [str(type(t.cuda.device(-1)).__name__), t.cuda.device_of(t.ones(1)).__enter__(), t.cuda.stream(None).__enter__()],
    "wrong device": lambda t: t.cuda.device("cpu"),
    "types": lambda t: [isinstance(t.ones(1), t.cuda.FloatTensor), isinstance(t.ones(1).long(), t.cuda.LongTensor)],
    "made": lambda t: t.cuda.FloatTensor(2),
    "half": lambda t: t.cuda.HalfTensor([1.0]),
    "accelerator": lambda t: [t.accelerator.is_available(), t.accelerator.device_count(), t.accelerator.current_accelerator()],
    "matmul": lambda t: [t.backends.cuda.matmul.allow_tf32, t.backends.cuda.matmul.allow_fp16_accumulation, t.backends.cuda.is_built()],
    "unknown": lambda t: t.backends.cuda.matmul.nothing,
    "unknown set": lambda t: setattr(t.backends.cuda.matmul, "nothing", 1),
    "sdp": lambda t: [t.backends.cuda.flash_sdp_enabled(), t.backends.cuda.math_sdp_enabled(), t.backends.cuda.cudnn_sdp_enabled()],
    "cudnn": lambda t: [t.backends.cudnn.is_available(), t.backends.cudnn.version(), t.backends.cudnn.is_acceptable(t.ones(1))],
    "cudnn flags": lambda t: [t.backends.cudnn.enabled, t.backends.cudnn.benchmark, t.backends.cudnn.deterministic, t.backends.cudnn.allow_tf32],
    "mps": lambda t: [t.backends.mps.is_available(), t.backends.mps.is_built()],
    "mha": lambda t: [t.backends.mha.get_fastpath_enabled(), t.backends.mha.set_fastpath_enabled(True)],
    "einsum": lambda t: [t.backends.opt_einsum.is_available(), t.backends.opt_einsum.enabled, t.backends.opt_einsum.strategy],
    "wrong way": lambda t: t.nn.attention.sdpa_kernel("a").__enter__(),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_needs_no_device(name: str) -> None:
    check(ASKED[name])


REFUSED = {
    "current_device": lambda t: t.cuda.current_device(),
    "synchronize": lambda t: t.cuda.synchronize(),
    "get_device_capability": lambda t: t.cuda.get_device_capability(0),
    "get_device_name": lambda t: t.cuda.get_device_name(),
    "current_stream": lambda t: t.cuda.current_stream(),
    "mem_get_info": lambda t: t.cuda.mem_get_info(),
    "get_rng_state": lambda t: t.cuda.get_rng_state(),
    "initial_seed": lambda t: t.cuda.initial_seed(),
    "ipc_collect": lambda t: t.cuda.ipc_collect(),
    "init": lambda t: t.cuda.init(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_one_says_so(name: str) -> None:
    with pytest.raises(AssertionError) as theirs:
        REFUSED[name](torch)
    with pytest.raises(AssertionError) as ours:  # it is a RuntimeError too
        REFUSED[name](rushlight)
    assert str(ours.value).startswith(str(theirs.value)) and isinstance(ours.value, RuntimeError)


@pytest.mark.parametrize("name", ["Event", "Stream", "CUDAGraph"])
def test_classes_of_a_device_have_no_instances(name: str) -> None:
    for library in (rushlight, torch):
        with pytest.raises(RuntimeError):
            getattr(library.cuda, name)()


def test_the_accelerator_says_what_pytorchs_says() -> None:
    for name in ("synchronize", "current_device_index", "memory_allocated", "current_stream"):
        with pytest.raises(RuntimeError, match="Cannot access accelerator device when none is available"):
            getattr(rushlight.accelerator, name)()


def switches(t: Any) -> list[Any]:
    cuda, cudnn = t.backends.cuda, t.backends.cudnn
    seen: list[Any] = []
    with cudnn.flags(enabled=True, benchmark=True):
        seen += [cudnn.enabled, cudnn.benchmark, cudnn.deterministic]
    seen += [cudnn.enabled, cudnn.benchmark]
    cudnn.benchmark = True
    seen.append(cudnn.benchmark)
    cudnn.benchmark = False
    with cuda.sdp_kernel(enable_flash=False):
        seen += [cuda.flash_sdp_enabled(), cuda.math_sdp_enabled()]
    with t.nn.attention.sdpa_kernel([t.nn.attention.SDPBackend.FLASH_ATTENTION, t.nn.attention.SDPBackend.MATH]):
        seen += [cuda.flash_sdp_enabled(), cuda.math_sdp_enabled(), cuda.mem_efficient_sdp_enabled()]
    cuda.matmul.allow_tf32 = True
    seen.append(t.get_float32_matmul_precision())
    t.set_float32_matmul_precision("highest")
    seen += [cuda.matmul.allow_tf32, cuda.flash_sdp_enabled()]
    return seen


def test_switches_can_be_set_and_read() -> None:
    # PyTorch's own testing modules, which other tests import, forbid setting its switches.
    with torch.backends.__allow_nonbracketed_mutation():
        check(switches)
