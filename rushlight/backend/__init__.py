"""Native code for kernels: what a machine is (`machine`), and the CPU's generator (`cpu/`)."""
