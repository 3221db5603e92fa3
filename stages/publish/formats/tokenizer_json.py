"""tokenizer.json as the tokenizers library writes it: what of it decides the tokens of a text.

A GGUF names a scheme and lists tokens; the scheme's rules are in its readers. A tokenizer whose rules are others
would read the prompts otherwise than training did, and so is refused here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.agent_config.formats import WITHOUT_GGUF
from shared.errors import StageError


@dataclass(frozen=True)
class TokenizerFile:
    """One tokenizer.json. added: the tokens that are found in a text before all others, by their texts."""

    file: Path
    parts: Mapping[str, Any]
    vocabulary: Mapping[str, int]
    merges: Sequence[tuple[str, str]]
    added: Mapping[str, int]

    @classmethod
    def read(cls, file: Path) -> "TokenizerFile":
        """Returns the file's content. Raises StageError where it is no byte-pair encoding, or has untold settings."""
        try:
            parts = json.loads(file.read_text("utf-8"))
            model, added = parts["model"], parts["added_tokens"]
            merges = [_pair(merge) for merge in model["merges"]] if model["type"] == "BPE" else []
            found = cls(file, parts, model["vocab"], merges, {token["content"]: token["id"] for token in added})
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            found_not = f"{file} is not a tokenizer as the tokenizers library writes it"
            raise StageError(f"{found_not}; convert the base again") from None
        found._check()
        return found

    @cached_property
    def tokens(self) -> dict[int, str]:
        """Every token's text by its id."""
        return {number: text for known in (self.vocabulary, self.added) for text, number in known.items()}

    @property
    def model(self) -> Mapping[str, Any]:
        return self.parts["model"]  # type: ignore[no-any-return]

    def part(self, name: str, *ignored: str) -> Any:
        """Returns the normalizer or pre_tokenizer, a sequence of one as that one, without the keys in `ignored`."""
        part = self.parts.get(name)
        for inner in ("normalizers", "pretokenizers"):
            if isinstance(part, dict) and part.get("type") == "Sequence" and len(part.get(inner, ())) == 1:
                part = part[inner][0]
        return {key: value for key, value in part.items() if key not in ignored} if isinstance(part, dict) else part

    def refuse(self, found: str) -> StageError:
        """Returns the error that says what keeps the tokenizer out of a GGUF."""
        return StageError(f"{self.file} {found}, which a GGUF cannot say; {WITHOUT_GGUF}")

    def _check(self) -> None:
        if self.model["type"] != "BPE":
            raise self.refuse(f"is of the type {self.model['type']}")
        for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
            if self.model.get(name):
                raise self.refuse(f"has {name} {self.model[name]!r}")
        for token in self.parts["added_tokens"]:
            if taken := [name for name in ("lstrip", "rstrip", "single_word", "normalized") if token.get(name)]:
                raise self.refuse(f"has an added token {token['content']!r} with {taken[0]}")


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right
