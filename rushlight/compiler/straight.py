"""Whether a number read from a tensor goes nowhere but into what a function returns.

`return loss.item()` can be repeated: the number is read again at the end. `if loss.item() > 1` cannot: Python decides by it. The
bytecode after the call tells: where it only moves values, reads further numbers and returns, nothing can depend on the number.
"""

from __future__ import annotations

import dis
import functools
from types import CodeType

MOVES = frozenset(
    "BUILD_CONST_KEY_MAP BUILD_LIST BUILD_MAP BUILD_TUPLE CACHE COPY LOAD_CONST LOAD_FAST LOAD_FAST_AND_CLEAR LOAD_FAST_BORROW "
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW LOAD_FAST_CHECK LOAD_FAST_LOAD_FAST LOAD_SMALL_INT NOP PRECALL PUSH_NULL STORE_FAST "
    "STORE_FAST_LOAD_FAST STORE_FAST_STORE_FAST SWAP".split()
)
READING = frozenset(("item", "detach", "cpu"))


@functools.lru_cache(maxsize=1024)
def only_returned(code: CodeType, place: int) -> bool:
    """Whether the code after the call at a place goes straight to its return, doing nothing with values but move them."""
    for instruction in dis.get_instructions(code):
        if instruction.offset <= place:
            continue
        name = instruction.opname
        if name == "RETURN_VALUE":
            return True
        if name in MOVES or (name in ("LOAD_ATTR", "LOAD_METHOD") and instruction.argval in READING):
            continue
        if name == "CALL" and instruction.arg == 0:
            continue
        return False
    return False
