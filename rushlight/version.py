"""The version, in its one place; also PyTorch's `torch.version`, whose other names say what it was built with."""

__version__ = "0.1.0"

debug = False
cuda = hip = xpu = git_version = None
