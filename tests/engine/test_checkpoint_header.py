import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alloyengine.checkpoint.files import Folder
from alloyengine.checkpoint.header import LONGEST_HEADER, Place, read_header
from alloyengine.errors import InputError

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def _file(folder: Path, header: object, data: bytes = b"\0" * 8) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "x.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def _read(path: Path) -> dict[str, Place]:
    return read_header(Folder(path.parent), path.name)


def test_a_sound_header_is_read(tmp_path: Path):
    place = _read(_file(tmp_path, {"a": F32, "__metadata__": {"format": "pt"}}))["a"]
    assert (place.info.shape, place.info.dtype, place.info.nbytes) == ((2,), "F32", 8)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": F32 | {"data_offsets": [1, 9]}}, "begins at 1, expected 0"),
        ({"a": F32 | {"data_offsets": [0, 4]}}, "takes 4 bytes, its shape 8"),
        ({"a": F32, "b": F32}, "'b' begins at 0, expected 8"),
        ({"a": F32 | {"shape": [-2]}}, "impossible shape"),
        ({"a": F32 | {"shape": [True]}}, "impossible shape"),
        ({"a": F32 | {"shape": [1] * 17}}, "impossible shape"),
        ({"a": F32 | {"shape": [2**62, 2**62]}}, "its shape"),
        ({"a": F32 | {"data_offsets": [0]}}, "impossible offsets"),
        ({"a": F32 | {"dtype": "F33"}}, "unknown type"),
        ({"a": []}, "unknown type"),
        ({}, "its tensors end at byte"),
        ([], "not a JSON object"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
    ],
)
def test_a_lying_header_is_refused(tmp_path: Path, header: object, message: str):
    with pytest.raises(InputError, match=message):
        _read(_file(tmp_path, header))


@pytest.mark.parametrize("length", [LONGEST_HEADER + 1, 2**63, 100])
def test_a_header_longer_than_the_file_allocates_nothing(tmp_path: Path, length: int):
    path = tmp_path / "x.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}")
    with pytest.raises(InputError, match=f"claims {length} bytes"):
        _read(path)


@given(content=st.binary(max_size=200))
def test_random_bytes_never_do_worse_than_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
):
    path = tmp_path_factory.mktemp("fuzz") / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError):
        _read(path)
