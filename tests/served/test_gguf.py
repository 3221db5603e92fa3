"""Whether llama.cpp and Ollama answer by a GGUF as the model answered when it was judged.

The model is that of a finished `make run` (SERVED_RUN names its folder, else the newest below .runs), or of one that
is made here, in minutes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared import archive
from shared.artifacts import ChatDataset, FineTunedModel
from shared.function_call import STOP_TOKENS
from tests.served.llama_server import LlamaServer, running_llama_server
from workflows.local.execution import ROOT
from workflows.local.run import RUNS

ROWS = 100
TEXTS = (
    "a\n\nb  c   d\t\te \n",
    "héllo 日本 😀 \x01 e\u0301 \u00a0 \u3000 z",
    " <table><tr>x</tr></table> <unused7> [multimodal] </s>",
    "aaaaaa wwww hahahaha camelCase HTTPServer KubeJob web-7d9f8b6c5-x2k4z",
    "\n" * 40 + "x" + " " * 40 + "y",
    "}}},}},required:[,type::{description: :  : ",
    "<bos><start_of_turn>user\nx<end_of_turn>\n",
)
_IDS = """
import json, sys
from tokenizers import Tokenizer
read = Tokenizer.from_file(sys.argv[1])
print(json.dumps([read.encode(text, add_special_tokens=False).ids for text in json.load(sys.stdin)]))
"""
_WRITE = """
import sys
from pathlib import Path
from stages.publish.formats.gguf_file import write_gguf
folder = Path(sys.argv[2])
for kind in ("f16", "q8_0"):
    serving = write_gguf(Path(sys.argv[1]), folder / f"{kind}.gguf", kind)
    (folder / f"Modelfile.{kind}").write_text(serving.text(f"{kind}.gguf"))
"""


@dataclass(frozen=True)
class Run:
    """A model, its test rows, what it answered in the evaluation, and its GGUFs."""

    model: FineTunedModel
    rows: list[dict[str, Any]]
    answers: dict[str, str]
    formats: Path

    def agreement(self, answer: Callable[[str], str]) -> float:
        """Returns the share of the rows whose answer is the evaluation's, the token that ends it aside."""
        same = [_ended(answer(row["prompt"])) == _ended(self.answers[row["id"]]) for row in self.rows]
        return sum(same) / len(same)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run, work = _finished_run(tmp_path_factory.mktemp("runs")), tmp_path_factory.mktemp("served")
    for name, output in (("model", "train/outputs/model"), ("dataset", "dataset/outputs/dataset")):
        archive.unpack(run / output, work / name)
    rows = ChatDataset(work / "dataset").rows("test")[:ROWS]
    lines = (run / "evaluation" / "predictions.jsonl").read_text().splitlines()
    answers = {each["id"]: each["tuned"] for each in map(json.loads, lines)}
    _in_stage("publish", _WRITE, work / "model", work)
    return Run(FineTunedModel(work / "model"), rows, answers, work)


def _finished_run(folder: Path) -> Path:
    named = Path(os.environ.get("SERVED_RUN") or RUNS / "latest")
    if (named / "evaluation" / "predictions.jsonl").is_file():
        return named.resolve()
    command = [sys.executable, "-m", "workflows.local.run", "AGENT=agent-sre"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "AGENT_TRAINING_RUNS": str(folder)}, check=True)
    return (folder / "latest").resolve()


def _in_stage(stage: str, program: str, *arguments: Any, text: str = "") -> str:
    python = os.environ.get(f"{stage.upper()}_PYTHON") or ROOT / ".venvs" / stage / "bin" / "python"
    command = [python, "-c", program, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, check=True, input=text, stdout=subprocess.PIPE, text=True).stdout


def _ended(answer: str) -> str:
    for token in STOP_TOKENS:
        answer = answer.split(token)[0]
    return answer.strip()


@pytest.fixture(scope="module", params=["f16", "q8_0"])
def served(request: pytest.FixtureRequest, finished: Run) -> Iterator[tuple[str, LlamaServer]]:
    with running_llama_server(finished.formats / f"{request.param}.gguf") as server:
        yield request.param, server


def test_llama_cpp_reads_every_text_as_the_tokens_that_training_read(
    finished: Run, served: tuple[str, LlamaServer]
) -> None:
    texts = [row["prompt"] + row["completion"] for row in finished.rows] + ["<bos>" + text for text in TEXTS]
    written = _in_stage("evaluate", _IDS, finished.model.path / "tokenizer.json", text=json.dumps(texts))
    for text, own in zip(texts, json.loads(written), strict=True):
        assert served[1].tokens(text, finished.model.adds_bos()) == own, text


def test_llama_cpp_answers_as_the_evaluation_saw(finished: Run, served: tuple[str, LlamaServer]) -> None:
    kind, server = served
    share = finished.agreement(lambda prompt: server.answer(prompt, finished.model.adds_bos()))
    print(f"llama.cpp, {kind}: {share:.2f} of {len(finished.rows)} answers are the evaluation's")
    assert share >= {"f16": 0.95, "q8_0": 0.80}[kind]


@pytest.mark.parametrize("kind", ["f16", "q8_0"])
def test_ollama_answers_as_the_evaluation_saw(finished: Run, kind: str, tmp_path: Path) -> None:
    servers = pytest.importorskip("tests.served.ollama_server")
    with servers.running_ollama(tmp_path) as server:
        create(server, finished.formats, kind)
        share = finished.agreement(lambda prompt: ollama_answer(server, prompt, finished.model.adds_bos()))
    print(f"Ollama, {kind}: {share:.2f} of {len(finished.rows)} answers are the evaluation's")
    assert share >= {"f16": 0.95, "q8_0": 0.80}[kind]


def create(server: Any, folder: Path, kind: str) -> None:
    """Creates the model as a person would, by its Modelfile."""
    address = {**os.environ, "OLLAMA_HOST": server.url.removeprefix("http://"), "HOME": str(server.log.parent)}
    subprocess.run(["ollama", "create", "judged", "-f", f"Modelfile.{kind}"], cwd=folder, env=address, check=True)


def ollama_answer(server: Any, prompt: str, adds_bos: bool) -> str:
    # The rest is in the Modelfile. Several threads wait for each other where the machine does something else too.
    body = {"model": "judged", "prompt": prompt.removeprefix("<bos>") if adds_bos else prompt, "stream": False}
    return server.asked("/api/generate", body | {"raw": True, "options": {"num_thread": 1}})["response"]  # type: ignore[no-any-return]
