"""`torch.nn.functional`: layers, activations and losses as functions."""

from . import toplevel as _toplevel
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .convolution import *  # noqa: F403
from .distance import *  # noqa: F403
from .dropout import *  # noqa: F403
from .embedding import *  # noqa: F403
from .interpolation import *  # noqa: F403
from .linear import *  # noqa: F403
from .loss import *  # noqa: F403
from .normalization import *  # noqa: F403
from .padding import *  # noqa: F403
from .pooling import *  # noqa: F403
from .ranking import *  # noqa: F403
from .rearrangement import *  # noqa: F403
from .sampling import *  # noqa: F403
from .unpooling import *  # noqa: F403

del _toplevel
