"""The versions, in their one place; also PyTorch's `torch.version`, whose other names say what it was built with.

`release` is this library's own. `__version__` begins with the version of the PyTorch whose interface this is: programs ask
for it to know what they may call. What follows the plus says whose library it is.
"""

release = "0.1.0"
interface = "2.13.0"

__version__ = f"{interface}+rushlight{release}"

debug = False
cuda = hip = xpu = git_version = None
