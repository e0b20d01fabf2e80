"""`torch._subclasses`: tensors without data are those of the device "meta"."""
