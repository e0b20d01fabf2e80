"""Why tests of the array API suite fail: the first pattern that a test's name has tells."""

from __future__ import annotations

REASONS = (
    (
        r"\[__(i?)(floordiv|mod)__\(.*-> ",
        "operators are PyTorch's: quotients of infinities are NaN or -1, the sign of a remainder that is zero is the dividend's; "
        "`xp.floor_divide` and `xp.remainder` do what the standard says",
    ),
    (r"test_array_object\.py::test_[gs]etitem$", "slices have no negative step in PyTorch; use `xp.flip`"),
    (
        r"\[__\w+__\(x1, x2\)\]$",
        "operators are PyTorch's: a tensor without axes does not widen one with axes of the same kind; the function of the "
        "namespace does (`xp.add` for `+`)",
    ),
)
