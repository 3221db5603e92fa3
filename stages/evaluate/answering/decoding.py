"""Greedy answers of one model, batched over a prefix that is computed once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import StageError
from stages.evaluate.answering.prefix_cache import PrefixCache
from stages.evaluate.answering.runtime import KVCache, RotatingKVCache, load_model, make_prompt_cache, mx
from stages.evaluate.answering.tokens import PromptTokenizer

BATCH = 64  # rows decoded together; 18 layers of FunctionGemma keep some 30 MB for each
SCORED = 4  # rows whose right answers are scored together: each keeps the logits of all its tokens

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Answer:
    """What a model wrote to one prompt, stop token included, and in how many tokens."""

    text: str
    tokens: int


class WarmModel:
    """A loaded model that holds the keys and values of the prefix, as a server that keeps them would."""

    def __init__(self, folder: Path, tokenizer: PromptTokenizer, prefix: str, max_tokens: int) -> None:
        """prefix: the text that every prompt begins with. Raises StageError where mlx-lm cannot load the folder."""
        self.model = _loaded(folder)
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.prefix = tokenizer.encode(prefix)
        self.read_prefix()

    def read_prefix(self) -> None:
        """Computes the keys and values of the prefix."""
        # mlx-lm's own caches tell which layers slide, and how far.
        windows = [getattr(layer, "max_size", None) for layer in make_prompt_cache(self.model)]
        self.cache = [PrefixCache(window) for window in windows]
        self._read(mx.array([self.prefix]), self.cache)

    def answer_all(self, prompts: Sequence[str], advance: Advance) -> list[Answer]:
        """Returns the answer to each prompt, token for token as `answer` gives it."""
        return [self._answer(ids) for ids in self.decode_all(prompts, advance)]

    def decode_all(self, prompts: Sequence[str], advance: Advance) -> list[list[int]]:
        """Returns the ids that follow each prompt, up to its stop token or max_tokens."""
        suffixes = [self._suffix(prompt) for prompt in prompts]
        by_length = sorted(range(len(prompts)), key=lambda number: len(suffixes[number]))
        written: dict[int, list[int]] = {}
        for start in range(0, len(prompts), BATCH):
            batch = by_length[start : start + BATCH]
            ids = self.decode([suffixes[number] for number in batch], self.max_tokens, advance)
            written |= dict(zip(batch, ids, strict=True))
        return [written[number] for number in range(len(prompts))]

    def log_probabilities(self, prompts: Sequence[str], answers: Sequence[str], advance: Advance) -> list[list[float]]:
        """Returns for each prompt the log-probability, in nats, of each token of an answer that is given."""
        pairs = [
            (self._suffix(prompt), self.tokenizer.encode(answer))
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        by_length = sorted(range(len(pairs)), key=lambda number: len(pairs[number][0]))
        found: dict[int, list[float]] = {}
        for start in range(0, len(pairs), SCORED):
            batch = by_length[start : start + SCORED]
            scores = self._scores(*zip(*(pairs[number] for number in batch), strict=True))
            found |= dict(zip(batch, scores, strict=True))
            advance(len(batch))
        return [found[number] for number in range(len(pairs))]

    def answer(self, prompt: str) -> Answer:
        """Returns the answer to one prompt."""
        return self._answer(self.decode([self._suffix(prompt)], self.max_tokens)[0])

    def warm_up(self, prompts: Sequence[str]) -> None:
        """Decodes a few tokens, so that no timing holds the first pass of a process."""
        suffixes = [self._suffix(prompt) for prompt in prompts[:2]]
        self.decode(suffixes, most_tokens=2)
        self.decode(suffixes[:1], most_tokens=2)

    def decode(
        self, suffixes: Sequence[list[int]], most_tokens: int, advance: Advance = lambda rows: None
    ) -> list[list[int]]:
        """Returns the ids that follow prefix + suffix for each suffix, each up to its stop token or most_tokens."""
        padded, caches = self._fork(suffixes)
        written: list[list[int]] = [[] for _ in suffixes]
        rows, last = list(range(len(suffixes))), padded[:, -1:]
        going = list(rows)  # places of rows that are not complete
        while going:
            last = mx.argmax(self.model(last, cache=caches)[:, -1:], axis=-1)
            chosen: Any = last.tolist()
            for place in going:
                written[rows[place]].append(chosen[place][0])
            before, going = (
                len(going),
                [place for place in going if not self._is_complete(written[rows[place]], most_tokens)],
            )
            advance(before - len(going))
            if going and 2 * len(going) <= len(rows):  # to drop a row copies all others, so that some are let run on
                rows, last = [rows[place] for place in going], last[mx.array(going)]
                for layer in caches:
                    layer.keep(going)
                going = list(range(len(rows)))
        return written

    def _scores(self, suffixes: Sequence[list[int]], answers: Sequence[list[int]]) -> list[list[float]]:
        padded, caches = self._fork(suffixes)
        width = max(map(len, answers))
        # What stands behind an answer's end is seen by nothing before it.
        targets = mx.array([[*answer, *[0] * (width - len(answer))] for answer in answers])
        logits = self.model(mx.concatenate([padded[:, -1:], targets[:, :-1]], axis=1), cache=caches).astype(mx.float32)
        chosen = mx.take_along_axis(logits, targets[..., None], axis=-1)[..., 0] - mx.logsumexp(logits, axis=-1)
        scores: Any = chosen.tolist()
        return [row[: len(answer)] for row, answer in zip(scores, answers, strict=True)]

    def _fork(self, suffixes: Sequence[list[int]]) -> tuple[mx.array, list[PrefixCache]]:
        """Returns the suffixes padded on their left to one width, and caches that hold all but their last tokens."""
        width = max(map(len, suffixes))
        padding = [width - len(suffix) for suffix in suffixes]
        padded = mx.array([[0] * count + suffix for count, suffix in zip(padding, suffixes, strict=True)])
        caches = [layer.fork(padding) for layer in self.cache]
        self._read(padded[:, :-1], caches)
        return padded, caches

    def _is_complete(self, ids: list[int], most_tokens: int) -> bool:
        return ids[-1] in self.tokenizer.stops or len(ids) == most_tokens

    def _read(self, ids: mx.array, caches: list[PrefixCache]) -> None:
        """Fills the caches; the logits stay unevaluated, and so are never computed."""
        if ids.shape[1]:
            self.model(ids, cache=caches)
            mx.eval([[layer.keys, layer.values] for layer in caches])

    def _suffix(self, prompt: str) -> list[int]:
        ids = self.tokenizer.encode(prompt)
        if ids[: len(self.prefix)] != self.prefix or len(ids) == len(self.prefix):
            raise StageError(
                "the prompt's prefix has other tokens by itself than before an alert; "
                "it must end with a token that the tokenizer never joins to the next one"
            )
        return ids[len(self.prefix) :]

    def _answer(self, ids: list[int]) -> Answer:
        return Answer(self.tokenizer.decode(ids), len(ids))


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """Returns what action returns, and the seconds that it took."""
    start = time.perf_counter()
    result = action()
    return result, time.perf_counter() - start


def _loaded(folder: Path) -> Any:
    try:
        model, _ = load_model(folder)
    except (ValueError, FileNotFoundError) as error:
        raise StageError(f"mlx-lm cannot load the model in {folder}: {error}; convert the base model again") from None
    model.eval()
    kinds = {type(layer) for layer in make_prompt_cache(model)}
    if others := kinds - {KVCache, RotatingKVCache}:
        names = ", ".join(sorted(kind.__name__ for kind in others))
        raise StageError(f"the model keeps its past in {names}; only models with attention in all layers can be used")
    return model
