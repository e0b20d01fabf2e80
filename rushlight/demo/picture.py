"""One picture of a training: loss curve, confusion matrix, images classified rightly and wrongly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from .images import Images
from .training import Report

ROWS, COLUMNS = 3, 6  # of example images


def draw(path: Path, title: str, report: Report, predictions: list[int], images: Images) -> None:
    """Writes the picture of a training to the PNG file `path`."""
    figure = Figure(figsize=(15, 10), layout="constrained")
    figure.suptitle(title, fontsize=15)
    top, bottom = figure.subfigures(2, 1, height_ratios=(6, 5))
    left, right = top.subplots(1, 2)
    draw_losses(left, report)
    found, wanted = np.array(predictions), np.array(images.test.targets)
    draw_confusion(right, found, wanted, images.classes)
    rightly, wrongly = bottom.subfigures(1, 2)
    draw_examples(rightly, "classified rightly", np.flatnonzero(found == wanted), found, images)
    draw_examples(
        wrongly, "classified wrongly (what it is, what was seen)", np.flatnonzero(found != wanted), found, images
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, format="png")


def draw_losses(axes: Axes, report: Report) -> None:
    """The loss of every step and its running mean, over epochs; the test accuracy on an axis of its own."""
    losses = np.array(report.losses)
    if not len(losses):
        axes.set_title("no step was finished")
        return
    epochs = np.arange(1, len(losses) + 1) / report.steps_per_epoch
    axes.plot(epochs, losses, color="tab:blue", alpha=0.25, linewidth=0.7)
    width = max(1, min(len(losses) // 10, report.steps_per_epoch // 5))
    mean = np.convolve(losses, np.ones(width) / width, mode="valid")
    lines = axes.plot(epochs[width - 1 :], mean, color="tab:blue", label="training loss")
    axes.set(title="Loss and accuracy", xlabel="epoch", ylabel="loss")
    axes.set_ylim(bottom=0)
    other = axes.twinx()
    ends = np.arange(1, len(report.accuracies) + 1)
    lines += other.plot(ends, 100 * np.array(report.accuracies), "o-", color="tab:orange", label="test accuracy")
    other.set_ylabel("test accuracy (%)")
    other.set_ylim(0, 100)
    axes.legend(handles=lines, loc="lower left")


def draw_confusion(axes: Axes, found: np.ndarray, wanted: np.ndarray, classes: tuple[str, ...]) -> None:
    """Rows say what an image is, columns what it was taken for, numbers how many of a row in per cent."""
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (wanted, found), 1)
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(percent.shape):
        value = percent[row, column]
        if value >= 0.5:
            colour = "white" if value > 50 else "black"
            axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(title="Confusion (% of each row)", xlabel="taken for", ylabel="is")


def draw_examples(figure: SubFigure, title: str, chosen: np.ndarray, found: np.ndarray, images: Images) -> None:
    """The first few images of `chosen`, spread over the test set, with their names."""
    figure.suptitle(title)
    spread = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), ROWS * COLUMNS)).astype(int)]
    grid = figure.subplots(ROWS, COLUMNS)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, index in zip(grid.flat, spread, strict=False):
        image, label = images.test[int(index)]
        axes.imshow(np.clip(image.numpy().transpose(1, 2, 0) * 0.5 + 0.5, 0, 1))
        names = dict.fromkeys((images.classes[label], images.classes[found[index]]))
        axes.set_title(", ".join(names), fontsize=8)
