"""einops: rearrangement, reduction, `einsum`, packing, and its layers in a small vision network that is trained."""

import torch
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
from outcome import report, train

torch.manual_seed(0)
images = torch.randn(16, 3, 32, 32)
patches = rearrange(images, "b c (h p) (w q) -> b (h w) (p q c)", p=8, q=8)
packed, shapes = pack([images, images[:, :, :4]], "b c *")
first, second = unpack(packed, shapes, "b c *")
model = torch.nn.Sequential(
    Rearrange("b c (h p) (w q) -> b (h w) (p q c)", p=8, q=8),
    torch.nn.Linear(192, 32),
    EinMix("b n d -> b m d", weight_shape="n m", bias_shape="m", n=16, m=8),
    torch.nn.GELU(),
    Reduce("b n d -> b d", "mean"),
    torch.nn.Linear(32, 10),
)
report(
    patches=patches.mean((0, 2)),
    reduced=reduce(images, "b c (h 2) w -> c h", "max"),
    repeated=repeat(images[0, 0], "h w -> (h 2) w").sum(1),
    einsum=einsum(patches, patches, "b i d, b j d -> b i j")[0, 0],
    unpacked=[float(torch.equal(first, images)), float(torch.equal(second, images[:, :, :4]))],
    losses=train(model, images, torch.arange(16) % 10),
)
