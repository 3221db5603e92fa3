"""Prompts as token ids, by the model's own tokenizer.json."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from shared.errors import StageError


class PromptTokenizer:
    """The tokenizer of the model in a folder, and the ids of the tokens that end an answer.

    `transformers` reads the same file and takes seconds longer to import. Raises StageError where
    the vocabulary lacks a stop token.
    """

    def __init__(self, folder: Path, stop_tokens: Sequence[str]) -> None:
        self.file = folder / "tokenizer.json"
        self._tokenizer = _read(self.file)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.stops = frozenset(map(self._stop, stop_tokens))

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text that holds its special tokens already; none are added."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Returns the text of an answer, control tokens included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def refuse_another(self, other: "PromptTokenizer") -> None:
        """Raises StageError where other gives a token another id: two such models read different prompts."""
        own, others = (tokenizer._tokenizer.get_vocab(with_added_tokens=True) for tokenizer in (self, other))
        if own != others:
            token = min(key for key in own.keys() | others.keys() if own.get(key) != others.get(key))
            found = f"{token!r:.40} is {own.get(token)} in one and {others.get(token)} in the other"
            reason = f"{self.file} and {other.file} differ: {found}; pass the base model that the tuned one comes from"
            raise StageError(reason)

    def _stop(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise StageError(f"{self.file} has no token {token}, which ends an answer; take a base model that knows it")
        return int(number)


def _read(file: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises no other class than Exception
        reason = f"{file} is not a tokenizer that the tokenizers library reads: {error}; convert the base model again"
        raise StageError(reason) from None
