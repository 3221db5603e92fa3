"""The tokens of a GGUF, and which of them an answer's text leaves out or ends at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gguf import TokenType

from shared.errors import StageError
from stages.publish.formats.tokenizer_json import TokenizerFile

# What tokenizer.json does not tell of its tokens, by their usual names; a GGUF names them.
BEGIN, UNKNOWN, PADDING = "<bos>", "<unk>", "<pad>"


@dataclass(frozen=True)
class TokenList:
    """Each token's text and kind, by its id. scheme: the GGUF's fields that say how a text becomes tokens."""

    texts: Sequence[str]
    kinds: Sequence[int]
    scheme: Mapping[str, Any] = field(default_factory=dict)


def added_kind(text: str, stops: Sequence[str]) -> int:
    """Returns the kind of a token that is found in a text before all others.

    Servers leave control tokens out of an answer's text. Those that a call is made of must stand in it.
    """
    is_control = text in stops or text in (BEGIN, UNKNOWN, PADDING)
    return TokenType.CONTROL if is_control else TokenType.USER_DEFINED


def ids_of(tokenizer: TokenizerFile, stops: Sequence[str], size: int, adds_bos: bool) -> dict[str, Any]:
    """Returns the GGUF's fields that name tokens. Raises StageError where one that ends an answer is missing.

    adds_bos: whether the tokenizer puts `<bos>` before a text; servers then do so too, and are sent one less.
    """
    numbers = [tokenizer.added.get(text) for text in stops]
    for text, number in zip(stops, numbers, strict=True):
        if number is None or number >= size:
            raise StageError(f"{tokenizer.file} has no token {text}, which ends an answer; take a base that knows it")
    # llama.cpp stops at these three; Ollama at the first and those of the list.
    names = ("eos_token_id", "eot_token_id", "eom_token_id")
    named = dict(zip(names, [*numbers, *[numbers[0]] * 3], strict=False))
    others = {"bos_token_id": BEGIN, "unknown_token_id": UNKNOWN, "padding_token_id": PADDING}
    known = {name: tokenizer.added[text] for name, text in others.items() if text in tokenizer.added}
    adds = {"add_bos_token": adds_bos, "add_eos_token": False}
    return named | {"eos_token_ids": numbers} | known | adds


def check_apart(tokenizer: TokenizerFile, added: Sequence[str]) -> None:
    """Raises StageError where two added tokens can overlap in a text, and readers would find the other one of them.

    The tokenizers library takes the leftmost, of these the longest; llama.cpp takes the longest wherever it stands;
    Ollama takes those of lower ids first.
    """
    by_start: dict[str, list[str]] = {}
    for text in added:
        for end in range(1, len(text)):
            by_start.setdefault(text[:end], []).append(text)
    whole = set(added)
    for left in added:
        inner = {left[start:end] for start in range(len(left)) for end in range(start + 1, len(left) + 1)} & whole
        behind = {right for start in range(1, len(left)) for right in by_start.get(left[start:], ())}
        for right in sorted((inner | behind) - {left}):
            if not _comes_first(tokenizer, left, right):
                raise tokenizer.refuse(f"has added tokens that can overlap, {left!r:.60} and {right!r:.60}")


def _comes_first(tokenizer: TokenizerFile, left: str, right: str) -> bool:
    return len(left) > len(right) and tokenizer.added[left] < tokenizer.added[right]
