"""torch.nn.functional: layers as functions."""

from .activation import *  # noqa: F403
from .convolution import *  # noqa: F403
from .linear import *  # noqa: F403
from .pooling import *  # noqa: F403
from .unpooling import *  # noqa: F403
