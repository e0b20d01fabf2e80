"""`torch.backends.quantized`: engines of quantized layers, of which there are none."""

engine = "none"
supported_engines = ["none"]
