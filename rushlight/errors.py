"""Exception classes.

User errors use PyTorch's classes (RuntimeError, IndexError, TypeError, ValueError), so that programs that catch them go on
working; their text names the op, the shapes, the argument and the likely mend. What is our own fault is an `InternalError`.
"""


class InternalError(Exception):
    """Rushlight broke one of its own rules; the text says which. Never the user's fault."""


class NotThereYet(NotImplementedError, AttributeError):
    """A name of PyTorch's that Rushlight does not have yet; the text names it.

    Counts as an AttributeError too, so that `hasattr` and `getattr` with a default behave.
    """


class DeviceNotAvailable(RuntimeError, AssertionError):
    """A device that is not there. PyTorch raises AssertionError where it is built without it, RuntimeError otherwise."""


class CompileError(RuntimeError):
    """`compile(fullgraph=True)` met what cannot be repeated; the text says what."""


class OutOfMemoryError(RuntimeError):
    """PyTorch's `torch.OutOfMemoryError`."""
