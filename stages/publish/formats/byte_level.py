"""A tokenizer whose characters are bytes: a text is cut into words as GPT-2 does, and each word's pairs are joined."""

from collections.abc import Sequence

from gguf import TokenType
from gguf.vocab import bytes_to_unicode

from stages.publish.formats.token_list import TokenList, added_kind
from stages.publish.formats.tokenizer_json import TokenizerFile

_IGNORED = ("trim_offsets",)  # decides where in the text a token stands, not which it is
_CUT = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_UNCUT = _CUT | {"use_regex": False}
# Readers demand a list that is not empty. What this pair is joined to is no token, and so falls apart again.
_NO_MERGES = ["Ā Ā"]


def is_byte_level(tokenizer: TokenizerFile) -> bool:
    """Returns whether a text's tokens are found so. Where no pair is ever joined, it does not matter how it is cut."""
    cut = tokenizer.part("pre_tokenizer", *_IGNORED)
    is_cut_so = cut == _CUT or (cut == _UNCUT and not tokenizer.merges)
    return tokenizer.part("normalizer") is None and is_cut_so and not tokenizer.model.get("byte_fallback")


def token_list(tokenizer: TokenizerFile, stops: Sequence[str], size: int) -> TokenList:
    """Returns the first `size` tokens. Raises StageError where a byte has no token, which readers would leave out."""
    for byte, text in bytes_to_unicode().items():
        if text not in tokenizer.vocabulary:
            raise tokenizer.refuse(f"has no token for the byte {byte}")
    texts = [tokenizer.tokens.get(number, f"[PAD{number}]") for number in range(size)]
    kinds = [_kind(text, tokenizer, stops) for text in texts]
    merges = [f"{left} {right}" for left, right in tokenizer.merges] or _NO_MERGES
    return TokenList(texts, kinds, {"model": "gpt2", "pre": "gpt-2", "merges": merges})


def _kind(text: str, tokenizer: TokenizerFile, stops: Sequence[str]) -> int:
    if text in tokenizer.added:
        return added_kind(text, stops)
    return TokenType.NORMAL if text in tokenizer.vocabulary else TokenType.UNUSED
