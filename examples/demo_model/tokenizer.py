"""A small tokenizer without loss: one piece for each constant text of the format, few for any other word.

A word is cut in the same way wherever it stands on its own, so that a value in the alert and in the
call consists of the same pieces. A space before a word belongs to the word, but the one behind a
label's colon belongs to the colon: values of labels begin without.
"""

import re
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from shared.function_call import CONTROL_TOKENS
from shared.prompt import INSTRUCTION

FORMAT = (
    *("{description:", ":{description:", ",parameters:{properties:{", ",type:", ",enum:[", "],type:"),
    *("}},required:[", "declaration:", "call:", ": ", "},", "}}", INSTRUCTION),
)
# Two characters of a hash are one piece: by single ones it would repeat itself too often to be copied.
_HASH = r"(?=[a-z]{0,3}[0-9])[a-z0-9]{2}"
_IN_HASHES = sorted({*"bcdfghjklmnpqrstvwxz2456789", *"0123456789abcdef"})
PAIRS = [one + other for one in _IN_HASHES for other in _IN_HASHES]
_WORDS = rf"{_HASH}| ?\p{{Lu}}?\p{{Ll}}+| ?\p{{Lu}}+(?!\p{{Ll}})| ?\p{{L}}|\p{{N}}|\n|[^\p{{L}}\p{{N}}]"
_FORMAT = "|".join(re.escape(text) for text in sorted(FORMAT, key=len, reverse=True))


def train_tokenizer(texts: Iterable[str], words: Iterable[str], names: Iterable[str], size: int) -> Tokenizer:
    """Returns a byte-level BPE of `size` tokens: control tokens (<pad> 0, <eos> 1, …), bytes, format, words.

    names: what label values are made of; a part of one is a single piece, so that it is copied as one.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(f"{_FORMAT}|{_WORDS}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [AddedToken(token, normalized=False, special=True) for token in CONTROL_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=control,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    parts = dict.fromkeys(part for name in names for part in name.split("-"))
    spelled = [variant for word in words for variant in (word, f" {word}", word.capitalize())]
    certain = [*parts, *FORMAT, *PAIRS] * 400 + spelled * 200
    tokenizer.train_from_iterator([*texts, *certain], trainer)
    return tokenizer
