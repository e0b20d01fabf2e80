"""The older launcher: as `run`, but each program is given `--local-rank`, unless `--use-env`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .run import Job, launch, parser


class _JobWithArgument(Job):
    def command(self, local: int) -> list[str]:
        own = super().command(local)
        before = len(own) - len(self.options.training_script_args)
        return [*own[:before], f"--local-rank={local}", *own[before:]]


def main(args: Sequence[str] | None = None) -> None:
    """Parses the command line, runs the job, ends with its code."""
    made = parser("rushlight.distributed.launch")
    made.add_argument("--use-env", "--use_env", action="store_true", help="do not pass --local-rank")
    options = made.parse_args(args)
    sys.exit(launch(options, (Job if options.use_env else _JobWithArgument)(options)))


if __name__ == "__main__":
    main()
