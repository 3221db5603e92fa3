"""A small tokenizer without loss: one piece for each constant text of the format, few for any other word.

It is of Gemma's own kind, so that the servers that read GGUF find the same pieces: blanks are "▁", characters are
joined to the best longer piece that there is, and one without a piece is its bytes. A word is cut in the same way
wherever it stands on its own, so that a value in the alert and in the call consists of the same pieces. A space before
a word belongs to the word, but the one behind a label's colon belongs to the colon: values of labels begin without.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from shared.function_call import CONTROL_TOKENS
from shared.prompt import INSTRUCTION

FORMAT = (
    *("{description:", ":{description:", ",parameters:{properties:{", ",type:", ",enum:[", "],type:"),
    *("}},required:[", "declaration:", "call:", ": ", "},", "}}"),
)
FIRST = ": "  # is joined before the space is joined to the word behind it
SPACE = "▁"
BYTES = [f"<0x{number:02X}>" for number in range(256)]
# Two characters of a hash are one piece: by single ones it would repeat itself too often to be copied.
_HASH = r"(?=[a-z]{0,3}[0-9])[a-z0-9]{2}"
_IN_HASHES = sorted({*"bcdfghjklmnpqrstvwxz2456789", *"0123456789abcdef"})
PAIRS = [one + other for one in _IN_HASHES for other in _IN_HASHES]
_WORDS = rf"{_HASH}|▁?\p{{Lu}}?\p{{Ll}}+|▁?\p{{Lu}}+(?!\p{{Ll}})|▁?\p{{L}}|\p{{N}}|\n|[^\p{{L}}\p{{N}}]"
_FORMAT = "|".join(re.escape(text.replace(" ", SPACE)) for text in sorted(FORMAT, key=len, reverse=True))


def train_tokenizer(texts: Iterable[str], words: Iterable[str], names: Iterable[str], size: int) -> Tokenizer:
    """Returns a tokenizer of `size` tokens: control tokens (<pad> 0, <eos> 1, …), bytes, format, words.

    names: what label values are made of; a part of one is a single piece, so that it is copied as one.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    # Words are learned each by itself; no piece joins two, so that they need not be cut later.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(f"{_FORMAT}|{_WORDS}"), "isolated")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]  # type: ignore[list-item]
    )
    control = [AddedToken(token, normalized=False, special=True) for token in CONTROL_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*control, AddedToken(INSTRUCTION, normalized=False), *BYTES],
        initial_alphabet=[SPACE, "\n", *map(chr, range(0x21, 0x7F))],
        limit_alphabet=96,
        show_progress=False,
    )
    parts = dict.fromkeys(part for name in names for part in name.split("-"))
    spelled = [variant for word in words for variant in (word, f" {word}", word.capitalize())]
    certain = [*parts, *FORMAT, *PAIRS] * 400 + spelled * 200
    tokenizer.train_from_iterator([*texts, *certain], trainer)
    return _uncut(tokenizer)


def _uncut(tokenizer: Tokenizer) -> Tokenizer:
    """Returns the tokenizer that joins all neighbours whose joined text is a piece, in the order of the pieces."""
    parts: dict[str, Any] = json.loads(tokenizer.to_str())
    known: dict[str, int] = parts["model"]["vocab"]
    learned = [text for text in sorted(known, key=lambda text: known[text]) if text not in {INSTRUCTION, *BYTES}]
    learned.sort(key=lambda text: text != FIRST.replace(" ", SPACE))
    parts["model"]["merges"] = [pair for text in learned for pair in _pairs(text, known)]
    parts["pre_tokenizer"] = None
    parts["added_tokens"] = [token for token in parts["added_tokens"] if token["content"] not in BYTES]
    for token in parts["added_tokens"]:
        token["special"] = token["content"] in CONTROL_TOKENS
    return Tokenizer.from_str(json.dumps(parts))


def _pairs(text: str, known: Mapping[str, int]) -> list[tuple[str, str]]:
    cuts = ((text[:place], text[place:]) for place in range(1, len(text)))
    return [(left, right) for left, right in cuts if left in known and right in known]
