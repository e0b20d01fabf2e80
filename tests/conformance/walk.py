"""Runs a case: the op on PyTorch's sample inputs in both libraries, and what came out compared."""

from __future__ import annotations

import operator
import re
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch.testing._internal.opinfo.core import SampleInput

from . import database, names
from .compare import Tolerances, as_accurate, problem
from .convert import WIDE, Copier, Unconvertible, flat_tensors, is_subject_tensor, to_oracle
from .database import Case
from .subject import lookup, subject

CAPS = {
    "variants": 4,
    "out": 2,
    "refusals": 2,
    "errors": 40,
    "grad-float64": 10,
    "grad-complex128": 5,
    "gradgrad-float64": 3,
}
CAP_OF_VALUES = 25
# What PyTorch refuses and here cannot go wrong: an `out` that shares memory with an input (values are immutable below a
# tensor), or one whose dtype holds the result (some of PyTorch's kernels take it, some do not).
HARMLESS_HERE = re.compile(
    "single memory location|internal overlap|memory overlap|out tensor to have dtype|for argument 'out'|Long tensor out"
)
ROUGH = {torch.float16, torch.bfloat16, torch.float32, torch.complex64}  # dtypes whose results have a finer judge
ALSO_IN_PLACE = 3  # samples of a gradient case that are tried through the in-place form too


@dataclass
class Result:
    """What came of a case. `failures` are pairs (sample number, what went wrong)."""

    op: str
    aspect: str
    samples: int = 0
    skipped: int = 0  # out of scope, or PyTorch itself raises
    by_accuracy: int = 0  # out of tolerance, yet as near to the double-precision result as PyTorch's
    other_wording: int = 0  # errors of the right class whose text OpInfo's pattern does not match
    failures: list[tuple[int, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # variants that do not exist
    seconds: float = 0.0

    def fail(self, index: int, message: str) -> None:
        """Notes a failure of a sample."""
        self.failures.append((index, message))

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


@dataclass
class Outcome:
    """A value, or the exception raised instead."""

    value: Any = None
    error: Exception | None = None


def attempt(seeded: Any, call: Callable[[], Any]) -> Outcome:
    """Runs `call` after seeding `seeded` (torch or the module under test)."""
    seeded.manual_seed(0)
    try:
        return Outcome(call())
    except Exception as error:
        return Outcome(error=error)


def describe(error: BaseException) -> str:
    """The exception and where in the library it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/tests/" not in f.filename]
    where = f" [{frames[-1].filename.rsplit('/', 2)[-1]}:{frames[-1].lineno}]" if frames else ""
    text = next(iter(str(error).strip().splitlines()), "")
    return f"raised {type(error).__name__}: {text[:300]}{where}"


def class_problem(error: Exception, expected: type[BaseException]) -> str | None:
    """Why an exception is not of the class PyTorch raises, or None."""
    if expected.__module__.startswith("torch"):
        expected = lookup(f"linalg.{expected.__name__.strip('_')}") or RuntimeError
    if type(error).__name__ in ("InternalError", "NotThereYet") or not isinstance(error, expected):
        return f"{describe(error)}; expected {expected.__name__}"
    return None


class Sides:
    """One sample on both sides: copies of its inputs, made afresh for each instance."""

    def __init__(self, sample: Any) -> None:
        whole = (sample.input, sample.args, sample.kwargs)
        self.oracle, self.subject = Copier(to_subject=False), Copier(to_subject=True)
        self.oracle_inputs = self.oracle(whole)
        self.subject_inputs = self.subject(whole)

    def run(self, op: Callable, subject_op: Callable, **more: Any) -> tuple[Outcome, Outcome]:
        """Outcomes of PyTorch's op and of the module's, values unconverted."""
        first, args, kwargs = self.oracle_inputs
        wanted = attempt(torch, lambda: op(first, *args, **kwargs, **more))
        first_, args_, kwargs_ = self.subject_inputs
        got = attempt(subject, lambda: subject_op(first_, *args_, **kwargs_, **more))
        return wanted, got

    def mixes_rough(self) -> bool:
        """Whether a tensor beside others is of a dtype of `ROUGH`: what is made of it is no finer, whatever dtype the result has."""
        return any(tensor.dtype in ROUGH for _, tensor in self.oracle.tensors)

    def inputs_problem(self, tolerances: Tolerances) -> str | None:
        """How the inputs differ after the call: what must not change did, or what must did not."""
        for number, ((_, wanted), (_, got)) in enumerate(zip(self.oracle.tensors, self.subject.tensors, strict=True)):
            if wanted.layout is torch.strided:
                found = problem(to_oracle(got), wanted.detach(), tolerances)
                if found:
                    return f"input {number} afterwards: {found}"
        return None


def _fields_problem(got: Any, wanted: Any) -> str | None:
    if type(wanted).__module__ == "torch.return_types":
        lacking = [f for f in type(wanted).__match_args__ if not hasattr(got, f)]
        if lacking:
            return f"result lacks field {lacking[0]}"
    return None


def _wide(sample: Any, op: Callable) -> Any:
    first, args, kwargs = Copier(to_subject=False, retype=WIDE)((sample.input, sample.args, sample.kwargs))
    return attempt(torch, lambda: op(first, *args, **kwargs)).value


def values(case: Case, result: Result, cap: int | None) -> None:
    """Values, shapes and dtypes for one dtype of inputs."""
    info, subject_op = database.ops()[case.op], database.function_of(case.op)
    tolerances = database.tolerances(case.op)
    undefined = database.UNDEFINED_VALUES.match(case.op)
    for index, sample in database.samples(case.op, getattr(torch, case.aspect), False, cap):
        sides = sides_of(sample, result)
        if sides is None:
            continue
        wanted, got = sides.run(info.op, subject_op)
        if wanted.error is not None or _has_complex32(wanted.value):
            result.skipped += 1
            continue
        result.samples += 1
        process = _freedom(case, info, sample)
        judge = Judge(tolerances, process, bool(undefined), lambda s=sample: _wide(s, info.op), sides.mixes_rough())
        found = judge.problem(wanted, got)
        result.by_accuracy += judge.by_accuracy
        found = found or (sides.inputs_problem(tolerances) if result.samples <= 2 and not undefined else None)
        if found:
            result.fail(index, found)


def _freedom(case: Case, info: Any, sample: Any) -> Callable | None:
    """What removes from a result what an op is free to choose, or None."""
    if database.UP_TO_GAUGE.match(case.op):
        return sample.output_process_fn_grad
    return database.picked(info, sample)


def _has_complex32(value: Any) -> bool:
    return any(t.dtype is torch.complex32 for t in flat_tensors(value, torch.is_tensor))


def sides_of(sample: Any, result: Result) -> Sides | None:
    try:
        return Sides(sample)
    except Unconvertible:
        result.skipped += 1
        return None


@dataclass
class Judge:
    """Compares outcomes of one sample: what to allow, what an op is free to choose, and the double-precision result."""

    tolerances: Tolerances
    process: Callable | None = None  # removes the freedom
    undefined: bool = False  # only shape and dtype are defined
    exact: Callable[[], Any] = lambda: None
    rough: bool = False  # computed in a dtype of `ROUGH`, whatever dtype it is in
    by_accuracy: int = 0

    def problem(self, wanted: Outcome, got: Outcome) -> str | None:
        """What is wrong with a value where PyTorch gives one, or None."""
        if got.error is not None:
            return describe(got.error)
        expected = wanted.value
        try:
            found = _fields_problem(got.value, expected)
            actual = to_oracle(got.value)
        except Exception as error:
            return "forcing the result " + describe(error)
        if self.undefined:
            actual, expected = torch.zeros_like(actual), torch.zeros_like(expected)
        if self.process is not None:
            actual, expected = self.process(_like(actual, expected)), self.process(expected)
        found = found or problem(actual, expected, self.tolerances)
        if found and found.startswith(("value", "result")) and self._near(actual, expected):
            self.by_accuracy += 1
            return None
        return found

    def _near(self, actual: Any, expected: Any) -> bool:
        dtypes = {t.dtype for t in flat_tensors(expected, torch.is_tensor)}
        if self.process is not None or not (self.rough or dtypes & ROUGH):
            return False
        exact = self.exact()
        return exact is not None and as_accurate(actual, expected, exact, self.tolerances)

    def behaviour_problem(self, wanted: Outcome, got: Outcome) -> str | None:
        """As `problem`, and where PyTorch raises, the module must raise the same class."""
        if wanted.error is None:
            return self.problem(wanted, got)
        if got.error is None:
            return f"did not raise; PyTorch: {describe(wanted.error)}"
        expected = type(wanted.error)
        return class_problem(got.error, RuntimeError if expected is NotImplementedError else expected)


def _like(actual: Any, expected: Any) -> Any:
    """A plain tuple of tensors as PyTorch's named result, which `output_process_fn_grad` reads by field."""
    if type(expected).__module__ == "torch.return_types" and len(actual) == len(expected):
        return type(expected)(actual)
    return actual


def gradients(case: Case, result: Result, cap: int | None) -> None:
    """First or second gradients of the outputs, weighted with fixed random cotangents."""
    order, dtype_name = case.aspect.split("-")
    info, subject_op = database.ops()[case.op], database.function_of(case.op)
    tolerances = Tolerances()
    tried = 0
    for index, sample in database.samples(case.op, getattr(torch, dtype_name), True, cap):
        forms = [("", info.op, subject_op)]
        if info.supports_inplace_autograd and order == "grad" and tried < ALSO_IN_PLACE and not sample.broadcasts_input:
            forms += [(f"{label}: ", _cloning(op), _cloning(ours)) for label, op, ours in in_place_forms(info, result)]
        for label, op, ours in forms:
            sides = sides_of(sample, result)
            if sides is None:
                continue
            found = _gradient_problem(sample, sides, op, ours, order == "gradgrad", tolerances)
            if found is None:
                result.skipped += 1
                continue
            result.samples += 1
            tried += 1
            if found:
                result.fail(index, label + found)


def _cloning(op: Callable) -> Callable:
    return lambda first, *args, **kwargs: op(first.clone(), *args, **kwargs)


def in_place_forms(info: Any, result: Result) -> Iterator[tuple[str, Callable, Callable]]:
    """(label, PyTorch's, the module's) for the op's in-place method, if both have it."""
    if info.inplace_variant is not None:
        try:
            yield "in-place", info.inplace_variant, names.translate(info.inplace_variant)
        except names.Missing as lack:
            result.missing.append(str(lack))


def _outputs(process: Callable, value: Any, is_tensor: Callable[[Any], bool]) -> list[Any]:
    """What gradients start from; empty outputs only if there are no others."""
    tracked = [t for t in flat_tensors(process(value), is_tensor) if t.requires_grad]
    return [t for t in tracked if t.numel()] or tracked


def _cotangents(outputs: list[torch.Tensor], seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(o.shape, dtype=o.dtype, generator=generator) for o in outputs]


def _gradient_problem(
    sample: Any, sides: Sides, op: Callable, subject_op: Callable, second: bool, tolerances: Tolerances
) -> str | None:
    """What is wrong, "" if nothing, None if there is nothing to compare."""
    wanted, got = sides.run(op, subject_op)
    if wanted.error is not None:
        return None
    process = sample.output_process_fn_grad
    outputs = _outputs(process, wanted.value, torch.is_tensor)
    if not outputs:
        return None
    cotangents = _cotangents(outputs, 1)
    try:
        expected = backward(torch, outputs, sides.oracle.leaves(), cotangents, None, second)
    except RuntimeError:
        return None  # PyTorch has no such gradient
    if got.error is not None:
        return describe(got.error)
    try:
        ours = _outputs(names.rebind(process), got.value, is_subject_tensor)
        if len(ours) != len(outputs):
            return f"{len(ours)} outputs require grad, expected {len(outputs)}"
        carry = Copier(to_subject=True)
        seconds = [None if t is None else carry(t) for t in expected.second_cotangents]
        actual = backward(subject, ours, sides.subject.leaves(), carry(cotangents), seconds, second)
        return _pairs_problem(actual.grads, expected.grads, tolerances)
    except Exception as error:
        return "backward " + describe(error)


@dataclass
class Backward:
    """Gradients, and the cotangents that a second order needed."""

    grads: list[Any]
    second_cotangents: list[Any] = field(default_factory=list)


def backward(lib: Any, outputs: list, leaves: list, cotangents: list, seconds: list | None, second: bool) -> Backward:
    """Gradients with respect to the leaves; with `second`, the gradients of those, to leaves and cotangents."""
    if not second:
        return Backward(list(lib.autograd.grad(outputs, leaves, cotangents, allow_unused=True)))
    for cotangent in cotangents:
        cotangent.requires_grad_()
    first = lib.autograd.grad(outputs, leaves, cotangents, create_graph=True, allow_unused=True)
    if seconds is None:
        live = [g for g in first if g is not None and g.requires_grad]
        made = iter(_cotangents(live, 2))
        seconds = [next(made) if g is not None and g.requires_grad else None for g in first]
    # An undefined gradient means zero, and so does what would come of it.
    chosen = [(g, s) for g, s in zip(first, seconds, strict=True) if s is not None and g is not None]
    again = lib.autograd.grad([g for g, _ in chosen], leaves + cotangents, [s for _, s in chosen], allow_unused=True)
    return Backward([*first, *again], seconds)


def _pairs_problem(actual: list[Any], expected: list[Any], tolerances: Tolerances) -> str:
    for number, (a, e) in enumerate(zip(actual, expected, strict=True)):
        if a is None and e is None:
            continue
        a = None if a is None else to_oracle(a)
        a = torch.zeros_like(e) if a is None else a  # an undefined gradient means zero
        e = torch.zeros_like(a) if e is None else e.detach()
        found = problem(a, e, tolerances)
        if found:
            return f"gradient {number}: {found}"
    return ""


def _dtype_for_forms(info: Any) -> torch.dtype:
    return next(d for d in (torch.float32, torch.int64, *database.DTYPES) if d in info.dtypes)


def forms_of(info: Any, result: Result) -> Iterator[tuple[str, Callable, Callable]]:
    """(label, PyTorch's, the module's) for methods, operators, in-place forms and aliases; absent ones are noted."""
    wanted = [
        ("method", info.method_variant),
        ("in-place", info.inplace_variant),
        ("operator", info.operator_variant),
        ("in-place operator", info.inplace_operator_variant),
    ]
    for alias in info.aliases:
        wanted.append((f"alias {alias.name}", alias.op))
        wanted.append((f"alias method {alias.name}", alias.method_variant))
        wanted.append((f"alias in-place {alias.name}_", alias.inplace_variant))
    for label, function in wanted:
        if function is None:
            continue
        if getattr(operator, getattr(function, "__name__", ""), None) is function:
            yield label, function, function
            continue
        try:
            yield label, function, names.translate(function)
        except names.Missing as lack:
            result.missing.append(str(lack))


def variants(case: Case, result: Result, cap: int | None) -> None:
    """Methods, operators, in-place forms and aliases, on a few samples of one dtype."""
    info = database.ops()[case.op]
    tolerances = database.tolerances(case.op)
    undefined = bool(database.UNDEFINED_VALUES.match(case.op))
    drawn = list(database.samples(case.op, _dtype_for_forms(info), False, cap))
    for label, op, subject_op in forms_of(info, result):
        for index, sample in drawn:
            sides = sides_of(sample, result)
            if sides is None:
                continue
            wanted, got = sides.run(op, subject_op)
            result.samples += 1
            judge = Judge(tolerances, _freedom(case, info, sample), undefined, lambda s=sample, f=op: _wide(s, f))
            found = judge.behaviour_problem(wanted, got)
            result.by_accuracy += judge.by_accuracy
            if not found and wanted.error is None and "in-place" in label:
                if wanted.value is sides.oracle_inputs[0] and got.value is not sides.subject_inputs[0]:
                    found = "does not return the tensor it changed"
                if not judge.by_accuracy:
                    found = found or sides.inputs_problem(tolerances)
            if found:
                result.fail(index, f"{label}: {found}")


def out_forms(case: Case, result: Result, cap: int | None) -> None:
    """`out=`: of the right shape, to be resized, and of a dtype that may or may not hold the result."""
    info, subject_op = database.ops()[case.op], database.function_of(case.op)
    tolerances = database.tolerances(case.op)
    if database.UNDEFINED_VALUES.match(case.op):
        return
    for index, sample in database.samples(case.op, _dtype_for_forms(info), False, cap):
        sides = sides_of(sample, result)
        if sides is None:
            continue
        first, args, kwargs = sides.oracle_inputs
        plain = attempt(torch, lambda f=first, a=args, k=kwargs: info.op(f, *a, **k))
        outputs = flat_tensors(plain.value, torch.is_tensor) if plain.error is None else []
        if plain.error is not None or any(t.layout is not torch.strided for t in outputs):
            result.skipped += 1
            continue
        for label, make in (
            ("out=", lambda t: torch.full_like(t, 7).contiguous()),
            ("out= of size 0", lambda t: torch.empty((0,), dtype=t.dtype)),
            ("out= of int64", lambda t: torch.zeros(t.shape, dtype=torch.int64)),
            ("out= of float64", lambda t: torch.zeros(t.shape, dtype=torch.float64)),
        ):
            targets = [make(t) for t in outputs]
            result.samples += 1
            judge = Judge(tolerances, _freedom(case, info, sample), exact=lambda s=sample: _wide(s, info.op))
            found = _out_problem(info.op, subject_op, sides_of(sample, result), targets, plain.value, judge)
            if found:
                result.fail(index, f"{label}: {found}")


def _out_problem(
    op: Callable, subject_op: Callable, sides: Sides | None, targets: list[Any], plain: Any, judge: Judge
) -> str | None:
    if sides is None:
        return None
    ours = Copier(to_subject=True)(targets)
    plain_outputs = flat_tensors(plain, torch.is_tensor)
    many = not isinstance(plain, torch.Tensor)
    first, args, kwargs = sides.oracle_inputs
    wanted = attempt(torch, lambda: op(first, *args, **kwargs, out=tuple(targets) if many else targets[0]))
    first_, args_, kwargs_ = sides.subject_inputs
    got = attempt(subject, lambda: subject_op(first_, *args_, **kwargs_, out=tuple(ours) if many else ours[0]))
    if wanted.error is not None:  # kernels differ in which castable dtypes they take, and in the class they raise
        refused = all(torch.can_cast(r.dtype, t.dtype) for r, t in zip(plain_outputs, targets, strict=True))
        if refused or isinstance(got.error, (RuntimeError, TypeError)):
            return None
        return f"did not raise; PyTorch: {describe(wanted.error)}" if got.error is None else describe(got.error)
    if isinstance(got.error, RuntimeError) and any(
        t.dtype != r.dtype for t, r in zip(targets, plain_outputs, strict=True)
    ):
        return None  # and so may we
    wider: dict[torch.dtype, tuple[float, float]] = {}
    for r, t in zip(plain_outputs, targets, strict=True):  # what was computed in float32 stays as rough as that
        wider[t.dtype] = max(wider.get(t.dtype, (0.0, 0.0)), judge.tolerances.of(r.dtype))
    judge.rough = any(r.dtype in ROUGH for r in plain_outputs)
    judge.tolerances = Tolerances({**judge.tolerances.overrides, **wider}, judge.tolerances.exact)
    found = judge.problem(wanted, got)
    if found:
        return found
    if not many and got.value is not ours[0]:
        return "does not return `out`"
    if wanted.value is None:  # the op returns nothing when it is given `out`
        return problem(to_oracle(ours), targets, judge.tolerances)
    returned = flat_tensors(to_oracle(got.value), torch.is_tensor)
    return problem(list(to_oracle(ours)), returned, Tolerances(exact=True))


def judge_error(result: Result, index: int, sample: Any, got: Outcome, otherwise: str) -> None:
    """Counts what an erroneous input came to: PyTorch's class of error, its words or others, or `otherwise` where nothing was raised."""
    result.samples += 1
    if got.error is None:
        result.fail(index, otherwise)
    elif found := class_problem(got.error, sample.error_type):
        result.fail(index, f"{found}: {sample.error_regex}")
    elif not re.search(sample.error_regex, str(got.error)):
        result.other_wording += 1


def errors(case: Case, result: Result, cap: int | None) -> None:
    """Erroneous inputs: the class must be PyTorch's; the wording is counted apart."""
    info, subject_op = database.ops()[case.op], database.function_of(case.op)
    for index, sample in database.error_samples(case.op, cap):
        sides = sides_of(sample.sample_input, result)
        if sides is None:
            continue
        wanted, got = sides.run(info.op, subject_op)
        harmless = got.error is None and HARMLESS_HERE.search(str(wanted.error))
        if wanted.error is None or not isinstance(wanted.error, sample.error_type) or harmless:
            result.skipped += 1
            continue
        judge_error(result, index, sample, got, f"did not raise; PyTorch: {describe(wanted.error)}")


def refusals(case: Case, result: Result, cap: int | None) -> None:
    """Dtypes that PyTorch refuses: refused too, at the call and with a user's error, or else computed without a hitch."""
    info, subject_op = database.ops()[case.op], database.function_of(case.op)
    usual = _dtype_for_forms(info)
    drawn = list(database.samples(case.op, usual, False, cap))
    for dtype in (d for d in database.DTYPES if d not in info.dtypes):
        for index, sample in drawn:
            carry = Copier(to_subject=False, retype={usual: dtype})
            first, args, kwargs = carry((sample.input, sample.args, sample.kwargs))
            sides = sides_of(SampleInput(first, args=args, kwargs=kwargs), result)
            if sides is None:
                continue
            wanted, got = sides.run(info.op, subject_op)
            if wanted.error is None:
                result.skipped += 1
                continue
            result.samples += 1
            found = _refusal_problem(wanted, got)
            if found:
                result.fail(index, f"{str(dtype).removeprefix('torch.')}: {found}")


def _refusal_problem(wanted: Outcome, got: Outcome) -> str | None:
    if got.error is None:
        try:
            to_oracle(got.value)
        except Exception as error:
            return "forcing the result " + describe(error)
        return None
    expected = isinstance(got.error, (RuntimeError, TypeError, ValueError, IndexError, type(wanted.error)))
    if not expected or "ufunc" in str(got.error) or type(got.error).__name__ in ("InternalError", "NotThereYet"):
        return describe(got.error)
    return None


def run(case: Case, take_all: bool = False) -> Result:
    """The result of a case; `take_all` tries every sample instead of a deterministic spread."""
    result = Result(case.op, case.aspect)
    cap = None if take_all else CAPS.get(case.aspect, CAP_OF_VALUES)
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case.aspect == "errors":
            errors(case, result, cap)
        elif case.aspect == "out":
            out_forms(case, result, cap)
        elif case.aspect == "refusals":
            refusals(case, result, cap)
        elif case.aspect == "variants":
            variants(case, result, cap)
        elif case.aspect.startswith("grad"):
            gradients(case, result, cap)
        else:
            values(case, result, cap)
    result.missing = sorted(set(result.missing))
    result.seconds = round(time.perf_counter() - start, 3)
    return result
