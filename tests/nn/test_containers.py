"""Containers: all list and dict methods, their errors, printing; programs run with both libraries."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import pytest

import rushlight

from ..both import check

LISTS = {
    "Sequential": lambda t: t.nn.Sequential(t.nn.Linear(1, 1), t.nn.ReLU(), t.nn.ReLU()),
    "ModuleList": lambda t: t.nn.ModuleList([t.nn.Linear(1, 1), t.nn.ReLU(), t.nn.ReLU()]),
    "named": lambda t: t.nn.Sequential(OrderedDict(a=t.nn.ReLU(), b=t.nn.Tanh())),
}
LIST_METHODS = [
    "len(s)",
    "list(s)",
    "s[0]",
    "s[-1]",
    "s[5]",
    "s[-4]",
    "s['0']",
    "s['a']",
    "s[1.0]",
    "s[0:2]",
    "s[::-1]",
    "s[t.tensor(1)]",
    "s + type(s)(*([[t.nn.Tanh()]] if isinstance(s, t.nn.ModuleList) else [t.nn.Tanh()]))",
    "s + [t.nn.Tanh()]",
    "s + 3",
    "s * 2",
    "s * 0",
    "s * 'a'",
    "2 * s",
    "s.insert(1, t.nn.Tanh()) and s or s",
    "s.insert(2, t.nn.Tanh()) and s or s",
    "s.append(t.nn.Tanh())",
    "s.append(3)",
    "s.extend([t.nn.Tanh(), t.nn.GELU()])",
    "s.extend(3)",
    "s.extend([3])",
    "(s.pop(1), s)",
    "(s.pop(-1), s)",
    "s.pop()",
    "s.pop('a')",
    "s.__delitem__(0) or s",
    "s.__delitem__(slice(0, 2)) or s",
    "s.__delitem__(7)",
    "s.__setitem__(0, t.nn.GELU()) or s",
    "s.__setitem__(-1, t.nn.GELU()) or s",
    "s.__setitem__(7, t.nn.GELU())",
    "s.__iadd__([t.nn.GELU()])",
    "s.__iadd__(type(s)())",
    "list(s.state_dict())",
    "(list(s._modules), [name for name in dir(s) if name in ('0', 'training', 'zero_grad')])",
]


CASES = [(k, m) for k in LISTS for m in LIST_METHODS if not (k == "named" and "insert" in m)]


@pytest.mark.parametrize(("kind", "method"), CASES)
def test_list_methods(kind: str, method: str) -> None:
    check(lambda t: eval(method, {"s": LISTS[kind](t), "t": t}))


def test_insert_where_pytorch_cannot() -> None:
    """PyTorch cannot insert into a Sequential with names, nor at a negative place of a ModuleList."""
    chain = LISTS["named"](rushlight)
    chain.insert(1, rushlight.nn.GELU())
    assert [type(each).__name__ for each in chain] == ["ReLU", "GELU", "Tanh"]
    listed = LISTS["ModuleList"](rushlight)
    listed.insert(-1, rushlight.nn.GELU())
    assert [type(each).__name__ for each in listed] == ["Linear", "ReLU", "GELU", "ReLU"]


def test_insert_what_is_no_module() -> None:
    check(lambda t: LISTS["Sequential"](t).insert(0, 3))
    with pytest.raises(TypeError, match="int is not a Module subclass"):
        LISTS["ModuleList"](rushlight).insert(0, 3)


def test_out_of_range_insert_of_sequential() -> None:
    check(lambda t: t.nn.Sequential().insert(9, t.nn.ReLU()))
    check(lambda t: t.nn.Sequential(t.nn.ReLU()).insert(-9, t.nn.ReLU()))


def test_multiply_in_place() -> None:
    def program(t: Any) -> Any:
        chain = t.nn.Sequential(t.nn.ReLU(), t.nn.Tanh())
        before = chain
        chain *= 3
        return chain, chain is before, chain[0] is chain[2]

    check(program)


def test_construction() -> None:
    check(lambda t: t.nn.Sequential(3))
    check(lambda t: t.nn.Sequential([t.nn.ReLU()]))
    check(lambda t: t.nn.ModuleList(3))
    check(lambda t: t.nn.ModuleList([None, t.nn.ReLU()]))
    check(lambda t: (t.nn.Sequential(), t.nn.ModuleList(), t.nn.ModuleDict()))
    check(lambda t: t.nn.ModuleList([t.nn.ReLU()])(3))


def test_printing_of_lists_joins_equal_neighbours() -> None:
    def program(t: Any) -> Any:
        def block() -> Any:
            return t.nn.Sequential(t.nn.Linear(1, 1), t.nn.ReLU())

        return repr(t.nn.ModuleList([block(), block(), t.nn.ReLU(), block(), t.nn.ReLU(), t.nn.ReLU()]))

    check(program)


def test_sequential_runs_in_order() -> None:
    check(lambda t: t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Sigmoid(), t.nn.Linear(3, 1))(t.randn(4, 2)))


DICT_METHODS = [
    "len(d)",
    "list(d)",
    "list(d.keys())",
    "list(d.items())",
    "list(d.values())",
    "d['a']",
    "d['c']",
    "'a' in d",
    "'c' in d",
    "d.update({'c': t.nn.Tanh(), 'a': t.nn.ReLU()}) or d",
    "d.update([('c', t.nn.Tanh())]) or d",
    "d.update(t.nn.ModuleDict({'z': t.nn.Tanh()})) or d",
    "d.update(3)",
    "d.update([3])",
    "d.update([('a',)])",
    "(d.pop('a'), d)",
    "d.pop('zz')",
    "d.__delitem__('b') or d",
    "d.__setitem__('c', t.nn.GELU()) or d",
    "d.__setitem__(3, t.nn.GELU())",
    "d.__setitem__('keys', t.nn.GELU())",
    "d.clear() or d",
    "d(3)",
]


@pytest.mark.parametrize("method", DICT_METHODS)
def test_module_dict(method: str) -> None:
    def make(t: Any) -> Any:
        return t.nn.ModuleDict({"b": t.nn.ReLU(), "a": t.nn.Linear(1, 1)})

    check(lambda t: eval(method, {"d": make(t), "t": t}))


PARAMETER_LIST_METHODS = [
    "p",
    "len(p)",
    "list(p)",
    "p[0]",
    "p[-1]",
    "p[9]",
    "p[1:3]",
    "p.append(7)",
    "p.append(t.ones(2))",
    "p.extend([t.ones(2), 1])",
    "p.extend(3)",
    "p.extend(t.nn.ParameterList([t.ones(1)]))",
    "p.__setitem__(0, t.zeros(3)) or p",
    "p.__setitem__(0, 3)",
    "p.__setitem__(9, 3)",
    "p.__iadd__([8])",
    "p(3)",
    "p.pop()",
    "(list(p._parameters), p._size, list(p.state_dict()))",
]


@pytest.mark.parametrize("method", PARAMETER_LIST_METHODS)
def test_parameter_list(method: str) -> None:
    def make(t: Any) -> Any:
        return t.nn.ParameterList([t.nn.Parameter(t.ones(2)), t.zeros(3), 5, "text", t.ones(2, 2, dtype=t.float16)])

    check(lambda t: eval(method, {"p": make(t), "t": t}))


PARAMETER_DICT_METHODS = [
    "p",
    "len(p)",
    "list(p)",
    "list(reversed(p))",
    "list(p.keys())",
    "list(p.items())",
    "list(p.values())",
    "p['a']",
    "p['z']",
    "'a' in p",
    "p.get('z', 3)",
    "p.get('a')",
    "(p.pop('a'), p)",
    "(p.popitem(), p)",
    "p.setdefault('q', t.ones(1))",
    "p.setdefault('a', t.ones(1))",
    "p | {'t': t.ones(1)}",
    "p | t.nn.ParameterDict({'t': t.ones(1)})",
    "list({'t': 1} | p)",
    "p.__ior__({'t': t.ones(1)})",
    "p.fromkeys(['x', 'y'], t.ones(1))",
    "p.copy()",
    "p.update({'z': t.ones(1), 'y': t.ones(1)}) or p",
    "p.update([('z', t.ones(1)), ('y', t.ones(1))]) or p",
    "p.update(4)",
    "p.update([('m', 1), ('n',)])",
    "p.clear() or p",
    "p(3)",
    "list(p.state_dict())",
]


@pytest.mark.parametrize("method", PARAMETER_DICT_METHODS)
def test_parameter_dict(method: str) -> None:
    def make(t: Any) -> Any:
        return t.nn.ParameterDict({"b": t.nn.Parameter(t.ones(2)), "a": t.zeros(1), "c": 3})

    check(lambda t: eval(method, {"p": make(t), "t": t}))


def test_keys_of_parameter_dict_are_strings() -> None:
    def program(t: Any) -> Any:
        try:
            t.nn.ParameterDict().update({3: t.ones(1)})
        except TypeError as error:
            return str(error)[:90]

    check(program)


def test_copies() -> None:
    def program(t: Any) -> Any:
        made = t.nn.ModuleDict({"l": t.nn.ModuleList([t.nn.Linear(1, 2)]), "p": t.nn.ParameterList([t.ones(2), 3])})
        twin = copy.deepcopy(made)
        return twin, list(twin.state_dict()), twin["p"][0] is made["p"][0], twin["p"][1]

    check(program)


def test_items_of_sequential_run_in_one_graph() -> None:
    def program(t: Any) -> Any:
        layers = t.nn.ModuleList([t.nn.Linear(3, 3) for _ in range(3)])
        x = t.randn(2, 3, requires_grad=True)
        y = x
        for layer in layers:
            y = y + layer(y)
        y.sum().backward()
        return y, x.grad, [p.grad for p in layers.parameters()]

    check(program)
