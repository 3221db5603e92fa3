"""config.yaml is read strictly: each mistake is one line with the file, the line and the remedy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StageError
from stages.dataset.agent_config import read_config
from stages.dataset.tests.repositories import HOMELAB

BELOW = "must be a path below the agent's folder, such as k8s/lambdaagent.yaml"
FIELD = "{file: a.yaml, field: a, value: x}"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("training: {learning_rate: 1e-4}", {"training": {"learning_rate": 0.0001}}),
        ("training: {learning_rate: 1}", {"training": {"learning_rate": 1.0}}),
        ("training: {model_name: on}", {"training": {"model_name": "on"}}),
        ("training:\n  # all defaults\ngate: {}", {"gate": {}}),
        ("training: {iters: 0x10}", {"training": {"iters": 16}}),
        ("gate: {minimum_accuracy: 0}", {"gate": {"minimum_accuracy": 0.0}}),
        ("gate: {floors: {pod-restart: 1, x: .5}}", {"gate": {"floors": {"pod-restart": 1.0, "x": 0.5}}}),
        ("gate: {}", {"deploy": {"mode": "push", "fields": []}}),
        (
            "deploy: {servers: [{kind: ollama, url: 'http://o/', keep: 1}]}",
            {
                "deploy": {
                    "mode": "push",
                    "fields": [],
                    "servers": [{"kind": "ollama", "url": "http://o", "keep": 1}],
                }
            },
        ),
        (
            "deploy: {mode: branch, fields: [{file: k8s/a.yml, field: 'a.b', value: 'x:{version}'}]}",
            {"deploy": {"mode": "branch", "fields": [{"file": "k8s/a.yml", "field": "a.b", "value": "x:{version}"}]}},
        ),
        (
            "deploy: {formats: [mlx, gguf]}",
            {"deploy": {"mode": "push", "fields": [], "formats": ["mlx", "gguf"]}},
        ),
    ],
)
def test_what_the_file_sets_is_known_by_block(text: str, settings: dict[str, object]) -> None:
    assert settings.items() <= read_config(text, "config.yaml").settings().items()


def test_the_example_s_files_are_valid() -> None:
    for path in HOMELAB.glob("flux/ai/*/training/config.yaml"):
        settings = read_config(path.read_text(), path.name).settings()
        assert settings["training"]["learning_rate"] == 0.0002
        assert settings["gate"]["minimum_accuracy"] >= 0.8


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{feld: a, file: a.yaml, value: x}", ".feld is not known; did you mean field?"),
        ("{file: a.yaml, field: a}", ".value is missing"),
        ("{file: a.yaml, field: a, value: 3}", ".value is 3; input should be a valid string"),
        (
            "{file: a.yaml, field: a, value: '{versio}'}",
            ".value: {versio} is no placeholder; known are {version}, {agent}, {name}",
        ),
        ("{file: ../a.yaml, field: a, value: x}", f".file: '../a.yaml' {BELOW}"),
        ("{file: /etc/a.yaml, field: a, value: x}", f".file: '/etc/a.yaml' {BELOW}"),
        ("{file: a.json, field: a, value: x}", ".file: a.json is no YAML file; its name must end in .yaml or .yml"),
        (
            "{file: a.yaml, field: a..b, value: x}",
            ".field: 'a..b' is no path of a field, such as spec.ai.model or spec.env[name=MODEL_NAME].value",
        ),
        (
            "{file: training/config.yaml, field: a, value: x}",
            ".file: training/config.yaml is what the model is trained by; a bump that changes it would ask for a "
            "new model",
        ),
    ],
)
def test_a_mistake_in_a_deployed_field_is_named_with_its_line(entry: str, reason: str) -> None:
    with pytest.raises(StageError) as raised:
        read_config(f"deploy:\n  mode: push\n  fields:\n    - {entry}", "config.yaml")
    assert str(raised.value) == f"config.yaml, line 4: deploy.fields.0{reason}"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("{kind: ollama, ur: 'http://o'}", ".ur is not known; did you mean url?"),
        ("{kind: ollama}", ".url is missing"),
        ("{kind: olama, url: 'http://o'}", ".kind: 'olama' is no kind of server; did you mean ollama?"),
        (
            "{kind: ollama, url: 'ftp://o'}",
            ".url: 'ftp://o' is no address of a server; write http(s)://host:port, such as http://ollama:11434",
        ),
        (
            "{kind: ollama, url: 'http://anna:geheim@o'}",
            ".url: http://o stands there with a user or a password, which Git would keep; set OLLAMA_TOKEN or "
            "OPENAI_API_KEY instead",
        ),
        (
            "{kind: ollama, url: 'http://o', name: x}",
            ": 'x' would be the name of every version; let it hold {version} or {name}",
        ),
        ("{kind: ollama, url: 'http://o', keep: 0}", ": keep is 0; it must be a whole number from 1 to 1000"),
        ("{kind: openai, url: 'http://o', keep: 1}", ": keep is for ollama alone: openai has one model; leave it out"),
    ],
)
def test_a_mistake_in_a_server_is_named_with_its_line(entry: str, reason: str) -> None:
    with pytest.raises(StageError) as raised:
        read_config(f"deploy:\n  mode: push\n  servers:\n    - {entry}", "config.yaml")
    assert str(raised.value) == f"config.yaml, line 4: deploy.servers.0{reason}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "deploy: {servers: [{kind: ollama, url: 'http://o'}, {kind: ollama, url: 'http://o/'}]}",
            ", line 1: deploy.servers: ollama at http://o is named twice",
        ),
        ("deploy: {mode: pr}", ", line 1: deploy.mode: 'pr' is no mode; it must be one of push, branch, pull-request"),
        ("deploy: {formats: [mlx, guff]}", ", line 1: deploy.formats: 'guff' is no format; did you mean gguf?"),
        (
            "deploy:\n  formats: [gguf]",
            ", line 2: deploy.formats: mlx is what was judged, and is always stored; name it too, as in "
            "formats: [mlx, gguf]",
        ),
        (f"deploy: {{fields: [{FIELD}, {FIELD}]}}", ", line 1: deploy.fields: a of a.yaml is named twice"),
        ("", " is empty; write at least `training: {}`"),
        ("# nothing yet", " must hold keys and values, not nothing"),
        ("- a", " must hold keys and values, not a list"),
        ("training", " must hold keys and values, not a single value"),
        ("training: {iters: 3", ", line 1 is not valid YAML: expected ',' or '}', but got '<stream end>'"),
        ("training:\n\titers: 3", ", line 2 is not valid YAML: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", ", line 2 is not valid YAML: but found another document"),
        ("training:\n  itters: 3", ", line 2: training.itters is not known; did you mean iters?"),
        ("trainin: {}", ", line 1: trainin is not known; did you mean training?"),
        (
            "gate:\n  x: 1",
            ", line 2: gate.x is not known; known here: minimum_accuracy, accuracy_margin, maximum_false_calls, "
            "maximum_missed_calls, maximum_latency_ms, floors",
        ),
        ("gate:\n  floor: {}", ", line 2: gate.floor is not known; did you mean floors?"),
        ("gate:\n  floors:\n    f: 80", ", line 3: gate.floors.f: a floor is 80.0; it must be at most 1"),
        ("gate: {floors: {f: .nan}}", ", line 1: gate.floors.f is nan; input should be a finite number"),
        ("gate: {floors: [f]}", ", line 1: gate.floors; input should be a valid dictionary"),
        ("training: {iters: '3'}", ", line 1: training.iters is '3'; input should be a valid integer"),
        ("training: {iters: 3.0}", ", line 1: training.iters is 3.0; input should be a valid integer"),
        ("training: {iters: true}", ", line 1: training.iters is True; input should be a valid integer"),
        ("training: [1]", ", line 1: training must hold keys and values"),
        ("1: 2", ", line 1: 1 is 1; keys should be strings"),
        ("training:\n  iters: 0", ", line 2: training.iters: iters is 0; it must be at least 1"),
        ("training: {learning_rate: 0}", ", line 1: training.learning_rate: learning_rate is 0.0; it must be above 0"),
        (
            "training: {learning_rate: .nan}",
            ", line 1: training.learning_rate is nan; input should be a finite number",
        ),
        (
            "gate:\n\n  minimum_accuracy: .inf",
            ", line 3: gate.minimum_accuracy is inf; input should be a finite number",
        ),
        (
            "gate: {minimum_accuracy: 80}",
            ", line 1: gate.minimum_accuracy: minimum_accuracy is 80.0; it must be at most 1",
        ),
        (
            "training: {dtype: float8}",
            ", line 1: training.dtype: dtype is 'float8'; it must be one of float32, bfloat16, float16",
        ),
        ("training: {iters: 1, iters: 2}", ', line 1 is not valid YAML: found duplicate key "iters"'),
        ("training: &a {}\ngate: *a", ", line 2 uses a YAML alias; write the value out"),
        (
            "schedule: {cron: hourly}",
            ", line 1: schedule.cron: 'hourly' is no cron schedule of five fields, such as '0 2 * * 0'",
        ),
        ("schedule: {notify: [on call]}", ", line 1: schedule.notify: 'on call' is no e-mail address"),
        (
            "watch: {most_unseen_alerts: -1}",
            ", line 1: watch.most_unseen_alerts: most_unseen_alerts is -1; it must be at least 0",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(StageError) as raised:
        read_config(text, "config.yaml")
    assert str(raised.value) == f"config.yaml{reason}"


def test_inputs_of_stages_are_scalars_alone() -> None:
    text = "training: {iters: 3}\ngate: {accuracy_margin: 0.02, floors: {pod-restart: 1}}\nschedule: {cron: ''}"
    assert read_config(text, "config.yaml").inputs() == {"iters": 3, "accuracy_margin": 0.02}


def test_the_settings_of_watch_are_its_inputs_alone() -> None:
    config = read_config("training: {iters: 3}\nwatch: {retrain_below: 0.9, live_metric: up}", "config.yaml")
    assert config.inputs() == {"iters": 3}
    assert config.watch_inputs() == {"retrain_below": 0.9, "live_metric": "up"}


def test_a_number_beyond_what_a_stage_takes_is_refused() -> None:
    with pytest.raises(StageError, match="iters is '100000000000000000000'; it must lie between"):
        read_config("training: {iters: 100000000000000000000}", "config.yaml")


def test_a_duplicate_key_does_not_repeat_its_values() -> None:
    with pytest.raises(StageError) as raised:
        read_config("training: {model_name: hunter2, model_name: hunter3}", "config.yaml")
    assert "hunter" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "a: " + "{a: " * 3000, "a: !!timestamp x", "a: !!python/object/apply:os.system [x]", "? {a: 1}\n: 2"],
)
def test_odd_yaml_is_refused_not_raised(text: str) -> None:
    with pytest.raises(StageError, match=r"^config.yaml"):
        read_config(text, "config.yaml")


@given(st.text(alphabet="ab:-?![]{}&*<'\"# \n\t|>%@1.e") | st.text())
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        read_config(text, "config.yaml")
    except StageError as error:
        assert "\n" not in str(error)
