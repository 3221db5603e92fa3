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
    ranks = {pair: place for place, pair in enumerate(tokenizer.merges)}
    first: dict[str, int] = {}
    for (left, right), place in ranks.items():
        first.setdefault(left + right, place)
    grown = _grown(tokenizer, ranks)
    runs = _runs(tokenizer, grown, first)
    _check_complete(tokenizer, runs)
    _check_order(tokenizer, grown)
    check_apart(tokenizer, [text for text in tokenizer.added if text not in runs])
    texts = [tokenizer.tokens.get(number, f"[PAD{number}]") for number in range(size)]
    kinds = [_kind(text, tokenizer, runs, stops) for text in texts]
    scores = [-float(first.get(text, len(ranks))) for text in texts]
    scheme = {"model": "llama", "pre": "default", "scores": scores, "add_space_prefix": False}
    return TokenList(texts, kinds, scheme)


def _runs(tokenizer: TokenizerFile, grown: Container[str], joined: Container[str]) -> set[str]:
    """Returns the added tokens of one repeated character that are the same where they are found by joining.

    Gemma adds tokens of several line ends. Of two, a reader that looks for single ones first would make two tokens.
    """
    runs = {text for text in tokenizer.added if _is_run(text) and text[0] in grown}
    return {text for text in runs if text in joined or (len(text) == 1 and text in tokenizer.vocabulary)}


def _kind(text: str, tokenizer: TokenizerFile, runs: Container[str], stops: Sequence[str]) -> int:
    if text in BYTES:
        return TokenType.BYTE
    if text in tokenizer.added and text not in runs:
        return added_kind(text, stops)
    return TokenType.NORMAL if text in tokenizer.vocabulary else TokenType.UNUSED


def _check_complete(tokenizer: TokenizerFile, runs: Container[str]) -> None:
    """Raises StageError where two neighbours are not joined, although their joined text is a token."""
    listed, known = set(tokenizer.merges), tokenizer.vocabulary
    for text in known:
        if text in BYTES or (text in tokenizer.added and text not in runs):
            continue  # found by other ways than by joining
        for place in range(1, len(text)):
            left, right = text[:place], text[place:]
            if _is_symbol(left, known) and _is_symbol(right, known) and (left, right) not in listed:
                raise tokenizer.refuse(f"does not join {left!r} and {right!r}, although {text!r} is a token")


def _is_symbol(text: str, known: Container[str]) -> bool:
    return len(text) == 1 or text in known


def _check_order(tokenizer: TokenizerFile, grown: Container[str]) -> None:
    """Raises StageError where the pairs of one text are not beside each other, unless it is one of those that grow."""
    done: set[str] = set()
    for text, _ in groupby(tokenizer.merges, "".join):
        if text in done and not (_is_run(text) and text[0] in grown):
            raise tokenizer.refuse(f"lists the merges to {text!r:.60} apart from each other")
        done.add(text)


def _grown(tokenizer: TokenizerFile, ranks: Mapping[tuple[str, str], int]) -> set[str]:
    """Returns the characters that, repeated, are joined one by one from the left before they are joined to others.

    Their runs come out the same in whichever order the pairs are listed.
    """
    known = {text[0] for text in tokenizer.added if _is_run(text)}
    return {character for character in known if _grows(character, ranks)}


def _grows(character: str, ranks: Mapping[tuple[str, str], int]) -> bool:
    own = {pair: rank for pair, rank in ranks.items() if character in pair[0] or character in pair[1]}
    runs = {pair: rank for pair, rank in own.items() if _is_run("".join(pair))}
    if (character, character) not in runs:
        return not own
    start, longest = runs[character, character], max(len("".join(pair)) for pair in runs)
    is_first = all(rank > start for pair, rank in own.items() if pair not in runs)
    return is_first and all(runs.get((character * length, character), start) < start for length in range(2, longest))


def _is_run(text: str) -> bool:
    return len(set(text)) == 1
