"""The tensors of the GGUF, by name: which of the model's they are, and in which form they are written."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

from shared.agent_config.formats import WITHOUT_GGUF
from shared.errors import StageError
from stages.publish.formats.architecture import Architecture
from stages.publish.formats.weights import Weights

KINDS = {"f16": GGMLQuantizationType.F16, "q8_0": GGMLQuantizationType.Q8_0}
FULL = GGMLQuantizationType.F32
# mlx-lm's names within a layer: the GGUF's.
_MATRICES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_NORMS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


@dataclass(frozen=True)
class Tensor:
    """One tensor of the GGUF. source: its name in the model; None: zeros, of a layer that changes nothing."""

    name: str
    source: str | None
    shape: tuple[int, ...]
    type: GGMLQuantizationType

    @property
    def is_norm(self) -> bool:
        return len(self.shape) == 1

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape of `write`'s array: of its numbers, or for quantised ones of their bytes."""
        quantised = self.type not in (FULL, GGMLQuantizationType.F16)
        return quants.quant_shape_to_byte_shape(self.shape, self.type) if quantised else self.shape

    @property
    def dtype(self) -> np.dtype:
        known = {FULL: np.float32, GGMLQuantizationType.F16: np.float16}
        return np.dtype(known.get(self.type, np.uint8))

    def data(self, weights: Weights) -> np.ndarray:
        """Returns the tensor as it is stored. Raises StageError for a number that the type cannot hold."""
        written = np.zeros(self.stored_shape, self.dtype)
        place = 0
        for rows in self._rows(weights):
            written[place : place + len(rows)] = rows
            place += len(rows)
        return written

    def _rows(self, weights: Weights) -> Iterator[np.ndarray]:
        if self.source is None:
            return
        for rows in weights.rows(self.source):
            # Gemma keeps its norms' weights less one; readers of GGUF take them as they are.
            part = rows + np.float32(1) if self.is_norm else rows
            if not np.isfinite(part).all() or (self.type != FULL and np.abs(part).max() > np.finfo(np.float16).max):
                raise StageError(f"{weights.folder}: {self.source} holds numbers that no f16 holds; train it anew")
            yield quants.quantize(part, self.type)


def tensors_of(architecture: Architecture, kind: str) -> list[Tensor]:
    """Returns the tensors of a GGUF of this kind, in their order."""
    shapes = _shapes(architecture)
    table = (architecture.vocabulary, architecture.width)
    tensors = [_tensor("token_embd.weight", "model.embed_tokens.weight", table, kind)]
    for number, layer in enumerate(architecture.layers):
        for source, name in (_NORMS | _MATRICES).items():
            place = None if layer is None else f"model.layers.{layer}.{source}.weight"
            tensors.append(_tensor(f"blk.{number}.{name}.weight", place, shapes[source], kind))
    return [*tensors, _tensor("output_norm.weight", "model.norm.weight", (architecture.width,), kind)]


def check_tensors(tensors: list[Tensor], weights: Weights) -> None:
    """Raises StageError where the model lacks one of the tensors, or holds another that would be left out."""
    for tensor in tensors:
        if tensor.source:
            weights.check(tensor.source, tensor.shape)
    if unknown := sorted(weights.tensors.keys() - {tensor.source for tensor in tensors}):
        raise StageError(
            f"{weights.folder} holds a tensor {unknown[0]}, which a GGUF of Gemma 3 with tied embeddings "
            f"has no place for; {WITHOUT_GGUF}"
        )


def _tensor(name: str, source: str | None, shape: tuple[int, ...], kind: str) -> Tensor:
    return Tensor(name, source, shape, _type(shape, kind))


def _type(shape: tuple[int, ...], kind: str) -> GGMLQuantizationType:
    if len(shape) == 1:
        return FULL
    block, _ = GGML_QUANT_SIZES[KINDS[kind]]
    return KINDS[kind] if shape[-1] % block == 0 else GGMLQuantizationType.F16


def _shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    width, inner, head = architecture.width, architecture.inner_width, architecture.head_width
    queries, keys = architecture.heads * head, architecture.key_value_heads * head
    heads = {"self_attn.q_norm": (head,), "self_attn.k_norm": (head,)}
    norms = dict.fromkeys(_NORMS, (width,)) | heads
    return norms | {
        "self_attn.q_proj": (queries, width),
        "self_attn.k_proj": (keys, width),
        "self_attn.v_proj": (keys, width),
        "self_attn.o_proj": (width, queries),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }
