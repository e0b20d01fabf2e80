"""`torch.distributions`, held against PyTorch's."""
