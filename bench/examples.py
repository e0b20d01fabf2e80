"""`make programs`: the programs under examples/, whole and at their own sizes, in Rushlight and in PyTorch: `docs/programs.md`, and the same as JSON.

    python -m bench.examples [word …]    only programs whose name holds one of the words; nothing is written to docs/

Each side runs in a process of its own, and the two take turns of some steps each, so that what else the machine does hits both. The first third
of the steps, in which recording and compiling take place, is a turn of its own. `bench/README.md` says more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.samples import cifar_like

from . import machine, report
from .load import Load
from .sides import NAP, ROOT, Failed, command, quartiles, set_environment

# Steps that are run, of what size the program itself thinks best; so many that two thirds of them come after most compilation.
STEPS = {
    "mlp_regression": 300,
    "lenet_cifar10": 90,
    "resnet_cifar10": 12,
    "vae": 90,
    "dcgan": 12,
    "unet_segmentation": 12,
    "char_rnn": 15,
    "lstm_language_model": 45,
    "seq2seq_attention": 75,
    "transformer_translation": 45,
    "gpt": 15,
    "vit_cifar10": 15,
    "gcn": 90,
    "word2vec": 90,
    "ddpm": 12,
    "siamese": 36,
    "style_transfer": 6,
    "neural_ode": 60,
    "forecasting": 24,
    "reinforce": 45,
    "ppo": 120,
}
STEPS_FOR_A_LOSS = {"dcgan": 2}  # of the optimizers
# What comes after the training is not measured, and made short.
SHORT = {
    "char_rnn": ["--write", "1"],
    "lstm_language_model": ["--write", "1"],
    "seq2seq_attention": ["--test", "2"],
    "transformer_translation": ["--test", "2"],
    "gpt": ["--write", "1"],
    "ddpm": ["--times", "4", "--samples", "8"],
}
TURNS = 16  # that each side takes after the first third of its steps
LIMIT = 300  # seconds for a process
# Losses of the first steps must agree so well, as in tests/examples; later ones drift apart, as two builds of PyTorch's do.
# A step of style_transfer is twenty evaluations of L-BFGS: PyTorch's own second loss moves by 1e-2 where the picture is made brighter by 1e-7.
FIRST, TOLERANCE = 3, {"dcgan": 2e-3, "style_transfer": 1e-2}
PAGE = ROOT / "docs" / "programs.md"


class Program:
    """A process that runs an example on a side, a turn at a time."""

    def __init__(self, side: str, name: str, folder: str) -> None:
        self.side = side
        words = command(side, "bench.example_run", name, "--steps", str(STEPS[name]), *SHORT.get(name, []))
        self._began = time.perf_counter()
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )
        self._answer()
        self.start = time.perf_counter() - self._began

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line or time.perf_counter() - self._began > LIMIT:
            self._process.kill()
            self._process.wait()
            self._complaints.seek(0)
            last = (self._complaints.read().strip().splitlines() or ["no message"])[-1]
            raise Failed(f"{self.side}: {last if not line else f'more than {LIMIT} s'}")
        return json.loads(line)

    def go_on(self, steps: int | None) -> Any:
        """Seconds that so many steps took; without a number the process runs to its end, and says what it found."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps or ''}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._complaints.close()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def turns(steps: int, each: int) -> list[int]:
    """The steps of each turn: the first third, and the others in about TURNS equal parts."""
    first = steps // 3
    size = max(1, round((steps - first) / TURNS))
    return [each * first, *[each * min(size, steps - begin) for begin in range(first, steps, size)]]


def run(name: str, folder: str, reverse: bool) -> dict[str, dict[str, Any]]:
    """One process of each side in turns: seconds of each turn, and what the program said."""
    sides = ("peer", "ours") if reverse else ("ours", "peer")
    programs: dict[str, Program] = {}
    try:
        for side in sides:
            time.sleep(NAP)
            programs[side] = Program(side, name, folder)
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for number, steps in enumerate(turns(STEPS[name], STEPS_FOR_A_LOSS.get(name, 1))):
            for side in sides if number % 2 == 0 else reversed(sides):
                time.sleep(NAP)  # threads of both libraries spin for a while after their work
                seconds[side].append(programs[side].go_on(steps))
        return {
            side: {"seconds": seconds[side], "start": program.start, **program.go_on(None)}
            for side, program in programs.items()
        }
    finally:
        for program in programs.values():
            program.close()


def apart(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The largest relative difference."""
    return max(abs(a - b) / max(abs(b), 1e-12) for a, b in zip(ours, theirs, strict=True))


def compare(name: str, rounds: int, processors: Sequence[int]) -> dict[str, Any]:
    """The row of a program."""
    load, found = Load(processors, []), []
    with tempfile.TemporaryDirectory() as folder:
        cifar_like.write(Path(folder) / "data", images_per_batch=2000)
        os.environ["RUSHLIGHT_CACHE"] = str(Path(folder) / "kernels")  # empty at first
        found = [run(name, folder, number % 2 == 1) for number in range(rounds)]
    pairs = [
        (a, b) for each in found for a, b in zip(each["ours"]["seconds"][1:], each["peer"]["seconds"][1:], strict=True)
    ]
    ours, theirs = found[0]["ours"]["losses"], found[0]["peer"]["losses"]

    def ratio(what: Any, each: dict[str, Any]) -> float:
        return what(each["ours"]) / what(each["peer"])

    def first(side: dict[str, Any]) -> float:
        return side["start"] + side["seconds"][0]

    return {
        "name": name,
        "steps": len(ours),
        "first_losses": apart(ours[:FIRST], theirs[:FIRST]),
        "losses": apart(ours, theirs),
        "equal": apart(ours[:FIRST], theirs[:FIRST]) <= TOLERANCE.get(name, 1e-4),
        "step": quartiles([a / b for a, b in pairs]),
        "seconds": [sum(a for a, _ in pairs), sum(b for _, b in pairs)],
        "cold": ratio(first, found[0]),
        "warm": ratio(first, found[1]) if rounds > 1 else None,
        "first_seconds": [[first(each[side]) for side in ("ours", "peer")] for each in found],
        "memory": statistics.median(ratio(lambda side: side["memory"], each) for each in found),
        "others_load": load.of_others(),
    }


def page(rows: Sequence[dict[str, Any]], threads: int) -> str:
    """`docs/programs.md`: ratios alone, since times are those of one machine."""
    lines = [
        "# The examples beside PyTorch",
        "",
        f"`make programs` writes this page: each program under `examples/` at its own sizes, beside PyTorch 2.13, {threads} threads both, in turns of some steps each.",
        "All numbers are Rushlight's divided by PyTorch's: below 1 is better. `bench/README.md` says how they are measured.",
        "",
        "- *step*: time of a turn after the first third of the steps, the median of the turns' ratios and its quartiles; *all*: of all these turns together.",
        "- *cold*: from the start of the process to the end of the first third of the steps, with no kernel compiled yet; *again*: the same, with the kernels on disk.",
        "- *memory*: the peak above what the process held with the library imported.",
        f"- *losses*: the largest relative difference of the first {FIRST} losses, and of all.",
        "- *?*: other processes took more than a tenth of the processors' time meanwhile, so that the ratio says little.",
        "",
        "| program | steps | step | quartiles | all | cold | again | memory | losses | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        if "failed" in row:
            lines.append(f"| {row['name']} | | {row['failed']} | | | | | | | |")
            continue
        low, middle, high = row["step"]
        ours, theirs = row["seconds"]
        again = "" if row["warm"] is None else f"{row['warm']:.2f}"
        lines.append(
            f"| {row['name']} | {row['steps']} | {middle:.2f} | {low:.2f}–{high:.2f} | {ours / theirs:.2f} | {row['cold']:.2f} | {again} | "
            f"{row['memory']:.2f} | {row['first_losses']:.0e} {row['losses']:.0e}{'' if row['equal'] else ' **not equal**'} | {'?' if report.doubtful(row) else ''} |"
        )
    return "\n".join(lines) + "\n"


HEAD = f"{'':<25}   step  quartiles   all   cold   warm  memory  losses differ by (first {FIRST}, all)"


def line(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"{row['name']:<25}{row['failed']}"
    low, middle, high = row["step"]
    ours, theirs = row["seconds"]
    doubt = f"  ? (others {row['others_load']:.0%})" if report.doubtful(row) else ""
    warm = "" if row["warm"] is None else f"{row['warm']:.2f}"
    return (
        f"{row['name']:<25}{middle:>7.2f}  {low:.2f}–{high:.2f}{ours / theirs:>7.2f}{row['cold']:>7.2f}{warm:>7}{row['memory']:>8.2f}   "
        f"{row['first_losses']:.0e} {row['losses']:.0e}{'' if row['equal'] else '  NOT EQUAL'}{doubt}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m bench.examples", description="The examples in Rushlight and in PyTorch."
    )
    parser.add_argument("words", nargs="*", help="only programs whose name holds one of these")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each side (default %(default)s)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=12,
        help="for all: where it is behind, one process of each side (default %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=2, help="of each side (default %(default)s)")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "programs.json", metavar="FILE")
    options = parser.parse_args()
    set_environment(options.threads)
    processors = machine.pin(options.threads)
    rows: list[dict[str, Any]] = []
    began = time.perf_counter()
    print(
        f"{options.threads} threads, {options.rounds} processes of each side; all numbers: ours/PyTorch\n{HEAD}",
        flush=True,
    )
    for name in STEPS:
        if not options.words or any(word in name for word in options.words):
            try:
                late = time.perf_counter() - began > options.minutes * 60 * len(rows) / len(STEPS)
                rows.append(compare(name, 1 if rows and late else options.rounds, processors))
            except Failed as failure:
                rows.append({"name": name, "failed": str(failure)})
            print(line(rows[-1]), flush=True)
    measured = [row for row in rows if "step" in row]
    slower = [row["name"] for row in measured if row["step"][1] > 1]
    print(
        f"{len(measured)} programs; {sum(row['equal'] for row in measured)} with equal losses; slower: {', '.join(slower) or 'none'}"
    )
    if not options.words:
        PAGE.write_text(page(rows, options.threads), encoding="utf-8")
    report.write(options.json, {"machine": machine.describe(), "threads": options.threads, "rows": rows})
    if any("failed" in row or not row["equal"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
