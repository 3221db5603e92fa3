"""Overlays are rendered by kustomize before a push, and must name the new version wherever the model is named."""

import json
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from shared import names
from shared.agent_config.deployment import FieldBump
from shared.errors import StageError
from stages.publish.contract import Inputs
from stages.publish.git.gitops import cloned
from stages.publish.git.rollout import MADE_UP, Rollout
from stages.publish.manifests import kustomization, render
from stages.publish.operate.__main__ import main
from stages.publish.tests.conftest import AGENT, PATH, VERSION, deploying, git, nothing_changes, publish, push

OLDER = "v20240101-00000000"
HOME = f"flux/ai/{AGENT}"
BASE, STUDIO, AIR = (f"k8s/{name}" for name in ("base", "studio", "air"))
AGENT_YAML = f"""kind: LambdaAgent
apiVersion: example.org/v1
metadata:
  name: {AGENT}
spec:
  ai:
    model: "{AGENT}:none"  # {AGENT}:{OLDER} was the last by hand
  address: http://{AGENT}:8080
  host: {AGENT}:8080
  image: registry.example.org/{AGENT}:v1
  note: The model {AGENT}:{OLDER} was withdrawn.
  env:
    - name: MODEL_VERSION
      valueFrom: {{configMapKeyRef: {{name: model, key: MODEL_VERSION}}}}
"""
FILES = {
    f"{BASE}/kustomization.yaml": """resources: [agent.yaml, ../../../shared]
namePrefix: house-
configMapGenerator:
  - name: model
    files: [version=../../MODEL_VERSION, MODEL_VERSION=../../MODEL_VERSION]
""",
    f"{BASE}/agent.yaml": AGENT_YAML,
    "../shared/kustomization.yaml": "resources: [role.yaml]\n",
    "../shared/role.yaml": f"kind: Role\napiVersion: v1\nmetadata: {{name: shared, labels: {{of: {OLDER}}}}}\n",
    f"{AIR}/kustomization.yaml": "resources: [../base]\n",
    f"{STUDIO}/kustomization.yaml": f"""# The house's own.
resources:
  - ../base
patches:
  - target: {{kind: LambdaAgent}}
    patch: |-
      - op: replace
        path: /spec/ai/model
        # {AGENT}:none until the first
        value: "{AGENT}:none"
""",
}
MODEL = {"file": f"{BASE}/agent.yaml", "field": "spec.ai.model", "value": "{agent}:{version}"}
PATCH = {
    "file": f"{STUDIO}/kustomization.yaml",
    "field": "patches[0].patch | [path=/spec/ai/model].value",
    "value": "{agent}:{version}",
}
REMEDY = "name it in deploy.fields of the agent's config.yaml, or take the overlay out of deploy.overlays"


@pytest.fixture(scope="module", autouse=True)
def kustomize() -> None:
    """Skips the tests on a laptop without the program, and fails them where everything has to be there."""
    if not shutil.which("kustomize"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("there is no kustomize; install it")


@pytest.fixture
def manifests(work: Path, repository: Path) -> Path:
    """The clone of a repository with a base and two overlays, pushed."""
    write(work, FILES)
    return work


def write(work: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = work / HOME / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    push(work, "Write manifests")


def faults(
    repository: Path,
    *overlays: str,
    fields: tuple[dict[str, str], ...] = (MODEL, PATCH),
    version: str = VERSION,
    after_bump: bool = True,
) -> list[str]:
    """Returns what is wrong with the overlays once the version is bumped, without the remedy that all have."""
    with cloned(str(repository)) as clone:
        rollout = Rollout(AGENT, version, tuple(FieldBump(**one) for one in fields), clone.shown, overlays=overlays)
        found = clone.overlay_faults(rollout, "main", after_bump)
    return [each.removesuffix(f"; {REMEDY}") for each in found]


def fault(repository: Path, *overlays: str, fields: tuple[dict[str, str], ...] = (MODEL, PATCH)) -> str:
    (only,) = faults(repository, *overlays, fields=fields)
    return only


def test_a_bump_that_reaches_every_overlay_is_pushed(registered: Inputs, repository: Path, manifests: Path) -> None:
    inputs = deploying(registered, fields=[MODEL, PATCH], overlays=[STUDIO, AIR])
    assert publish(inputs).outcome.startswith(f"published {VERSION}")
    changed = git(repository, "show", f"main:{HOME}/{STUDIO}/kustomization.yaml")
    assert changed == FILES[f"{STUDIO}/kustomization.yaml"].strip().replace(
        f'value: "{AGENT}:none"', f'value: "{AGENT}:{VERSION}"'
    )
    assert faults(repository, STUDIO, AIR, after_bump=False) == []


def test_what_no_bump_reaches_stops_the_publication_before_anything_is_stored_or_pushed(
    registered: Inputs, repository: Path, manifests: Path, store: Path, database: Path
) -> None:
    inputs = deploying(registered, fields=[MODEL], overlays=[STUDIO, AIR])
    with nothing_changes(repository, store, database), pytest.raises(StageError) as refused:
        publish(inputs)
    place = f"{HOME}/{STUDIO}/kustomization.yaml, line 10"
    told = f"spec.ai.model of LambdaAgent house-{AGENT} is '{AGENT}:none', not {VERSION} ({place})"
    assert str(refused.value) == f"{HOME}/{STUDIO} names another model: {told}; {REMEDY}"


def test_an_overlay_that_changed_meanwhile_stops_the_push(
    registered: Inputs, repository: Path, manifests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = deploying(registered, fields=[MODEL], overlays=[AIR])
    real = render.render

    def after_the_first_look(files: dict[str, bytes], folder: str) -> str:
        if b"patches" not in files[f"{HOME}/{AIR}/kustomization.yaml"]:
            write(manifests, {f"{AIR}/kustomization.yaml": FILES[f"{STUDIO}/kustomization.yaml"]})
        return real(files, folder)

    monkeypatch.setattr("stages.publish.manifests.overlays.render", after_the_first_look)
    with pytest.raises(StageError, match=f"{AIR} names another model: spec.ai.model"):
        publish(inputs)
    assert git(repository, "show", f"main:{PATH}") != VERSION


def test_without_a_field_every_place_is_told(repository: Path, manifests: Path) -> None:
    place = f"{HOME}/{BASE}/agent.yaml, line 7"
    told = f"spec.ai.model of LambdaAgent house-{AGENT} is '{AGENT}:none', not {VERSION} ({place})"
    assert faults(repository, AIR, fields=()) == [f"{HOME}/{AIR} names another model: {told}"]


def test_a_made_up_version_shows_whether_a_bump_would_reach_all(repository: Path, manifests: Path) -> None:
    with nothing_changes(repository):
        assert faults(repository, STUDIO, AIR, version=MADE_UP) == []
        assert len(faults(repository, STUDIO, fields=(MODEL,), version=MADE_UP)) == 1


CONFIG_MAP = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n"


def rendered_with(
    manifests: Path, repository: Path, extra: str, *, fields: tuple[dict[str, str], ...] = (MODEL,)
) -> list[str]:
    """Returns the paths and values that name another model in an object more."""
    write(
        manifests,
        {f"{BASE}/more.yaml": extra, f"{AIR}/kustomization.yaml": "resources: [../base, ../base/more.yaml]\n"},
    )
    found = faults(repository, AIR, fields=fields)
    return [one.split(" names another model: ")[1].split(", not")[0] for one in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"other: '{AGENT}:v1'", f"other of ConfigMap x is '{AGENT}:v1'"),
        (f"other: '{AGENT}:latest'", f"other of ConfigMap x is '{AGENT}:latest'"),
        (f'a.yaml: "a:\\n  model: {AGENT}:v1\\n"', f"\"a.yaml\" | a.model of ConfigMap x is '{AGENT}:v1'"),
        (f'a.json: \'{{"model": "{AGENT}:v1"}}\'', f"\"a.json\" | model of ConfigMap x is '{AGENT}:v1'"),
        (f"url: 's3://m/{AGENT}/{OLDER}'", f"url of ConfigMap x is 's3://m/{AGENT}/{OLDER}'"),
        (
            f"a: {AGENT}-functiongemma-20240101-00000000",
            f"a of ConfigMap x is '{AGENT}-functiongemma-20240101-00000000'",
        ),
        (f"image: 'x/{AGENT}:{OLDER}'", f"image of ConfigMap x is 'x/{AGENT}:{OLDER}'"),
    ],
)
def test_what_is_taken_for_the_agent_s_model(text: str, found: str, manifests: Path, repository: Path) -> None:
    assert rendered_with(manifests, repository, f"{CONFIG_MAP}data:\n  {text}\n") == [f"data.{found}"]


@pytest.mark.parametrize(
    "text",
    [
        f"right: '{AGENT}:{VERSION}'\n  url: 's3://m/{AGENT}/{VERSION}'",
        f"image: '{AGENT}:v1'",
        f"port: '{AGENT}:8080'\n  url: 'http://{AGENT}:v1/x'\n  name: {AGENT}",
        f"note: 'It was {AGENT}:v1 before'\n  text: |-\n    {AGENT}:v1\n    was it",
        f"# {AGENT}:v1\n  a: b  # {AGENT}:v1",
        f"MODEL_VERSION: {OLDER}",
        f"model: 'agent-other:{OLDER}'",
    ],
)
def test_what_is_not_taken_for_it(text: str, manifests: Path, repository: Path) -> None:
    assert rendered_with(manifests, repository, f"{CONFIG_MAP}data:\n  {text}\n") == []


def test_a_version_alone_is_told_by_the_object_s_name(manifests: Path, repository: Path) -> None:
    extra = f"""kind: ConfigMap
apiVersion: v1
metadata: {{name: {AGENT}-x}}
data: {{MODEL_VERSION: none, tag: {OLDER}}}
"""
    assert rendered_with(manifests, repository, extra) == [f"data.MODEL_VERSION of ConfigMap {AGENT}-x is 'none'"]
    assert fault(repository, AIR, fields=(MODEL,)).endswith(f"({HOME}/{BASE}/more.yaml, line 4)")
    tag = {"file": f"{BASE}/agent.yaml", "field": "spec.ai.model", "value": "{version}"}
    assert sorted(rendered_with(manifests, repository, f"{extra}# again\n", fields=(tag,))) == [
        f"data.MODEL_VERSION of ConfigMap {AGENT}-x is 'none'",
        f"data.tag of ConfigMap {AGENT}-x is '{OLDER}'",
    ]


def test_an_image_s_tag_is_found_where_it_stands(manifests: Path, repository: Path) -> None:
    overlay = f"resources: [../base]\nimages:\n  - name: registry.example.org/{AGENT}\n    newTag: {OLDER}\n"
    write(manifests, {
        f"{AIR}/kustomization.yaml": overlay,
        f"{BASE}/agent.yaml": AGENT_YAML.replace("  image:", "  containers:\n  - image:"),
    })  # fmt: skip
    place = f"({HOME}/{AIR}/kustomization.yaml, line 4)"
    assert fault(repository, AIR).endswith(f"is 'registry.example.org/{AGENT}:{OLDER}', not {VERSION} {place}")
    tag = {
        "file": f"{AIR}/kustomization.yaml",
        "field": f'images[name="registry.example.org/{AGENT}"].newTag',
        "value": "{version}",
    }
    assert faults(repository, AIR, fields=(MODEL, tag)) == []


def test_an_overlay_without_the_model_is_told(manifests: Path, repository: Path) -> None:
    write(manifests, {f"{AIR}/kustomization.yaml": "resources: [../../../shared]\n"})
    told = f"{HOME}/{AIR} names no model of {AGENT}: what it renders would not follow a new version"
    assert fault(repository, AIR) == told


REMOTE = "is not in the repository, and nothing is fetched; put a copy into the repository"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("resources:\n- https://example.org/a.yaml\n", f", line 2: https://example.org/a.yaml {REMOTE}"),
        ("resources:\n- github.com/a/b//c?ref=v1\n", f", line 2: github.com/a/b//c?ref=v1 {REMOTE}"),
        ("bases: ['git@example.org:a/b']\n", f", line 1: git@example.org:a/b {REMOTE}"),
        ("components:\n\n- ssh://example.org/a\n", f", line 3: ssh://example.org/a {REMOTE}"),
        ("patches:\n- path: https://example.org/p\n", f", line 2: https://example.org/p {REMOTE}"),
        ("configMapGenerator:\n- files: [a=https://example.org/p]\n", f", line 2: https://example.org/p {REMOTE}"),
        ("transformers:\n- |-\n  x: https://example.org/p\n", f", line 2: https://example.org/p {REMOTE}"),
        ("resources: [../none.yaml]\n", f", line 1: ../none.yaml is missing: there is no {HOME}/k8s/none.yaml in the"),
        ("patches:\n- path: p.yaml\n", f", line 2: p.yaml is missing: there is no {HOME}/{AIR}/p.yaml in the"),
        ("resources: [../../../../../../etc]\n", ", line 1: ../../../../../../etc leads out of the repository; keep"),
        ("resources: [/etc/passwd]\n", ", line 1: /etc/passwd leads out of the repository; keep"),
        ("resources: [../link]\n", f", line 1: ../link leads to a link, {HOME}/k8s/link, which is not followed;"),
        ("resources: [../link/x.yaml]\n", f", line 1: ../link/x.yaml leads to a link, {HOME}/k8s/link, which is not"),
        ("resources: [\n", ", line 2 is not valid YAML: "),
        ("helmCharts:\n- name: a\n", ", line 2: helmCharts has a Helm chart, which is not rendered here; name another"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_repository_is_told_with_its_line(
    text: str, reason: str, manifests: Path, repository: Path
) -> None:
    (manifests / HOME / "k8s" / "link").symlink_to("base")
    write(manifests, {f"{AIR}/kustomization.yaml": text})
    assert fault(repository, AIR).startswith(f"{HOME}/{AIR}/kustomization.yaml{reason}")


def test_a_submodule_is_not_followed(manifests: Path, repository: Path) -> None:
    head = git(manifests, "rev-parse", "HEAD")
    git(manifests, "update-index", "--add", "--cacheinfo", f"160000,{head},{HOME}/k8s/sub")
    git(manifests, "commit", "-qm", "Add a submodule")
    (manifests / HOME / "k8s" / "sub").mkdir()
    write(manifests, {f"{AIR}/kustomization.yaml": "resources: [../sub/base]\n"})
    told = f"line 1: ../sub/base leads to a submodule, {HOME}/k8s/sub, which is not followed; put files in its place"
    assert fault(repository, AIR, fields=()) == f"{HOME}/{AIR}/kustomization.yaml, {told}"


@pytest.mark.parametrize(
    ("overlay", "reason"),
    [
        ("k8s/none", f"{HOME}/k8s/none is missing; deploy.overlays must name folders with a kustomization.yaml"),
        ("k8s", f"{HOME}/k8s has no kustomization.yaml; name folders that have one"),
        (f"{BASE}/agent.yaml", f"{HOME}/{BASE}/agent.yaml is a file; deploy.overlays must name folders with"),
        ("k8s/link", f"{HOME}/k8s/link is a link; deploy.overlays must name folders with a kustomization.yaml"),
    ],
)
def test_an_overlay_that_is_none_is_told(overlay: str, reason: str, manifests: Path, repository: Path) -> None:
    (manifests / HOME / "k8s" / "link").symlink_to("base")
    push(manifests, "Add a link")
    assert fault(repository, overlay).startswith(reason)


def test_what_kustomize_refuses_is_told_in_its_words(manifests: Path, repository: Path) -> None:
    write(manifests, {f"{AIR}/kustomization.yaml": "resources: [../base, ../base/agent.yaml, ../base/agent.yaml]\n"})
    told = fault(repository, AIR)
    assert told.startswith(f"{HOME}/{AIR} cannot be rendered: accumulating resources: ")
    assert "may not add resource with an already registered id" in told and "/tmp" not in told


def test_every_overlay_is_told_at_once(manifests: Path, repository: Path) -> None:
    assert len(faults(repository, "k8s/none", STUDIO, "k8s", fields=(MODEL,))) == 3


def test_overlays_that_double_each_other_end(
    manifests: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = {}
    for depth in range(1, 40):
        before = "../base" if depth == 1 else f"../both{depth - 1}"
        for side in "ab":
            bomb[f"k8s/{side}{depth}/kustomization.yaml"] = f"resources: [{before}]\nnamePrefix: {side}{depth}-\n"
        bomb[f"k8s/both{depth}/kustomization.yaml"] = f"resources: [../a{depth}, ../b{depth}]\n"
    write(manifests, bomb)
    monkeypatch.setattr(render, "SECONDS", 3)
    began = time.monotonic()
    assert fault(repository, "k8s/both39").startswith(f"{HOME}/k8s/both39 cannot be rendered: it takes longer than 3 s")
    assert time.monotonic() - began < 20


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the system cannot limit another process's memory")
def test_the_memory_that_it_takes_is_bounded(
    manifests: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MAX_MEMORY", 48 << 20)
    assert fault(repository, AIR) == f"{HOME}/{AIR} cannot be rendered: it takes more than 48 MiB of memory"


def test_what_it_writes_is_bounded(manifests: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "MAX_BYTES", 500)
    assert fault(repository, AIR).startswith(f"{HOME}/{AIR} cannot be rendered: it makes more than 0 MiB of manifests")


def test_an_overlay_of_too_many_files_is_refused(
    manifests: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kustomization, "MAX_FILES", 3)
    assert fault(repository, AIR) == f"{HOME}/{AIR} is made of more than 3 files or 32 MiB; name a smaller overlay"


def test_a_program_that_an_overlay_names_is_not_run(manifests: Path, repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    plugin = manifests / HOME / AIR / "plugin.sh"
    generator = """apiVersion: example.org/v1
kind: Plugin
metadata:
  name: x
  annotations:
    config.kubernetes.io/function: |
      exec: {path: ./plugin.sh}
"""
    write(manifests, {
        f"{AIR}/kustomization.yaml": "resources: [../base]\ngenerators: [generator.yaml]\n",
        f"{AIR}/generator.yaml": generator,
        f"{AIR}/plugin.sh": f"#!/bin/sh\ntouch {ran}\n",
    })  # fmt: skip
    plugin.chmod(0o755)
    push(manifests, "Make it a program")
    assert fault(repository, AIR).startswith(f"{HOME}/{AIR} cannot be rendered: ")
    assert not ran.exists()


def test_neither_hooks_nor_filters_of_the_repository_are_run(manifests: Path, repository: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (manifests / ".gitattributes").write_text("*.yaml filter=evil\n")
    push(manifests, "Ask for a filter")
    git(manifests, "config", "filter.evil.smudge", f"touch {ran}")
    git(repository, "config", "filter.evil.smudge", f"touch {ran}")
    assert faults(repository, STUDIO, AIR) == []
    assert not ran.exists()


def test_kubectl_renders_where_there_is_no_kustomize(
    manifests: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(shutil.which("git") or "")
    # The program that kubectl has built in, called as kubectl is.
    (programs / "kubectl").write_text(
        f'#!/bin/sh\ntest "$1" = kustomize && shift && exec {shutil.which("kustomize")} build "$@"\n'
    )
    (programs / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    assert faults(repository, STUDIO, AIR) == []
    (programs / "kubectl").unlink()
    told = "deploy.overlays cannot be rendered: there is neither kustomize nor kubectl here; install kustomize "
    where = "(https://kubectl.docs.kubernetes.io/installation/kustomize) or kubectl"
    assert faults(repository, STUDIO, AIR) == [f"{told}{where}"]


def test_verify_renders_what_is_at_the_branch_s_tip(
    registered: Inputs, repository: Path, manifests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = f"deploy:\n  fields: {json.dumps([MODEL])}\n  overlays: [{STUDIO}, {AIR}]\n"
    (manifests / HOME / "training").mkdir()
    write(manifests, {"training/config.yaml": config})
    publish(registered)  # bumps MODEL_VERSION alone
    assert main(["verify", "--agent", AGENT, "--repository", str(repository)]) == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if line.split()[1] == "overlays")
    assert line.startswith(f"FAILED  overlays   {HOME}/{STUDIO} names another model: ")
    git(manifests, "pull", "-q", "origin", "main")
    bumped = {
        path: FILES[path].replace(f'"{AGENT}:none"', f"{AGENT}:{VERSION}") for path in (MODEL["file"], PATCH["file"])
    }
    write(manifests, bumped)
    main(["verify", "--agent", AGENT, "--repository", str(repository)])
    lines = capsys.readouterr().out.splitlines()
    assert f"ok      overlays   {STUDIO}, {AIR}, as kustomize renders them, name {VERSION}" in lines


def test_the_example_s_overlays_follow_a_bump(tmp_path: Path) -> None:
    from ruamel.yaml import YAML

    homelab = tmp_path / "homelab"
    shutil.copytree(Path(__file__).resolve().parents[3] / "examples" / "homelab", homelab)
    subprocess.run(["git", "init", "-q", "-b", "main", str(homelab)], check=True)
    git(homelab, "add", ".")
    git(homelab, "commit", "-qm", "All")
    agent = "agent-auditor"
    deploy = YAML(typ="safe").load(homelab / names.training_folder(agent) / "config.yaml")["deploy"]
    fields = tuple(FieldBump(**each) for each in deploy["fields"])
    with cloned(str(homelab / ".git")) as clone:
        rollout = Rollout(agent, MADE_UP, fields, clone.shown, overlays=tuple(deploy["overlays"]))
        assert clone.overlay_faults(rollout, "main", after_bump=True) == []
