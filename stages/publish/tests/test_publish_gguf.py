"""A model as GGUF: which numbers and which tokens it holds, and what cannot be said in one."""

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFReader, TokenType, quants
from gguf.vocab import bytes_to_unicode
from mlflow.tracking import MlflowClient

from shared.errors import StageError
from shared.function_call import CONTROL_TOKENS, STOP_TOKENS
from stages.publish.contract import Inputs
from stages.publish.formats.gguf_file import write_gguf
from stages.publish.store.bundle import files_of
from stages.publish.tests.conftest import VERSION, deploying, nothing_changes, publish, refusal_of, register
from tests import samples

CONFIG: dict[str, Any] = {
    "model_type": "gemma3_text",
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "intermediate_size": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "query_pre_attn_scalar": 16,
    "sliding_window": 64,
    "sliding_window_pattern": 3,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "rope_local_base_freq": 1e4,
}
MATRICES = {
    "self_attn.q_proj": (32, 32),
    "self_attn.k_proj": (16, 32),
    "self_attn.v_proj": (16, 32),
    "self_attn.o_proj": (32, 32),
    "mlp.gate_proj": (64, 32),
    "mlp.up_proj": (64, 32),
    "mlp.down_proj": (32, 64),
}
NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
SPACE, BYTES = "▁", [f"<0x{number:02X}>" for number in range(256)]
LETTERS = [SPACE, *"abcdehnrst:\n"]
JOINED = ["th", "the", SPACE + "the", "\n\n\n", "\n\n"]


def byte_level() -> dict[str, Any]:
    tokens = [*CONTROL_TOKENS, *bytes_to_unicode().values()]
    return {
        "added_tokens": [added(text, number) for number, text in enumerate(CONTROL_TOKENS)],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "model": {"type": "BPE", "vocab": {text: number for number, text in enumerate(tokens)}, "merges": []},
    }


def sentencepiece() -> dict[str, Any]:
    tokens = [*CONTROL_TOKENS, *BYTES, *LETTERS, *JOINED]
    vocabulary = {text: number for number, text in enumerate(tokens)}
    cuts = [(text[:place], text[place:]) for text in JOINED for place in range(1, len(text))]
    extra = [added(text, vocabulary[text], special=False) for text in ("\n", "\n\n", "\n\n\n")]
    return {
        "added_tokens": [added(text, number) for number, text in enumerate(CONTROL_TOKENS)] + extra,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
        "model": {
            "type": "BPE",
            "byte_fallback": True,
            "vocab": vocabulary,
            "merges": [list(cut) for cut in cuts if cut[0] in vocabulary and cut[1] in vocabulary],
        },
    }


def added(text: str, number: int, special: bool = True) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": text, "special": special, **flags}


def weights(vocabulary: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return draw.standard_normal(shape).astype(np.float32)

    made = {"model.embed_tokens.weight": normal(vocabulary, 32), "model.norm.weight": normal(32)}
    for layer in range(3):
        shapes = MATRICES | dict.fromkeys(NORMS, (32,)) | {f"self_attn.{name}_norm": (16,) for name in "qk"}
        made |= {f"model.layers.{layer}.{name}.weight": normal(*shape) for name, shape in shapes.items()}
    return made


def write_safetensors(file: Path, tensors: dict[str, np.ndarray], dtype: str = "F32") -> None:
    header, data = {}, b""
    for name, tensor in tensors.items():
        part = tensor.tobytes() if dtype == "F32" else (tensor.view(np.uint32) >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    head = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(head)) + head + data)


def write_model(folder: Path, tokenizer: dict[str, Any], **config: Any) -> Path:
    size = len(tokenizer["model"]["vocab"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": size} | config))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "prompt.json").write_text(samples.prompt_file().to_json())
    write_safetensors(folder / "model.safetensors", weights(size))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "gemma", sentencepiece())


def read(model: Path, kind: str = "f16") -> GGUFReader:
    target = model.parent / f"{kind}.gguf"
    write_gguf(model, target, kind)
    return GGUFReader(target)


def field(reader: GGUFReader, name: str) -> Any:
    return reader.fields[name].contents()


def tensors(reader: GGUFReader) -> dict[str, np.ndarray]:
    return {one.name: quants.dequantize(one.data, one.tensor_type) for one in reader.tensors}


def refusal(model: Path) -> str:
    target = model.parent / "refused.gguf"
    with pytest.raises(StageError) as refused:
        write_gguf(model, target, "f16")
    assert not target.exists()
    return str(refused.value).replace(str(model), "MODEL")


def test_the_numbers_are_the_models_own_and_norms_are_told_with_the_one_that_gemma_adds(model: Path) -> None:
    found, own = tensors(read(model)), weights(len(sentencepiece()["model"]["vocab"]))
    np.testing.assert_array_equal(
        found["token_embd.weight"], own["model.embed_tokens.weight"].astype(np.float16).astype(np.float32)
    )
    np.testing.assert_array_equal(found["output_norm.weight"], own["model.norm.weight"] + np.float32(1))
    for name, theirs in (("self_attn.q_proj", "attn_q"), ("mlp.down_proj", "ffn_down")):
        expected = own[f"model.layers.1.{name}.weight"].astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(found[f"blk.1.{theirs}.weight"], expected)
    np.testing.assert_array_equal(
        found["blk.5.post_ffw_norm.weight"],
        own["model.layers.2.post_feedforward_layernorm.weight"] + np.float32(1),
    )


def test_a_layer_that_sees_all_tokens_is_the_sixth_behind_layers_that_change_nothing(model: Path) -> None:
    reader = read(model)
    found, own = tensors(reader), weights(len(sentencepiece()["model"]["vocab"]))
    assert field(reader, "gemma3.block_count") == 6
    assert len(found) == 2 + 6 * 13
    for empty in (2, 3, 4):
        assert not any(found[name].any() for name in found if name.startswith(f"blk.{empty}."))
    expected = own["model.layers.2.self_attn.q_proj.weight"].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(found["blk.5.attn_q.weight"], expected)


def test_layers_of_gemmas_own_pattern_stay_as_many(tmp_path: Path) -> None:
    model = write_model(tmp_path / "gemma", sentencepiece(), sliding_window_pattern=6)
    assert field(read(model), "gemma3.block_count") == 3


def test_the_numbers_of_q8_0_are_near_and_norms_stay_whole(model: Path) -> None:
    reader, own = read(model, "q8_0"), weights(len(sentencepiece()["model"]["vocab"]))
    types = {one.name: one.tensor_type for one in reader.tensors}
    assert types["blk.0.attn_q.weight"] == types["token_embd.weight"] == GGMLQuantizationType.Q8_0
    assert types["blk.0.attn_norm.weight"] == GGMLQuantizationType.F32
    found, expected = tensors(reader)["blk.0.attn_q.weight"], own["model.layers.0.self_attn.q_proj.weight"]
    assert 0 < np.abs(found - expected).max() < np.abs(expected).max() / 127


def test_bfloat16_is_read_as_the_numbers_that_it_means(model: Path) -> None:
    own = weights(len(sentencepiece()["model"]["vocab"]))
    write_safetensors(model / "model.safetensors", own, "BF16")
    cut = (own["model.norm.weight"].view(np.uint32) >> 16 << 16).view(np.float32)
    np.testing.assert_array_equal(tensors(read(model))["output_norm.weight"], cut + np.float32(1))


def test_the_shape_is_told_in_the_words_of_llama_cpp_and_of_ollama(model: Path) -> None:
    reader = read(model)
    expected = {
        "general.architecture": "gemma3",
        "general.file_type": 1,
        "gemma3.context_length": 4096,
        "gemma3.embedding_length": 32,
        "gemma3.feed_forward_length": 64,
        "gemma3.attention.head_count": 2,
        "gemma3.attention.head_count_kv": 1,
        "gemma3.attention.key_length": 16,
        "gemma3.attention.value_length": 16,
        "gemma3.attention.sliding_window": 64,
        "gemma3.rope.freq_base": 1e6,
        "gemma3.rope.freq_base_swa": 1e4,
        "gemma3.rope.local.freq_base": 1e4,
    }
    assert {name: field(reader, name) for name in expected} == expected


def test_answers_end_at_the_prompts_stop_tokens(model: Path) -> None:
    reader, stops = read(model), [CONTROL_TOKENS.index(token) for token in STOP_TOKENS]
    assert field(reader, "tokenizer.ggml.eos_token_ids") == stops
    named = ("eos_token_id", "eot_token_id", "eom_token_id")
    assert [field(reader, f"tokenizer.ggml.{name}") for name in named] == stops


def test_a_server_adds_what_the_tokenizer_adds(tmp_path: Path) -> None:
    begins = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}]}
    for name, more, adds in (("plain", {}, False), ("gemma", {"post_processor": begins}, True)):
        reader = read(write_model(tmp_path / name / "model", sentencepiece() | more))
        assert field(reader, "tokenizer.ggml.add_bos_token") is adds
        assert field(reader, "tokenizer.ggml.add_eos_token") is False
        assert field(reader, "tokenizer.ggml.add_space_prefix") is False


def test_tokens_of_a_call_come_back_in_the_text_and_those_that_end_it_do_not(model: Path) -> None:
    reader = read(model)
    kinds = dict(zip(field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.token_type"), strict=True))
    for token in ("<start_function_call>", "<end_function_call>", "<escape>", "<start_function_declaration>"):
        assert kinds[token] == TokenType.USER_DEFINED
    for token in (*STOP_TOKENS, "<bos>", "<pad>", "<unk>"):
        assert kinds[token] == TokenType.CONTROL
    assert (kinds["<0x0A>"], kinds["the"]) == (TokenType.BYTE, TokenType.NORMAL)
    # As an added token "\n" would be found first by Ollama, and two line ends would be two tokens.
    assert kinds["\n"] == kinds["\n\n"] == TokenType.NORMAL


def test_a_text_that_is_joined_earlier_has_the_better_score(model: Path) -> None:
    reader = read(model)
    scores = dict(zip(field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.scores"), strict=True))
    assert scores["th"] > scores["the"] > scores[SPACE + "the"] > scores["\n\n\n"] > scores["\n\n"] > scores["a"]
    assert field(reader, "tokenizer.ggml.model") == "llama"


def test_bytes_as_characters_are_told_as_gpt_2_has_them(tmp_path: Path) -> None:
    reader = read(write_model(tmp_path / "bytes", byte_level()))
    tokens, model = field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.model")
    assert (model, field(reader, "tokenizer.ggml.pre")) == ("gpt2", "gpt-2")
    assert tokens == [*CONTROL_TOKENS, *bytes_to_unicode().values()]
    # Readers demand merges; what these bytes are joined to is no token, so that it changes nothing.
    assert field(reader, "tokenizer.ggml.merges") == ["Ā Ā"]


def test_a_token_beyond_the_embeddings_is_left_out_and_a_row_without_a_token_is_never_found(tmp_path: Path) -> None:
    tokenizer, size = sentencepiece(), len(sentencepiece()["model"]["vocab"])
    tokenizer["added_tokens"].append(added("<image>", size, special=False))
    tokens = field(read(write_model(tmp_path / "one", tokenizer)), "tokenizer.ggml.tokens")
    assert len(tokens) == size and "<image>" not in tokens
    model = write_model(tmp_path / "two", sentencepiece(), vocab_size=size + 2)
    write_safetensors(model / "model.safetensors", weights(size + 2))
    reader = read(model)
    assert field(reader, "tokenizer.ggml.tokens")[size:] == [f"[PAD{size}]", f"[PAD{size + 1}]"]
    assert field(reader, "tokenizer.ggml.token_type")[size:] == [TokenType.UNUSED] * 2


@pytest.mark.parametrize("kind", ["f16", "q8_0"])
def test_equal_models_give_equal_bytes(model: Path, tmp_path: Path, kind: str) -> None:
    other = write_model(tmp_path / "again" / "gemma", sentencepiece())
    digests = set()
    for folder in (model, other):
        write_gguf(folder, folder.parent / "one.gguf", kind)
        digests.add(hashlib.sha256((folder.parent / "one.gguf").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_modelfile_sends_the_prompt_as_it_is_and_takes_the_likeliest_token(model: Path) -> None:
    serving = write_gguf(model, model.parent / "one.gguf", "f16")
    assert serving.text("model.gguf") == (
        "FROM ./model.gguf\n"
        'TEMPLATE "{{ .Prompt }}"\n'
        "PARAMETER temperature 0\n"
        "PARAMETER top_k 1\n"
        "PARAMETER repeat_penalty 1.0\n"
        "PARAMETER num_ctx 4096\n"
        "PARAMETER num_predict 256\n"
        'PARAMETER stop "<eos>"\n'
        'PARAMETER stop "<start_function_response>"\n'
        'PARAMETER stop "<end_of_turn>"\n'
    )
    assert serving.for_create() == {
        "template": "{{ .Prompt }}",
        "parameters": {
            "temperature": 0,
            "top_k": 1,
            "repeat_penalty": 1.0,
            "num_ctx": 4096,
            "num_predict": 256,
            "stop": ["<eos>", "<start_function_response>", "<end_of_turn>"],
        },
    }


TAKE_OUT = "take gguf out of deploy.formats, and ollama out of deploy.servers"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "llama"}, "names model_type 'llama'; a GGUF is made of gemma3_text alone, so " + TAKE_OUT),
        (
            {"quantization": {"bits": 4}},
            "tells of quantised weights; a GGUF is made of those before: convert the base again without quantisation",
        ),
        ({"rope_scaling": {"factor": 8}}, f"has rope_scaling, which a GGUF of Gemma 3 cannot say; {TAKE_OUT}"),
        (
            {"rope_local_base_freq": 5000.0},
            f"has rope_local_base_freq 5000.0, and readers of GGUF take 10000; {TAKE_OUT}",
        ),
        (
            {"query_pre_attn_scalar": 32},
            f"has query_pre_attn_scalar 32, and readers of GGUF take 16; {TAKE_OUT}",
        ),
        ({"hidden_size": "32"}, "has hidden_size '32', which must be a whole number above 0; convert the base again"),
        ({"head_dim": None}, "has head_dim None, which must be a whole number above 0; convert the base again"),
        ({"rms_norm_eps": -1}, "has rms_norm_eps -1, which must be a number above 0; convert the base again"),
    ],
)
def test_another_architecture_is_refused(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    model = write_model(tmp_path / "gemma", sentencepiece(), **config)
    assert refusal(model) == f"MODEL/config.json {said}"


def test_tensors_that_do_not_fit_are_refused(model: Path) -> None:
    file, own = model / "model.safetensors", weights(len(sentencepiece()["model"]["vocab"]))
    name = "model.layers.1.mlp.up_proj.weight"
    write_safetensors(file, {key: value for key, value in own.items() if key != name})
    assert refusal(model) == f"MODEL has no tensor {name}, which Gemma 3 needs; convert the base again"
    write_safetensors(file, own | {name: own[name][:3]})
    shapes = "has the shape [3, 32], and config.json asks for [64, 32]"
    assert refusal(model) == f"MODEL: {name} {shapes}; convert the base again"
    write_safetensors(file, own | {"lm_head.weight": own["model.norm.weight"]})
    told = "holds a tensor lm_head.weight, which a GGUF of Gemma 3 with tied embeddings has no place for"
    assert refusal(model) == f"MODEL {told}; {TAKE_OUT}"
    write_safetensors(file, own | {name: own[name] * np.float32(1e6)})
    assert refusal(model) == f"MODEL: {name} holds numbers that no f16 holds; train it anew"
    write_safetensors(file, own | {"model.norm.weight": np.full(32, np.nan, np.float32)})
    assert refusal(model) == "MODEL: model.norm.weight holds numbers that no f16 holds; train it anew"
    header = json.dumps({name: {"dtype": "U32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (model / "other.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    assert refusal(model) == f"MODEL: {name} is U32, and a GGUF is made of F32, F16, BF16; convert again"
    file.write_bytes(b"\xff" * 20)
    assert refusal(model) == "MODEL/model.safetensors is not a safetensors file, or it is damaged; fetch it again"


def change_pattern(tokenizer: dict[str, Any]) -> None:
    split = {"type": "Split", "pattern": {"Regex": "[a-z]+"}, "behavior": "Isolated", "invert": False}
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, byte_level()["pre_tokenizer"]]}


def lose_a_merge(tokenizer: dict[str, Any]) -> None:
    tokenizer["model"]["merges"].remove([SPACE, "the"])


def part_merges(tokenizer: dict[str, Any]) -> None:
    tokenizer["model"]["vocab"]["he"] = len(tokenizer["model"]["vocab"])
    tokenizer["model"]["merges"] = [["t", "h"], ["th", "e"], ["h", "e"], ["t", "he"], [SPACE, "the"]]
    tokenizer["model"]["merges"] += [["\n", "\n\n"], ["\n\n", "\n"], ["\n", "\n"]]


def overlap(tokenizer: dict[str, Any]) -> None:
    for text in ("},", "}}"):
        tokenizer["model"]["vocab"][text] = len(tokenizer["model"]["vocab"])
        tokenizer["added_tokens"].append(added(text, tokenizer["model"]["vocab"][text], special=False))


def strip(tokenizer: dict[str, Any]) -> None:
    tokenizer["added_tokens"][4]["lstrip"] = True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_pattern, "cuts a text into tokens neither as Gemma's does, nor as GPT-2's"),
        (lose_a_merge, f"does not join {SPACE!r} and 'the', although {SPACE + 'the'!r} is a token"),
        (part_merges, "lists the merges to 'the' apart from each other"),
        (overlap, "has added tokens that can overlap, '}}' and '},'"),
        (strip, "has an added token '<mask>' with lstrip"),
        (lambda tokenizer: tokenizer["model"].update(dropout=0.1), "has dropout 0.1"),
        (lambda tokenizer: tokenizer["model"].update(type="Unigram"), "is of the type Unigram"),
        (
            lambda tokenizer: tokenizer.update(normalizer={"type": "NFC"}),
            "cuts a text into tokens neither as Gemma's does, nor as GPT-2's",
        ),
    ],
)
def test_a_tokenizer_that_readers_would_not_follow_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    tokenizer = sentencepiece()
    change(tokenizer)
    model = write_model(tmp_path / "gemma", tokenizer)
    assert refusal(model) == f"MODEL/tokenizer.json {said}, which a GGUF cannot say; {TAKE_OUT}"


def test_a_tokenizer_that_is_none_or_knows_no_end_is_refused(model: Path) -> None:
    tokenizer = sentencepiece()
    tokenizer["added_tokens"] = [one for one in tokenizer["added_tokens"] if one["content"] != "<end_of_turn>"]
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    told = "has no token <end_of_turn>, which ends an answer; take a base that knows it"
    assert refusal(model) == f"MODEL/tokenizer.json {told}"
    for text in ("[]", "{", '{"model": 3, "added_tokens": []}'):
        (model / "tokenizer.json").write_text(text)
        told = "is not a tokenizer as the tokenizers library writes it; convert the base again"
        assert refusal(model) == f"MODEL/tokenizer.json {told}"


@pytest.fixture
def convertible(inputs: Inputs, client: MlflowClient) -> Inputs:
    """The inputs with a model that a GGUF can be made of, registered."""
    write_model(inputs.model.path, sentencepiece())
    register(client, inputs)
    return inputs


def manifest(store: Path) -> dict[str, Any]:
    return json.loads((store / "agent-test" / VERSION / "manifest.json").read_text())["files"]  # type: ignore[no-any-return]


def stored(store: Path, name: str) -> bytes:
    return (store / "blobs" / "sha256" / manifest(store)[name]["sha256"]).read_bytes()


def test_the_store_holds_what_the_formats_ask_for_beside_the_folder_that_was_judged(
    convertible: Inputs, store: Path, tmp_path: Path
) -> None:
    assert publish(deploying(convertible, formats=["mlx", "gguf"])).outcome.startswith(f"published {VERSION}: ")
    files = [name for name in manifest(store) if name.startswith("gguf")]
    assert files == [
        "gguf-f16/Modelfile",
        "gguf-f16/model.gguf",
        "gguf-q8_0/Modelfile",
        "gguf-q8_0/model.gguf",
    ]
    for kind in ("f16", "q8_0"):
        serving = write_gguf(convertible.model.path, tmp_path / f"{kind}.gguf", kind)
        assert stored(store, f"gguf-{kind}/model.gguf") == (tmp_path / f"{kind}.gguf").read_bytes()
        assert stored(store, f"gguf-{kind}/Modelfile").decode() == serving.text("model.gguf")
    assert "model.safetensors" in manifest(store)


def test_publishing_formats_twice_changes_nothing(
    convertible: Inputs, store: Path, repository: Path, database: Path
) -> None:
    publish(deploying(convertible, formats=["mlx", "gguf-q8_0"]))
    with nothing_changes(store, repository, database):
        assert publish(convertible).outcome == f"already published: {VERSION}"


def test_a_model_that_no_gguf_can_say_is_told_before_anything_is_stored(
    registered: Inputs, store: Path, repository: Path, database: Path
) -> None:
    with nothing_changes(store, repository, database):
        told = refusal_of(deploying(registered, formats=["mlx", "gguf"]))
    file = registered.model.path / "config.json"
    assert told == f"{file} has hidden_size None, which must be a whole number above 0; convert the base again"


def test_a_stored_version_gets_no_further_format(
    convertible: Inputs, store: Path, repository: Path, database: Path
) -> None:
    publish(deploying(convertible, formats=["mlx"]))
    with nothing_changes(store, repository, database):
        told = refusal_of(deploying(convertible, formats=["mlx", "gguf-f16"]))
    where = f"{(store / 'agent-test' / VERSION).as_uri()}/manifest.json"
    remedy = "take it out of deploy.formats, or train with another seed, which makes another version"
    assert told == f"{where} lists no gguf-f16/Modelfile, and a stored version never changes; {remedy}"


def test_a_format_that_is_no_longer_asked_for_stays_in_a_stored_version(
    convertible: Inputs, store: Path, repository: Path, database: Path
) -> None:
    publish(deploying(convertible, formats=["mlx", "gguf-f16"]))
    with nothing_changes(store, repository, database):
        assert publish(deploying(convertible, formats=["mlx"])).outcome == f"already published: {VERSION}"


def test_a_model_with_a_file_in_the_place_of_a_format_is_refused(convertible: Inputs) -> None:
    (convertible.model.path / "gguf-f16").mkdir()
    (convertible.model.path / "gguf-f16" / "model.gguf").write_text("another")
    with pytest.raises(StageError) as refusal:
        files_of(convertible)
    told = "the model holds a file gguf-f16/model.gguf, whose name is needed in the store; rename it"
    assert str(refusal.value) == told
