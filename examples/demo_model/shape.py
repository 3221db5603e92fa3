"""The model's architecture, and its weights before the first step."""

from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.models.gemma3_text import Model, ModelArgs

from shared.function_call import CONTROL_TOKENS

SHAPE: dict[str, Any] = {
    "model_type": "gemma3_text",
    "architectures": ["Gemma3ForCausalLM"],
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "intermediate_size": 128,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 64,
    "query_pre_attn_scalar": 64,
    "sliding_window": 96,
    "sliding_window_pattern": 3,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e8,
    "rope_local_base_freq": 100.0,  # low: the two lower layers tell neighbours apart from the start
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
    """Returns an untrained model whose attention begins as a copying circuit (Olsson et al., arXiv 2209.11895).

    The lowest layer looks one and two tokens back; the highest looks where the same two tokens stood before.
    """
    draw = np.random.default_rng(seed)
    mx.random.seed(seed)
    model: Any = Model(ModelArgs.from_dict(SHAPE | {"vocab_size": vocabulary}))  # type: ignore[no-untyped-call]
    model.tie_word_embeddings = True
    model.pop("lm_head")
    weights: Any = tree_flatten(model.parameters())
    model.load_weights([(name, _drawn(name, weight)) for name, weight in weights])
    _wire(model, draw)
    mx.eval(model.parameters())
    return model


def _drawn(name: str, weight: mx.array) -> mx.array:
    if name.endswith("norm.weight"):  # Gemma adds 1: each branch begins small beside the residual stream
        return mx.full(weight.shape, -0.7 if ".post_" in name else 0.0)
    return mx.random.normal(weight.shape) * (0.1 if "embed" in name else _NOISE)


def _wire(model: Any, draw: np.random.Generator) -> None:
    """Adds the circuit: directions for a token's own content, the one before, the one before that, a constant."""
    width, size = SHAPE["hidden_size"], SHAPE["head_dim"]
    basis = np.linalg.qr(draw.standard_normal((width, width)))[0].T.astype(np.float32)
    constant, content = basis[0], basis[1 : 1 + size]
    before = [np.linalg.qr(draw.standard_normal((width, size)))[0].T.astype(np.float32) for _ in range(2)]
    embedding = np.array(model.model.embed_tokens.weight)
    embedding += (0.3 - embedding @ constant)[:, None] * constant
    model.model.embed_tokens.weight = mx.array(embedding)
    lowest, highest = model.layers[0], model.layers[-1]
    _look_back(lowest.self_attn, constant)
    _add(lowest.self_attn.v_proj, content)
    _add(lowest.self_attn.o_proj, np.concatenate([directions.T for directions in before], axis=1))
    lowest.post_attention_layernorm.weight = mx.zeros(width)
    _look_for_the_same(highest.self_attn, content, before)
    _add(highest.self_attn.v_proj, content)
    _add(highest.self_attn.o_proj, np.concatenate([content.T] * 2, axis=1))
    highest.post_attention_layernorm.weight = mx.full((width,), 1.0)


def _look_back(attention: Any, constant: np.ndarray) -> None:
    """Head h attends to the token h + 1 places before: rotary position turns a constant into a place."""
    half = SHAPE["head_dim"] // 2
    angles = SHAPE["rope_local_base_freq"] ** (-np.arange(half) / half)
    amplitude = (np.arange(half) < half // 3).astype(np.float32)
    heads = [np.concatenate([amplitude * np.cos(n * angles), -amplitude * np.sin(n * angles)]) for n in (1, 2)]
    key = np.concatenate([amplitude, 0 * amplitude])
    attention.q_proj.weight = attention.q_proj.weight * 0.1 + mx.array(
        np.outer(np.concatenate(heads), constant), mx.float32
    )
    attention.k_proj.weight = attention.k_proj.weight * 0.1 + mx.array(np.outer(key, constant), mx.float32)
    attention.q_norm.weight = mx.full((2 * half,), 3.0)


def _look_for_the_same(attention: Any, content: np.ndarray, before: list[np.ndarray]) -> None:
    """The query holds this token and the one before; the key the one before and the one before that."""
    half = SHAPE["head_dim"] // 2
    slow = np.r_[10:half, half + 10 : 2 * half]  # rotary dimensions that hardly turn over a prompt
    parts = len(slow) // 2
    query, key = np.zeros((2, 2 * half, SHAPE["hidden_size"]), np.float32)
    query[slow[:parts]], query[slow[parts:]] = content[:parts], 0.7 * before[0][:parts]
    key[slow[:parts]], key[slow[parts:]] = before[0][:parts], 0.7 * before[1][:parts]
    _add(attention.q_proj, np.concatenate([query, query]))
    _add(attention.k_proj, key)
    attention.q_norm.weight = mx.full((2 * half,), 1.0)


def _add(layer: Any, matrix: np.ndarray) -> None:
    layer.weight = layer.weight * 0.4 + mx.array(matrix)
