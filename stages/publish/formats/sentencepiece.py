"""A tokenizer of Gemma's kind: characters that are joined to the best longer token, bytes where none is known.

Readers of GGUF join two neighbours wherever the joined text is a token, the best score first, the leftmost of equals
(llama.cpp calls it "llama"). The tokenizers library joins the pairs that are listed, in their order. It is the same
where all pairs are listed whose joined text is a token, and all of one text beside each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from gguf import TokenType

from stages.publish.formats.token_list import TokenList, added_kind
from stages.publish.formats.tokenizer_json import TokenizerFile

SPACE = "▁"
BYTES = [f"<0x{number:02X}>" for number in range(256)]
_NORMALIZER = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
# Gemma's splits at blanks, of which the normalizer has left none.
_PRE_TOKENIZERS = (
    None,
    {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
)


def is_sentencepiece(tokenizer: TokenizerFile) -> bool:
    """Returns whether a text's tokens are found by these rules; `token_list` tells whether exactly so."""
    has_bytes = tokenizer.model.get("byte_fallback") is True and all(map(tokenizer.vocabulary.__contains__, BYTES))
    parts = tokenizer.part("normalizer"), tokenizer.part("pre_tokenizer")
    return has_bytes and parts[0] == _NORMALIZER and parts[1] in _PRE_TOKENIZERS


def token_list(tokenizer: TokenizerFile, stops: Sequence[str], size: int) -> TokenList:
    """Returns the first `size` tokens. Raises StageError where readers of GGUF would join others."""
    _check_complete(tokenizer)
    ranks = _ranks(tokenizer)
    runs = set(_runs(tokenizer))
    _check_grouped(tokenizer)
    texts = [tokenizer.tokens.get(number, f"[PAD{number}]") for number in range(size)]
    kinds = [_kind(text, tokenizer, runs, stops) for text in texts]
    scores = [-float(ranks.get(text, len(tokenizer.merges))) for text in texts]
    scheme = {"model": "llama", "pre": "default", "scores": scores, "add_space_prefix": False}
    return TokenList(texts, kinds, scheme)


def _kind(text: str, tokenizer: TokenizerFile, runs: set[str], stops: Sequence[str]) -> int:
    if text in BYTES:
        return TokenType.BYTE
    if text in tokenizer.added and text not in runs:
        return added_kind(text, stops)
    return TokenType.NORMAL if text in tokenizer.vocabulary else TokenType.UNUSED


def _runs(tokenizer: TokenizerFile) -> Iterator[str]:
    """Yields the added tokens that are one character repeated, such as line ends.

    Found before all others, one of two line ends would be cut by a reader that looks for single ones first.
    Joined from the left they are the same tokens, if no token holds that character beside others.
    """
    for text in tokenizer.added:
        if len(set(text)) == 1 and text in tokenizer.vocabulary:
            yield text
        elif inner := next((other for other in tokenizer.added if other != text and other in text), None):
            raise tokenizer.refuse(f"has an added token {text!r} that holds another, {inner!r}")


def _check_complete(tokenizer: TokenizerFile) -> None:
    listed, known = set(tokenizer.merges), tokenizer.vocabulary
    for text in known:
        if (text in tokenizer.added and len(set(text)) > 1) or text in BYTES:
            continue
        for place in range(1, len(text)):
            pair = text[:place], text[place:]
            if _is_symbol(pair[0], known) and _is_symbol(pair[1], known) and pair not in listed:
                raise tokenizer.refuse(f"lists no merge of {pair[0]!r} and {pair[1]!r}, although {text!r} is a token")


def _is_symbol(text: str, known: Iterable[str]) -> bool:
    return len(text) == 1 or text in known


def _ranks(tokenizer: TokenizerFile) -> dict[str, int]:
    """Returns for each text that pairs are joined to the place of the first of them."""
    ranks: dict[str, int] = {}
    for place, (left, right) in enumerate(tokenizer.merges):
        ranks.setdefault(left + right, place)
    return ranks


def _check_grouped(tokenizer: TokenizerFile) -> None:
    """Raises StageError where the pairs of one text do not stand together; of equal characters they may."""
    joined = [left + right for left, right in tokenizer.merges]
    several = [text for text in joined if len(set(text)) > 1]
    for texts in (several, *_by_character(joined)):
        done: set[str] = set()
        for before, text in pairwise(texts):
            if text != before:
                done.add(before)
                if text in done:
                    raise tokenizer.refuse(f"lists the merges to {text!r} apart from each other")


def _by_character(joined: Iterable[str]) -> list[list[str]]:
    runs: dict[str, list[str]] = {}
    for text in joined:
        if len(set(text)) == 1:
            runs.setdefault(text[0], []).append(text)
    return list(runs.values())
