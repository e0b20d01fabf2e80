"""Kernels as LLVM IR, written as text, compiled by llvmlite, run by a team of threads."""
