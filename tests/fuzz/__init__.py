"""Random programs run by Rushlight and by PyTorch; `python -m tests.fuzz graphs 0 5000` searches further."""
