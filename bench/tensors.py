"""Safetensors files by hand: what a bench writes and reads owes nothing to the engine."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Shape = tuple[int, ...]
BYTES = {"F32": 4, "BF16": 2, "F16": 2}


@dataclass(frozen=True)
class Place:
    """Where the values of one tensor lie in its file, in bytes."""

    dtype: str
    shape: Shape
    begin: int


def lay_out(path: Path, shapes: Mapping[str, Shape], dtype: str) -> dict[str, Place]:
    """Writes a file's header and gives the file its full length; the values come later."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end, places = 0, {}
    for name, shape in shapes.items():
        begin, end = end, end + BYTES[dtype] * prod(shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
        places[name] = Place(dtype, shape, begin)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(path, 8 + len(text) + end)
    ahead = 8 + len(text)
    return {name: Place(p.dtype, p.shape, p.begin + ahead) for name, p in places.items()}


def encode(values: Float32, dtype: str) -> bytes:
    """The bytes of a file; rounds to the nearest, halves to even."""
    if dtype == "F32":
        return values.tobytes()
    if dtype == "F16":
        return values.astype(np.float16).tobytes()
    bits = values.view(np.uint32)
    bits = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return (bits >> np.uint32(16)).astype(np.uint16).tobytes()


def decode(raw: bytes, dtype: str) -> Float32:
    if dtype == "BF16":
        bits = np.frombuffer(raw, np.uint16).astype(np.uint32) << np.uint32(16)
        return bits.view(np.float32)
    return np.frombuffer(raw, {"F32": np.float32, "F16": np.float16}[dtype]).astype(np.float32)


def write(path: Path, tensors: Mapping[str, Float32], dtype: str = "F32") -> None:
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    places = lay_out(path, shapes, dtype)
    with path.open("r+b") as file:
        for name, place in places.items():
            file.seek(place.begin)
            file.write(encode(np.ascontiguousarray(tensors[name]), dtype))


def places(path: Path) -> dict[str, Place]:
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {
        name: Place(entry["dtype"], tuple(entry["shape"]), 8 + size + entry["data_offsets"][0])
        for name, entry in header.items()
    }


def read(folder: Path) -> dict[str, Float32]:
    """Every tensor of a model folder, of all its files."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            for name, place in places(path).items():
                file.seek(place.begin)
                raw = file.read(BYTES[place.dtype] * prod(place.shape))
                found[name] = decode(raw, place.dtype).reshape(place.shape)
    return found


def dtypes(folder: Path) -> set[str]:
    """The types of a model's tensors, as safetensors writes them."""
    files = folder.glob("*.safetensors")
    return {place.dtype for path in files for place in places(path).values()}
