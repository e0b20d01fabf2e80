"""A ResNet of 20 layers on CIFAR-10 (He et al. 2015, section 4.2): augmentation, a schedule, checkpoints to go on from."""

import argparse
import os

import torch
import torch.nn.functional as F
import torchvision
from made_images import ColouredDigits
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, blocks=3, width=16, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        layers, inputs = [], width
        for stage in range(3):
            for number in range(blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                layers.append(Block(inputs, width << stage, stride))
                inputs = width << stage
        self.blocks = nn.Sequential(*layers)
        self.classifier = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.classifier(x.mean(dim=(2, 3)))


def loaders(args):
    normalize = transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    augment = transforms.Compose(
        [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor(), normalize]
    )
    plain = transforms.Compose([transforms.ToTensor(), normalize])
    if args.made:
        train_set, test_set = ColouredDigits(20_000, augment), ColouredDigits(2_000, plain, seed=1)
    else:
        train_set = torchvision.datasets.CIFAR10(args.data, train=True, download=True, transform=augment)
        test_set = torchvision.datasets.CIFAR10(args.data, train=False, download=True, transform=plain)
    return DataLoader(train_set, args.batch_size, shuffle=True, drop_last=True), DataLoader(test_set, 256)


@torch.no_grad()
def accuracy(net, loader):
    net.eval()
    right = sum((net(images).argmax(1) == labels).sum().item() for images, labels in loader)
    net.train()
    return right / len(loader.dataset)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default="./data", help="folder of CIFAR-10, which is downloaded where it is not there"
    )
    parser.add_argument("--made", action="store_true", help="learn coloured digits that are made in code, not CIFAR-10")
    parser.add_argument("--blocks", type=int, default=3, help="blocks a stage: 3 make 20 layers, 9 make 56")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--checkpoint", default="resnet_cifar10.pt", help="written after each epoch; gone on from with --resume"
    )
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    train_loader, test_loader = loaders(args)
    net = ResNet(args.blocks)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.lr, epochs=args.epochs, steps_per_epoch=len(train_loader)
    )
    first = 1
    if args.resume and os.path.exists(args.checkpoint):
        state = torch.load(args.checkpoint)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        first = state["epoch"] + 1
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters, {len(train_loader)} steps an epoch")

    losses = []
    for epoch in range(first, args.epochs + 1):
        for images, labels in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(net(images), labels, label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                print(f"epoch {epoch}  step {len(losses)}  loss {losses[-1]:.4f}  lr {scheduler.get_last_lr()[0]:.4f}")
            if len(losses) == args.steps:
                break
        print(f"epoch {epoch}  test accuracy {100 * accuracy(net, test_loader):.1f} %")
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
        torch.save({**state, "epoch": epoch}, args.checkpoint)
        if len(losses) == args.steps:
            break
    return losses


if __name__ == "__main__":
    main()
