"""`make programs`: the programs under examples/, whole and at their own sizes, in Rushlight and in PyTorch: a table, and the same as JSON.

    python -m bench.examples [word …]    only programs whose name holds one of the words

Each runs in processes of its own, the two sides in turn. A step's time is the mean over the last two thirds of the steps, so that
what is done once (recording, compiling) does not count; it is a column of its own. `bench/README.md` says more.
"""

from __future__ import annotations

import argparse
import json
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
from .sides import NAP, ROOT, Failed, command, set_environment, summary

# Steps that are run, of what size the program itself thinks best; so many that two thirds of them come after all compilation.
STEPS = {
    "mlp_regression": 300,
    "lenet_cifar10": 90,
    "resnet_cifar10": 15,
    "vae": 90,
    "dcgan": 15,
    "unet_segmentation": 18,
    "char_rnn": 18,
    "lstm_language_model": 60,
    "seq2seq_attention": 150,
    "transformer_translation": 60,
    "gpt": 18,
    "vit_cifar10": 18,
    "gcn": 90,
    "word2vec": 150,
    "ddpm": 15,
    "siamese": 45,
    "style_transfer": 6,
    "neural_ode": 60,
    "forecasting": 30,
    "reinforce": 45,
    "ppo": 120,
}
# What comes after the training is not measured, and made short.
SHORT = {
    "char_rnn": ["--write", "1"],
    "lstm_language_model": ["--write", "1"],
    "seq2seq_attention": ["--test", "2"],
    "transformer_translation": ["--test", "2"],
    "gpt": ["--write", "1"],
    "ddpm": ["--times", "4", "--samples", "8"],
}
# Losses of the first steps must agree so well, as in tests/examples; later ones drift apart, as two builds of PyTorch's do.
FIRST, TOLERANCE = 3, {"dcgan": 2e-3}
HEAD = f"{'':<25}{'ours':>10}{'PyTorch':>10}    ratio  quartiles   first steps  memory   losses differ by (first {FIRST}, all)"


def run(side: str, name: str, folder: str) -> dict[str, Any]:
    """One process: what `bench.example_run` says of it."""
    words = command(side, "bench.example_run", name, "--steps", str(STEPS[name]), *SHORT.get(name, []))
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"{side}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def apart(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The largest relative difference."""
    return max(abs(a - b) / max(abs(b), 1e-12) for a, b in zip(ours, theirs, strict=True))


def compare(name: str, rounds: int, processors: Sequence[int]) -> dict[str, Any]:
    """The row of a program."""
    load, found = Load(processors, []), {"ours": [], "peer": []}  # type: ignore[var-annotated]
    with tempfile.TemporaryDirectory() as folder:
        cifar_like.write(Path(folder) / "data", images_per_batch=2000)
        for number in range(rounds):
            for side in ("ours", "peer") if number % 2 == 0 else ("peer", "ours"):
                time.sleep(NAP)
                found[side].append(run(side, name, folder))
    ours, theirs = found["ours"][0]["losses"], found["peer"][0]["losses"]
    row = {
        "name": name,
        "steps": len(ours),
        "first_losses": apart(ours[:FIRST], theirs[:FIRST]),
        "losses": apart(ours, theirs),
    }
    row["equal"] = row["first_losses"] <= TOLERANCE.get(name, 1e-4)
    for what in ("step", "first", "memory"):
        row[what] = summary(*([facts[what] for facts in found[side]] for side in ("ours", "peer")))
    return {**row, "others_load": load.of_others()}


def line(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"{row['name']:<25}{row['failed']}"
    step, first, memory = row["step"], row["first"], row["memory"]
    low, high = step["ratio_quartiles"]
    doubt = f"  ? (others {row['others_load']:.0%})" if report.doubtful(row) else ""
    return (
        f"{row['name']:<25}{1e3 * step['ours']['median']:>10.2f}{1e3 * step['peer']['median']:>10.2f} ms{step['ratio']:>6.2f}  "
        f"{low:.2f}–{high:.2f} {first['ours']['median']:>7.1f}/{first['peer']['median']:.1f} s  {memory['ratio']:>5.2f}   "
        f"{row['first_losses']:.0e} {row['losses']:.0e}{'' if row['equal'] else '  NOT EQUAL'}{doubt}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m bench.examples", description="The examples in Rushlight and in PyTorch."
    )
    parser.add_argument("words", nargs="*", help="only programs whose name holds one of these")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each side (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of each side (default %(default)s)")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "programs.json", metavar="FILE")
    options = parser.parse_args()
    set_environment(options.threads)
    processors = machine.pin(options.threads)
    rows = []
    print(
        f"{options.threads} threads, {options.rounds} processes of each side; ratio: ours/PyTorch\n{HEAD}", flush=True
    )
    for name in STEPS:
        if not options.words or any(word in name for word in options.words):
            try:
                rows.append(compare(name, options.rounds, processors))
            except Failed as failure:
                rows.append({"name": name, "failed": str(failure)})
            print(line(rows[-1]), flush=True)
    measured = [row for row in rows if "step" in row]
    slower = [row["name"] for row in measured if row["step"]["ratio"] > 1]
    print(
        f"{len(measured)} programs; {sum(row['equal'] for row in measured)} with equal losses; slower: {', '.join(slower) or 'none'}"
    )
    report.write(options.json, {"machine": machine.describe(), "threads": options.threads, "rows": rows})
    if any("failed" in row or not row["equal"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
