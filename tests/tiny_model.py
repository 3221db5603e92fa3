"""A tiny real Hugging Face model for tests: random weights in Gemma 3's architecture, and a byte-level tokenizer.

It imports no mlx: a stage chooses its BLAS before that.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from shared.function_call import CONTROL_TOKENS

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
STOP_IDS = [CONTROL_TOKENS.index(token) for token in ("<eos>", "<start_function_response>", "<end_of_turn>")]
SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "query_pre_attn_scalar": 16,
    "sliding_window": 64,
    "sliding_window_pattern": 3,
}
SEED = 7


def write_tiny_base(folder: Path, **shape: int) -> Path:
    """Writes a Hugging Face folder of a random Gemma 3 text model to folder and returns it.

    shape: values of config.json that shall differ from SHAPE. Equal shapes give equal bytes.
    """
    folder.mkdir(parents=True)
    tokenizer = byte_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = _config(tokenizer.get_vocab_size(), SHAPE | shape)
    _write_json(folder / "config.json", config)
    _write_json(folder / "generation_config.json", {"bos_token_id": 2, "eos_token_id": STOP_IDS, "pad_token_id": 0})
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    _write_json(folder / "tokenizer_config.json", special | kind)
    save_file(_weights(config), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def byte_tokenizer() -> Tokenizer:
    """Returns a tokenizer of the control tokens (`<pad>` 0, `<eos>` 1, `<bos>` 2, …) and the 256 bytes, without loss.

    Like Gemma's own it adds a `<bos>` unless told not to.
    """
    tokens = [*CONTROL_TOKENS, *BYTES]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, []))
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in CONTROL_TOKENS])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    return tokenizer


def _config(vocabulary: int, shape: dict[str, int]) -> dict[str, Any]:
    return {
        "model_type": "gemma3_text",
        "architectures": ["Gemma3ForCausalLM"],
        "vocab_size": vocabulary,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "rope_local_base_freq": 1e4,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
        **shape,
    }


def _weights(config: dict[str, Any]) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(SEED)

    def normal(rows: int, columns: int, deviation: float) -> np.ndarray:
        return (draw.standard_normal((rows, columns)) * deviation).astype(np.float32)

    width, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    weights = {
        "model.embed_tokens.weight": normal(config["vocab_size"], width, 0.1),
        "model.norm.weight": np.zeros(width, np.float32),
    }
    shapes = {
        "self_attn.q_proj": (queries, width),
        "self_attn.k_proj": (keys, width),
        "self_attn.v_proj": (keys, width),
        "self_attn.o_proj": (width, queries),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }
    for layer in range(config["num_hidden_layers"]):
        place = f"model.layers.{layer}"
        weights |= {f"{place}.{name}.weight": normal(*shape, 0.05) for name, shape in shapes.items()}
        weights |= {f"{place}.self_attn.{name}_norm.weight": np.zeros(head, np.float32) for name in "qk"}
        # Gemma adds 1 to a norm's weight: the branches start small beside the residual stream.
        for name, value in (("input", 0.0), ("post_attention", -0.7), ("pre_feedforward", 0.0)):
            weights[f"{place}.{name}_layernorm.weight"] = np.full(width, value, np.float32)
        weights[f"{place}.post_feedforward_layernorm.weight"] = np.full(width, -0.7, np.float32)
    return weights


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n")
