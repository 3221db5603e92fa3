"""An owner's agent, from nothing to a dataset: what adopt drafts of the example, a few lines by a person, and rows."""

import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from shared import names
from shared.artifacts import SPLITS
from stages.dataset.author.__main__ import main
from stages.dataset.tests.repositories import HOMELAB, commit, git, read

AGENT = "agent-auditor"
TRAINING = names.training_folder(AGENT)
FUNCTIONS = sorted(path.stem for path in (HOMELAB / "flux/ai/functions").glob("*.yaml") if path.stem != "kustomization")
MOST_EDITED = 20
Edit = tuple[str, list[str]]
# A line of the draft, and what a person writes in its place.
TOOLS_EDITS: list[Edit] = [
    (
        "      - cmctl status certificate {name} -n {namespace}  # 1 alert",
        [
            "      - cmctl status certificate {name} -n {namespace}",
            "      - kubectl describe certificate {name} -n {namespace}",
        ],
    ),
    ("      required: [node]", ["      required: [node, minutes]"]),
    ("# policy:", ["policy:"]),
    ("#   no_call:", ["  no_call:"]),
    ("#     - ClusterAdminBindingCreated", ["    - ClusterAdminBindingCreated"]),
]
CONFIG_EDITS: list[Edit] = [
    (
        "  minimum_accuracy: 0.8  # TODO the least share of right answers that may be published",
        ["  minimum_accuracy: 0.9"],
    ),
    (
        "  mode: push  # TODO push: to the branch that is rolled out; branch, pull-request: a person merges it",
        ["  mode: push"],
    ),
    ("# TODO when is it trained by itself? In UTC:", []),
    ("# schedule:", ["schedule:"]),
    ('#   cron: "0 2 * * 0"', ['  cron: "0 5 * * 0"']),
]


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as its owner had it before any training of this agent, with adopt's drafts; not to be changed."""
    folder = tmp_path_factory.mktemp("owner") / "homelab"
    shutil.copytree(HOMELAB, folder)
    shutil.rmtree(folder / TRAINING)
    assert main(["adopt", "--agent", AGENT, "--repository", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def edited(drafted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with a person's edits, as a Git repository; not to be changed."""
    folder = tmp_path_factory.mktemp("edited") / "homelab"
    shutil.copytree(drafted, folder)
    for name, edits in (("tools.yaml", TOOLS_EDITS), ("config.yaml", CONFIG_EDITS)):
        apply(folder / TRAINING / name, edits)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, {})
    return folder


def apply(file: Path, edits: list[Edit]) -> None:
    lines = file.read_text("utf-8").splitlines()
    for old, new in edits:
        (place,) = (number for number, line in enumerate(lines) if line == old)
        lines[place : place + 1] = new
    file.write_text("\n".join(lines) + "\n", "utf-8")


def calls(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Returns what each alert teaches, '' where that is no call; strict lint has nothing against the files."""
    capsys.readouterr()
    options = ["--agent", AGENT, "--repository", str(folder), "--format", "json", "--strict"]
    assert main(["lint", *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not {"error", "no rows"} & {each["level"] for each in found}
    return {each["alert"]: each["teaches"].get("call", "") for each in found if each["level"] in ("ok", "no call")}


def test_all_that_has_to_be_edited_is_a_few_lines() -> None:
    edits = [*TOOLS_EDITS, *CONFIG_EDITS]
    assert sum(max(1, len(new)) for _, new in edits) <= MOST_EDITED


def test_the_draft_has_the_owner_s_functions_and_no_other(drafted: Path) -> None:
    text = (drafted / TRAINING / "tools.yaml").read_text()
    drafts = [line.split(": ")[1] for line in text.splitlines() if line.startswith("  - name: ")]
    assert drafts == FUNCTIONS and len(drafts) == 7


def test_before_any_edit_nothing_keeps_a_dataset_from_being_made(drafted: Path) -> None:
    assert main(["lint", "--agent", AGENT, "--repository", str(drafted)]) == 0


def test_the_draft_names_what_a_bump_has_to_reach(drafted: Path) -> None:
    text = (drafted / TRAINING / "config.yaml").read_text()
    assert f"runbook_path: {names.agent_folder(AGENT)}/docs/runbooks\n" in text
    files = [line.split(": ")[1] for line in text.splitlines() if line.startswith("    - file: ")]
    base = "k8s/kustomize/base/lambdaagent.yaml"
    studio = "k8s/kustomize/studio/kustomization.yaml"
    assert files == [base, base, studio, studio]
    drafted_deploy, own = (
        YAML(typ="safe").load(each)["deploy"] for each in (text, (HOMELAB / TRAINING / "config.yaml"))
    )
    assert drafted_deploy["fields"] == own["fields"]
    assert drafted_deploy["overlays"] == sorted(own["overlays"])


def test_with_the_edits_each_alert_teaches_what_the_example_s_own_files_do(
    edited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taught = calls(edited, capsys)
    assert taught == calls(HOMELAB, capsys)
    assert {call.partition("(")[0] for call in taught.values() if call} == set(FUNCTIONS)
    assert [alert for alert, call in taught.items() if not call] == ["AuditLogGap", "ClusterAdminBindingCreated"]
    assert taught["WildcardCertificateExpiring"] == "renew-certificate(name=wildcard-homelab, namespace=ingress)"


@pytest.mark.parametrize("seed", range(12))
def test_a_dataset_is_made_whatever_the_seed(edited: Path, tmp_path: Path, seed: int) -> None:
    dataset = read(edited, tmp_path / "outputs", AGENT, seed=seed).dataset
    for split in SPLITS:
        rows = dataset.rows(split)
        assert {row["function"] for row in rows} == {*FUNCTIONS, ""}
        assert {row["answer"] for row in rows} == {"filled", "constant", "none"}
