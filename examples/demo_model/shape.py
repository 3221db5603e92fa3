"""The model's architecture, and its weights before the first step."""

from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models.gemma3_text import Model, ModelArgs

from examples.demo_model.circuits import build_copying_circuit
from shared.function_call import CONTROL_TOKENS

SHAPE: dict[str, Any] = {
    "model_type": "gemma3_text",
    "architectures": ["Gemma3ForCausalLM"],
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "query_pre_attn_scalar": 64,
    "sliding_window": 160,
    "sliding_window_pattern": 3,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "rope_local_base_freq": 1e4,
    "max_position_embeddings": 4096,
    "hidden_activation": "gelu_pytorch_tanh",
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
    "bos_token_id": CONTROL_TOKENS.index("<bos>"),
    "eos_token_id": CONTROL_TOKENS.index("<eos>"),
    "pad_token_id": CONTROL_TOKENS.index("<pad>"),
}
_NOISE = 0.05


def make_model(vocabulary: int, seed: int) -> Any:
    """Returns an untrained model that copies already."""
    mx.random.seed(seed)
    model: Any = Model(ModelArgs.from_dict(SHAPE | {"vocab_size": vocabulary}))  # type: ignore[no-untyped-call]
    model.tie_word_embeddings = True
    model.pop("lm_head")
    weights: Any = tree_flatten(model.parameters())
    model.load_weights([(name, _drawn(name, weight)) for name, weight in weights])
    build_copying_circuit(model, SHAPE["rope_local_base_freq"])
    mx.eval(model.parameters())
    return model


def _drawn(name: str, weight: mx.array) -> mx.array:
    if name.endswith("norm.weight"):  # Gemma adds 1: each branch begins small beside the residual stream
        return mx.full(weight.shape, -0.7 if ".post_" in name else 0.0)
    return mx.random.normal(weight.shape) * (0.1 if "embed" in name else _NOISE)
