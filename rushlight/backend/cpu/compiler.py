"""LLVM's part: text to object files.

This file imports nothing of Rushlight, and is a program too: `python compiler.py` compiles what it reads from its input and writes the object
files to its output, so that a long list of kernels is compiled on several processors at once (threads would not do: llvmlite lets one at a time
into LLVM). It needs no `if __name__ == "__main__"` in the user's program, since it starts from a file of its own.
"""

from __future__ import annotations

import functools
import json
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import llvmlite
import llvmlite.binding as llvm

VERSION = (llvmlite.__version__, *llvm.llvm_version_info)
LLVM = llvm.llvm_version_info[0]
Processor = tuple[str, str, str]  # LLVM's triple, name and features


class Refused(Exception):
    """LLVM does not take a text, or could not load what it would become."""


@functools.cache
def host() -> tuple[dict[str, bool], str, str]:
    """The host's features, name and triple, as LLVM tells."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return dict(llvm.get_host_cpu_features()), llvm.get_host_cpu_name(), llvm.get_process_triple()


@functools.cache
def _target(processor: Processor) -> Any:
    """LLVM's code generator for a processor.

    The large model: an object's code and its constants may be loaded further apart than 31 bits reach, where a process holds much memory, and
    LLVM ends the process that such an object is loaded into. Whole addresses cost nothing that can be measured.
    """
    triple, name, features = processor
    if triple.split("-")[0] == host()[2].split("-")[0]:
        host()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=name, features=features, opt=2, reloc="static", codemodel="large", jit=True
    )


@contextmanager
def _parsed(text: str, processor: Processor) -> Iterator[Any]:
    """The text as a module of LLVM's, in a context of its own so that nothing of it stays in memory.

    The module is closed here: a garbage collection might close its context first, and LLVM then crashes.
    """
    try:
        module = llvm.parse_assembly(text, context=llvm.create_context())
    except RuntimeError as error:
        raise Refused(f"LLVM does not take a generated kernel: {error}") from error
    with module:
        module.triple = processor[0]
        module.data_layout = str(_target(processor).target_data)
        try:
            module.verify()
        except RuntimeError as error:
            raise Refused(f"LLVM does not take a generated kernel: {error}") from error
        yield module


def assembly(text: str, processor: Processor) -> str:
    with _parsed(text, processor) as module:
        return str(_target(processor).emit_assembly(module))


def object_of(text: str, processor: Processor) -> bytes:
    with _parsed(text, processor) as module:
        return bytes(_target(processor).emit_object(module))


def kernel_object(text: str, name: str, symbol: str, processor: Processor) -> bytes:
    """The object file of a kernel for this process: the function `name` alone is visible in it, as `symbol`."""
    with _parsed(text, processor) as module:
        defined = {function.name: function for function in module.functions if not function.is_declaration}
        if name not in defined:
            raise Refused(f"the text of a kernel does not define {name}")
        for other, function in defined.items():
            function.linkage = "external" if other == name else "internal"
        defined[name].name = symbol
        content = bytes(_target(processor).emit_object(module))
    return content


@functools.cache
def engine() -> Any:
    """What holds all loaded objects. It must live as long as the process: kernels run in its memory."""
    triple = host()[2]
    empty = llvm.parse_assembly("")
    target = llvm.Target.from_triple(triple).create_target_machine(opt=2, reloc="pic", codemodel="default", jit=True)
    return llvm.create_mcjit_compiler(empty, target)


def load(contents: list[tuple[str, bytes]]) -> list[int]:
    """Loads object files; returns the addresses of their symbols. A symbol may be loaded once."""
    for _, content in contents:
        engine().add_object_file(llvm.ObjectFileRef.from_data(content))
    engine().finalize_object()
    return [engine().get_function_address(symbol) for symbol, _ in contents]


# ---- the program ----


def send(stream: IO[bytes], content: bytes) -> None:
    stream.write(struct.pack("<Q", len(content)) + content)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """What the other side sent; EOFError where it is gone."""
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    (count,) = struct.unpack("<Q", head)
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content


def request(text: str, name: str, symbol: str, processor: Processor) -> bytes:
    return json.dumps([text, name, symbol, list(processor)]).encode()


def serve(source: IO[bytes], target: IO[bytes]) -> None:
    """Answers each request with an object file; with nothing where LLVM refuses, which the one who asked will find out too."""
    while True:
        try:
            text, name, symbol, processor = json.loads(receive(source))
        except EOFError:
            return
        try:
            triple, cpu, features = processor
            content = kernel_object(text, name, symbol, (triple, cpu, features))
        except Refused:
            content = b""
        send(target, content)


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
