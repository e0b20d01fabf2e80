"""`python -m tests.fuzz KIND FIRST COUNT`: runs that many programs of the kind (graphs or views), prints what fails."""

from __future__ import annotations

import sys
import warnings

from . import graphs, judge, views


def main(arguments: list[str]) -> int:
    """1 if a program failed."""
    kind, first, count = arguments[0], int(arguments[1]), int(arguments[2]) if len(arguments) > 2 else 1
    warnings.simplefilter("ignore")
    failed = 0
    for seed in range(first, first + count):
        script = judge.failure({"graphs": graphs, "views": views}[kind].generate(seed))
        if script:
            failed += 1
            print(script)
    print(f"{failed} of {count} programs fail")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
