"""A field of a YAML file gets another value, and every other byte stays."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from shared import names
from shared.agent_config.deployment import FieldBump
from shared.errors import StageError
from stages.publish.git.yaml_field import with_field

FILE = "k8s/agent.yaml"
HOMELAB = Path(__file__).resolve().parents[3] / "examples" / "homelab"
# Whatever an editor that writes the whole file anew would touch.
MANIFEST = """\ufeff# A comment.   \r
---\r
apiVersion:   v1 # two   blanks\r
kind: 'LambdaAgent'\r
metadata: {name: agent, labels: {a.b/c: "d" , e: 'it''s'}}\r
spec:\r
    image: registry:5000/agent:v1 # {"$imagepolicy": "flux-system:agent"}\r
    ai:\r
      model:   "agent:none"   # blanks before and behind\t  \r
      tagged: !!str agent:none\r
      anchored: &alone agent:none\r
      other: &base\r
        deep: agent:none\r
    merged:\r
      <<: *base\r
    env:\r
    -   {name: FIRST, value: agent:none}\r
    -   name: MODEL_NAME\r
        value: 'agent:none'\r
    -   name: "two words"\r
        value: agent\r
          :none over\r
          lines\r
    text: |+\r
      kept\r
\r
    number: 0o17\r
    date: 2025-12-24\r
    "quoted key": >-\r
      folded\r
...\r
---\r
other: {x: [1, 2,], y: ~}\r
"""


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("spec.image", "registry:5000/agent:v1 #", "agent:v2 #"),
        ("spec.ai.model", '"agent:none"   #', '"agent:v2"   #'),
        ("spec.ai.tagged", "!!str agent:none", "!!str agent:v2"),
        ("spec.ai.anchored", "&alone agent:none", "&alone agent:v2"),
        ("spec.env[name=FIRST].value", "FIRST, value: agent:none}", "FIRST, value: agent:v2}"),
        ("spec.env[name=MODEL_NAME].value", "'agent:none'", "'agent:v2'"),
        ("spec.env[1].value", "'agent:none'", "'agent:v2'"),
        (
            'spec.env[name="two words"].value',
            "agent\r\n          :none over\r\n          lines\r\n",
            "agent:v2\r\n",
        ),
        ('metadata.labels."a.b/c"', '"d" ,', '"agent:v2" ,'),
        ("metadata.labels.e", "'it''s'", "'agent:v2'"),
        ("spec.number", "0o17", "agent:v2"),
        ("other.x[1]", "2,]", "agent:v2,]"),
        ("other.y", "~}", "agent:v2}"),
    ],
)
def test_the_field_s_own_characters_are_all_that_changes(path: str, old: str, new: str) -> None:
    assert MANIFEST.count(old) == 1
    assert with_field(MANIFEST, path, "agent:v2", FILE) == MANIFEST.replace(old, new)


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("none", "v20251224-abc12345", "v20251224-abc12345"),
        ("none", "agent-sre:v1.2", "agent-sre:v1.2"),
        ("none", "1.0", '"1.0"'),
        ("none", "12e3", '"12e3"'),
        ("none", "yes", '"yes"'),
        ("none", "Off", '"Off"'),
        ("none", "null", '"null"'),
        ("none", "a: b", '"a: b"'),
        ("none", "a #b", '"a #b"'),
        ("none", '"a\\', '"\\"a\\\\"'),
        ("none", "*a", '"*a"'),
        ("none", "2025-12-24", '"2025-12-24"'),
        ("1.0", "1.0", '"1.0"'),
        ("'none'", "it's", "'it''s'"),
        ("'none'", "1.0", "'1.0'"),
        ('"none"', 'a"b\\c', '"a\\"b\\\\c"'),
        ('"n\\x6fne"', "none", '"n\\x6fne"'),
        ("none", "none", "none"),
    ],
)
def test_the_quotes_stay_where_they_can_and_the_value_stays_a_text(old: str, value: str, new: str) -> None:
    assert with_field(f"a: {old}\n", "a", value, FILE) == f"a: {new}\n"


@given(
    value=st.text(st.sampled_from(string.printable[:95] + "äж€\U0001f600"), min_size=1).filter(
        lambda v: v == v.strip()
    ),
    old=st.sampled_from(["none", "'none'", '"none"', "!!str none", "&x none", "1", "~"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    frame=st.sampled_from(
        ["a:\n  b: %s\nc: 1\n", "a: {b: %s, c: d}\n", "# x\n---\na:\n - b: %s # y\n...\n", "a: {b: %s}"]
    ),
)
def test_any_line_of_text_is_read_back_as_itself(value: str, old: str, ends: str, frame: str) -> None:
    before, after = frame.replace("\n", ends).split("%s")
    path = "a[0].b" if " - b" in frame else "a.b"
    changed = with_field(f"{before}{old}{after}", path, value, FILE)
    assert changed.startswith(before) and changed.endswith(after)
    for version in ("1.1", "1.2"):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version  # type: ignore[assignment]
        read = yaml.load(changed)["a"]
        assert (read[0] if isinstance(read, list) else read)["b"] == value


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("spec:\n  ai:\n    modle: x\n", "spec.ai.model", ", line 3: spec.ai has no model; did you mean modle?"),
        ("spec: {}\n", "spec.model", ", line 1: spec has no model; known here: nothing"),
        ("a:\n- {name: X}\n", "a[name=Y].b", ", line 2: a has no [name=Y]; known here: X"),
        ("a:\n- {name: X}\n", "a[1]", ", line 2: a has no [1]; its first item is [0], and it has 1"),
        ("a:\n- b: 1\n", "a.b", ", line 2: a is a list; choose an item of it, such as [name=…] or [0]"),
        ("a: {b: 1}\n", "a[0]", ", line 1: a is no list, and has no [0]"),
        ("a: 1\n", "a.b", ", line 1: a is a single value, and has no b"),
        ("a:\n- {n: X, b: 1}\n- {n: X, b: 2}\n", "a[n=X].b", ", line 3: a[n=X] stands here more than once"),
        ("a: 1\nb: 2\na: 3\n", "a", ", line 3: a stands here more than once"),
        ("a: {b: 1}\n", "a", ", line 1: a holds keys and values; name a field that holds a single value"),
        ("a:\n- 1\n", "a", ", line 2: a holds a list; name a field that holds a single value"),
        ("a: |\n  x\n", "a", ", line 1: a is a block of text (|); write its value on one line"),
        ("a: >-\n  x\n", "a", ", line 1: a is a block of text (>); write its value on one line"),
        ("x: 1\na:\n\nb: 1\n", "a", ', line 2: a holds nothing; write any value there, such as ""'),
        ("a: &x 1\nb: *x\n", "a", ", line 1: a leads through &x, which *x repeats elsewhere"),
        ("a: &x 1\nb: *x\n", "b", ", line 1: b leads through &x, which *x repeats elsewhere"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "a.b", ", line 1: a.b leads through &x, which *x repeats elsewhere"),
        ("a: &x {b: 1}\nc: *x\n", "c.b", ", line 1: c.b leads through &x, which *x repeats elsewhere"),
        ("a: 1\n---\na: 2\n", "a", ", line 1: a stands in several documents (lines 1 and 3)"),
        ("a: {b: 1}\n---\nc: 2\n", "a.x", ", line 1: a has no x; known here: b"),
        ("", "a", " holds nothing, so it has no a"),
        ("a: [\n", "a", ", line 2 is not valid YAML: "),
        ("a: {{ .Values.model }}\n", "a", ", line 1: a holds keys and values"),
        ("a: \x00\n", "a", " is not valid YAML"),
        ("[" * 5000, "a", ", line 1: nests deeper than 100"),
        ("a: " + "x" * 300_000, "a", " has more than 262144 characters"),
        ("a: !!int 1\n", "a", ", line 1: a has a tag that makes no text of its value; take the tag away"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused_with_its_line(text: str, path: str, reason: str) -> None:
    with pytest.raises(StageError) as refused:
        with_field(text, path, "agent:v2", FILE)
    assert str(refused.value).startswith(f"{FILE}{reason}")


@pytest.mark.parametrize("agent", ["agent-sre", "agent-bruno", "agent-auditor"])
def test_the_example_s_fields_can_be_bumped(agent: str) -> None:
    folder = HOMELAB / names.agent_folder(agent)
    deploy = YAML(typ="safe").load(folder / "training/config.yaml")["deploy"]
    before = {field["file"]: (folder / field["file"]).read_text() for field in deploy["fields"]}
    after = dict(before)
    for field in deploy["fields"]:
        bump = FieldBump(**field)
        after[bump.file] = with_field(after[bump.file], bump.field, bump.filled(agent, "v20251224-abc12345"), bump.file)
    assert after == {
        file: text.replace(f"{agent}:none", f"{agent}:v20251224-abc12345") for file, text in before.items()
    }
    assert after != before
