"""Checks, numbers of sizes, branches and loops of functions that PyTorch also traces, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight

from .both import check

CHECKS = ("_check", "_check_value", "_check_index", "_check_type", "_check_not_implemented")


@pytest.mark.parametrize("name", CHECKS)
def test_checks_raise_what_pytorchs_raise(name: str) -> None:
    check(lambda t: getattr(t, name)(True))
    check(lambda t: getattr(t, name)(False, lambda: "why"))
    check(lambda t: getattr(t, name)(1))
    check(lambda t: getattr(t, name)(False, "text"))
    check(lambda t: getattr(t, name)(t.tensor(True)))
    with pytest.raises(Exception, match="Expected cond to be True, but got False"):
        getattr(rushlight, name)(False)


def test_checks_of_tensors() -> None:
    check(lambda t: t._check_tensor_all(t.tensor([True, False]), lambda: "why"))
    check(lambda t: t._check_tensor_all(t.tensor([True, True])))
    check(lambda t: t._check_tensor_all(t.tensor([1, 1])))
    check(lambda t: t._assert(t.tensor(False), "why"))
    check(lambda t: t._assert(True, "why"))
    check(lambda t: t._assert_async(t.tensor(0.0)))
    check(lambda t: t._assert_async(t.tensor(0.0), "why"))


def sizes(t: Any) -> Any:
    whole = [t.sym_int(3.7), t.sym_int(-2.5), t.sym_float(4), t.sym_max(2, 3.0), t.sym_min(2, 3.0), t.sym_max(3, 2)]
    return whole, t.sym_not(True), t.sym_ite(True, 1, 2), t.sym_sqrt(4), t.sym_sum([1, 2, 3])


def test_numbers() -> None:
    check(sizes)


def test_branches_and_loops() -> None:
    x = rushlight.ones(2, requires_grad=True)
    for sign in (True, False):
        y = rushlight.cond(rushlight.tensor(sign), lambda x: x * 3, lambda x: x * 5, (x,))
        assert rushlight.autograd.grad(y.sum(), x)[0].tolist() == [3.0 if sign else 5.0] * 2
    count, total = rushlight.while_loop(
        lambda i, a: i < 4, lambda i, a: (i + 1, a + i), (rushlight.tensor(0), rushlight.tensor(0))
    )
    assert (count.item(), total.item()) == (4, 6)


def converted(t: Any) -> Any:
    pointers = t._convert_indices_from_coo_to_csr(t.tensor([0, 0, 2]), 4)
    columns = t.tensor([1, 3, 0])
    pairs = [t._convert_indices_from_csr_to_coo(pointers, columns, transpose=turned) for turned in (False, True)]
    return pointers, t._convert_indices_from_coo_to_csr(t.tensor([1], dtype=t.int32), 3, out_int32=True), *pairs


def test_rows_as_pointers_and_back() -> None:
    check(converted)


def test_names_that_packages_import() -> None:
    import rushlight._tensor_str
    import rushlight.distributed.constants
    import rushlight.distributed.rpc
    import rushlight.onnx

    assert rushlight.torch is rushlight and not rushlight.onnx.is_in_onnx_export()
    assert not rushlight.distributed.rpc.is_available()
    assert rushlight.distributed.constants.default_pg_timeout.total_seconds() == 1800
    assert rushlight.jit._overload(abs) is abs

    def inside(x: Any) -> Any:
        found.append(rushlight._C._are_functorch_transforms_active())
        return x

    found: list[bool] = []
    rushlight.vmap(inside)(rushlight.ones(2))
    inside(None)
    assert found == [True, False]


def printed(t: Any) -> Any:
    private = t._tensor_str
    text = private._tensor_str(t.arange(6).view(2, 3), 7)
    return text, [private._add_suffixes("tensor(" + text, ["dtype=x", "a"], 0, new) for new in (False, True)]


def test_parts_of_printed_tensors() -> None:
    check(printed)
