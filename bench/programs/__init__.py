"""What is timed: ordinary PyTorch code, written once. Under `python -m rushlight` its `import torch` means Rushlight."""
