"""Ways to answer many prompts greedily: the stage's, and mlx-lm's own two, on the same model and the same tokens."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stages.evaluate.answering.decoding import WarmModel
from stages.evaluate.answering.tokens import PromptTokenizer

Answers = list[list[int]]
"""The tokens written to each prompt, without the stop token."""
Contender = Callable[[], Answers]


def contenders(
    folder: Path, prefix: str, stop_tokens: Sequence[str], prompts: Sequence[str], most_tokens: int
) -> dict[str, Contender]:
    """Returns by name what answers the prompts. Loading the model is not in their time; reading a shared prefix is."""
    tokenizer = PromptTokenizer(folder, stop_tokens)
    warm = WarmModel(folder, tokenizer, prefix, most_tokens)
    wrapped = _wrapped(folder, tokenizer.stops)
    ids = [tokenizer.encode(text) for text in prompts]

    def ours() -> Answers:
        warm.read_prefix()
        return [_without_stop(written, tokenizer.stops) for written in warm.decode_all(prompts, lambda rows: None)]

    def one_by_one() -> Answers:
        from mlx_lm.generate import stream_generate

        return [
            _without_stop(
                [each.token for each in stream_generate(warm.model, wrapped, given, max_tokens=most_tokens)],
                tokenizer.stops,
            )
            for given in ids
        ]

    def batched() -> Answers:
        from mlx_lm.generate import batch_generate

        found: Any = batch_generate(warm.model, wrapped, ids, max_tokens=most_tokens, return_token_ids=True).token_ids
        return list(found)

    return {"ours": ours, "generate": one_by_one, "batch_generate": batched}


def _wrapped(folder: Path, stops: frozenset[int]) -> Any:
    """Returns the tokenizer as mlx-lm takes it, with our stop tokens; it decodes every token as it stands."""
    from mlx_lm.tokenizer_utils import TokenizerWrapper
    from transformers import PreTrainedTokenizerFast

    plain: Any = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))  # type: ignore[no-untyped-call]
    return TokenizerWrapper(plain, eos_token_ids=sorted(stops))


def _without_stop(written: Sequence[int], stops: frozenset[int]) -> list[int]:
    return list(written[:-1] if written and written[-1] in stops else written)
