"""The second level: what a kernel computes, said without saying how a machine does it."""
