"""`torch.backends.cuda`."""


class _Matmul:
    """Flags of cuBLAS that scripts set."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()


def is_built() -> bool:
    """False."""
    return False
