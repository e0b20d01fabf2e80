"""LeNet on CIFAR-10: the tutorial's classifier (LeCun et al. 1998), with accuracy for each class at the end."""

import argparse

import torch
import torch.nn.functional as F
import torchvision
import torchvision.transforms as transforms
from made_images import ColouredDigits
from torch import nn, optim
from torch.utils.data import DataLoader


class LeNet(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def load(args):
    """Training and test set, and the names of the classes."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])
    if args.made:
        digits = [str(digit) for digit in range(10)]
        return ColouredDigits(20_000, transform), ColouredDigits(2_000, transform, seed=1), digits
    train_set = torchvision.datasets.CIFAR10(args.data, train=True, download=True, transform=transform)
    test_set = torchvision.datasets.CIFAR10(args.data, train=False, download=True, transform=transform)
    return train_set, test_set, train_set.classes


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default="./data", help="folder of CIFAR-10, which is downloaded where it is not there"
    )
    parser.add_argument("--made", action="store_true", help="learn coloured digits that are made in code, not CIFAR-10")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="lenet_cifar10.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    train_set, test_set, classes = load(args)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=256)
    net = LeNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)
    losses = []
    for epoch in range(1, args.epochs + 1):
        running = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            running += losses[-1]
            if len(losses) == args.steps:
                break
        print(f"epoch {epoch}  loss {running / len(train_loader):.4f}")
        if len(losses) == args.steps:
            break
    torch.save(net.state_dict(), args.save)

    right, seen = torch.zeros(len(classes)), torch.zeros(len(classes))
    net.eval()
    with torch.no_grad():
        for images, labels in test_loader:
            predicted = net(images).argmax(dim=1)
            right += torch.bincount(labels[predicted == labels], minlength=len(classes))
            seen += torch.bincount(labels, minlength=len(classes))
    for name, correct, total in zip(classes, right.tolist(), seen.tolist(), strict=True):
        print(f"{name:>12}  {100 * correct / total:5.1f} % of {int(total)}")
    print(f"accuracy on {int(seen.sum())} test images: {100 * (right.sum() / seen.sum()).item():.1f} %")
    return losses


if __name__ == "__main__":
    main()
