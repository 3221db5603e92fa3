"""A tokenizer of Gemma's kind: characters that are joined to the best longer token, bytes where none is known.

Readers of GGUF join two neighbours wherever the joined text is a token, the best score first, the leftmost of equals
(llama.cpp calls it "llama"). The tokenizers library joins the pairs that are listed, in their order. It is the same
where all pairs are listed whose joined text is a token, and all of one text beside each other.
"""

from collections.abc import Container, Mapping, Sequence
from itertools import groupby

from gguf import TokenType

from stages.publish.formats.token_list import TokenList, added_kind, check_apart
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
    """Returns the first `size` tokens. Raises StageError where readers of GGUF would find others in some text."""
    _check_complete(tokenizer)
    _check_order(tokenizer)
    runs = {text for text in tokenizer.added if _is_run(text) and text in tokenizer.vocabulary}
    check_apart(tokenizer, [text for text in tokenizer.added if text not in runs])
    first: dict[str, int] = {}
    for place, (left, right) in enumerate(tokenizer.merges):
        first.setdefault(left + right, place)
    texts = [tokenizer.tokens.get(number, f"[PAD{number}]") for number in range(size)]
    kinds = [_kind(text, tokenizer, runs, stops) for text in texts]
    scores = [-float(first.get(text, len(tokenizer.merges))) for text in texts]
    scheme = {"model": "llama", "pre": "default", "scores": scores, "add_space_prefix": False}
    return TokenList(texts, kinds, scheme)


def _kind(text: str, tokenizer: TokenizerFile, runs: set[str], stops: Sequence[str]) -> int:
    if text in BYTES:
        return TokenType.BYTE
    # Gemma adds tokens of several line ends. Of two, a reader that looks for single ones first would make two tokens;
    # joined from the left they are one, as no token holds line ends beside other characters.
    if text in tokenizer.added and text not in runs:
        return added_kind(text, stops)
    return TokenType.NORMAL if text in tokenizer.vocabulary else TokenType.UNUSED


def _check_complete(tokenizer: TokenizerFile) -> None:
    """Raises StageError where two neighbours are not joined, although their joined text is a token."""
    listed, known = set(tokenizer.merges), tokenizer.vocabulary
    for text in known:
        if text in BYTES or (text in tokenizer.added and not _is_run(text)):
            continue  # found before, or by no other way
        for place in range(1, len(text)):
            left, right = text[:place], text[place:]
            if _is_symbol(left, known) and _is_symbol(right, known) and (left, right) not in listed:
                raise tokenizer.refuse(f"does not join {left!r} and {right!r}, although {text!r} is a token")


def _is_symbol(text: str, known: Container[str]) -> bool:
    return len(text) == 1 or text in known


def _check_order(tokenizer: TokenizerFile) -> None:
    """Raises StageError where the pairs of one text are not beside each other.

    Of one repeated character they may be apart where such a text grows from the left before all others are joined.
    """
    ranks = {pair: place for place, pair in enumerate(tokenizer.merges)}
    done: set[str] = set()
    apart: set[str] = set()
    for text, _ in groupby(tokenizer.merges, "".join):
        (apart if text in done else done).add(text)
    grown = {character for character in {text[0] for text in apart} if _grows(character, ranks)}
    if wrong := min((text for text in apart if not (_is_run(text) and text[0] in grown)), default=None):
        raise tokenizer.refuse(f"lists the merges to {wrong!r:.60} apart from each other")


def _grows(character: str, ranks: Mapping[tuple[str, str], int]) -> bool:
    own = {pair: rank for pair, rank in ranks.items() if character in "".join(pair)}
    runs = {pair: rank for pair, rank in own.items() if _is_run("".join(pair))}
    start = runs.get((character, character), -1)
    longest = max((len("".join(pair)) for pair in runs), default=0)
    grows = all(runs.get((character * length, character), start) < start for length in range(2, longest))
    return grows and all(rank > start for pair, rank in own.items() if pair not in runs)


def _is_run(text: str) -> bool:
    return len(set(text)) == 1
