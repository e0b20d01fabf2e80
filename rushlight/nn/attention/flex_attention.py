"""`torch.nn.attention.flex_attention`: attention whose scores a function changes. It cannot be called here yet; the names are for packages that ask for them."""

from __future__ import annotations

from ...absent import absent_class, absent_function

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_INSTEAD = "`scaled_dot_product_attention` takes a mask, or numbers that are added to the scores"
_MODULE = "torch.nn.attention.flex_attention"
_DEFAULT_SPARSE_BLOCK_SIZE = 128

AuxOutput = absent_class(f"{_MODULE}.AuxOutput", _INSTEAD)
AuxRequest = absent_class(f"{_MODULE}.AuxRequest", _INSTEAD)
BlockMask = absent_class(f"{_MODULE}.BlockMask", _INSTEAD)
and_masks = absent_function(f"{_MODULE}.and_masks", _INSTEAD)
create_block_mask = absent_function(f"{_MODULE}.create_block_mask", _INSTEAD)
create_mask = absent_function(f"{_MODULE}.create_mask", _INSTEAD)
flex_attention = absent_function(f"{_MODULE}.flex_attention", _INSTEAD)
noop_mask = absent_function(f"{_MODULE}.noop_mask", _INSTEAD)
or_masks = absent_function(f"{_MODULE}.or_masks", _INSTEAD)
