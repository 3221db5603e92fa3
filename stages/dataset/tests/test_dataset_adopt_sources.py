"""What functions and manifests of many shapes come to in a draft."""

import json
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from shared.errors import StageError
from stages.dataset.adopt.adopt import Request, adopt
from stages.dataset.adopt.deployment import Manifests, model_fields
from stages.dataset.adopt.drafted import Drafted, Form
from stages.dataset.adopt.runbook_forms import forms, near, remedies
from stages.dataset.adopt.schema import narrowed, read_parameters
from stages.dataset.adopt.sources.declarations import declarations
from stages.dataset.adopt.sources.openapi import operations
from stages.dataset.adopt.sources.python_source import handler_in, parsed, tools_in
from stages.dataset.adopt.texts import Document, Repository, read_documents
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.adoptable import AGENT, HOME, make_adoptable


def of_source(code: str, name: str = "the-function") -> Drafted:
    tree = parsed(dedent(code))
    assert tree is not None
    draft = handler_in(tree, name, "main.py")
    assert draft is not None
    return draft


def commands(body: str, head: str = "def handler(event):") -> list[str | tuple[str, dict[str, str]]]:
    lines = "\n".join(f"    {line}" for line in dedent(body).strip().splitlines())
    found = of_source(f"import subprocess\n{head}\n{lines}\n").forms
    return [(form.command, dict(form.arguments)) if form.arguments else form.command for form in found]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("subprocess.run(['a', 'b', event['x']])", ["a b {x}"]),
        ("subprocess.run(args=1) or subprocess.run(('a', event.get('x')))", ["a {x}"]),
        ("x = event.get('x', 'y')\nsubprocess.check_output(['a', f'--x={x}', '-f'])", ["a --x={x} -f"]),
        ("x = event['data']['x']\nsubprocess.Popen(['a', 'kind/' + x])", ["a kind/{x}"]),
        ("data = event.get('body', {})\nsubprocess.call(['a', data.get('x')])", ["a {x}"]),
        ("data = json.loads(event['body'])\nsubprocess.call(['a', data['x']])", ["a {x}"]),
        ("x = (event.get('x') or '').strip()\nsubprocess.check_call(['a', x])", ["a {x}"]),
        ("x = event.get('x').strip()\nsubprocess.check_call(['a', x])", ["a {x}"]),
        ("cmd = ['a']\ncmd.append(event['x'])\ncmd.extend(['-n', event['n']])\nsubprocess.run(cmd)", ["a {x} -n {n}"]),
        ("base = ['a', '-v']\nsubprocess.run(base + ['get', event['x']])", ["a -v get {x}"]),
        ("base = ['a', '-v']\nsubprocess.run([*base, 'get', event['x']])", ["a -v get {x}"]),
        ("cmd = ['a', 'b']\nif event.get('f'):\n    cmd += ['--force']\nsubprocess.run(cmd)", ["a b --force", "a b"]),
        ("n = 'fixed'\nsubprocess.run(['a', n])", ["a fixed"]),
        ("subprocess.run(['a', '{}/{}'.format(event['k'], event['x'])])", ["a {k}/{x}"]),
        ("subprocess.run(f\"a b {event['x']} -n {event['n']}\", shell=True)", ["a b {x} -n {n}"]),
        ("os.system('a b ' + event['x'])", ["a b {x}"]),
        ("subprocess.run(['bash', '-c', f\"a b {event['x']}\"])", ["a b {x}"]),
        ("subprocess.run(['/usr/local/bin/a', event['x']])", ["a {x}"]),
        ("subprocess.run(['a', 'two words', event['x']])", ["a 'two words' {x}"]),
        ("subprocess.run(['a', '-p', '{\"spec\": 1}'])", ["a -p '{\"spec\": 1}'"]),
        ("subprocess.run(['a', '--replicas', str(event['x'])])", ["a --replicas {x}"]),
        ("try:\n    subprocess.run(['a', event['x']])\nfinally:\n    subprocess.run(['b'])", ["a {x}", "b"]),
        ("with lock:\n    for _ in range(3):\n        subprocess.run(['a', event['x']])", ["a {x}"]),
        ("await asyncio.create_subprocess_exec('a', 'b', event['x'])", ["a b {x}"]),
        ("subprocess.run(['a', os.environ['X']])", []),
        ("subprocess.run(make_command(event))", []),
        ("subprocess.run([event['program'], 'x'])", []),
        ("print(['a', 'b'])\nrequests.get(['a'])", []),
        ("def inner():\n    subprocess.run(['never'])\nsubprocess.run(['a'])", ["a"]),
        ("x, n = event['x'], event.get('n')\nsubprocess.run(['a', x, '-n', n])", ["a {x} -n {n}"]),
        ("[x, n] = [event['x'], 'fixed']\nsubprocess.run(['a', x, '-n', n])", ["a {x} -n fixed"]),
        ("x, (y, z) = event['x'], (event['y'], event['z'])\nsubprocess.run(['a', x, y, z])", ["a {x} {y} {z}"]),
        ("x, y = event['x'], event['y']\nx, y = y, x\nsubprocess.run(['a', x, y])", ["a {y} {x}"]),
        ("data, cmd = event['data'], ['a', '-v']\nsubprocess.run([*cmd, data['x']])", ["a -v {x}"]),
        ("x = event['x']\nx = x.strip()\nsubprocess.run(['a', x])", ["a {x}"]),
        ("x = event['x']\nx, y = pair()\nsubprocess.run(['a', x])", []),
        ("x, y = event['x'], event['y']\nx, *y = event['x'], 'b', 'c'\nsubprocess.run(['a', y])", []),
        ("x, y = event['x'].split('/')\nsubprocess.run(['a', x, y])", []),
        ("x = event['x']\nx, y = event['x'], *rest\nsubprocess.run(['a', x])", []),
    ],
)
def test_a_source_runs_these_commands(body: str, expected: list[str]) -> None:
    head = "async def handler(event):" if "await" in body else "def handler(event):"
    assert commands(body, head) == expected


def test_a_branch_says_what_its_command_implies() -> None:
    body = """
    kind = event.get("kind", "pod")
    if kind == "deployment":
        subprocess.run(["a", "deployment"])
    elif kind == "set":
        subprocess.run(["a", "set"])
    else:
        subprocess.run(["a", "pod"])
    subprocess.run(["a", "all"])
    """
    assert commands(body) == [
        ("a deployment", {"kind": "deployment"}),
        ("a set", {"kind": "set"}),
        ("a pod", {"kind": "pod"}),
        "a all",
    ]


def test_a_branch_without_a_known_default_implies_nothing() -> None:
    body = "if event['kind'] == 'x':\n    subprocess.run(['a'])\nelse:\n    subprocess.run(['b'])"
    assert commands(body) == [("a", {"kind": "x"}), "b"]


def test_a_command_that_is_made_as_it_runs_is_told_with_its_line() -> None:
    draft = of_source("import subprocess\ndef handler(event):\n    subprocess.run(build(event))\n")
    assert draft.notes == ("main.py, line 3, runs a command that is made as it runs",)


@pytest.mark.parametrize(
    "docstring",
    [
        "Do it.\n\n    Parameters:\n    - name: The name (required)\n    - count: How many (default: 3)\n",
        "Do it.\n\n    Args:\n        name (str): The name\n        count (int, optional): How many\n",
        "Do it.\n\n    :param name: The name\n    :param int count: How many\n    :returns: nothing: at all\n",
        "Do it.\n\n    Arguments:\n        name: The name\n        count: How many\n\n    Returns:\n        x: y\n",
    ],
)
def test_docstrings_of_the_usual_styles_tell_of_parameters(docstring: str) -> None:
    code = f'def handler(event):\n    """{docstring}    """\n    event["name"], event.get("count", 3)\n'
    draft = of_source(code)
    assert draft.description == "Do it."
    assert [(each.name, each.description, each.required, each.default) for each in draft.parameters] == [
        ("name", "The name", True, ""),
        ("count", "How many", False, "3"),
    ]


def test_a_signature_tells_of_parameters() -> None:
    code = '''
    @server.tool()
    async def move_ship(ship: str, berth: int, kind: Literal["cargo", "ferry"] = "cargo", fast: bool = False, ctx=None):
        """Move a ship.

        Args:
            ship: Its name
        """
        subprocess.run(["shipctl", "move", ship, "--berth", str(berth), f"--kind={kind}"])

    def helper(x):
        pass
    '''
    tree = parsed(dedent(code))
    assert tree is not None
    (draft,) = tools_in(tree, "tools.py")
    assert (draft.name, draft.description) == ("move_ship", "Move a ship.")
    assert [(each.name, each.type, each.enum, each.required) for each in draft.parameters] == [
        ("ship", "string", (), True),
        ("berth", "integer", (), True),
        ("kind", "string", ("cargo", "ferry"), False),
        ("fast", "boolean", (), False),
    ]
    assert [form.command for form in draft.forms] == ["shipctl move {ship} --berth {berth} --kind={kind}"]


def declared(data: Any) -> list[tuple[str, str, list[str]]]:
    found = declarations(Document("file", 1, data))
    return [(each.draft.name, each.draft.description, [p.name for p in each.draft.parameters]) for each in found]


SCHEMA = {"type": "object", "properties": {"ship": {"type": "string"}}, "required": ["ship"]}


@pytest.mark.parametrize(
    "data",
    [
        {"tools": [{"name": "dock", "description": "Dock a ship.", "inputSchema": SCHEMA}], "nextCursor": None},
        {
            "jsonrpc": "2.0",
            "id": 1,
            "result": {"tools": [{"name": "dock", "description": "Dock a ship.", "inputSchema": SCHEMA}]},
        },
        [{"type": "function", "function": {"name": "dock", "description": "Dock a ship.", "parameters": SCHEMA}}],
        [{"type": "function", "name": "dock", "description": "Dock a ship.", "parameters": SCHEMA, "strict": True}],
        [{"name": "dock", "description": "Dock a ship.", "input_schema": SCHEMA}],
        {"functions": [{"name": "dock", "description": "Dock a ship.", "parameters": {"ship": {"type": "string"}}}]},
        {"functions": [{"name": "dock", "description": "Dock a ship.", "parameters": {"ship": "string"}}]},
        {
            "spec": {
                "remedies": [
                    {"name": "dock", "summary": "Dock a ship.", "parameters": [{"name": "ship", "type": "string"}]}
                ]
            }
        },
        {"kind": "Remedy", "metadata": {"name": "dock"}, "spec": {"description": "Dock a ship.", "parameters": SCHEMA}},
        {
            "kind": "CloudFunction",
            "metadata": {"name": "dock", "annotations": {"example.org/description": "Dock a ship."}},
            "spec": {"inputs": [{"name": "ship", "description": "Ship"}]},
        },
    ],
)
def test_functions_are_declared_in_many_shapes(data: Any) -> None:
    assert declared(data) == [("dock", "Dock a ship.", ["ship"])]


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "StorageClass", "metadata": {"name": "fast"}, "description": "x", "parameters": {"type": "ssd"}},
        {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"description": "y", "parameters": "z"}},
        {"kind": "Deployment", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", "image": "y"}]}},
        {"dashboards": [{"name": "x", "description": "y"}]},
        {"name": "a package", "description": "y", "parameters": SCHEMA},
        {"name": "x", "description": "y", "parameters": "none"},
        {"name": "x", "description": "y", "parameters": {"size": 3}},
        "text",
        None,
    ],
)
def test_what_declares_no_function_is_none(data: Any) -> None:
    assert declared(data) == []


def test_a_function_without_parameters_is_one_where_functions_are_listed() -> None:
    assert declared({"tools": [{"name": "sound-horn", "description": "Sound the horn."}]}) == [
        ("sound-horn", "Sound the horn.", [])
    ]


def test_parameters_of_a_function_are_no_functions() -> None:
    entry = {"name": "ship", "description": "Ship", "schema": {"type": "object", "properties": {}}}
    data = {"functions": [{"name": "dock", "description": "Dock.", "parameters": [entry]}]}
    assert [name for name, *_ in declared(data)] == ["dock"]


OPENAPI = """
openapi: 3.1.0
info: {title: Docks, version: "1"}
paths:
  /ships/{ship}/moves:
    parameters:
      - {name: ship, in: path, required: true, schema: {type: string}, description: Ship to move}
      - {name: X-Request-Id, in: header, required: true, schema: {type: string}}
    post:
      operationId: moveShip
      summary: Move a ship. It may take a while.
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Move"}
    get:
      description: List the moves
      parameters: [{$ref: "#/components/parameters/limit"}]
components:
  parameters:
    limit: {name: limit, in: query, schema: {type: integer, default: 10}}
  schemas:
    Base: {type: object, properties: {berth: {type: integer}}, required: [berth]}
    Move:
      allOf:
        - {$ref: "#/components/schemas/Base"}
        - {type: object, properties: {speed: {$ref: "#/components/schemas/Speed"}, tags: {type: array}}}
    Speed: {type: string, enum: [slow, full]}
    Loop: {$ref: "#/components/schemas/Loop"}
"""


def test_operations_of_an_openapi_document_are_functions() -> None:
    (document,) = read_documents(OPENAPI, "api.yaml")
    listed, moved = operations(document)
    assert (listed.name, listed.description) == ("get-ships-ship-moves", "List the moves")
    assert [(each.name, each.type, each.required) for each in listed.parameters] == [
        ("ship", "string", True),
        ("limit", "integer", False),
    ]
    assert (moved.name, moved.description) == ("moveShip", "Move a ship.")
    assert [(each.name, each.type, each.enum, each.required) for each in moved.parameters] == [
        ("ship", "string", (), True),
        ("berth", "integer", (), True),
        ("speed", "string", ("slow", "full"), False),
        ("tags", "array", (), False),
    ]
    as_json = Document("api.json", 1, json.loads(json.dumps(document.data)))
    assert [each.name for each in operations(as_json)] == ["get-ships-ship-moves", "moveShip"]


@pytest.mark.parametrize("text", ["swagger: '2.0'\npaths: {}\n", "openapi: 3.0.0\n", "openapi: 3.0.0\npaths: [1]\n"])
def test_other_documents_have_no_operations(text: str) -> None:
    assert [each for document in read_documents(text, "x.yaml") for each in operations(document)] == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "int"}, "integer"),
        ({"type": ["integer", "null"]}, "integer"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number"),
        ({"description": "x", "default": True}, "boolean"),
        ({"description": "x", "default": 3}, "integer"),
        ({"description": "x"}, "string"),
        ({"type": "duration"}, "string"),
        ({"schema": {"type": "bool"}, "description": "x"}, "boolean"),
        ({"type": "array", "items": {"type": "string"}}, None),
        ({"type": "object"}, None),
    ],
)
def test_types_become_those_that_tools_yaml_has(said: dict[str, Any], expected: str | None) -> None:
    (parameter,) = read_parameters({"x": said}) or ()
    known = narrowed(parameter)
    assert (known.type if known else None) == expected


def test_choices_of_numbers_are_noted_and_not_lost_silently() -> None:
    (parameter,) = read_parameters({"x": {"type": "integer", "enum": [1, 2]}}) or ()
    known = narrowed(parameter)
    assert known and known.enum == () and known.note == "one of 1, 2, which only its source checks"


def test_odd_parameter_names_get_names_inside_the_model(tmp_path: Path) -> None:
    tools = {
        "functions": [{"name": "x", "description": "y", "parameters": dict.fromkeys(("type", "kind", "a-b"), "string")}]
    }
    text = adopt(Request(make_adoptable(tmp_path, {f"{HOME}/tools.json": json.dumps(tools)}), AGENT)).texts
    assert "model_parameters: {type: kind_2, a-b: a_b}" in "".join(text.values())


def used(*commands: str) -> list[tuple[str, int]]:
    text = "".join(f"## Alert: A{n}\n\n### Resolution\n\n```\n{command}\n```\n\n" for n, command in enumerate(commands))
    return [(each.form.command, len(each.alerts)) for each in forms(remedies(read_runbook(text)), "RUNBOOK.md")]


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (
            ("kubectl rollout undo deploy/a -n x", "kubectl -n y rollout undo deployment <name>"),
            [("kubectl rollout undo deployment {name} --namespace {namespace}", 2)],
        ),
        (("kubectl drain {{ $labels.node }}",), [("kubectl drain {node}", 1)]),
        (("systemctl restart nginx",), [("systemctl restart nginx", 1)]),
        (("systemctl restart nginx", "systemctl restart redis"), [("systemctl restart {name}", 2)]),
        (
            ("systemctl restart nginx", "systemctl reload nginx"),
            [("systemctl reload nginx", 1), ("systemctl restart nginx", 1)],
        ),
        (("flux suspend kustomization apps-prod",), [("flux suspend kustomization {name}", 1)]),
        (("kubectl scale deploy a --replicas=3", "kubectl scale deploy b --replicas=5"),
         [("kubectl scale deployment {name} --replicas {replicas}", 2)]),
        (("kubectl delete pod a | tee log",), []),
        (("kubectl get pods",), []),
    ],
)  # fmt: skip
def test_remedies_are_generalised(commands: tuple[str, ...], expected: list[tuple[str, int]]) -> None:
    assert used(*commands) == expected


def test_what_a_runbook_forbids_is_no_form() -> None:
    text = "## Alert: A\n\n### Resolution\n\nNever run this:\n\n```\nkubectl delete pod a -n b\n```\n"
    assert remedies(read_runbook(text)) == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("flux reconcile hr web -n apps --force", "flux reconcile hr {name} -n {namespace} --force"),
        (
            "flux reconcile helmrelease web --namespace apps",
            "flux reconcile helmrelease {name} --namespace {namespace}",
        ),
        ("flux reconcile helmrelease web", "flux reconcile helmrelease {name}"),
        ("flux reconcile helmrelease web --timeout=5m", "flux reconcile helmrelease {name} --timeout 5m"),
        ("flux reconcile helmrelease web --timeout <time>", None),
        ("flux reconcile kustomization web -n apps", None),
        ("flux suspend helmrelease web -n apps", None),
        ("flux reconcile helmrelease web more -n apps", None),
        ("flux reconcile helmrelease web -n apps | cat", None),
    ],
)
def test_a_command_is_near_a_form_that_differs_by_flags_alone(command: str, expected: str | None) -> None:
    found = near(command, Form("flux reconcile helmrelease {name} -n {namespace}"))
    assert (found.command.replace("--namespace {", "-n {") if found else None) == (
        expected.replace("--namespace {", "-n {") if expected else None
    )


def fields_of(tmp_path: Path, files: dict[str, str]) -> list[tuple[str, str, str, bool]]:
    make_adoptable(tmp_path, {f"{HOME}/{path}": text for path, text in files.items()})
    fields, unreached = model_fields(Repository(tmp_path, AGENT))
    assert unreached == []
    return [(each.file, each.field, each.value, each.is_own) for each in fields]


@pytest.mark.parametrize(
    ("text", "field", "value", "is_own"),
    [
        (f"spec: {{ai: {{model: '{AGENT}:v20250102-0123abcd'}}}}", "spec.ai.model", f"{AGENT}:{{version}}", True),
        (f"spec: {{ai: {{model: '{AGENT}:latest'}}}}", "spec.ai.model", f"{AGENT}:{{version}}", True),
        (f"model: hub.example.org/{AGENT}:v1", "model", f"hub.example.org/{AGENT}:{{version}}", True),
        (f"model: {AGENT}-functiongemma-20250102-0123abcd", "model", "{name}", True),
        ("env: [{name: MODEL_VERSION, value: v20250102-0123abcd}]", "env[name=MODEL_VERSION].value", "{version}", True),
        ("spec: {ai: {model: 'gemma3:27b'}}", "spec.ai.model", f"{AGENT}:{{version}}", False),
        (f"metadata: {{annotations: {{example.org/model: '{AGENT}:v20250102-0123abcd'}}}}",
         'metadata.annotations."example.org/model"', f"{AGENT}:{{version}}", True),
        (f"args: ['--model={AGENT}:v20250102-0123abcd']", "args[0]", f"--model={AGENT}:{{version}}", True),
        (f"- {{op: replace, path: /spec/ai/model, value: '{AGENT}:v20250102-0123abcd'}}", "[path=/spec/ai/model].value",
         f"{AGENT}:{{version}}", True),
    ],
)  # fmt: skip
def test_fields_that_hold_a_model(text: str, field: str, value: str, is_own: bool, tmp_path: Path) -> None:
    assert fields_of(tmp_path, {"k8s/x.yaml": text}) == [("k8s/x.yaml", field, value, is_own)]


@pytest.mark.parametrize(
    "text",
    [
        f"image: registry.example.org/{AGENT}:v20250102-0123abcd",
        "model: {name: a}",
        "data_model: star",
        "spec: {ai: {model: |\n  several\n  lines\n}}",
        "model: '{{ .Values.model }}'",
        f"a: {{model: '{AGENT}:v1'}}\n---\na: {{model: '{AGENT}:v1'}}",
    ],
)
def test_fields_that_hold_none_or_that_no_bump_can_write(text: str, tmp_path: Path) -> None:
    assert fields_of(tmp_path, {"k8s/x.yaml": text}) == []


def test_models_in_texts_are_reached_whatever_the_text(tmp_path: Path) -> None:
    overlay = f"""patches:
- patch: |
    - op: replace
      path: /spec/env
      value:
      - name: OTHER
        value: x
      - name: MODEL_NAME
        value: {AGENT}:latest
    - {{op: add, path: /spec/env/-, value: {{name: MODEL_NAME, value: '{AGENT}:v1'}}}}
    - {{op: add, path: /spec/env/-, value: {{name: OTHER, value: y}}}}
- patch: |-
    apiVersion: x/v1
    kind: Agent
    metadata: {{name: {AGENT}}}
    spec:
      ai:
        model: {AGENT}:v2
- target: {{name: {AGENT}}}
  patch: '[{{"op": "replace", "path": "/spec/ai/model", "value": "{AGENT}:v3"}}]'
patchesStrategicMerge:
- |-
  spec: {{replicas: 2}}
"""
    values = f"data:\n  values.yaml: |\n    agent:\n      model: {AGENT}:v1\n    judge:\n      model: gemma3:27b\n"
    files = {"k8s/studio/kustomization.yaml": overlay, "k8s/values.yaml": values}
    assert [(file.removeprefix("k8s/"), field) for file, field, _, _ in fields_of(tmp_path, files)] == [
        ("studio/kustomization.yaml", "patches[0].patch | [path=/spec/env].value[name=MODEL_NAME].value"),
        ("studio/kustomization.yaml", "patches[0].patch | [value.name=MODEL_NAME].value.value"),
        ("studio/kustomization.yaml", "patches[1].patch | spec.ai.model"),
        ("studio/kustomization.yaml", f"patches[target.name={AGENT}].patch | [path=/spec/ai/model].value"),
        ("values.yaml", 'data."values.yaml" | agent.model'),
    ]


def test_overlays_are_what_builds_on_another_folder_and_reaches_the_model(tmp_path: Path) -> None:
    folders = {
        "base": "resources: [agent.yaml]",
        "house": "resources: [../base]",
        "studio": "bases: [../house]",
        "air": "components: [../patch]\nresources: [../base]",
        "patch": "patches: [{path: p.yaml}]",
        "alone": "resources: [other.yaml]",
        "other": "resources: [../alone]",
    }
    files = {f"k8s/{name}/kustomization.yaml": f"{text}\n" for name, text in folders.items()}
    files |= {"k8s/base/agent.yaml": f"spec: {{ai: {{model: '{AGENT}:v1'}}}}\n", "k8s/alone/other.yaml": "a: 1\n"}
    make_adoptable(tmp_path, {f"{HOME}/{path}": text for path, text in files.items()})
    assert Manifests.of(Repository(tmp_path, AGENT)).overlays == ("k8s/air", "k8s/studio")


def test_an_overlay_outside_the_agents_folder_is_named_without_a_field(tmp_path: Path) -> None:
    overlay = f"patches:\n- patch: |-\n    - {{op: replace, path: /spec/ai/model, value: '{AGENT}:pinned'}}\n"
    make_adoptable(tmp_path, {"flux/clusters/studio/k.yaml": overlay, f"{HOME}/x.yaml": "a: 1\n"})
    assert [(each.place, each.path) for each in model_fields(Repository(tmp_path, AGENT))[1]] == [
        ("flux/clusters/studio/k.yaml, line 3", "/spec/ai/model")
    ]
    assert "Take it out: the file is not below the agent's folder." in " ".join(
        adopt(Request(tmp_path, AGENT)).texts[f"{HOME}/training/config.yaml"].replace("\n  #", "").split()
    )


@pytest.mark.parametrize(
    "text",
    [
        "def handler(event):\n    subprocess.run([" + "'a', " * 20_000 + "])\n",
        "def handler(event):\n" + "    x = event.get('x')\n" * 10_000,
        "def handler(event):\n    cmd = ['a']\n"
        + "    if event.get('y'):\n        cmd += ['b']\n" * 300
        + "    run(cmd)\n",
        'def handler(event):\n    """' + "a: b " * 10_000 + '"""\n    run(["a"])\n',
        "def handler(event):\n    if x == 1:\n        run(['a'])\n" + "    elif x == 2:\n        run(['b'])\n" * 900,
        "def handler(event):\n    run(['a', " + "'b' + " * 2_000 + "'c'])\n",
        "def handler(event):\n    run(['a" + "{" * 50_000 + "'])\n",
    ],
)
def test_a_long_source_takes_no_long_time(text: str) -> None:
    began = time.process_time()
    of_source(text)
    assert time.process_time() - began < 20


@pytest.mark.parametrize("nested", ["[" * 40_000, "{a: " * 20_000, "- " * 40_000, "? " * 40_000, "- [" * 20_000])
def test_a_document_that_nests_deep_is_refused_soon(nested: str) -> None:
    began = time.process_time()
    with pytest.raises(StageError, match=r"^x\.yaml is no YAML, or nests too deep$"):
        list(read_documents(f"kind: Function\nspec:\n  {nested}", "x.yaml"))
    assert time.process_time() - began < 20


def test_a_long_document_takes_no_long_time() -> None:
    began = time.process_time()
    many = {"tools": [{"name": f"t{n}", "description": "x", "inputSchema": SCHEMA} for n in range(5_000)]}
    assert len(list(declarations(Document("x", 1, many)))) == 5_000
    assert time.process_time() - began < 20
