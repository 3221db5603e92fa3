"""What is refused before the weights are loaded: inputs that do not fit each other."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.errors import StageError
from stages.train.rows import Row


def check_batch_size(splits: Mapping[str, Sequence[Row]], batch_size: int) -> None:
    """Raises StageError where a split has fewer rows than a batch."""
    for split, rows in splits.items():
        if len(rows) < batch_size:
            reason = f"{split}.jsonl has {len(rows)} rows, fewer than batch_size {batch_size}"
            raise StageError(f"{reason}; set batch_size to at most {len(rows)}, or make more rows")


def check_lengths(splits: Mapping[str, Sequence[Row]], max_seq_length: int) -> None:
    """Raises StageError where rows are longer than max_seq_length: how many, and which is the longest."""
    rows = [row for split in splits.values() for row in split]
    too_long = [row for row in rows if len(row.tokens) > max_seq_length]
    if not too_long:
        return
    longest = max(too_long, key=lambda row: len(row.tokens))
    found = f"{len(too_long)} of {len(rows)} rows are longer than max_seq_length {max_seq_length}"
    which = f"the longest, {longest.id}, has {len(longest.tokens)} tokens"
    raise StageError(f"{found}; {which}: raise max_seq_length to {len(longest.tokens)}, or declare fewer functions")


def check_layers(model: Path, lora_layers: int) -> None:
    """Raises StageError where more layers shall get adapters than the model has."""
    layers = _setting(model, "num_hidden_layers")
    if lora_layers > layers:
        reason = f"lora_layers is {lora_layers}, but the model has {layers} layers"
        raise StageError(f"{reason}; set lora_layers to at most {layers}")


def check_vocabulary(splits: Mapping[str, Sequence[Row]], model: Path) -> None:
    """Raises StageError where the tokenizer gives ids that the model has no embedding for."""
    size = _setting(model, "vocab_size")
    largest = max(max(row.tokens) for rows in splits.values() for row in rows)
    if largest >= size:
        reason = f"the tokenizer gives the id {largest}, but the model's vocab_size is {size}"
        raise StageError(f"{reason}; the tokenizer belongs to another model: convert the base model again")


def _setting(model: Path, name: str) -> int:
    """Returns a number of config.json; a model that began as multimodal keeps it under text_config."""
    config = json.loads((model / "config.json").read_text("utf-8"))
    value = config.get(name, config.get("text_config", {}).get(name))
    if not isinstance(value, int):
        raise StageError(f"{model / 'config.json'} names no {name}; convert the base model again")
    return value
