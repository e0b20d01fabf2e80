"""Every function that is said to be supported gives, as vector code, what its NumPy function gives."""

from __future__ import annotations

import numpy as np
import pytest

import rushlight
from rushlight.backend.cpu.arithmetic import apply
from rushlight.backend.cpu.assembly import Function, Module
from rushlight.backend.cpu.build import machine_of
from rushlight.backend.cpu.values import Value, literal
from rushlight.dtype import (
    ALL,
    BOOL,
    COMPLEX,
    FLOATING,
    INTEGER,
    bfloat16,
    bool_,
    complex64,
    decode,
    dtype,
    encode,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from rushlight.ir import expr, fraction
from rushlight.ir.expr import Apply, Expr, Load
from rushlight.kernel.functions import BASE, DEFINITIONS, FAILING, Unsupported, expand, supported

from .scalar_runner import (
    CHOICES,
    KINDS,
    Case,
    meaning,
    operands_for,
    operands_of,
    run_cases,
    special,
    ulps,
    wide_meaning,
)

assert rushlight.nn and fraction  # whose functions must be registered

REAL = [d for d in ALL if d.category != COMPLEX]
OWN = {"normal_tail", "normal_slope", "require"}  # base functions that no op has
ELEMENTARY = set(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc hypot pow".split()
)
SPECIAL = set("lgamma digamma erfcx erfinv log_ndtr ndtri".split())
DIVISIONS = {"floor_divide", "truncate_divide", "rem", "fmod", "index_div", "index_rem"}
ROUNDED = {name for name, (categories, _) in DEFINITIONS.items() if categories == (FLOATING,)}
EXACT = sorted((set(BASE) | set(DEFINITIONS)) - OWN - ELEMENTARY - SPECIAL - ROUNDED)
machines = pytest.mark.parametrize("kind", KINDS)


def dtypes_for(name: str, d: dtype) -> tuple[dtype, ...]:
    count = operands_of(name)
    return (bool_, *[d] * (count - 1)) if name in CHOICES else (d,) * count


def cases_of(names: list[str], dtypes: list[dtype], kind: str) -> list[Case]:
    """A case for each name and dtype, at full width, and of the common dtypes one lane at a time too."""
    cases = []
    for name in names:
        for d in dtypes:
            operands = dtypes_for(name, d)
            if name == "add_product" and d is float64 and not machine_of(kind).fma:
                continue  # it is rounded twice there
            if supported(name, operands):
                cases.append(Case(name, operands, machine_of(kind).width(d.itemsize)))
                if d in (float32, int64) and kind == KINDS[0]:
                    cases.append(Case(name, operands, 1))
    return cases


def drawn(case: Case, generator: np.random.Generator) -> list[np.ndarray]:
    arrays = operands_for(case.dtypes, generator)
    if case.name in DIVISIONS and case.dtypes[0].category == INTEGER:
        arrays[1] = np.where(arrays[1] == 0, 1, arrays[1]).astype(arrays[1].dtype)
    return arrays


def report(case: Case, arrays: list[np.ndarray], wrong: np.ndarray, got: np.ndarray, wanted: np.ndarray) -> str:
    place = int(np.flatnonzero(wrong)[0])
    operands = [decode(a, d)[place] for a, d in zip(arrays, case.dtypes, strict=True)]
    return f"{case}: {wrong.sum()} wrong, of {operands} {got[place]}, not {wanted[place]}"


def same(got: np.ndarray, wanted: np.ndarray, kind: dtype, signs: bool = True) -> np.ndarray:
    """Where two results are the same number, zeros with their signs, or both NaN."""
    if kind.category != FLOATING:
        return got == wanted
    a, b = decode(got, kind), decode(wanted, kind)
    return ((a == b) & ((np.signbit(a) == np.signbit(b)) | (not signs))) | (np.isnan(a) & np.isnan(b))


# ---- exact functions ----


def check_exact(names: list[str], dtypes: list[dtype], kind: str) -> None:
    generator = np.random.default_rng(7)
    cases = cases_of(names, dtypes, kind)
    operands = [drawn(case, generator) for case in cases]
    results, kinds, failed = run_cases(cases, operands, machine_of(kind))
    assert not failed
    for case, arrays, got, result in zip(cases, operands, results, kinds, strict=True):
        wanted = meaning(case.name, case.dtypes, arrays, result)
        # NumPy's own fmax and fmin differ in which of two zeros they take; a product and sum are rounded once.
        right = same(got, wanted, result, signs=case.name not in ("fmax", "fmin"))
        assert right.all(), report(case, arrays, ~right, decode(got, result), decode(wanted, result))


@machines
def test_exact_functions(kind: str) -> None:
    check_exact([n for n in EXACT if not n.startswith("cast_")], [float32, float64, int32, int64, bool_], kind)


def test_exact_functions_of_narrow_dtypes() -> None:
    check_exact([n for n in EXACT if not n.startswith("cast_")], [bfloat16, float16, int8, int16, uint8], KINDS[0])


@machines
def test_casts(kind: str) -> None:
    check_exact([n for n in EXACT if n.startswith("cast_")], REAL, kind)


# ---- elementary functions ----

# Units in the last place of the dtype, against NumPy, whose own float64 functions are off by one now and then.
BOUND = {float32: 2, float64: 3, bfloat16: 1, float16: 1}


@machines
def test_elementary_functions(kind: str) -> None:
    generator = np.random.default_rng(11)
    cases = cases_of(sorted(ELEMENTARY), [float32, float64], kind)
    operands = [drawn(case, generator) for case in cases]
    results, kinds, _ = run_cases(cases, operands, machine_of(kind))
    for case, arrays, got, result in zip(cases, operands, results, kinds, strict=True):
        with np.errstate(all="ignore"):
            wanted = encode(wide_meaning(case.name, case.dtypes, arrays).astype(result.compute), result)
        right = same(got, wanted, result)
        distance = np.where(right | np.isnan(wanted) | np.isnan(got), 0, ulps(got, wanted))
        wrong = (np.isnan(got) != np.isnan(wanted)) | (distance > BOUND[result])
        assert not wrong.any(), report(case, arrays, wrong, got, wanted)


def test_elementary_functions_of_narrow_dtypes() -> None:
    generator = np.random.default_rng(13)
    cases = cases_of(sorted(ELEMENTARY), [bfloat16, float16], KINDS[0])
    operands = [drawn(case, generator) for case in cases]
    results, kinds, _ = run_cases(cases, operands, machine_of(KINDS[0]))
    for case, arrays, got, result in zip(cases, operands, results, kinds, strict=True):
        with np.errstate(all="ignore"):
            wanted = encode(wide_meaning(case.name, case.dtypes, arrays).astype(np.float32), result)
        a, b = decode(got, result), decode(wanted, result)
        wrong = (np.isnan(a) != np.isnan(b)) | ((ulps(got, wanted) > BOUND[result]) & ~np.isnan(a) & (a != b))
        assert not wrong.any(), report(case, arrays, wrong, a, b)


@machines
def test_special_functions(kind: str) -> None:
    """Against NumPy, in float64 by the same formulas: some cross zero, where the absolute error counts."""
    generator = np.random.default_rng(19)
    cases = cases_of(sorted(SPECIAL), [float32, float64], kind)
    operands = [drawn(case, generator) for case in cases]
    for arrays in operands:
        arrays[0][::3] = generator.random(arrays[0][::3].size)
    results, kinds, _ = run_cases(cases, operands, machine_of(kind))
    for case, arrays, got, result in zip(cases, operands, results, kinds, strict=True):
        with np.errstate(all="ignore"):
            wanted = wide_meaning(case.name, case.dtypes, arrays).astype(result.storage)
            close = np.abs(got - wanted) <= 16 * np.finfo(result.storage).eps * (np.abs(wanted) + 1)
        wrong = ~(close | (got == wanted) | (np.isnan(got) & np.isnan(wanted)))
        assert not wrong.any(), report(case, arrays, wrong, got, wanted)


# ---- functions defined by others ----

# Settings of everyday size, by the place of the operand; the others are normal numbers.
SETTINGS = {
    "leaky_relu": {1: 0.1}, "leaky_relu_gradient": {2: 0.1}, "hardshrink": {1: 0.5}, "hardshrink_gradient": {2: 0.5},
    "softshrink": {1: 0.5}, "softshrink_gradient": {2: 0.5}, "softplus": {1: 2.0, 2: 20.0}, "softplus_gradient": {2: 2.0, 3: 20.0},
    "elu": {1: 1.5, 2: 0.5, 3: 2.0}, "elu_gradient": {2: 1.5, 3: 0.5, 4: 2.0}, "smooth_l1": {2: 0.7}, "smooth_l1_gradient": {3: 0.7},
    "huber": {2: 0.7}, "huber_gradient": {3: 0.7},
}  # fmt: skip
PROBABILITIES = {
    "binary_cross_entropy": (0, 1),
    "binary_cross_entropy_gradient": (1, 2),
    "divergence": (1,),
    "xlogy": (1,),
    "entr": (0,),
}


def everyday(name: str, d: dtype, generator: np.random.Generator) -> list[np.ndarray]:
    arrays = []
    for place in range(operands_of(name)):
        numbers = generator.standard_normal(1024) * generator.choice([0.1, 1.0, 8.0], 1024)
        if place in PROBABILITIES.get(name, ()):
            numbers = generator.random(1024)
        elif place in SETTINGS.get(name, {}):
            numbers = np.full(1024, SETTINGS[name][place])
        arrays.append(encode(numbers.astype(d.compute), d))
    return arrays


@machines
def test_functions_defined_by_others(kind: str) -> None:
    """Against float64. What cancels in the definition may cancel here: the error is bounded by that of the largest operand. Of float64
    the reference errs as much, and slopes that grow with the cube of an operand magnify both errors."""
    generator = np.random.default_rng(17)
    cases = cases_of(sorted(ROUNDED), [float32, float64], kind)
    operands = [everyday(case.name, case.dtypes[0], generator) for case in cases]
    results, kinds, failed = run_cases(cases, operands, machine_of(kind))
    assert not failed
    for case, arrays, got, result in zip(cases, operands, results, kinds, strict=True):
        wanted = wide_meaning(case.name, case.dtypes, arrays)
        size = np.maximum.reduce([np.ones(1024), *[np.abs(a.astype(np.float64)) for a in arrays]])
        bound = (8 if result is float32 else 64) * np.finfo(result.storage).eps
        near = np.abs(got - wanted) <= bound * (np.abs(wanted) + size)
        wrong = ~(near | (np.isnan(got) & np.isnan(wanted)))
        assert not wrong.any(), report(case, arrays, wrong, got, wanted)


def test_defined_functions_at_infinities_and_nan() -> None:
    names = sorted(ROUNDED - {"sinc"})
    cases, operands = [], []
    edges = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0, 500.0, -500.0, 1e-40, -1e-40], np.float32)
    for name in names:
        if operands_of(name) > 3 or name in PROBABILITIES:
            continue
        grids = [g.reshape(-1) for g in np.meshgrid(*[edges] * operands_of(name))]
        arrays = [
            np.resize(np.full(1, s, np.float32), g.size) if (s := SETTINGS.get(name, {}).get(p)) else g
            for p, g in enumerate(grids)
        ]
        arrays = [np.resize(a, -(-a.size // 64) * 64) for a in arrays]
        cases.append(Case(name, dtypes_for(name, float32), machine_of(KINDS[0]).width(4)))
        operands.append(arrays)
    results, _, _ = run_cases(cases, operands, machine_of(KINDS[0]))
    for case, arrays, got in zip(cases, operands, results, strict=True):
        wanted = meaning(case.name, case.dtypes, arrays, float32)
        wrong = (np.isnan(got) != np.isnan(wanted)) | (np.isinf(wanted) & (got != wanted))
        assert not wrong.any(), report(case, arrays, wrong, got, wanted)


def test_gelu_keeps_its_negative_tail() -> None:
    """NumPy's definition cancels there: against the complementary error function."""
    machine = machine_of(KINDS[0])
    for d, bound in ((float32, 8), (float64, 16)):
        x = np.linspace(-12, 0, 1024).astype(d.storage)
        (got,), _, _ = run_cases([Case("gelu", (d,), machine.width(d.itemsize))], [[x]], machine)
        wide = x.astype(np.float64)
        wanted = 0.5 * wide * expr.FUNCTIONS["erfc"](-wide * np.sqrt(0.5))
        # The argument's rounding in the reference is magnified by its square.
        assert (
            np.abs(got - wanted)
            <= np.abs(wanted) * bound * np.finfo(d.storage).eps * (1 + (wide**2 if d is float64 else 0))
        ).all()


def test_every_width_gives_the_same_bits() -> None:
    """Threads share the work at other places than vectors end: an element is sometimes one of a vector and sometimes alone."""
    machine, generator = machine_of(KINDS[0]), np.random.default_rng(24)
    for d in (float32, float64):
        names = [
            n
            for n in sorted(ELEMENTARY | SPECIAL | ROUNDED | {"rem", "floor_divide"})
            if supported(n, dtypes_for(n, d))
        ]
        operands = [operands_for(dtypes_for(n, d), generator) for n in names if n not in PROBABILITIES]
        found = []
        for width in (machine.width(d.itemsize), 2, 1):
            cases = [Case(n, dtypes_for(n, d), width) for n in names if n not in PROBABILITIES]
            found.append(run_cases(cases, operands, machine)[0])
        for case, *results in zip(cases, *found, strict=True):
            for other in results[1:]:
                assert same(results[0], other, d).all(), case


# ---- powers ----


def test_powers_with_known_exponents() -> None:
    v = Value("%x", float32, 8)
    texts = []
    for exponent in (1, 2, -1, 3):
        module = Module()
        f = Function(module, "f", [("<8 x float>", "x")])
        apply(f, "pow", [v, literal(exponent, float32, 1)], machine_of("avx2"))
        f.end()
        texts.append(module.text())
    assert "fmul" not in texts[0] and "call" not in texts[0]
    assert "fmul <8 x float> %x, %x" in texts[1] and "fdiv" in texts[2] and "rushlight_pow" in texts[3]


# ---- failures ----


def failed(name: str, dtypes: tuple[dtype, ...], *arrays: np.ndarray) -> bool:
    case = Case(name, dtypes, machine_of(KINDS[0]).width(dtypes[-1].itemsize))
    return run_cases([case], [list(arrays)], machine_of(KINDS[0]))[2]


@pytest.mark.parametrize("name", ["floor_divide", "truncate_divide", "rem", "fmod"])
def test_integer_division_by_zero_is_reported(name: str) -> None:
    a, b = np.arange(64, dtype=np.int32), np.ones(64, np.int32)
    assert not failed(name, (int32, int32), a, b)
    b[37] = 0
    assert failed(name, (int32, int32), a, b)
    assert not failed(name, (float32, float32), a.astype(np.float32), b.astype(np.float32))


def test_numbers_that_are_no_probabilities_are_reported() -> None:
    x, target = np.full(64, 0.25, np.float32), np.ones(64, np.float32)
    assert not failed("binary_cross_entropy", (float32, float32), x, target)
    for bad in (-0.1, 1.1, np.nan):
        x[5] = bad
        assert failed("binary_cross_entropy", (float32, float32), x, target)


# ---- the tables ----


def applied(expression: Expr) -> set[str]:
    if not isinstance(expression, Apply):
        return set()
    return {expression.function}.union(*map(applied, expression.arguments))


def test_definitions_stand_on_base_functions() -> None:
    assert not set(BASE) & set(DEFINITIONS)
    for name in DEFINITIONS:
        expression = expand(name, *[Load(place, ()) for place in range(operands_of(name))])
        assert applied(expression) <= set(BASE), name
        assert (name in FAILING) == bool(applied(expression) & FAILING), name


def test_what_is_supported() -> None:
    assert set(BASE) | set(DEFINITIONS) <= set(expr.FUNCTIONS) | OWN
    assert supported("add", (float32, float32)) and supported("select", (bool_, int8, int8))
    assert not supported("add", (complex64, complex64))
    assert not supported("add", (float32, float64))
    assert not supported("sub", (bool_, bool_))
    assert not supported("select", (float32, float32, float32))
    assert not supported("zeta", (float64, float64))
    with pytest.raises(Unsupported, match="zeta"):
        expand("zeta", Load(0, ()), Load(1, ()))


def test_numbers_to_try_cover_the_categories() -> None:
    assert {d.category for d in REAL} == {BOOL, INTEGER, FLOATING}
    assert all(special(d).dtype == d.storage for d in REAL)
