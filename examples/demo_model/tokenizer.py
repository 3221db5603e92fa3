"""A small tokenizer of Gemma's kind: pairs of pieces become one by their rank, over the whole text, spaces included.

What servers that read GGUF make of such a vocabulary is the same, piece by piece. A word is cut in the same way
wherever it stands on its own, so that a value in the alert and in the call consists of the same pieces. A space before
a word belongs to the word, but the one behind a label's colon belongs to the colon: values of labels begin without.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from shared.function_call import CONTROL_TOKENS
from shared.prompt import INSTRUCTION

SPACE = "▁"
TEXTS = (
    *(INSTRUCTION, ",parameters:{properties:{", "{description:", "declaration:"),
    *("required:[", ",enum:[", ",type:", "call:"),
)
"""Constant texts of the format, each a token, whatever stands around it.

The longest come first and no two can overlap: programs that look for them in another order find the same.
"""

_MARKS = (f":{SPACE}", "},", "}}")
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))  # what no piece stands for is written with these
# Two characters of a hash are one piece: by single ones it would repeat itself too often to be copied.
_HASH = r"(?=[a-z]{0,3}[0-9])[a-z0-9]{2}"
_IN_HASHES = sorted({*"bcdfghjklmnpqrstvwxz2456789", *"0123456789abcdef"})
PAIRS = [one + other for one in _IN_HASHES for other in _IN_HASHES]
_WORDS = rf"{_HASH}|▁?\p{{Lu}}?\p{{Ll}}+|▁?\p{{Lu}}+(?!\p{{Ll}})|▁?\p{{L}}|\p{{N}}|\n|[^\p{{L}}\p{{N}}]"


def train_tokenizer(texts: Iterable[str], words: Iterable[str], names: Iterable[str], size: int) -> Tokenizer:
    """Returns a tokenizer of `size` tokens: control tokens (<pad> 0, <eos> 1, …), bytes, format, characters, words.

    names: what label values are made of; a part of one is a single piece, so that it is copied as one.
    """
    parts = dict.fromkeys(part for name in names for part in name.split("-"))
    spelled = [variant for word in words for variant in (word, f" {word}", word.capitalize())]
    certain = [*parts, *_MARKS, *PAIRS] * 400 + spelled * 200
    known = [*CONTROL_TOKENS, *BYTES, *TEXTS]
    return _of_pieces(known, _learned([*texts, *certain], size - len(known)))


def _learned(texts: Iterable[str], size: int) -> dict[str, bool]:
    """Returns the pieces of the texts, those that are made first before others: whether each is made of two."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_any_of(TEXTS)), "removed"),
            pre_tokenizers.Split(Regex(f"{_any_of(_MARKS)}|{_WORDS}"), "isolated"),
        ]
    )
    characters = [chr(code) for code in range(0x21, 0x7F)]
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=[*characters, SPACE, "\n"], show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    numbers: Mapping[str, int] = _model(tokenizer)["vocab"]
    # A mark comes before any word: what stands behind a colon would take its space.
    return {piece: len(piece) > 1 for piece in sorted(numbers, key=lambda piece: (piece not in _MARKS, numbers[piece]))}


def _of_pieces(known: list[str], learned: Mapping[str, bool]) -> Tokenizer:
    """Returns the tokenizer that makes a piece of any two that spell it, as SentencePiece does."""
    merges = [
        (piece[:cut], piece[cut:])
        for piece, is_merged in learned.items()
        if is_merged
        for cut in range(1, len(piece))
        if piece[:cut] in learned and piece[cut:] in learned
    ]
    vocabulary = {piece: number for number, piece in enumerate((*known, *learned))}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    begin = "<bos>", CONTROL_TOKENS.index("<bos>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[begin])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in CONTROL_TOKENS])
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in TEXTS])
    return tokenizer


def _model(tokenizer: Tokenizer) -> Any:
    return json.loads(tokenizer.to_str())["model"]


def _any_of(texts: Iterable[str]) -> str:
    longest_first = sorted(texts, key=len, reverse=True)
    return "|".join(re.escape(text.replace(" ", SPACE)) for text in longest_first)
