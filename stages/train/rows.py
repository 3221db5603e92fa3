"""A dataset's rows as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from shared.artifacts import ChatDataset
from shared.errors import StageError
from shared.function_call import CONTROL_TOKENS


@dataclass(frozen=True)
class Row:
    """One row's tokens, and how many of them are the prompt; the others, the completion, are scored."""

    id: str
    tokens: tuple[int, ...]
    prompt_length: int


def load_tokenizer(model: Path) -> Tokenizer:
    """Returns the model's tokenizer. Raises StageError where tokenizer.json cannot be read as one."""
    file = model / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises no other class than Exception
        reason = f"{file} is not a tokenizer that the tokenizers library reads: {error}; convert the base model again"
        raise StageError(reason) from None
    # A tokenizer file may cut or pad what it reads, which a row must never be.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def read_rows(dataset: ChatDataset, split: str, tokenizer: Tokenizer) -> list[Row]:
    """Returns a split's rows in the file's order.

    Raises StageError where the tokenizer does not know a control token of the rows, or a completion is empty.
    """
    rows = dataset.rows(split)
    # Apart, because whoever asks the model tokenises the prompt alone; the text holds its own <bos>.
    prompts = _encode([row["prompt"] for row in rows], tokenizer)
    completions = _encode([row["completion"] for row in rows], tokenizer)
    pairs = zip(rows, prompts, completions, strict=True)
    return [_row(row, prompt, completion, split) for row, prompt, completion in pairs]


def _encode(texts: Sequence[str], tokenizer: Tokenizer) -> list[list[int]]:
    for token in CONTROL_TOKENS:
        if tokenizer.token_to_id(token) is None and any(token in text for text in texts):
            reason = f"the model's tokenizer does not know {token}, which the rows hold"
            raise StageError(f"{reason}; choose a base model with FunctionGemma's tokenizer")
    return [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]


def _row(row: dict[str, Any], prompt: list[int], completion: list[int], split: str) -> Row:
    if not prompt or not completion:
        raise StageError(
            f"the row {row['id']} of {split}.jsonl has an empty prompt or completion; make the dataset again"
        )
    return Row(row["id"], (*prompt, *completion), len(prompt))
