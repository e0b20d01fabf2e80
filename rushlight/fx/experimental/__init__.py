"""`torch.fx.experimental`: what packages ask of a tracer that is not there."""
