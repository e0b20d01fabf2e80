"""Images drawn in code, for programs that should need no download: digits, coloured digits, and shapes with masks.

All are the same for the same seed.
"""

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import Dataset

# Five columns and seven rows each, as on an old terminal.
GLYPHS = (
    ".###. #...# #..## #.#.# ##..# #...# .###.",
    "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###.",
    ".###. #...# ....# ...#. ..#.. .#... #####",
    ".###. #...# ....# ..##. ....# #...# .###.",
    "...#. ..##. .#.#. #..#. ##### ...#. ...#.",
    "##### #.... ####. ....# ....# #...# .###.",
    "..##. .#... #.... ####. #...# #...# .###.",
    "##### ....# ...#. ..#.. .#... .#... .#...",
    ".###. #...# #...# .###. #...# #...# .###.",
    ".###. #...# #...# .#### ....# ...#. .##..",
)


def digits(count, size=28, seed=0):
    """Digits that are turned, sheared, scaled and shifted at random.

    Returns images (count, 1, size, size) from 0 to 1, and labels (count,).
    """
    random = torch.Generator().manual_seed(seed)
    glyphs = torch.tensor([[[float(dot == "#") for dot in row] for row in glyph.split()] for glyph in GLYPHS])
    glyphs = F.interpolate(glyphs[:, None], size=(28, 20), mode="bilinear", align_corners=False)
    labels = torch.randint(0, 10, (count,), generator=random)

    def between(low, high):
        return low + (high - low) * torch.rand(count, generator=random)

    angle, shear, scale = between(-0.35, 0.35), between(-0.25, 0.25), between(1.2, 1.7)
    rows = [
        torch.stack([scale * 1.3 * angle.cos(), scale * (shear - angle.sin()), between(-0.25, 0.25)], 1),
        torch.stack([scale * angle.sin(), scale * angle.cos(), between(-0.25, 0.25)], 1),
    ]
    images = []
    for glyph, row_x, row_y in zip(glyphs[labels].split(1000), rows[0].split(1000), rows[1].split(1000), strict=True):
        grid = F.affine_grid(torch.stack([row_x, row_y], 1), (len(glyph), 1, size, size), align_corners=False)
        images.append(F.grid_sample(glyph, grid, align_corners=False))
    return (1.6 * torch.cat(images)).clamp(0, 1), labels


class ColouredDigits(Dataset):
    """Digits in a random colour on another: 32x32 PIL images of ten classes, to stand in for CIFAR-10."""

    def __init__(self, count, transform=None, seed=0):
        shapes, self.labels = digits(count, 32, seed)
        random = torch.Generator().manual_seed(seed + 1)
        ink, paper = torch.rand(2, count, 3, 1, 1, generator=random)
        noise = 0.08 * torch.randn(count, 3, 32, 32, generator=random)
        images = (paper + (ink - paper) * shapes + noise).clamp(0, 1)
        self.images = (255 * images).byte().permute(0, 2, 3, 1).contiguous().numpy()
        self.transform = transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = Image.fromarray(self.images[index])
        return self.transform(image) if self.transform else image, int(self.labels[index])


SHAPES = ("background", "disc", "square", "triangle")


def shapes(count, size=64, seed=0):
    """Noisy pictures with a disc, a square and a triangle that may hide each other.

    Returns images (count, 3, size, size), and for each pixel the number of its class in SHAPES, (count, size, size).
    """
    random = torch.Generator().manual_seed(seed)
    line = (torch.arange(size) + 0.5) / size
    y, x = line[:, None], line[None, :]
    masks = torch.zeros(count, size, size, dtype=torch.int64)
    images = torch.rand(count, 3, 1, 1, generator=random).expand(count, 3, size, size).clone()
    for kind in (1, 2, 3):
        centre_x, centre_y = 0.2 + 0.6 * torch.rand(2, count, 1, 1, generator=random)
        radius = 0.1 + 0.12 * torch.rand(count, 1, 1, generator=random)
        dx, dy = (x - centre_x) / radius, (y - centre_y) / radius
        inside = {
            1: dx**2 + dy**2 < 1,
            2: torch.maximum(dx.abs(), dy.abs()) < 0.9,
            3: (dy < 0.8) & (2 * dx.abs() < dy + 1),
        }
        masks[inside[kind]] = kind
        colour = torch.rand(count, 3, 1, 1, generator=random)
        images = torch.where(inside[kind][:, None], colour, images)
    return images + 0.1 * torch.randn(images.shape, generator=random), masks
