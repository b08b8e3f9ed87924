"""The number types of a safetensors file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})

# code in the file: (name in torch, bytes)
DTYPES: dict[str, tuple[str, int]] = {
    "BOOL": ("bool", 1),
    "U8": ("uint8", 1),
    "I8": ("int8", 1),
    "F8_E4M3": ("float8_e4m3fn", 1),
    "F8_E5M2": ("float8_e5m2", 1),
    "I16": ("int16", 2),
    "F16": ("float16", 2),
    "BF16": ("bfloat16", 2),
    "I32": ("int32", 4),
    "F32": ("float32", 4),
    "I64": ("int64", 8),
    "F64": ("float64", 8),
}
_CODES = {name: code for code, (name, _) in DTYPES.items()}


def torch_dtype(code: str) -> "torch.dtype":
    import torch

    dtype: torch.dtype = getattr(torch, DTYPES[code][0])
    return dtype


_RAW = {"BF16": "u2", "F8_E4M3": "u1", "F8_E5M2": "u1"}


def raw_dtype(code: str) -> str:
    """numpy's type for the bytes of one number: unsigned integers where numpy lacks the type."""
    return _RAW.get(code) or DTYPES[code][0]


def code_of(dtype: "torch.dtype | str") -> str:
    """The file's code of a torch type, or of its name such as `bfloat16`."""
    return _CODES[str(dtype).removeprefix("torch.")]
