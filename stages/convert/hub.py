"""A base model from the Hugging Face hub."""

import os
from pathlib import Path

from shared.errors import StageError
from stages.convert.source import check_names, source_files


def download(model: str, revision: str, token: str, endpoint: str, folder: Path) -> str:
    """Fetches a model's source files to folder and returns the commit that the revision names.

    revision: a branch, tag or commit; empty for the newest. token, endpoint: empty for none and the public hub.
    Raises StageError where the hub cannot be reached, or does not give the model, and as `check_names`.
    """
    # The library keeps state beside its cache; it must not write to the home directory.
    os.environ.setdefault("HF_HOME", str(folder.parent / "hub-state"))
    import httpx2
    from huggingface_hub import HfApi, errors

    api = HfApi(endpoint=endpoint or None, token=token or False)
    wanted = f"{model} at {revision}" if revision else model
    try:
        return _fetch(api, model, revision, folder)
    except errors.GatedRepoError:
        raise StageError(_gated(model, token)) from None
    except errors.RevisionNotFoundError:
        raise StageError(f"{model} has no revision {revision!r}; name a branch, tag or commit of it") from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        reason = f"there is no model {model} at {api.endpoint}, or it is private and HF_TOKEN may not read it"
        raise StageError(f"{reason}; check model_name, or name a folder with ./ in front") from None
    except (httpx2.TransportError, errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        reason = f"the hub at {api.endpoint} cannot be reached for {wanted} ({error or type(error).__name__})"
        raise StageError(f"{reason}; check the network and HF_ENDPOINT, or name a local folder") from None
    except errors.HfHubHTTPError as error:
        raise StageError(f"the hub refuses {wanted}: {error}; check HF_TOKEN, or try again later") from None


def _fetch(api: "HfApi", model: str, revision: str, folder: Path) -> str:  # type: ignore[name-defined]  # noqa: F821
    info = api.model_info(model, revision=revision or None)
    names = [file.rfilename for file in info.siblings or []]
    check_names(model, names)
    api.snapshot_download(model, revision=info.sha, local_dir=folder, allow_patterns=source_files(names))
    return str(info.sha)


def _gated(model: str, token: str) -> str:
    if token:
        return f"the model {model} is gated, and HF_TOKEN may not read it; accept its terms with the token's account"
    return f"the model {model} is gated; accept its terms on the hub and set HF_TOKEN"
