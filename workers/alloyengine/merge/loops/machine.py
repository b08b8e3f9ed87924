"""The kernels as machine code: compiled once on a machine, then loaded, which takes a twentieth of a second.

numba itself takes nearly a second to start. So what it made is kept under a key of all that it depends
on: the kernels' source, the compiler, the processor. An installation keeps it for everybody who uses it
(`python -m alloyengine.merge.loops.machine`); otherwise it lies in the user's cache directory.
"""

import ctypes
import json
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from alloyengine.cache import folder, keep

_C: dict[str, Any] = {"f4": ctypes.c_float, "i8": ctypes.c_int64}
INSTALLED = Path(sys.prefix) / "share" / "alloyworks" / "loops"
_SOURCE = Path(__file__).with_name("kernels.py")

Function = Callable[..., None]


def functions() -> dict[str, Function]:
    """Every kernel by its name. Calls leave Python's lock to others; a pointer is an address."""
    _start()
    name = f"{_key()}.json"
    own = folder("loops") / name
    kept = _read(INSTALLED / name) or _read(own) or _compiled(own)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(bytes.fromhex(kept["object"])))
    engine.finalize_object()
    _engines.append(engine)
    return {
        name: _function(engine.get_function_address(symbol), signature)
        for name, (symbol, signature) in kept["kernels"].items()
    }


_engines: list[Any] = []  # their code lives as long as they


def install() -> None:
    """Keeps the machine code with this installation of Python."""
    _start()
    if not _read(place := INSTALLED / f"{_key()}.json"):
        _compiled(place)


def _start() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _key() -> str:
    features = llvm.get_host_cpu_features().flatten()
    parts = [_SOURCE.read_text(), __version(), llvm.get_host_cpu_name(), features]
    return sha256("\n".join(parts).encode()).hexdigest()[:32]


@cache
def __version() -> str:
    return f"numba {version('numba')}, llvmlite {version('llvmlite')}"


def _read(place: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(place.read_text())
    except (OSError, ValueError):
        return None
    return found


def _compiled(place: Path) -> dict[str, Any]:
    made = _make()
    keep(place, json.dumps(made))
    return made


def _make() -> dict[str, Any]:
    from numba import cfunc, types

    from alloyengine.merge.loops.kernels import KERNELS

    numbers = {name: types.__dict__[full] for name, full in _NUMBA.items()}

    def numba_type(word: str) -> Any:
        inner = numbers[word.removesuffix("*")]
        return types.CPointer(inner) if word.endswith("*") else inner

    module, kernels = llvm.parse_assembly(""), {}
    for name, (signature, function) in KERNELS.items():
        typed = types.void(*map(numba_type, signature.split()))
        made = cfunc(typed, error_model="numpy")(function)
        found = llvm.parse_assembly(made.inspect_llvm())
        # The wrapper for errors needs Python's functions; what it wraps has none to tell of.
        found.get_function(made.native_name).linkage = "internal"
        module.link_in(found)
        kernels[name] = (made.native_name.removeprefix("cfunc."), signature)
    machine = _machine()
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    return {"object": machine.emit_object(module).hex(), "kernels": kernels}


_NUMBA = {
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "i8": "int64",
    "f4": "float32",
    "f8": "float64",
}


def _machine() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        jit=True,
        codemodel="jitdefault",
    )


def _function(address: int, signature: str) -> Function:
    """numba's convention: before the arguments come where to put a result, and an exception."""
    words = signature.split()
    given: list[Any] = [ctypes.c_void_p if word.endswith("*") else _C[word] for word in words]
    bare = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *given)(address)

    def call(*args: Any) -> None:
        nothing = ctypes.c_uint64(), ctypes.c_uint64()
        if bare(ctypes.addressof(nothing[0]), ctypes.addressof(nothing[1]), *args):
            raise RuntimeError("a compiled loop has failed")

    return call


if __name__ == "__main__":
    install()
