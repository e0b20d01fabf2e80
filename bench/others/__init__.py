"""Programs of libraries whose interface is another than PyTorch's: the same work as a few rows, for information."""
