"""The model card: true, whole, and unharmed by whatever names and answers hold."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.tracking import MlflowClient

from shared import archive
from shared.artifacts import Evaluation, FineTunedModel
from stages.register.card import markdown
from stages.register.card.model_card import front_matter
from stages.register.contract import Inputs
from stages.register.main import run
from stages.register.tests.conftest import crown, with_answers, with_weights
from tests import samples

VERSION = "v20251224-01234567"
HEADINGS = [
    "# agent-test-functiongemma-20251224-01234567",
    "## Functions",
    "## Data",
    "## Before and after",
    "## Decision",
    "## Where it is wrong",
    "## Limits",
    "## Serving",
    "### mlx_lm.server (was run, with the training project's demo model)",
    "### vLLM (not run)",
    "### Ollama and llama-server",
    "## Licence",
]
CODE_SPAN = re.compile(r"(?<![`\\])(`+)(?!`).+?(?<!`)\1(?!`)")
HOSTILE = "`|``\n# Own\n---\n<script>alert(1)</script> [x](http://y) ::error::"

pytestmark = pytest.mark.usefixtures("database")


def card_of(inputs: Inputs, folder: Path) -> str:
    folder.mkdir()
    card = run(inputs, folder).card
    card.check()
    return card.path.read_text("utf-8")


def with_base(inputs: Inputs, name: str) -> Inputs:
    folder = inputs.model.path.with_name("model-of-base")
    samples.write_model(folder)
    (folder / "base.json").write_text(json.dumps({"model_name": name, "revision": "r1"}))
    return dataclasses.replace(inputs, model=FineTunedModel(folder))


def fences(card: str, language: str) -> Iterator[str]:
    return (found[1] for found in re.finditer(f"^```{language}\n(.*?)^```$", card, re.MULTILINE | re.DOTALL))


def outside_fences(card: str) -> str:
    return re.sub(r"^```.*?^```$", "", card.split("\n---\n", 1)[1], flags=re.MULTILINE | re.DOTALL)


def test_it_tells_what_the_model_is_and_how_good(inputs: Inputs, tmp_path: Path) -> None:
    report = inputs.evaluation.report()
    report["tuned"]["intervals"] = {"accuracy": [0.5, 0.99]}
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    card = card_of(with_answers(inputs, {}), tmp_path / "out")
    assert [line for line in outside_fences(card).splitlines() if line.startswith("#")] == HEADINGS
    for told in (
        "| `pod-restart` | `pod_restart` | `name: string`, `namespace: string` | Restart a workload. |",
        f"`{samples.COMMIT}`",
        f"`{archive.digest(inputs.dataset.path)}`",
        "- `train`: 8 rows\n- `valid`: 4 rows\n- `test`: 4 rows\n",
        "| rows whose calls are exactly right | 40.0 % | 90.0 % |",
        "Approved: accuracy 0.90 on 4 rows is at least 0.80; no row wants no call, so false calls were not measured; "
        "missed calls on 0 of 4 alerts that want one, 0.000, at most 0.100; there is no champion to compare with.",
        "None of 4 rows in the test got another answer than the runbook's.",
    ):
        assert told in card


def test_it_tells_false_and_missed_calls_and_what_is_memory(inputs: Inputs, tmp_path: Path) -> None:
    def side(false: int, missed: int, right: int, called: dict[str, object]) -> tuple[dict[str, object], ...]:
        calls = {"rows": 40, "count": false, "interval": [0.01, 0.13]}, {"rows": 4, "count": missed, "interval": [0, 1]}
        kinds = {kind: {"rows": 4, "right": right, "interval": [0.1, 0.9]} for kind in ("constant", "filled", "none")}
        known = {"false_calls": calls[0], "missed_calls": calls[1], "per_answer": kinds}
        return known, {"accuracy": 1 - false / 40, "called": called}

    report = inputs.evaluation.report()
    answer = [{"name": "pod-restart", "arguments": {"name": "|x`"}}]
    called = {f"{HOSTILE}{number}": {"rows": 4, "count": 1, "answer": answer} for number in range(12)}
    (tuned, uncovered), (base, uncovered_before) = side(1, 0, 3, called), side(40, 2, 1, {})
    report["tuned"] |= tuned
    report["base"] |= base
    report["test_uncovered_alerts"] = {"rows": 48, "tuned": uncovered, "base": uncovered_before}
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    card = card_of(inputs, tmp_path / "out")
    for told in (
        "| false calls: alerts that want none and got one | 40 of 40, 100.0 % (1.0 to 13.0 %) | 1 of 40, 2.5 % (1",
        "| missed calls: alerts that want one and got none | 2 of 4, 50.0 % (0.0 to 100.0 %) | 0 of 4, 0.0 % (0.0 to ",
        "| rows exactly right, calls with names from the alert | 1 of 4, 25.0 % (10.0 to 90.0 %) | 3 of 4, 75.0 % (",
        "| rows exactly right, calls with fixed names (memory) | 1 of 4, 25.0 % (10.0 to 90.0 %) | 3 of 4, 75.0 % (",
        "| rows exactly right, no call | 1 of 4, 25.0 % (10.0 to 90.0 %) | 3 of 4, 75.0 % (10.0 to 90.0 %) |",
        "| rows rightly without a call, of alerts that no page and no function covers | 0.0 % | 97.5 % |",
        "\n\nOf the alerts that no page and no function covers, which want no call, it calls something for these:\n\n",
        """: 1 of 4 rows, most often ``pod-restart {"name": "|x`"}``\n""",
    ):
        assert told in card
    assert card.count(", most often ") == 10
    page = outside_fences(card)
    assert [line for line in page.splitlines() if line.startswith("#")] == HEADINGS
    assert "<script>" not in CODE_SPAN.sub("", page)


def test_it_shows_real_mistakes(inputs: Inputs, tmp_path: Path) -> None:
    wrong = samples.row(13)["completion"].replace("replicas:3", "replicas:4")
    card = card_of(with_answers(inputs, {12: "no idea<end_of_turn>\n", 13: wrong, 14: "also wrong"}), tmp_path / "out")
    assert "3 of 4 rows in the test got another answer than the runbook's. Some of them:" in card
    scale = 'scale-deployment {"name": "shop-13", "replicas": '
    assert [line for line in card.splitlines() if ": expected `" in line] == [
        '- Down: expected `pod-restart {"name": "shop-12", "namespace": "web"}`, answered `no call`',
        f"- Busy: expected `{scale}3}}`, answered `{scale}4}}`",
    ]


def test_hostile_texts_stay_texts(inputs: Inputs, tmp_path: Path) -> None:
    rows = inputs.dataset.rows("test")
    rows[0] |= {"alert": HOSTILE}
    (inputs.dataset.path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answered = with_answers(inputs, {12: f"<start_function_call>{HOSTILE}"})
    card = card_of(with_base(answered, HOSTILE), tmp_path / "out")
    page = outside_fences(card)
    assert [line for line in page.splitlines() if line.startswith("#")] == HEADINGS
    assert "---" not in page.splitlines()
    assert "<script>" in page
    assert "<script>" not in CODE_SPAN.sub("", page)
    assert yaml.safe_load(card.split("\n---\n")[0])["base_model"] == " ".join(HOSTILE.split("\n"))


def test_one_input_gives_one_card_whatever_run_recorded_it(
    inputs: Inputs, client: MlflowClient, tmp_path: Path
) -> None:
    first = run(inputs, made(tmp_path / "first"))
    card = first.card.path.read_bytes()
    assert first.run_id.encode() not in card
    crown(client, VERSION)
    assert run(inputs, made(tmp_path / "as-champion")).card.path.read_bytes() == card
    crown_another(inputs, client, tmp_path)
    client.set_model_version_tag("agent-test-functiongemma", "1", "status", "published")
    assert run(inputs, made(tmp_path / "as-previous")).card.path.read_bytes() == card


def crown_another(inputs: Inputs, client: MlflowClient, folder: Path) -> None:
    crown(client, run(with_weights(inputs, b"new"), made(folder / "other")).model_version)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("base", ["google/functiongemma-270m-it", "google/gemma-3-1b-it", "functiongemma-270m-it"])
def test_a_gemma_s_terms_go_with_it(inputs: Inputs, tmp_path: Path, base: str) -> None:
    card = card_of(with_base(inputs, base), tmp_path / "out")
    assert yaml.safe_load(card.split("\n---\n")[0]) == {
        "base_model": base,
        "license": "gemma",
        "library_name": "mlx",
        "pipeline_tag": "text-generation",
        "language": ["en"],
        "tags": ["function-calling", "mlx"],
    }
    assert "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms\n" in card
    assert "https://ai.google.dev/gemma/terms" in card


def test_another_base_s_licence_is_not_invented(inputs: Inputs, tmp_path: Path) -> None:
    card = card_of(with_base(inputs, "someone/not-gemmabase"), tmp_path / "out")
    assert "license" not in yaml.safe_load(card.split("\n---\n")[0])
    assert "The licence of the base `someone/not-gemmabase` applies to this model too." in card


def test_its_program_asks_with_the_prompt_of_the_evaluation(inputs: Inputs, tmp_path: Path) -> None:
    (program,) = fences(card_of(inputs, tmp_path / "out"), "python")
    prompt = "\n".join(line for line in program.splitlines() if line.startswith(("alert =", "prompt =")))
    values = {"parts": json.loads((inputs.model.path / "prompt.json").read_text())}
    exec(prompt, values)
    assert values["prompt"] == samples.row(12)["prompt"]
    compile(program, "ask.py", "exec")


def test_a_tokenizer_that_begins_every_text_is_told(inputs: Inputs, tmp_path: Path) -> None:
    assert '{"adds_bos": false}' in card_of(inputs, tmp_path / "plain")
    template = {"type": "TemplateProcessing", "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2]}}}
    beginning = with_base(inputs, "tiny")
    (beginning.model.path / "tokenizer.json").write_text(json.dumps({"post_processor": template}))
    assert '{"adds_bos": true}' in card_of(beginning, tmp_path / "beginning")


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_the_front_matter_is_yaml_whatever_the_base_is_called(name: str) -> None:
    known = yaml.safe_load(front_matter(name))
    assert known["pipeline_tag"] == "text-generation"
    assert isinstance(known["base_model"], str)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="`|a \n\\") | st.text())
def test_a_code_span_ends_where_it_should(text: str) -> None:
    span = markdown.code(text)
    fence = re.match("`+", span)
    assert fence
    assert "\n" not in span
    assert span.endswith(fence[0])
    assert fence[0] not in re.findall("`+", span.removeprefix(fence[0]).removesuffix(fence[0]))


def test_a_row_that_nobody_answered_is_an_example_without_an_answer(inputs: Inputs, tmp_path: Path) -> None:
    file = inputs.evaluation.path / "predictions.jsonl"
    file.write_text(json.dumps({"id": "f" * 16, "expected": "", "base": "", "tuned": ""}) + "\n")
    card = card_of(dataclasses.replace(inputs, evaluation=Evaluation(inputs.evaluation.path)), tmp_path / "out")
    assert "In the evaluation the answer was" not in card


@pytest.mark.parametrize(("formats", "folder"), [(["mlx", "gguf"], "gguf-f16"), (["mlx", "gguf-q8_0"], "gguf-q8_0")])
def test_servers_of_gguf_are_shown_the_folder_that_publish_stores(
    inputs: Inputs, tmp_path: Path, formats: list[str], folder: str
) -> None:
    file = inputs.dataset.path / "agent.json"
    agent = json.loads(file.read_text())
    agent["config"]["deploy"] = {"formats": formats}
    file.write_text(json.dumps(agent))
    shells = list(fences(card_of(inputs, tmp_path / "out"), "sh"))
    assert f"(cd {folder} && ollama create agent-test -f Modelfile)" in shells[2]
    assert f"llama-server --model {folder}/model.gguf --port 8081" in shells[3]
