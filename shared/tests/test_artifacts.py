"""Each kind of artefact says exactly what it lacks; producer and consumer ask by the same check."""

import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import archive, artifacts
from shared.artifacts import Adapters, Artifact, ChatDataset, Evaluation, FineTunedModel, MlxModel, TrainingMetrics
from shared.errors import StageError
from tests import samples

Damage = Callable[[Path], object]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NO_JSON = "is not valid JSON: Expecting value: line 1 column 1 (char 0)"
DAMAGED = "is not a safetensors file, or it is damaged; fetch it again"


def remove(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def write(name: str, data: bytes | str) -> Damage:
    return lambda folder: (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def change(name: str, **values: Any) -> Damage:
    """Sets keys of the first JSON object of a file, and removes those that are set to `...`."""

    def damage(folder: Path) -> None:
        text = (folder / name).read_text()
        first, *rest = text.split("\n") if name.endswith("l") else [text]
        known = {key: value for key, value in (json.loads(first) | values).items() if value is not ...}
        (folder / name).write_text("\n".join([json.dumps(known), *rest]))

    return damage


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def complaint(artifact: Artifact) -> str:
    """Returns what check says, with the artefact's path as `@`."""
    with pytest.raises(StageError) as raised:
        artifact.check()
    return str(raised.value).replace(str(artifact.path), "@")


DATASETS: list[tuple[Damage, str]] = [
    (remove("train.jsonl"), "@/train.jsonl is missing"),
    (remove("valid.jsonl"), "@/valid.jsonl is missing"),
    (remove("test.jsonl"), "@/test.jsonl is missing"),
    (remove("prompt.json"), "@/prompt.json is missing"),
    (remove("agent.json"), "@/agent.json is missing"),
    (write("valid.jsonl", "\n"), "@/valid.jsonl holds no row; every split needs at least one"),
    (write("valid.jsonl", "{}\n"), f"@/valid.jsonl, line 1: the row has no {', '.join(sorted(artifacts.ROW_KEYS))}"),
    (change("train.jsonl", completion=...), "@/train.jsonl, line 1: the row has no completion"),
    (change("train.jsonl", prompt=["a"], id=1), "@/train.jsonl, line 1: id, prompt is not a string"),
    (write("test.jsonl", "\n\n[]\n"), "@/test.jsonl, line 3 must hold a JSON object"),
    (write("test.jsonl", "no"), "@/test.jsonl, line 1 is not valid JSON: Expecting value: line 1 column 1 (char 0)"),
    (write("test.jsonl", "[" * 100_000), "@/test.jsonl, line 1 is not valid JSON: "),
    (write("train.jsonl", b"\xff"), "@/train.jsonl cannot be read as UTF-8 text: "),
    (write("agent.json", "[]"), "@/agent.json must hold a JSON object"),
    (write("agent.json", ""), f"@/agent.json {NO_JSON}"),
    (write("prompt.json", "{}"), "@/prompt.json: prompt.json lacks format, functions, instruction, "),
]
MODELS: list[tuple[Damage, str]] = [
    (remove("config.json"), "@/config.json is missing"),
    (change("config.json", model_type=...), "@/config.json names no model_type; is this a Hugging Face model?"),
    (remove("model.safetensors"), "@ holds no *.safetensors; only safetensors weights are accepted"),
    (write("model.safetensors", b""), f"@/model.safetensors {DAMAGED}"),
    (remove("tokenizer.json"), "@/tokenizer.json is missing"),
    (write("tokenizer.json", ""), f"@/tokenizer.json {NO_JSON}"),
    (remove("tokenizer_config.json"), "@/tokenizer_config.json is missing"),
    (write("modeling_gemma.py", ""), "@ holds code (modeling_gemma.py); a model must be data alone"),
]
TUNED: list[tuple[Damage, str]] = [
    *MODELS,
    (remove("prompt.json"), "@/prompt.json is missing"),
    (write("calls.json", "{}"), "@/calls.json: calls.json lacks format, functions"),
    (
        change("calls.json", functions={}),
        "@: prompt.json and calls.json are not of one model: pod-restart, scale-deployment is in one of them alone",
    ),
    (change("prompt.json", format="other/9"), "@/prompt.json: prompt.json: format is 'other/9', known is "),
]
ADAPTERS: list[tuple[Damage, str]] = [
    (remove("adapters.safetensors"), "@/adapters.safetensors is missing"),
    (write("adapters.safetensors", b"\0" * 40), f"@/adapters.safetensors {DAMAGED}"),
    (remove("adapter_config.json"), "@/adapter_config.json is missing"),
    (write("adapter_config.json", "1"), "@/adapter_config.json must hold a JSON object"),
]
EVALUATIONS: list[tuple[Damage, str]] = [
    (remove("report.json"), "@/report.json is missing"),
    (change("report.json", base=...), "@/report.json: base.accuracy is None, not a share"),
    (change("report.json", tuned=[]), "@/report.json: tuned.accuracy is None, not a share"),
    (change("report.json", tuned={"accuracy": 1.5}), "@/report.json: tuned.accuracy is 1.5, not a share"),
    (change("report.json", tuned={"accuracy": float("nan")}), "@/report.json: tuned.accuracy is nan, not a share"),
    (change("report.json", base={"accuracy": "0.5"}), "@/report.json: base.accuracy is '0.5', not a share"),
    (remove("report.html"), "@ has no report.html"),
    (remove("predictions.jsonl"), "@/predictions.jsonl is missing"),
    (write("predictions.jsonl", ""), "@/predictions.jsonl holds no prediction"),
    (change("predictions.jsonl", tuned=...), "@/predictions.jsonl, line 1: the row has no tuned"),
    (change("predictions.jsonl", id=7), "@/predictions.jsonl, line 1: id is not a string"),
]
FOLDERS: list[tuple[type[Artifact], Callable[[Path], Artifact], list[tuple[Damage, str]]]] = [
    (ChatDataset, samples.write_dataset, DATASETS),
    (MlxModel, samples.write_model, MODELS),
    (FineTunedModel, samples.write_model, TUNED),
    (Adapters, samples.write_adapters, ADAPTERS),
    (Evaluation, samples.write_evaluation, EVALUATIONS),
]


@pytest.mark.parametrize(
    ("kind", "make", "damage", "words"),
    [(kind, make, damage, words) for kind, make, damages in FOLDERS for damage, words in damages],
)
def test_a_folder_says_what_it_lacks(
    kind: type[Artifact], make: Callable[[Path], Artifact], damage: Damage, words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    make(folder)
    kind(folder).check()
    damage(folder)
    found = complaint(kind(folder))
    assert found.startswith(words) if words.endswith((" ", "format is ")) else found == words


METRICS: list[tuple[bytes, str]] = [
    (b"{}", "@ has no parameters, seconds, training_loss, validation_loss; is it train's metrics file?"),
    (b"[]", "@ must hold a JSON object"),
    (b"", f"@ {NO_JSON}"),
]


@pytest.mark.parametrize(("data", "words"), METRICS)
def test_a_metrics_file_says_what_it_lacks(data: bytes, words: str, tmp_path: Path) -> None:
    metrics = samples.write_metrics(tmp_path / "metrics")
    metrics.check()
    assert metrics.read()["seconds"] == 12.5
    metrics.path.write_bytes(data)
    assert complaint(metrics) == words
    metrics.path.unlink()
    assert complaint(metrics) == "@ is missing"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# page",
        "---\nlibrary_name: mlx\n# page",
        "---\n\n---\n# page",
        "---\nx: y\n---\n \n",
        "\n---\nx: y\n---\np",
    ],
)
def test_a_model_card_needs_metadata_and_a_page(text: str, tmp_path: Path) -> None:
    card = samples.write_card(tmp_path / "card")
    card.check()
    card.path.write_text(text)
    assert complaint(card) == "@ is no model card; it needs YAML between two lines of ---, and a page below"
    card.path.write_bytes(b"---\nx: \xff\n---\npage")
    assert complaint(card).startswith("@ cannot be read as UTF-8 text")


HEADER = {"weight": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}
BROKEN_WEIGHTS: dict[str, bytes] = {
    "empty": b"",
    "short length": b"\1\0\0",
    "length beyond the file": struct.pack("<Q", 1000) + b"{}",
    "absurd length": struct.pack("<Q", 1 << 63) + b"{}",
    "no tensor": safetensors({}),
    "metadata alone": safetensors({"__metadata__": {"a": "b"}}),
    "list": safetensors([HEADER]),
    "deep": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "offsets that are text": safetensors({"weight": {"data_offsets": ["0", "4"]}}, b"text"),
    "offsets of two types": safetensors({"a": {"data_offsets": [0, "4"]}, "b": {"data_offsets": [0, 4]}}, b"text"),
    "one offset": safetensors({"weight": {"data_offsets": [0]}}, b"text"),
    "tensor that is a number": safetensors({"weight": 1}),
    "git lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 536223056\n",
}


@pytest.mark.parametrize("name", BROKEN_WEIGHTS)
def test_damaged_weights_are_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(BROKEN_WEIGHTS[name])
    with pytest.raises(StageError) as raised:
        artifacts.check_safetensors(file)
    assert str(raised.value) == f"{file} {DAMAGED}"


@pytest.mark.parametrize("data", [b"tex", b"texts", b""])
def test_weights_of_another_length_are_named(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(safetensors(HEADER, b"text"))
    artifacts.check_safetensors(file)
    file.write_bytes(safetensors(HEADER, data))
    with pytest.raises(StageError) as raised:
        artifacts.check_safetensors(file)
    size = file.stat().st_size
    assert str(raised.value) == f"{file} has {size} bytes, not those that its header announces; fetch it again"


@given(JSON)
@settings(deadline=None, max_examples=60)
def test_whatever_a_json_file_holds_only_a_stage_error_is_raised(tmp_path_factory: Any, value: Any) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    text = json.dumps(value)
    for name in ("prompt.json", "agent.json", "config.json", "report.json", "artifact.json", "metrics"):
        (folder / name).write_text(text)
    for split in artifacts.SPLITS:
        (folder / f"{split}.jsonl").write_text(json.dumps(samples.row(0)))
    (folder / "model.safetensors").write_bytes(safetensors(value))
    prompt = json.loads(samples.prompt_file().to_json())
    for key in (None, *prompt, "names", "schemas"):
        functions = prompt["functions"] | ({key: value} if key in prompt["functions"] else {})
        (folder / "prompt.json").write_text(
            json.dumps(prompt | {"functions": functions} | ({key: value} if key else {}))
        )
        for kind in (ChatDataset, FineTunedModel, Evaluation):
            refuse_or_accept(kind(folder).check)
    refuse_or_accept(TrainingMetrics(folder / "metrics").check)
    refuse_or_accept(ChatDataset(folder).lineage)


def refuse_or_accept(check: Callable[[], object]) -> None:
    try:
        check()
    except StageError:
        return


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    dataset = samples.write_dataset(tmp_path / "dataset", train=2, valid=1, test=1)
    assert dataset.rows("train") == [samples.row(0), samples.row(1)]
    assert dataset.prompt() == samples.prompt_file()
    assert dataset.agent() == samples.AGENT


def test_a_row_may_hold_any_line_separator(tmp_path: Path) -> None:
    dataset = samples.write_dataset(tmp_path / "dataset")
    row = samples.row(0) | {"alert": "a\u2028b\x0bc\x85"}
    (dataset.path / "test.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    assert dataset.rows("test") == [row]


def test_the_content_of_a_model_is_its_files_without_their_lineage(tmp_path: Path) -> None:
    model = samples.write_model(tmp_path / "model")
    before = model.content_digest()
    (model.path / artifacts.LINEAGE).write_text('{"type": "FineTunedModel", "stage": "train"}')
    assert model.content_digest() == before
    assert model.content_files() == [
        "base.json",
        "calls.json",
        "config.json",
        "model.safetensors",
        "prompt.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    samples.write_safetensors(model.path / "model.safetensors", b"\0\0\0\1")
    assert model.content_digest() != before


def test_datasets_and_models_of_earlier_releases_have_no_rules_of_calls(tmp_path: Path) -> None:
    dataset, model = samples.write_dataset(tmp_path / "dataset"), samples.write_model(tmp_path / "model")
    assert dataset.policy() == model.policy() == samples.call_policy()
    for artifact in (dataset, model):
        (artifact.path / "calls.json").unlink()
        artifact.check()
        assert artifact.policy() is None


def test_a_folder_made_by_hand_has_no_lineage(tmp_path: Path) -> None:
    assert samples.write_adapters(tmp_path / "adapters").lineage() == {}


def test_every_kind_survives_its_archive(tmp_path: Path) -> None:
    for kind, make, _ in FOLDERS:
        folder = tmp_path / kind.__name__
        make(folder)
        archive.pack(folder, tmp_path / "tar")
        archive.unpack(tmp_path / "tar", tmp_path / f"{kind.__name__} again")
        kind(tmp_path / f"{kind.__name__} again").check()


def test_a_large_dataset_is_checked_a_line_at_a_time(tmp_path: Path) -> None:
    dataset = samples.write_dataset(tmp_path / "dataset")
    row = json.dumps(samples.row(0)) + "\n"
    (dataset.path / "train.jsonl").write_text(row * (20_000_000 // len(row)), "utf-8")
    tracemalloc.start()
    try:
        dataset.check()
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
