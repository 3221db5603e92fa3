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
_WORDS = r" ?\p{Lu}?\p{Ll}+| ?\p{Lu}+(?!\p{Ll})| ?\p{L}|\p{N}|\n|[^\p{L}\p{N}]"
_FORMAT = "|".join(re.escape(text) for text in sorted(FORMAT, key=len, reverse=True))


def train_tokenizer(texts: Iterable[str], words: Iterable[str], size: int) -> Tokenizer:
    """Returns a byte-level BPE of `size` tokens: control tokens (<pad> 0, <eos> 1, …), bytes, format, words."""
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
    spelled = [variant for word in words for variant in (word, f" {word}", word.capitalize())]
    tokenizer.train_from_iterator([*texts, *(text for text in (*FORMAT, *spelled) for _ in range(200))], trainer)
    return tokenizer
