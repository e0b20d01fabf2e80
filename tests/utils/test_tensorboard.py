"""Event files: read back, they hold what PyTorch's writer put there for the same calls."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as theirs
from PIL import Image

import rushlight as ours

pytest.importorskip("tensorboard", reason="the extra tensorboard cannot be installed")

from matplotlib.figure import Figure  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader  # noqa: E402
from tensorboard.compat.proto.event_pb2 import Event  # noqa: E402
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # noqa: E402
from tensorboard.util import tensor_util  # noqa: E402
from torch.utils.tensorboard import SummaryWriter as Theirs  # noqa: E402

from rushlight.utils.tensorboard import SummaryWriter as Ours  # noqa: E402

Call = Callable[[Any, Any], Any]


def picture(t: Any) -> Any:
    return t.arange(60).reshape(3, 4, 5).float() / 50


def figure() -> Figure:
    made = Figure(figsize=(2, 1.5), dpi=40)
    made.subplots().plot([1, 3, 2])
    return made


CURVE = ([0, 1, 1, 0, 1], [0.1, 0.8, 0.6, 0.7, 0.3])
CALLS: dict[str, Call] = {
    "scalar": lambda w, t: w.add_scalar("loss/train x", t.tensor([2.5], requires_grad=True), t.tensor(3), walltime=7.0),
    "scalar as tensor": lambda w, t: w.add_scalar("/a", 0.1, np.int64(1), new_style=True),
    "scalar as double": lambda w, t: w.add_scalar("a", np.float64(0.1), 1, new_style=True, double_precision=True),
    "folders": lambda w, t: [w.add_scalars("a", {"x/y": i}, i) for i in range(2)],
    "scalars": lambda w, t: w.add_scalars("a/run", {"x": 1, "y z": t.tensor(2)}, 5),
    "tensor": lambda w, t: w.add_tensor("t", t.arange(6.0).reshape(2, 3), 1),
    "tensor of complex": lambda w, t: w.add_tensor("t", t.tensor([1j, 2.0]), 1),
    "tensor of truth": lambda w, t: w.add_tensor("t", t.arange(4) > 2, 1),
    "histogram": lambda w, t: w.add_histogram("h", t.linspace(-1, 2, 50), 1),
    "histogram in few bins": lambda w, t: w.add_histogram("h", t.linspace(-1, 2, 50), 1, max_bins=20),
    "histogram by rule": lambda w, t: w.add_histogram("h", np.arange(30) ** 2.0, 1, bins="fd", max_bins=3),
    "histogram of zeros": lambda w, t: w.add_histogram("h", t.zeros(4, dtype=t.bfloat16), 1),
    "histogram of what lies within": lambda w, t: w.add_histogram("h", t.arange(10), 1, bins=[-2, -1, 2, 4, 20, 30]),
    "histogram raw": lambda w, t: w.add_histogram_raw("h", 0.0, 3.0, 4, 6.0, 14.0, [1.0, 2.0, 3.0], [1, 2, 1], 2),
    "image": lambda w, t: w.add_image("i", picture(t), 1),
    "image of bytes": lambda w, t: w.add_image(
        "i", (picture(t) * 200).to(t.uint8).permute(1, 2, 0), 1, dataformats="HWC"
    ),
    "image of one colour": lambda w, t: w.add_image("i", picture(t)[0], 1, dataformats="HW"),
    "images": lambda w, t: w.add_images("i", t.stack([picture(t) / (i + 1) for i in range(9)]), 1),
    "images of one colour": lambda w, t: w.add_images(
        "i", t.stack([picture(t)[:1].permute(1, 2, 0)] * 2), 1, dataformats="NHWC"
    ),
    "boxes": lambda w, t: w.add_image_with_boxes(
        "i", t.full((3, 40, 40), 0.5), t.tensor([[5, 15, 20, 30], [1, 2, 9, 9]]), 1
    ),
    "boxes with labels, bigger": lambda w, t: w.add_image_with_boxes(
        "i", t.full((1, 40, 60), 0.25), np.array([[4.5, 10, 50.2, 30]]), rescale=1.7, labels="Wgj"
    ),
    "colours beyond white": lambda w, t: w.add_image(
        "i", (picture(t).double() * 3 - 1).permute(0, 2, 1), dataformats="cwh"
    ),
    "figure": lambda w, t: w.add_figure("f", figure(), 1),
    "figures": lambda w, t: w.add_figure("f", [figure(), figure()], 1),
    "text": lambda w, t: w.add_text("n", "some *text*, ä", 3),
    "audio": lambda w, t: w.add_audio("s", t.linspace(-1, 1, 50).reshape(1, 50), 1, sample_rate=8000),
    "curve": lambda w, t: w.add_pr_curve("p", t.tensor(CURVE[0]), t.tensor(CURVE[1]), 2, num_thresholds=7),
    "curve, weighted": lambda w, t: w.add_pr_curve("p", *map(np.array, CURVE), 2, 200, weights=np.arange(5.0)),
    "curve raw": lambda w, t: w.add_pr_curve_raw("p", [3, 2], [2, 1], [0, 1], [0, 1], [0.6, 0.5], [1.0, 0.6], 2, 2),
    "hyperparameters": lambda w, t: w.add_hparams(
        {"lr": 0.1, "n": 3, "adam": True, "name": "x", "none": None, "t": t.tensor([2.0])},
        {"accuracy": 0.5},
        {"lr": [0.1, 0.2], "adam": [True, False], "name": ["x", "y"]},
        run_name="r",
        global_step=1,
    ),
    "mesh": lambda w, t: w.add_mesh(
        "m", t.arange(9.0).reshape(1, 3, 3), t.full((1, 3, 3), 200), t.tensor([[[0, 1, 2]]]), {"camera": {"fov": 75}}, 1
    ),
    "charts": lambda w, t: w.add_custom_scalars({"A": {"x": ["Multiline", ["a/b"]], "y": ["Margin", ["l", "m", "u"]]}}),
    "chart": lambda w, t: w.add_custom_scalars_multilinechart(["a", "b"], "c", "t"),
    "margin chart": lambda w, t: w.add_custom_scalars_marginchart(["a", "b", "c"], "c", "t"),
    "points": lambda w, t: w.add_embedding(
        t.tensor([[0.1, 1e-9], [1 / 3, 2e20]]), ["a", "b"], t.full((2, 3, 5, 5), 0.25), 3, "a/b%c\\d"
    ),
    "pictured points": lambda w, t: w.add_embedding(t.arange(10).reshape(5, 2), label_img=t.rand(5, 1, 4, 6) * 0 + 0.7),
    "named points": lambda w, t: [
        w.add_embedding(np.ones((3, 2)), [["a", 1], ["b", 2], ["c", 3]], metadata_header=["x", "y"]),
        w.add_embedding(t.eye(2), tag="second"),
    ],
    # Errors: their class.
    "two numbers": lambda w, t: w.add_scalar("a", t.ones(2)),
    "a word": lambda w, t: w.add_scalar("a", "blob"),
    "a list": lambda w, t: w.add_histogram("h", [1, 2]),
    "nothing within": lambda w, t: w.add_histogram("h", t.ones(3), bins=[2, 3, 4]),
    "nothing": lambda w, t: w.add_histogram("h", t.zeros(0)),
    "bins": lambda w, t: w.add_histogram_raw("h", 0.0, 3.0, 4, 6.0, 14.0, [1.0, 2.0], [1, 2, 1], 2),
    "axes": lambda w, t: w.add_image("i", t.ones(2, 2)),
    "axes twice": lambda w, t: w.add_image("i", t.ones(3, 2, 2), dataformats="CWC"),
    "channels": lambda w, t: w.add_audio("s", t.ones(2, 3)),
    "a list as hyperparameter": lambda w, t: w.add_hparams({"lr": [1]}, {"a": 1.0}),
    "no dictionary": lambda w, t: w.add_hparams([1], {"a": 1.0}),
    "domain": lambda w, t: w.add_hparams({"lr": 0.1}, {"a": 1.0}, {"lr": ["a"]}),
    "tags": lambda w, t: w.add_custom_scalars_marginchart(["a", "b"]),
    "labels": lambda w, t: w.add_embedding(t.ones(4, 3), ["a"]),
    "pictures": lambda w, t: w.add_embedding(t.ones(4, 3), label_img=t.ones(3, 3, 4, 4)),
    "one point": lambda w, t: w.add_embedding(t.ones(4)),
    "video": lambda w, t: w.add_video("v", t.ones(3, 4, 4)),
}


def events(folder: Path) -> list[tuple[str, Event]]:
    """The events below `folder`, each with the name of its folder."""
    return [
        (path.parent.relative_to(folder).as_posix(), Event.FromString(raw))
        for path in sorted(folder.rglob("*tfevents*"))
        for raw in RawEventFileLoader(str(path)).Load()
    ]


def pixels(data: bytes) -> list[Any]:
    return np.asarray(Image.open(io.BytesIO(data))).tolist()


def written(writer: type, library: Any, call: Call, folder: Path) -> Any:
    """What the call has left in the folder; the class of the error that it raised."""
    try:
        with writer(folder) as opened:
            call(opened, library)
    except Exception as error:
        return type(error).__name__
    found: list[Any] = []
    for place, event in events(folder):
        if event.wall_time != 7.0:
            event.wall_time = 0
        for value in event.summary.value:
            if value.HasField("image"):
                found.append(pixels(value.image.encoded_image_string))
                value.image.encoded_image_string = b""
            if value.metadata.plugin_data.plugin_name == "hparams":  # a map, which is written in any order
                found.append(str(HParamsPluginData.FromString(value.metadata.plugin_data.content)))
                value.metadata.plugin_data.content = b""
        found.append((place, str(event)))
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "tfevents" not in path.name:
            data = path.read_bytes()
            found.append((path.relative_to(folder), pixels(data) if path.suffix == ".png" else data))
    return found


@pytest.mark.parametrize("name", CALLS)
def test_files_hold_what_pytorchs_do(name: str, tmp_path: Path) -> None:
    mine = written(Ours, ours, CALLS[name], tmp_path / "ours")
    assert mine == written(Theirs, theirs, CALLS[name], tmp_path / "theirs")


@pytest.mark.parametrize("name", ["float16", "bfloat16", "uint8", "int8", "int64", "float64"])
def test_tensors_are_read_back(name: str, tmp_path: Path) -> None:
    """PyTorch writes float16, bfloat16 and uint8 into fields where TensorBoard does not find them."""
    with Ours(tmp_path) as writer:
        writer.add_tensor("t", ours.tensor([[1.0, 2.0, 5.0]], dtype=getattr(ours, name)))
    record = events(tmp_path)[-1][1].summary.value[0].tensor
    if name == "bfloat16":
        assert record.tensor_content == np.array([0x3F80, 0x4000, 0x40A0], "<u2").tobytes()
    else:
        read = tensor_util.make_ndarray(record)
        assert read.dtype == name and read.tolist() == [[1, 2, 5]]


def test_what_tensorboard_itself_reads(tmp_path: Path) -> None:
    writer = Ours(str(tmp_path), purge_step=3, filename_suffix=".mine")
    for step in range(20):
        writer.add_scalar("loss", 1 / (step + 1), step)
    writer.flush()
    read = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in read.Scalars("loss")] == [
        (step, float(np.float32(1 / (step + 1)))) for step in range(20)
    ]
    writer.close()
    writer.add_scalar("late", 1, 20)  # a second file
    writer.close()
    assert sorted(EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"]) == ["late", "loss"]
    assert len(list(tmp_path.glob("*.mine"))) == 2
    assert [event.session_log.status for _, event in events(tmp_path)].count(1) == 1


def test_films_are_gifs(tmp_path: Path) -> None:
    films = ours.zeros(3, 4, 3, 8, 8, dtype=ours.uint8)
    for film in range(3):
        for frame in range(4):
            films[film, frame, film] = 60 * frame
    with Ours(tmp_path) as writer:
        writer.add_video("v", films, 1, fps=10)
    image = Image.open(io.BytesIO(events(tmp_path)[-1][1].summary.value[0].image.encoded_image_string))
    assert (image.format, image.size, image.n_frames, image.info["duration"]) == ("GIF", (16, 16), 4, 100)
    image.seek(3)
    shown = np.asarray(image.convert("RGB"))
    corners = [shown[row, column].tolist() for row in (0, 15) for column in (0, 15)]
    assert corners == [[180, 0, 0], [0, 180, 0], [0, 0, 180], [0, 0, 0]]


def test_graphs_are_not_there_yet(tmp_path: Path) -> None:
    with Ours(tmp_path) as writer, pytest.raises(NotImplementedError, match="add_graph is not in Rushlight yet"):
        writer.add_graph(ours.nn.Linear(1, 1), ours.ones(1, 1))


def test_without_the_package_the_error_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['tensorboard'] = None\n"
        "import rushlight.alias; rushlight.alias.install()\n"
        "from torch.utils.tensorboard import SummaryWriter\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and 'pip install "rushlight[tensorboard]"' in done.stderr.splitlines()[-1]
