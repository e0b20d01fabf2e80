"""The command line of the demo: train, test, save, draw."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import rushlight as torch

from .images import load_images
from .picture import draw
from .training import RECIPES, Net, accuracy_of, predict, train


def parser() -> argparse.ArgumentParser:
    """The demo's options."""
    options = argparse.ArgumentParser(
        prog="python -m rushlight demo",
        description="Trains the tutorial's image classifier on CIFAR-10 (or, where it cannot be had, on handwritten "
        "digits), tests it after each epoch, and draws what it learnt. Ctrl-C ends the training early and keeps it.",
    )
    options.add_argument(
        "--recipe", choices=sorted(RECIPES), default="default", help="'tutorial': as the tutorial has it"
    )
    options.add_argument("--epochs", type=positive, help="passes over the training images (default: the recipe's)")
    options.add_argument("--data", help="folder that holds CIFAR-10 (default: $RUSHLIGHT_DATA, then ./data)")
    options.add_argument("--seed", type=int, default=0, help="for the weights and the order of images (default 0)")
    options.add_argument(
        "--out", type=Path, default=Path("rushlight-demo.png"), help="the picture (default %(default)s)"
    )
    return options


def positive(text: str) -> int:
    """A whole number above 0, from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def main(arguments: list[str]) -> None:
    """Runs the demo with these command-line arguments."""
    options = parser().parse_args(arguments)
    warnings.formatwarning = lambda message, *place: (
        f"{message}\n"
    )  # to a user of the demo the line of code says nothing
    recipe = RECIPES[options.recipe]
    torch.manual_seed(options.seed)
    try:
        images = load_images(options.data)
    except (OSError, RuntimeError) as error:  # CIFAR-10 lies there, but broken: the user's to mend
        sys.exit(f"demo: {error}")
    print(f"{images.name}: {len(images.train)} images to learn from, {len(images.test)} to test on", flush=True)
    net = Net()
    report = train(net, images, recipe, options.epochs or recipe.epochs)
    if report.interrupted:
        print(f"ended by Ctrl-C after {len(report.losses)} steps; what was learnt is kept", flush=True)
    predictions = predict(net, images)
    accuracy = accuracy_of(predictions, images)
    weights = options.out.with_suffix(".pt")
    weights.parent.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), weights)
    draw(options.out, f"{images.name}: {accuracy:.1%} of the test images right", report, predictions, images)
    print(f"test accuracy {accuracy:.1%}; weights in {weights}, picture in {options.out}")
