"""What a GGUF says of the architecture, from config.json: Gemma 3 for text, as mlx-lm reads it.

Readers of GGUF know Gemma 3 by what its published sizes have in common: each sixth layer sees all tokens, the others
turn positions by a base of 10,000, and queries are scaled by the heads' width. A model of another sixth is brought
into that form (`layers`); one that differs otherwise cannot be told to them, and is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.agent_config.formats import WITHOUT_GGUF
from shared.errors import StageError

NAME = "gemma3"
PERIOD = 6
LOCAL_BASE = 10_000.0
_WHOLE = {
    "width": "hidden_size",
    "layer_count": "num_hidden_layers",
    "inner_width": "intermediate_size",
    "heads": "num_attention_heads",
    "key_value_heads": "num_key_value_heads",
    "head_width": "head_dim",
    "window": "sliding_window",
    "pattern": "sliding_window_pattern",
    "context": "max_position_embeddings",
    "vocabulary": "vocab_size",
}
# What mlx-lm takes where config.json does not say.
_DEFAULTS = {
    "sliding_window_pattern": 6,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "rope_local_base_freq": LOCAL_BASE,
    "query_pre_attn_scalar": 256,
}


@dataclass(frozen=True)
class Architecture:
    """The numbers of config.json that decide a Gemma 3 for text."""

    width: int
    layer_count: int
    inner_width: int
    heads: int
    key_value_heads: int
    head_width: int
    window: int
    pattern: int
    context: int
    vocabulary: int
    norm_epsilon: float
    global_base: float

    @classmethod
    def of(cls, config: Mapping[str, Any], where: str) -> "Architecture":
        """Returns what config.json holds. Raises StageError, naming `where`, for what a GGUF cannot say."""
        known = _DEFAULTS | {key: value for key, value in config.items() if value is not None}
        _check_kind(known, where)
        numbers = {name: _whole(known, key, where) for name, key in _WHOLE.items()}
        _check_scale(known, where)
        epsilon, base = (_number(known, key, where) for key in ("rms_norm_eps", "rope_theta"))
        return cls(**numbers, norm_epsilon=epsilon, global_base=base)

    @property
    def layers(self) -> list[int | None]:
        """Returns for each layer of the GGUF the model's own, None: one that changes nothing.

        Between the layers that see all tokens a GGUF has five of the others; a model with fewer gets empty ones.
        """
        placed: list[int | None] = []
        for layer in range(self.layer_count):
            if (layer + 1) % self.pattern == 0:
                placed += [None] * (-(len(placed) + 1) % PERIOD)
            placed.append(layer)
        return placed

    def fields(self) -> dict[str, int | float]:
        """Returns the GGUF's fields of the architecture, by their names behind `gemma3.`."""
        return {
            "context_length": self.context,
            "embedding_length": self.width,
            "block_count": len(self.layers),
            "feed_forward_length": self.inner_width,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.key_value_heads,
            "attention.key_length": self.head_width,
            "attention.value_length": self.head_width,
            "attention.layer_norm_rms_epsilon": self.norm_epsilon,
            "attention.sliding_window": self.window,
            "rope.freq_base": self.global_base,
            "rope.freq_base_swa": LOCAL_BASE,
            "rope.local.freq_base": LOCAL_BASE,  # Ollama's name for the line above
        }


def _check_kind(config: Mapping[str, Any], where: str) -> None:
    if config.get("model_type") != "gemma3_text":
        found = f"{where} names model_type {config.get('model_type')!r}"
        raise StageError(f"{found}; a GGUF is made of gemma3_text alone, so {WITHOUT_GGUF}")
    if "quantization" in config or "quantization_config" in config:
        found = f"{where} tells of quantised weights"
        raise StageError(f"{found}; a GGUF is made of those before: convert the base again without quantisation")
    if config.get("rope_scaling"):
        raise StageError(f"{where} has rope_scaling, which a GGUF of Gemma 3 cannot say; {WITHOUT_GGUF}")


def _check_scale(config: Mapping[str, Any], where: str) -> None:
    demanded = {"rope_local_base_freq": LOCAL_BASE, "query_pre_attn_scalar": config["head_dim"]}
    for key, value in demanded.items():
        if config[key] != value:
            found = f"{where} has {key} {config[key]}, and readers of GGUF take {value:g}"
            raise StageError(f"{found}; {WITHOUT_GGUF}")


def _whole(config: Mapping[str, Any], key: str, where: str) -> int:
    value = config.get(key)
    if type(value) is not int or value < 1:
        raise StageError(f"{where} has {key} {value!r}, which must be a whole number above 0; convert the base again")
    return value


def _number(config: Mapping[str, Any], key: str, where: str) -> float:
    value = config.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise StageError(f"{where} has {key} {value!r}, which must be a number above 0; convert the base again")
    return float(value)
