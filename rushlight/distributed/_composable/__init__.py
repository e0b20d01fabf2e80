"""`torch.distributed._composable`: what changes a module in place for training in several processes."""
