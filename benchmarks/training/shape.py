"""What is measured: models with random weights, and rows of the job's shape. Standard library alone."""

import random
from dataclasses import dataclass
from typing import Any

SCALE, RANK, LEARNING_RATE = 20.0, 8, 1e-4

_GEMMA = {
    "model_type": "gemma3_text",
    "architectures": ["Gemma3ForCausalLM"],
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "rope_local_base_freq": 1e4,
    "max_position_embeddings": 32768,
    "hidden_activation": "gelu_pytorch_tanh",
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
}
SHAPES: dict[str, dict[str, Any]] = {
    # https://huggingface.co/google/functiongemma-270m-it, config.json
    "functiongemma": _GEMMA
    | {
        "hidden_size": 640,
        "num_hidden_layers": 18,
        "intermediate_size": 2048,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "head_dim": 256,
        "query_pre_attn_scalar": 256,
        "sliding_window": 512,
        "sliding_window_pattern": 6,
        "vocab_size": 262144,
    },
    "demo": _GEMMA
    | {
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 64,
        "query_pre_attn_scalar": 64,
        "sliding_window": 160,
        "sliding_window_pattern": 3,
        "vocab_size": 2048,
    },
}


@dataclass(frozen=True)
class Case:
    """One comparison: a shape, its adapted layers, rows a step, and the tokens that all rows begin with."""

    shape: str
    layers: int
    batch: int
    prefix: int


@dataclass(frozen=True)
class Sample:
    """A row's tokens, and how many of them are the prompt."""

    tokens: tuple[int, ...]
    prompt: int


def draw_rows(case: Case, step: int) -> list[Sample]:
    """Returns the rows of a step, the same for every contender.

    Seven functions in FunctionGemma's format gave user turns of 75 to 177 tokens (median 120) and completions of 25 to
    38 (median 29).
    """
    size = SHAPES[case.shape]["vocab_size"]
    prefix = _tokens(random.Random(case.prefix), case.prefix, size)
    draw = random.Random(f"{case}/{step}")
    rows = []
    for _ in range(case.batch):
        user = round(draw.triangular(75, 177, 110))
        completion = round(draw.triangular(25, 38, 27))
        rows.append(Sample((*prefix, *_tokens(draw, user + completion, size)), case.prefix + user))
    return rows


def _tokens(draw: random.Random, count: int, size: int) -> list[int]:
    return [draw.randrange(5, size) for _ in range(count)]
