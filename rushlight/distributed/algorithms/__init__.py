"""`torch.distributed.algorithms`: ways to train in several processes beside `DistributedDataParallel`'s own."""
