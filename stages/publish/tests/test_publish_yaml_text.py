"""A field of a text that is YAML itself, in a YAML file, gets another value, and every other byte stays."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from shared.errors import StageError
from stages.publish.git.yaml_field import with_field

FILE = "k8s/kustomization.yaml"
KUSTOMIZATION = """# The overlay.
apiVersion: kustomize.config.k8s.io/v1beta1
patches:
  - path: scaling.yaml
  - target:   {kind: LambdaAgent, name: agent}  # by name
    patch: |-   # a list of operations
      # What the model is called.
      - op: replace
        path:   /spec/ai/model
        value: "agent:none"   # none yet

      - {op: add, path: /spec/env/-, value: {name: MODEL, value: agent:none}}
  - target: {name: other}
    patch: |2+
        kind: LambdaAgent
        spec:
          ai: {model: 'agent:none'}  # behind it a line

  - target: {name: folded}
    patch: >-
      [{"op": "replace",
        "path": "/spec/ai/model", "value": "agent:none"}]
  - target: {name: single}
    patch: '[{"op": "replace", "path": "/it''s", "value": "agent:none"}]'
  - target: {name: double}
    patch: "[{\\"op\\": \\"replace\\",\\n  \\"path\\": \\"\\\\u002fa\\", \\"value\\": \\"agent:none\\"}]"
  - target: {name: tagged}
    patch: !!str &patch |
      a: agent:none
images:
  - name: registry:5000/agent
    newName: registry:5000/agent-models
    newTag: none
"""
MODEL = "[path=/spec/ai/model].value"


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (f"patches[target.name=agent].patch | {MODEL}", '"agent:none"   #', '"agent:v2"   #'),
        (f"patches[1].patch | {MODEL}", '"agent:none"   #', '"agent:v2"   #'),
        (
            "patches[target.name=agent].patch | [value.name=MODEL].value.value",
            "value: agent:none}}",
            "value: agent:v2}}",
        ),
        ("patches[target.name=other].patch | spec.ai.model", "'agent:none'}  #", "'agent:v2'}  #"),
        (f"patches[target.name=folded].patch | {MODEL}", '"agent:none"}]\n  - t', '"agent:v2"}]\n  - t'),
        ("patches[target.name=single].patch | [0].value", '"agent:none"}]\'', '"agent:v2"}]\''),
        ("patches[target.name=double].patch | [path=/a].value", '\\"agent:none\\"', '\\"agent:v2\\"'),
        ("patches[target.name=tagged].patch | a", "a: agent:none", "a: agent:v2"),
        ('images[name="registry:5000/agent"].newTag', "newTag: none", "newTag: agent:v2"),
    ],
)  # fmt: skip
def test_the_field_s_own_characters_are_all_that_changes(ends: str, path: str, old: str, new: str) -> None:
    assert KUSTOMIZATION.count(old) == 1
    before, after = (text.replace("\n", ends) for text in (KUSTOMIZATION, KUSTOMIZATION.replace(old, new)))
    assert with_field(before, path, "agent:v2", FILE) == after
    assert with_field(after, path, "agent:v2", FILE) == after


HELM = """apiVersion: v1
kind: ConfigMap
data:
  values.yaml: |
    # Read by a HelmRelease.
    agent:
      model: agent:none
      files:
        config.json: |
          {
            "model": "agent:none"
          }
"""


def test_a_text_in_a_text_is_reached() -> None:
    path = 'data."values.yaml" | agent.files."config.json" | model'
    assert with_field(HELM, path, "agent:v2", FILE) == HELM.replace('"agent:none"', '"agent:v2"')
    outer = with_field(HELM, 'data."values.yaml" | agent.model', "agent:v2", FILE)
    assert outer == HELM.replace("model: agent:none", "model: agent:v2")


RELEASE = """kind: HelmRelease
spec:
  values:
    agent: {model: {tag: none}}
    env:
      - {name: MODEL_NAME, value: "agent:none"}
  valuesFrom: []
"""


def test_values_of_helm_are_reached_by_plain_paths() -> None:
    tagged = with_field(RELEASE, "spec.values.agent.model.tag", "v20251224-abc12345", FILE)
    assert tagged == RELEASE.replace("tag: none", "tag: v20251224-abc12345")
    named = with_field(RELEASE, "spec.values.env[name=MODEL_NAME].value", "agent:v2", FILE)
    assert named == RELEASE.replace("agent:none", "agent:v2")


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("a:\n- p: |\n    x: 1\n\n    modle: 2\n", "a[0].p | model", ", line 3: the text at a[0].p has no model; did"),
        ("p: |\n  a:\n    b: 1\n", "p | a.c", ", line 3: p | a has no c; known here: b"),
        ("p: |\n  - op: add\n    path: /a\n", "p | [path=/b].value", ", line 2: the text at p has no [path=/b]; "),
        ("p: |\n  - {path: /a}\n  - {path: /a}\n", "p | [path=/a].x", ", line 3: p | [path=/a] stands here more than"),
        ("p: >-\n  a: [\n", "p | a", ", line 2: the text at p is not valid YAML: "),
        ("p: |\n  x: {{ .Values.x }}\n", "p | x", ", line 2: p | x holds keys and values; name a field"),
        ("p: word\n", "p | a", ", line 1: the text at p is a single value, and has no a"),
        ("p: {a: 1}\n", "p | a", ", line 1: p holds keys and values; name a field that holds a single value"),
        ("p: |\n\n", "p | a", " holds nothing, so it has no p | a"),
        ("p:\n", "p | a", " holds nothing, so it has no p | a"),
        ("p: &x |\n  a: 1\nq: *x\n", "p | a", ", line 1: p leads through &x, which *x repeats elsewhere"),
        ("p: |\n  a: &x 1\n  b: *x\n", "p | a", ", line 2: p | a leads through &x, which *x repeats elsewhere"),
        ("p: |\n  a: 1\n  ---\n  a: 2\n", "p | a", ", line 2: p | a stands in several documents (lines 2 and 4)"),
        ("p: |\n  a: |\n    b\n", "p | a", ", line 2: p | a is a block of text (|); write its value on one line, or"),
        ("p: |\n  a:\n  b: 1\n", "p | a", ', line 2: p | a holds nothing; write any value there, such as ""'),
        ("p: |\n  a: !!int 1\n", "p | a", ", line 2: p | a has a tag that makes no text of its value"),
        ("p: '[1, 2'\n", "p | [0]", ", line 1: the text at p is not valid YAML: "),
    ],
)
def test_what_cannot_be_changed_alone_is_refused_with_the_file_s_line(text: str, path: str, reason: str) -> None:
    with pytest.raises(StageError) as refused:
        with_field(text, path, "agent:v2", FILE)
    told = str(refused.value)
    assert told.startswith((f"{FILE}{reason}", f"the text at p in {FILE}{reason}"))


@given(
    value=st.text(st.sampled_from(string.printable[:95] + "äж€\U0001f600"), min_size=1).filter(
        lambda v: v == v.strip()
    ),
    old=st.sampled_from(["none", "'none'", '"none"', "!!str none", "1"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    style=st.sampled_from(["|", "|-", "|+", "|2-", ">", ">-", ">+"]),
    frame=st.sampled_from(["- %s", "b: %s  # c", "{b: [%s], c: d}", "# c\n\nb:\n  - %s\n\n# end\n"]),
)
def test_any_line_of_text_is_read_back_as_itself(value: str, old: str, ends: str, style: str, frame: str) -> None:
    inner = frame % old
    lines = [f"  {line}".rstrip() for line in inner.split("\n")]
    # Folding joins lines: one of its own each keeps them apart.
    text = ("\n\n" if style.startswith(">") else "\n").join(lines)
    before = f"x: y\na:   {style}   # block\n{text}\n\nz: 'y'\n".replace("\n", ends)
    path = {"- ": "a | [0]", "b:": "a | b", "{b": "a | b[0]", "# ": "a | b[0]"}[frame[:2]]
    changed = with_field(before, path, value, FILE)
    first, last = before.split(old)
    assert changed.startswith(first) and changed.endswith(last)
    read = YAML(typ="safe", pure=True).load(YAML(typ="safe", pure=True).load(changed)["a"])
    found = read[0] if isinstance(read, list) else read["b"]
    assert (found[0] if isinstance(found, list) else found) == value


@given(value=st.text(st.sampled_from("ab\"'\\:{}# \u20ac"), min_size=1).filter(lambda v: v == v.strip()))
def test_a_text_in_quotes_keeps_them(value: str) -> None:
    for before in ('a: \'{"b": "none"}\' # c\n', 'a: "{\\"b\\":\\n \\"none\\"}"\n', 'a: "b: none"\n', "a: 'b: none'\n"):
        changed = with_field(before, "a | b", value, FILE)
        assert YAML(typ="safe", pure=True).load(YAML(typ="safe", pure=True).load(changed)["a"]) == {"b": value}
        assert changed.startswith(before[:4]) and changed.endswith(before[-2:])
