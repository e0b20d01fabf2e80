"""All three databases as one list of cases."""

from __future__ import annotations

from types import ModuleType

from . import database, forward, modules, optimizers, walk
from .database import Case
from .walk import Result


def _home(case: Case) -> ModuleType:
    if case.op in modules.modules():
        return modules
    if case.op in optimizers.optimizers():
        return optimizers
    return forward if case.aspect.startswith("forward") else walk


def cases(pattern: str = "") -> list[Case]:
    """Every case of what the module under test has."""
    return [*database.cases(pattern), *modules.cases(pattern), *optimizers.cases(pattern)]


def run(case: Case, take_all: bool = False) -> Result:
    """The result of a case, a fault of the harness included as a failure of the case."""
    return _home(case).run(case, take_all)


def missing() -> dict[str, str]:
    """What is in scope and absent: OpInfo, module or optimizer → the names that are lacking."""
    lacking = {name: database.missing(name) for name in database.ops() if database.scope(name) is None}
    lacking |= {name: modules.missing(name) for name in modules.modules()}
    lacking |= {name: optimizers.missing(name) for name in optimizers.optimizers()}
    return {name: names for name, names in lacking.items() if names}


def out_of_scope() -> dict[str, str]:
    """What is not asked of Rushlight → why."""
    ruled = {name: database.scope(name) for name in database.ops()}
    ruled |= {f"optim.{name}": why for name, why in optimizers.OUT_OF_SCOPE.items()}
    return {name: why for name, why in ruled.items() if why}
