"""`torch.distributed.device_mesh`: processes in a grid. There are groups of processes here, no grids yet."""

from __future__ import annotations

from ..absent import absent_class, absent_function

__all__ = ["DeviceMesh", "init_device_mesh"]

_INSTEAD = "`torch.distributed.new_group` makes groups of processes, one for each row of a grid"

DeviceMesh = absent_class("torch.distributed.device_mesh.DeviceMesh", _INSTEAD)
init_device_mesh = absent_function("torch.distributed.device_mesh.init_device_mesh", _INSTEAD)
