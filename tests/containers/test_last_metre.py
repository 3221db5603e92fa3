"""The last metre: from the bucket through the pod of examples/homelab to the answer to an alert.

The pod is the one that model-server.yaml describes, in the GitOps repository after the bump.
"""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from git import Repo
from minio import Minio
from ruamel.yaml import YAML

from shared import archive, names
from shared.alert import render_notification
from shared.artifacts import ChatDataset, FineTunedModel
from shared.prompt import PromptFile
from tests.containers.conftest import TINY, Run, start
from tests.containers.pod import Pod
from tests.minio_server import MinioServer, minio_server
from workflows.local.execution import ROOT

__all__ = ["minio_server"]
AGENT = "agent-sre"
# Enough to learn how a call begins: an answer without one could not get lost on its way.
LEARNS_A_LITTLE = {**TINY, "ITERS": 140, "LEARNING_RATE": 0.003, "LORA_LAYERS": 3, "MAX_TOKENS": 40, "NO_CALL_SHARE": 0}
# A template that knows calls, as FunctionGemma's does: by it mlx_lm's server takes calls out of what it answers.
CHAT_TEMPLATE = "{{ bos_token }}{% for turn in messages %}{{ turn.content }}{% endfor %}<start_function_call>"
ASKED = 6  # alerts
START_SECONDS = 60
# Torch adds in another order than MLX. A wrong rope, window or norm is a hundred times more, and worse.
TOLERANCE = 1e-5

_WRITE_BASE = """
import pathlib, sys, tests.tiny_model as tiny
# mlx-lm rounds the root of the width, which embeddings are multiplied by, to bfloat16: the root of 64 stays what it is.
tiny.write_tiny_base(pathlib.Path(sys.argv[1]), hidden_size=64)
"""
_ENCODE = """
import json, pathlib, sys
from stages.evaluate.answering.tokens import PromptTokenizer
tokenizer = PromptTokenizer(pathlib.Path(sys.argv[1]), sys.argv[3:])
print(json.dumps({"ids": tokenizer.encode(sys.argv[2]), "stops": sorted(tokenizer.stops)}))
"""
_TORCH = """
import json, sys, torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, text, target = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
ids = AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False)["input_ids"]
with torch.no_grad():
    save_file({"logits": model(torch.tensor([ids])).logits[0].contiguous()}, target)
print(json.dumps({"ids": ids, "stops": sorted(model.generation_config.eos_token_id)}))
"""
_MLX = """
import json, pathlib, sys
from stages.evaluate.answering.runtime import load_model, mx
folder, theirs, ids = sys.argv[1], mx.load(sys.argv[2])["logits"], json.loads(sys.argv[3])
model, _ = load_model(pathlib.Path(folder))
ours = model(mx.array([ids]))[0]
print(json.dumps((mx.abs(ours - theirs).max() / mx.abs(theirs).max()).item()))
"""


def told(python: Path | str, program: str, *arguments: Path | str) -> Any:
    """Returns the JSON that a program prints, run by another Python than this one."""
    finished = subprocess.run([python, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def evaluate(program: str, *arguments: Path | str) -> Any:
    return told(ROOT / ".venvs/evaluate/bin/python", program, *arguments)


@pytest.fixture(scope="module")
def published(engine: docker.DockerClient, minio_server: MinioServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that has put a version into a bucket, and its name into Git."""
    keys = minio_server.access_key, minio_server.secret_key
    Minio(minio_server.endpoint.removeprefix("http://"), *keys, secure=False).make_bucket("models")
    folder = tmp_path_factory.mktemp("published")
    subprocess.run([ROOT / ".venvs/train/bin/python", "-c", _WRITE_BASE, folder / "base"], cwd=ROOT, check=True)
    (folder / "base" / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    store = {"STORE_URI": "s3://models/agents", **minio_server.environment()}
    running = start(folder / "runs", {"AGENT": AGENT, "MODEL": folder / "base", **LEARNS_A_LITTLE}, **store)
    _, log = running.communicate(timeout=600)
    assert running.returncode == 0, log
    return Run(folder / "runs")


@pytest.fixture(scope="module")
def pod(
    engine: docker.DockerClient, published: Run, minio_server: MinioServer, tmp_path_factory: pytest.TempPathFactory
) -> Pod:
    """The model server's pod, with what a cluster has for it."""
    folder = tmp_path_factory.mktemp("pod")
    Repo.clone_from(str(published.runs / "gitops.git"), folder / "gitops").close()
    manifest = folder / "gitops" / names.agent_folder(AGENT) / "k8s" / "model-server.yaml"
    deployment, _ = YAML(typ="safe").load_all(manifest)
    version = (folder / "gitops" / names.model_version_path(AGENT)).read_text()
    # `kubectl create secret --from-file` keeps the end of the line.
    account = {name: f"{value}\n" for name, value in minio_server.environment().items()}
    secrets = {"agent-model-store": {"STORE_URI": "s3://models/agents", **account}}
    volumes = folder / "volumes"
    volumes.mkdir()
    spec = deployment["spec"]["template"]["spec"]
    return Pod(engine, spec, volumes, {"agent-sre-model": {"MODEL_VERSION": version}}, secrets)


@pytest.fixture(scope="module")
def fetched(pod: Pod, published: Run) -> FineTunedModel:
    """The model as the init container has left it for the server."""
    assert pod.run("fetch", network_mode="host") == (0, said_of(published))
    return FineTunedModel(pod.folder / "models" / AGENT)


def said_of(published: Run) -> str:
    return f"fetch: {AGENT} {published.summary()['model_version']} is in /models/{AGENT}\n"


@pytest.fixture(scope="module")
def server(pod: Pod, fetched: FineTunedModel) -> Iterator[str]:
    """The address of the model server."""
    described = pod.container("server")
    probe, port = described["startupProbe"]["httpGet"]["path"], f"{described['ports'][0]['containerPort']}/tcp"
    with pod.running("server", ports={port: ("127.0.0.1", None)}) as container:
        container.reload()
        address = f"http://127.0.0.1:{container.attrs['NetworkSettings']['Ports'][port][0]['HostPort']}"
        until = time.monotonic() + START_SECONDS
        while not _answers(f"{address}{probe}"):
            assert time.monotonic() < until, container.logs().decode()
            time.sleep(0.2)
        yield address


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return dict(json.loads(response.read()))


def test_the_init_container_brings_what_was_published(
    pod: Pod, fetched: FineTunedModel, published: Run, tmp_path: Path
) -> None:
    archive.unpack(published.output("train", "model"), tmp_path / "model")
    for name in FineTunedModel(tmp_path / "model").content_files():
        assert (fetched.path / name).read_bytes() == (tmp_path / "model" / name).read_bytes(), name
    assert [path.name for path in (pod.folder / "models").iterdir()] == [AGENT]
    code, log = pod.run("fetch", network_mode="host")  # as when the pod is started again on its node
    assert (code, log) == (0, said_of(published).replace(" is in ", " was in "))


def test_an_alert_gets_the_answer_that_was_evaluated(
    server: str, fetched: FineTunedModel, published: Run, tmp_path: Path
) -> None:
    archive.unpack(published.output("dataset", "dataset"), tmp_path / "dataset")
    rows = ChatDataset(tmp_path / "dataset").rows("test")[:ASKED]
    predictions = (published.folder / "evaluation" / "predictions.jsonl").read_text().splitlines()
    evaluated = {row["id"]: row["tuned"] for row in map(json.loads, predictions)}
    answers = [answer_to(json.loads(row["notification"]), server, fetched) for row in rows]
    assert answers == [without_stop(evaluated[row["id"]], fetched.prompt()) for row in rows]
    assert all(answer.startswith("<start_function_call>call") for answer in answers)


def answer_to(notification: Any, server: str, model: FineTunedModel) -> str:
    """Returns what the server answers to Alertmanager's notification, asked as an agent has to."""
    prompt = model.prompt()
    asked = prompt.prompt(render_notification(notification))
    limits = {"max_tokens": LEARNS_A_LITTLE["MAX_TOKENS"], "temperature": 0, "stop": list(prompt.stop_tokens)}
    answer = post(f"{server}/v1/completions", {"prompt": asked.removeprefix("<bos>"), **limits})
    assert answer["usage"]["prompt_tokens"] == len(evaluate(_ENCODE, model.path, asked)["ids"])
    return str(answer["choices"][0]["text"])


def without_stop(text: str, prompt: PromptFile) -> str:
    return next((text.removesuffix(stop) for stop in prompt.stop_tokens if text.endswith(stop)), text)


def test_a_chat_is_refused_with_what_to_ask_instead(server: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{server}/v1/chat/completions", {"messages": [{"role": "user", "content": "firing alert PodDown"}]})
    assert refused.value.code == 404
    assert "ask /v1/completions" in refused.value.read().decode()


def test_transformers_reads_the_same_model(fetched: FineTunedModel, tmp_path: Path) -> None:
    torch = os.environ.get("TORCH_PYTHON")
    if not torch:
        pytest.skip("it needs a Python with torch and transformers: make test-containers TORCH_PYTHON=…")
    prompt = fetched.prompt()
    asked = prompt.prompt("firing alert PodCrashLooping\nnamespace: web\npod: shop-0")  # longer than the window of 64
    theirs = told(torch, _TORCH, fetched.path, asked, tmp_path / "logits.safetensors")
    assert theirs == evaluate(_ENCODE, fetched.path, asked, *prompt.stop_tokens)
    assert evaluate(_MLX, fetched.path, tmp_path / "logits.safetensors", json.dumps(theirs["ids"])) <= TOLERANCE
