"""The files of a base model: which belong to it, what they must hold, and their digests.

Only data is taken: code, and pickles, which can run code when they are read, are refused.
"""

import hashlib
import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from shared import archive
from shared.artifacts import MlxModel
from shared.errors import StageError

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = "model*.safetensors"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
KEPT = (
    *TOKENIZER,
    *("tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt"),
    *("chat_template.jinja", "chat_template.json", "generation_config.json"),
    *("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*"),
)
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def source_files(names: Sequence[str]) -> list[str]:
    """Returns those names, sorted, that are read: weights, configuration, tokenizer and notices."""
    return sorted(name for name in names if _matches(name, (CONFIG, INDEX, WEIGHTS, *KEPT)))


def kept_files(names: Sequence[str]) -> list[str]:
    """Returns those names, sorted, that go into the converted model as they are."""
    return sorted(name for name in names if _matches(name, KEPT))


def check_names(model: str, names: Sequence[str]) -> None:
    """Raises StageError where a model's file names show that it cannot be converted: before a download."""
    if code := sorted(name for name in names if name.endswith(".py")):
        raise StageError(f"{model} holds code ({', '.join(code)}), which is never run; choose a model without it")
    if CONFIG not in names:
        raise StageError(f"{model} has no {CONFIG}; is it a Hugging Face model?")
    if not any(_matches(name, (WEIGHTS,)) for name in names):
        raise StageError(f"{model} {_instead_of_weights(names)}; choose a model with model*.safetensors")
    for name in TOKENIZER:
        if name not in names:
            raise StageError(f"{model} has no {name}; save the model with its fast tokenizer")


def check_content(model: str, folder: Path) -> None:
    """Raises StageError where a model's files are damaged, incomplete, or ask for code that is not in mlx-lm."""
    MlxModel(folder).check()
    for name in (CONFIG, "tokenizer_config.json"):
        settings = json.loads((folder / name).read_text("utf-8"))
        for key in ("auto_map", "model_file"):
            if settings.get(key):
                reason = f"{model} asks for code of its own ({key} in {name}), which is never run"
                raise StageError(f"{reason}; choose a model that mlx-lm knows")
        if settings.get("quantization") or settings.get("quantization_config"):
            raise StageError(f"{model} is quantised; choose the model that it was made from")
    if "model" not in json.loads((folder / "tokenizer.json").read_text("utf-8")):
        raise StageError(f"{model}: tokenizer.json holds no tokenizer; save the model with its fast tokenizer")
    if missing := sorted(set(_indexed_shards(model, folder)) - {file.name for file in folder.iterdir()}):
        raise StageError(f"{model} lacks weights that {INDEX} names: {', '.join(missing)}; fetch the model again")


def digests(folder: Path) -> dict[str, str]:
    """Returns the sha256 (hex) of each source file by its name."""
    return {name: archive.digest(folder / name) for name in source_files(file_names(folder))}


def revision_of(files: dict[str, str]) -> str:
    """Returns what stands for a local folder's commit: `sha256:` and 16 hex digits over file names and digests."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()[:16]}"


def file_names(folder: Path) -> list[str]:
    """Returns the names of all files below folder, with their folders."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _instead_of_weights(names: Sequence[str]) -> str:
    if pickles := sorted(name for name in names if _matches(name, PICKLES)):
        return f"holds its weights as pickles alone ({', '.join(pickles)}), which can run code"
    if "adapter_config.json" in names:
        return "holds adapters, not a whole model"
    return "holds no weights"


def _indexed_shards(model: str, folder: Path) -> list[str]:
    if not (folder / INDEX).exists():
        return []
    try:
        index: Any = json.loads((folder / INDEX).read_text("utf-8"))
        return [str(name) for name in index["weight_map"].values()]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise StageError(f"{model}: {INDEX} names no weight_map; fetch the model again") from None


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns) and "/" not in name
