"""Models from the Hugging Face hub: only what can be read safely is fetched."""

import errno
from pathlib import Path

from alloyengine.checkpoint.companions import NAMES
from alloyengine.checkpoint.reader import INDEX
from alloyengine.errors import InputError

TERMS = ["README.md", "LICENSE*", "LICENCE*", "COPYING"]  # these tell the licence
WANTED = ["model*.safetensors", INDEX, *NAMES, *TERMS]
BELOW = ["*/*"]  # folders hold other formats of the same model


def download(repository: str, out: Path, revision: str = "") -> str:
    """Fills the folder `out`; the answer is the commit. InputError says what went wrong."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return _snapshot(repository, out, revision)
    except GatedRepoError:
        raise InputError(
            "hub_gated",
            f"The hub gives {repository} only to those who accepted its terms.",
            "Accept them on the model's page, and set HF_TOKEN to a token of that account.",
        ) from None
    except RepositoryNotFoundError:
        raise InputError(
            "hub_missing",
            f"The hub has no model {repository}, or it is private.",
            "Check the spelling; for private models set HF_TOKEN.",
        ) from None
    except Exception as error:  # errors of several libraries below the hub's own
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        raise InputError(
            "hub_unreachable",
            f"The hub can't be asked for {repository} ({reason}).",
            "Check the network and HF_ENDPOINT, or download the model elsewhere and import its "
            "folder.",
        ) from None


def _snapshot(repository: str, out: Path, revision: str) -> str:
    from huggingface_hub import HfApi, snapshot_download

    commit = HfApi().model_info(repository, revision=revision or None).sha or "main"
    snapshot_download(
        repository,
        revision=commit,
        allow_patterns=WANTED,
        ignore_patterns=BELOW,
        local_dir=out,
    )
    return commit
