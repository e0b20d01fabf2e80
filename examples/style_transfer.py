"""Style transfer (Gatys et al. 2015): a picture with the content of one and the style of another, by VGG's features and L-BFGS.

Without --weights the network's are random, whose features carry textures too, though not as well as trained ones. torchvision's
files fit: `--network vgg19 --weights vgg19-dcbb9e9d.pth`.
"""

import argparse

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.utils import save_image


def made_pictures(size):
    """A disc on a slope of brightness, and stripes of colours."""
    line = torch.linspace(-1, 1, size)
    y, x = line[:, None], line[None, :]
    disc = (x**2 + y**2 < 0.4).float()
    content = torch.stack([0.2 + 0.6 * disc, 0.5 + 0.3 * x * (1 - disc), 0.5 + 0.3 * y + 0 * x])
    waves = torch.sin(12 * (x + 0.3 * torch.sin(5 * y)))
    style = torch.stack([0.5 + 0.5 * waves, 0.5 + 0.4 * torch.cos(9 * y + 3 * x), 0.5 - 0.5 * waves * torch.sin(7 * x)])
    return content[None], style[None]


def read(path, size):
    to_tensor = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size), transforms.ToTensor()])
    return to_tensor(Image.open(path).convert("RGB"))[None]


class Features(nn.Module):
    """The outputs of some of VGG's convolutions, of an image from 0 to 1."""

    def __init__(self, network, weights, layers):
        super().__init__()
        model = getattr(torchvision.models, network)(weights=None)
        if weights:
            model.load_state_dict(torch.load(weights))
        self.layers = sorted(layers)
        places = [place for place, layer in enumerate(model.features) if isinstance(layer, nn.Conv2d)]
        self.places = [places[layer] for layer in self.layers]
        self.network = model.features[: self.places[-1] + 1].eval().requires_grad_(False)
        for layer in self.network:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))

    def forward(self, image):
        x, found = (image - self.mean) / self.std, {}
        for place, layer in enumerate(self.network):
            x = layer(x)
            if place in self.places:
                found[self.layers[self.places.index(place)]] = x
        return found


def gram(features):
    """Which features come together, wherever in the picture."""
    _, channels, height, width = features.shape
    flat = features.flatten(2)
    return torch.bmm(flat, flat.transpose(1, 2)) / (channels * height * width)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--content", help="picture whose content is kept (default: one made in code)")
    parser.add_argument("--style", help="picture whose style is taken (default: one made in code)")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--network", default="vgg11", choices=["vgg11", "vgg13", "vgg16", "vgg19"])
    parser.add_argument("--weights", help="file of the network's weights (default: random ones)")
    parser.add_argument("--content-layer", type=int, default=3, help="number of the convolution")
    parser.add_argument("--style-layers", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--style-weight", type=float, default=1e4)
    parser.add_argument("--steps", type=int, default=15, help="of L-BFGS, with up to 20 evaluations each")
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="style_transfer.png")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    content, style = made_pictures(args.size)
    content = read(args.content, args.size) if args.content else content
    style = read(args.style, args.size) if args.style else style
    extract = Features(args.network, args.weights, {args.content_layer, *args.style_layers})
    with torch.no_grad():
        wanted_content = extract(content)[args.content_layer]
        style_features = extract(style)
        wanted_style = {layer: gram(style_features[layer]) for layer in args.style_layers}

    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=args.evaluations, history_size=20)
    losses = []

    def closure():
        optimizer.zero_grad()
        found = extract(image)
        content_loss = F.mse_loss(found[args.content_layer], wanted_content) / wanted_content.square().mean()
        style_loss = sum(
            F.mse_loss(gram(found[layer]), wanted) / wanted.square().mean() for layer, wanted in wanted_style.items()
        )
        smoothness = (image[..., 1:] - image[..., :-1]).abs().mean() + (
            image[..., 1:, :] - image[..., :-1, :]
        ).abs().mean()
        loss = content_loss + args.style_weight * style_loss / 1e3 + smoothness
        loss.backward()
        return loss

    for step in range(1, args.steps + 1):
        losses.append(optimizer.step(closure).item())
        with torch.no_grad():
            image.clamp_(0, 1)
        print(f"step {step}  loss {losses[-1]:.4f}")
    save_image(torch.cat([content, style, image.detach()]), args.out, nrow=3)
    print(f"content, style and result are in {args.out}")
    return losses


if __name__ == "__main__":
    main()
