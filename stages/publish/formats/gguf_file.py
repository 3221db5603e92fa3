"""Writes a fine-tuned model as GGUF, the one file that llama.cpp and Ollama read. Equal models give equal bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import GGML_QUANT_VERSION, GGUFWriter, LlamaFileType

from shared.artifacts import FineTunedModel
from shared.errors import StageError
from stages.publish.formats import architecture, byte_level, sentencepiece
from stages.publish.formats.architecture import Architecture
from stages.publish.formats.modelfile import ModelfileFacts
from stages.publish.formats.tensors import Tensor, check_tensors, tensors_of
from stages.publish.formats.token_list import TokenList, ids_of
from stages.publish.formats.tokenizer_json import TokenizerFile
from stages.publish.formats.weights import Weights

FILE_TYPES = {"f16": LlamaFileType.MOSTLY_F16, "q8_0": LlamaFileType.MOSTLY_Q8_0}


def write_gguf(model_folder: Path, target: Path, kind: str) -> ModelfileFacts:
    """Writes the model as `target`, whose folder must be there, and returns how it is to be served.

    kind: "f16" or "q8_0". Raises StageError, before anything is written, for a model that cannot be said exactly.
    """
    plan = Plan.of(model_folder)
    plan.write(target, kind)
    return plan.serving


@dataclass(frozen=True)
class Plan:
    """A model that was found to be one that a GGUF can say."""

    architecture: Architecture
    weights: Weights
    tokens: TokenList
    token_ids: Mapping[str, Any]
    serving: ModelfileFacts

    @classmethod
    def of(cls, folder: Path) -> "Plan":
        """Reads what decides whether the model can be said, without its numbers. Raises StageError where it cannot."""
        model = FineTunedModel(folder)
        known = Architecture.of(_config(folder), str(folder / "config.json"))
        weights = Weights.of(folder)
        check_tensors(tensors_of(known, "f16"), weights)
        prompt, tokenizer = model.prompt(), TokenizerFile.read(folder / "tokenizer.json")
        tokens = _token_list(tokenizer, prompt.stop_tokens, known.vocabulary)
        ids = ids_of(tokenizer, prompt.stop_tokens, known.vocabulary, model.adds_bos())
        return cls(known, weights, tokens, ids, ModelfileFacts.of(prompt, known.context))

    def write(self, target: Path, kind: str) -> None:
        """Writes the GGUF. Raises StageError where a number of the weights fits none of its types."""
        writer = GGUFWriter(target, architecture.NAME)
        try:
            self._write(writer, tensors_of(self.architecture, kind), kind)
        except BaseException:
            writer.close()
            target.unlink(missing_ok=True)
            raise
        writer.close()

    def _write(self, writer: GGUFWriter, tensors: list[Tensor], kind: str) -> None:
        writer.add_file_type(FILE_TYPES[kind])
        writer.add_quantization_version(GGML_QUANT_VERSION)
        self._add_fields(writer)
        for tensor in tensors:
            size = tensor.dtype.itemsize
            for extent in tensor.stored_shape:
                size *= extent
            writer.add_tensor_info(tensor.name, tensor.stored_shape, tensor.dtype, size, tensor.type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor in tensors:  # one at a time: the largest decides the memory
            writer.write_tensor_data(tensor.data(self.weights))

    def _add_fields(self, writer: GGUFWriter) -> None:
        for name, value in self.architecture.fields().items():
            _add(writer, f"{architecture.NAME}.{name}", value)
        scheme = {**self.tokens.scheme, "tokens": self.tokens.texts, "token_type": [*map(int, self.tokens.kinds)]}
        for name, value in (scheme | {**self.token_ids}).items():
            _add(writer, f"tokenizer.ggml.{name}", value)


def _add(writer: GGUFWriter, name: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    elif isinstance(value, float):
        writer.add_float32(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    else:
        writer.add_array(name, value)


def _token_list(tokenizer: TokenizerFile, stops: tuple[str, ...], size: int) -> TokenList:
    if sentencepiece.is_sentencepiece(tokenizer):
        return sentencepiece.token_list(tokenizer, stops, size)
    if byte_level.is_byte_level(tokenizer):
        return byte_level.token_list(tokenizer, stops, size)
    raise tokenizer.refuse("cuts a text into tokens neither as Gemma's does, nor as GPT-2's")


def _config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StageError(f"{file} cannot be read as JSON: {error}") from None
    if not isinstance(config, dict):
        raise StageError(f"{file} must hold a JSON object")
    return config
