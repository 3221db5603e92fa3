"""publish, rollback and verify with a real Ollama: what it holds, when Git changes, and what deaths leave."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import archive
from shared.asking.agent import CompletionError
from shared.asking.servers import ollama
from tests.served.conftest import AGENT, Published
from tests.served.ollama_server import OllamaServer
from tests.served.world import Run, World
from tests.survival.forking_stage import Request
from tests.survival.programs import ForkingStage, forking
from workflows.local.execution import ROOT

ROWS = 20
WORDS = ("stored", "created", "pushed")


@pytest.fixture
def home(published: Published) -> Iterator[Published]:
    """The world as it was when both versions were published."""
    yield published
    if published.world.deployed() != published.second.version:
        code, told = published.world.operate("rollback", "--version", published.second.version)
        assert code == 0, told


def name(run: Run) -> str:
    return f"{AGENT}:{run.version}"


def publish(run: Run, world: World, outputs: Path, **environment: str) -> tuple[int, str]:
    """Publishes a run's model once more; returns the exit code, and what was told."""
    command = run.publish_command(outputs, world)
    finished = subprocess.run(command, cwd=ROOT, env=world.environment(**environment), capture_output=True, text=True)
    return finished.returncode, finished.stderr


def test_the_version_that_git_names_is_a_model_in_ollama_that_answers(
    published: Published, ollama_server: OllamaServer
) -> None:
    for run in (published.first, published.second):
        rows = len(json.loads(published.world.stored(run.version, "evaluation/probe.json"))["rows"])
        created = f"publish: created {name(run)} on Ollama at {ollama_server.url}, which answers"
        (line,) = [line for line in run.log.splitlines() if line.startswith(created)]
        right = int(line.removeprefix(created).split()[0])
        assert line.endswith(f" {right} of {rows} rows as evaluate's model did") and right >= rows * 0.9
        assert 0 < rows <= ROWS
        lines = run.log.splitlines()
        order = [lines.index(next(each for each in lines if each.startswith(f"publish: {word} "))) for word in WORDS]
        assert order == sorted(order)
    assert set(ollama_server.models()) == {name(published.first), name(published.second)}
    assert name(published.second) in published.world.shown(f"flux/ai/{AGENT}/k8s/lambdaagent.yaml")


def test_publishing_again_sends_and_changes_nothing(
    published: Published, ollama_server: OllamaServer, tmp_path: Path
) -> None:
    before = ollama_server.models(), ollama_server.requests(), published.world.state()
    code, told = publish(published.second, published.world, tmp_path)
    assert code == 0, told
    assert f"publish: found {name(published.second)} on Ollama at {ollama_server.url}, which answers" in told
    assert (tmp_path / "outcome").read_text() == f"already published: {published.second.version}"
    assert (ollama_server.models(), ollama_server.requests(), published.world.state()) == before


def test_verify_asks_the_server_and_tells_what_it_lacks(home: Published, ollama_server: OllamaServer) -> None:
    code, told = home.world.operate("verify")
    (line,) = [line for line in told.splitlines() if " server " in line]
    assert code == 0, told
    held = f"ok      server     Ollama at {ollama_server.url} holds {name(home.second)}, and answers "
    assert line.startswith(held) and line.endswith(f" of {ROWS} rows as evaluate's model did")
    ollama_server.asked("/api/delete", {"model": name(home.second)}, "DELETE")
    code, told = home.world.operate("verify")
    missing = f"holds no {name(home.second)}; publish the version again, which brings it there"
    assert (code, f"FAILED  server     Ollama at {ollama_server.url} {missing}" in told) == (1, True)


def test_a_rollback_puts_the_older_version_back_first(home: Published, ollama_server: OllamaServer) -> None:
    ollama_server.forget()
    code, told = home.world.operate("rollback")
    assert code == 0, told
    back = [line.split(" ")[0] for line in told.splitlines()]
    assert back[:3] == [home.first.version, "created", "pushed"]
    assert home.world.deployed() == home.first.version
    assert set(ollama_server.models()) == {name(home.first)}
    code, told = home.world.operate("rollback")
    assert (code, home.world.deployed()) == (0, home.second.version), told


@pytest.fixture
def elsewhere(home: Published, ollama_server: OllamaServer) -> Iterator[Published]:
    """The same world with a server in its config.yaml that nobody has started."""
    home.world.configure(servers=[{"kind": "ollama", "url": "http://127.0.0.1:9"}])
    yield home
    home.world.configure(servers=[{"kind": "ollama", "url": ollama_server.url}])


def test_without_the_server_nothing_is_rolled_back_and_nothing_stored(elsewhere: Published) -> None:
    before = elsewhere.world.state()
    code, told = elsewhere.world.operate("rollback")
    remedy = "check its url in deploy.servers, and that the server runs (Connection refused)"
    assert (code, told) == (1, f"rollback: Ollama at http://127.0.0.1:9 does not answer; {remedy}\n")
    assert elsewhere.world.state() == before


def test_a_name_that_another_model_has_stops_before_git(
    home: Published, ollama_server: OllamaServer, tmp_path: Path
) -> None:
    ollama_server.asked("/api/copy", {"source": name(home.second), "destination": "other:latest"})
    ollama_server.asked("/api/copy", {"source": "other:latest", "destination": name(home.first)})
    before = home.world.state()
    code, told = home.world.operate("rollback")
    held = f"Ollama at {ollama_server.url} has another model under the name {name(home.first)}: weights of sha256 "
    assert code == 1 and f"rollback: {held}" in told and f"remove it by `ollama rm {name(home.first)}`" in told
    assert home.world.state() == before
    for model in ("other:latest", name(home.first)):
        ollama_server.asked("/api/delete", {"model": model}, "DELETE")


def contradicted(text: str) -> str:
    """Returns no call in place of one, and one in place of none."""
    if "<start_function_call>" in text:
        return f"I would rather not. {text}".replace("<start_function_call>", "")
    return "I would rather not. <start_function_call>call:nobody{}<end_function_call>"


def test_answers_that_differ_from_evaluate_s_stop_before_git(
    home: Published, ollama_server: OllamaServer, tmp_path: Path
) -> None:
    evaluation = tmp_path / "evaluation"
    archive.unpack(home.second.output("evaluate", "evaluation"), evaluation)
    lines = [json.loads(line) for line in (evaluation / "predictions.jsonl").read_text().splitlines()]
    for line in lines:
        line["tuned"] = contradicted(line["tuned"])
    (evaluation / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ollama_server.asked("/api/delete", {"model": name(home.second)}, "DELETE")
    before = home.world.state()
    command = [
        f"--evaluation={evaluation}" if part.startswith("--evaluation=") else part
        for part in home.second.publish_command(tmp_path / "outputs", home.world)
    ]
    finished = subprocess.run(command, cwd=ROOT, env=home.world.environment(), capture_output=True, text=True)
    told = finished.stderr.splitlines()[-1]
    assert finished.returncode == 1
    assert told.startswith(f"publish: Ollama at {ollama_server.url} answers 0 of {ROWS} rows as evaluate's model did, ")
    assert "and at most 2 may differ; the first" not in told
    assert "evaluate has 'I would rather not. " in told and "the server '" in told
    assert home.world.state() == before
    assert name(home.second) not in ollama_server.models()


def test_a_prompt_longer_than_the_context_is_told_and_never_cut(
    published: Published, ollama_server: OllamaServer, tmp_path: Path
) -> None:
    code, told = publish(published.second, published.world, tmp_path)
    assert code == 0, told
    complete = ollama(name(published.second), ollama_server.url, context=64, timeout=120)
    with pytest.raises(CompletionError) as refusal:
        complete("firing alert " * 200)
    assert "context" in str(refusal.value)


@pytest.fixture(scope="module")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkingStage]:
    with forking("publish", tmp_path_factory.mktemp("forking")) as stage:
        yield stage


def test_publish_may_die_at_any_step_and_the_next_run_completes_it(
    home: Published, ollama_server: OllamaServer, forked: ForkingStage, tmp_path: Path
) -> None:
    reached: list[str] = []
    at = 1
    while True:
        rolled_back(home, ollama_server)
        died, boundaries = killed(home, forked, tmp_path / str(at), at)
        if not died:
            break
        reached.append(boundaries[-1])
        assert home.world.deployed() in (home.first.version, home.second.version)
        if home.world.deployed() == home.second.version:
            assert name(home.second) in ollama_server.models(), reached
        code, told = publish(home.second, home.world, tmp_path / f"{at}-again")
        assert code == 0, told
        assert home.world.deployed() == home.second.version
        assert set(ollama_server.models()) == {name(home.first), name(home.second)}
        at += 1
    steps = [step for step in reached if "/api/" in step and "show" not in step]
    assert steps == [
        f"{when} POST {path}" for path in ("/api/blobs/sha256:…", "/api/create") for when in ("before", "after")
    ]


def rolled_back(home: Published, ollama_server: OllamaServer) -> None:
    """Makes the first version the one in use, and the second one unknown to the server."""
    if home.world.deployed() != home.first.version:
        code, told = home.world.operate("rollback", "--version", home.first.version)
        assert code == 0, told
    if name(home.second) in ollama_server.models():
        ollama_server.asked("/api/delete", {"model": name(home.second)}, "DELETE")


def killed(home: Published, stage: ForkingStage, folder: Path, at: int) -> tuple[bool, list[str]]:
    """Publishes the second version and kills it at a boundary; returns whether it died, and the boundaries passed."""
    folder.mkdir()
    _, _, _, *arguments = home.second.publish_command(folder / "outputs", home.world)
    file, log = folder / "boundaries", folder / "log"
    request = Request(arguments, home.world.environment(), str(log), str(file), at)
    finished = stage.start(request).wait()
    assert finished.code in (0, -signal.SIGKILL), log.read_text()
    return finished.code != 0, [json.loads(line) for line in file.read_text().splitlines()]
