"""What a conversion makes."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from shared import archive
from shared.errors import StageError
from stages.convert.contract import Inputs
from stages.convert.main import run


def tensor_types(model: Path) -> set[str]:
    content = (model / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header: dict[str, Any] = json.loads(content[8 : 8 + length])
    return {entry["dtype"] for name, entry in header.items() if name != "__metadata__"}


def test_a_folder_becomes_a_model_with_the_same_weights_that_mlx_lm_runs(base: Path, outputs: Path) -> None:
    import mlx.core as mx
    import mlx_lm

    result = run(Inputs(model_name=str(base)), outputs)
    result.model.check()
    before, after = load_file(base / "model.safetensors"), load_file(result.model.path / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    model, tokenizer = mlx_lm.load(str(result.model.path))[:2]
    assert model(mx.array([tokenizer.encode("Down")])).shape[-1] == 273


def test_the_files_beside_the_weights_travel_along(base: Path, outputs: Path) -> None:
    kept = ["LICENSE", "NOTICE.txt", "USE_POLICY.md", "chat_template.jinja", "special_tokens_map.json"]
    for name in kept:
        (base / name).write_text("{}")
    for name in ("README.md", "artifact.json", "prompt.json", "training_args.json"):
        (base / name).write_text('{"not": "taken"}')
    model = run(Inputs(model_name=str(base)), outputs).model.path
    kept += ["generation_config.json", "tokenizer.json", "tokenizer_config.json"]
    for name in kept:
        assert (model / name).read_bytes() == (base / name).read_bytes()
    made = ["base.json", "config.json", "model.safetensors", "model.safetensors.index.json"]
    assert sorted(path.name for path in model.iterdir()) == sorted([*kept, *made])
    assert [path.name for path in outputs.iterdir()] == ["model"]


def test_base_json_tells_what_the_model_was_made_from_and_not_where_it_lay(base: Path, outputs: Path) -> None:
    result = run(Inputs(model_name=str(base), dtype="float16"), outputs)
    origin = json.loads((result.model.path / "base.json").read_text())
    names = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert origin == {
        "model_name": "tiny",
        "revision": result.base_revision,
        "dtype": "float16",
        "files": {name: archive.digest(base / name) for name in names},
    }
    assert re.fullmatch(r"sha256:[0-9a-f]{16}", result.base_revision)
    assert not [file for file in result.model.path.iterdir() if str(base).encode() in file.read_bytes()]


def test_the_revision_of_a_folder_is_its_content(base: Path, tmp_path: Path, outputs: Path) -> None:
    def revision(folder: Path) -> str:
        shutil.rmtree(outputs)
        outputs.mkdir()
        return run(Inputs(model_name=str(folder)), outputs).base_revision

    first = revision(base)
    assert revision(Path(shutil.copytree(base, tmp_path / "elsewhere"))) == first
    (base / "README.md").write_text("not part of the model")
    assert revision(base) == first
    (base / "generation_config.json").write_text("{}")
    assert revision(base) != first


@pytest.mark.parametrize(("dtype", "stored"), [("float32", "F32"), ("bfloat16", "BF16"), ("float16", "F16")])
def test_the_weights_get_the_asked_type(base: Path, outputs: Path, dtype: str, stored: str) -> None:
    model = run(Inputs(model_name=str(base), dtype=dtype), outputs).model.path
    assert tensor_types(model) == {stored}
    config = json.loads((model / "config.json").read_text())
    assert (config["dtype"], config["torch_dtype"]) == (dtype, dtype)


def test_sharded_weights_are_read_whole(base: Path, outputs: Path) -> None:
    weights = load_file(base / "model.safetensors")
    (base / "model.safetensors").unlink()
    shards = [dict(list(weights.items())[::2]), dict(list(weights.items())[1::2])]
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05d}-of-00002.safetensors"
        save_file(shard, base / name)
        weight_map |= dict.fromkeys(shard, name)
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    after = load_file(run(Inputs(model_name=str(base)), outputs).model.path / "model.safetensors")
    assert all(np.array_equal(weights[name], after[name]) for name in weights)


def test_a_converted_model_can_be_converted_again(base: Path, outputs: Path) -> None:
    first = run(Inputs(model_name=str(base)), outputs).model.path
    (outputs / "again").mkdir()
    again = run(Inputs(model_name=str(first)), outputs / "again").model.path
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (again / name).read_bytes() == (first / name).read_bytes()


def test_a_folder_may_be_named_relative_to_where_the_stage_runs(
    base: Path, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(base.parent)
    assert run(Inputs(model_name="tiny"), outputs).model.path.is_dir()
    with pytest.raises(StageError, match=r"^the base model missing does not exist or is no folder; check model_name$"):
        run(Inputs(model_name="./missing"), outputs)


def test_two_processes_write_the_same_bytes(base: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        command = [sys.executable, "-m", "stages.convert.main", "--model-name", str(base)]
        environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
        subprocess.run([*command, "--outputs", str(tmp_path / name)], check=True, env=environment)
    for output in ("model", "base_revision"):
        assert (tmp_path / "one" / output).read_bytes() == (tmp_path / "two" / output).read_bytes()
