"""The artefact is a dataset that others load, with a card; one commit always gives the same bytes."""

import hashlib
import json
from pathlib import Path

import pytest
from datasets import Dataset, Value, load_dataset  # type: ignore[import-untyped]

from shared import archive
from shared.artifacts import SPLITS
from shared.errors import StageError
from stages.dataset.contract import Outputs
from stages.dataset.rows.card import ALL_SPLITS
from stages.dataset.rows.row import COLUMNS, Row
from stages.dataset.rows.split_files import write_splits
from stages.dataset.tests.conftest import AGENTS
from stages.dataset.tests.repositories import (
    AGENT,
    CONFIG_PATH,
    HOMELAB,
    RUNBOOK,
    RUNBOOK_PATH,
    TOOLS,
    TOOLS_PATH,
    commit,
    git,
    make,
    read,
)


@pytest.fixture(scope="module")
def artefact(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return read(tiny, tmp_path_factory.mktemp("artefact")).dataset.path


def test_the_files_are_these(artefact: Path) -> None:
    splits = [f"{split}.jsonl" for split in SPLITS]
    known = [*splits, "prompt.json", "calls.json", "agent.json", "card.json", "README.md"]
    assert sorted(path.name for path in artefact.iterdir()) == sorted(known)


def test_one_commit_gives_the_same_bytes_from_a_clone_elsewhere(tiny: Path, artefact: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(tiny), "elsewhere")
    git(tmp_path, "clone", "--quiet", "--bare", str(tiny), "bare.git")
    clones: list[Path | str] = [tmp_path / "elsewhere", tmp_path / "bare.git", f"file://{tiny}"]
    for number, repository in enumerate(clones):
        archive.pack(read(repository, tmp_path / str(number)).dataset.path, tmp_path / f"{number}.tar")
        archive.pack(artefact, tmp_path / "first.tar")
        assert (tmp_path / f"{number}.tar").read_bytes() == (tmp_path / "first.tar").read_bytes()


def test_a_commit_beside_the_runbook_changes_no_byte(artefact: Path, tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops")
    commit(repository, {f"flux/ai/{AGENT}/MODEL_VERSION": "v20251224-01234567"}, date="2026-01-01T00:00:00Z")
    assert archive.digest(read(repository, tmp_path / "after").dataset.path) == archive.digest(artefact)
    commit(repository, {RUNBOOK_PATH: RUNBOOK + "\n"}, date="2026-01-02T00:00:00Z")
    assert archive.digest(read(repository, tmp_path / "changed").dataset.path) != archive.digest(artefact)


def test_another_seed_changes_the_rows_alone(tiny: Path, artefact: Path, tmp_path: Path) -> None:
    other = read(tiny, tmp_path, seed=1).dataset.path
    changed = [path.name for path in artefact.iterdir() if path.read_bytes() != (other / path.name).read_bytes()]
    assert sorted(changed) == ["README.md", "card.json", "test.jsonl", "train.jsonl", "valid.jsonl"]


def test_the_hugging_face_library_loads_folder_and_files(artefact: Path, tmp_path: Path) -> None:
    cache = str(tmp_path)
    by_card = load_dataset(str(artefact), cache_dir=cache)
    assert {split: len(rows) for split, rows in by_card.items()} == {"train": 20, "validation": 3, "test": 3}
    by_file = load_dataset("json", data_files=str(artefact / "train.jsonl"), split="train", cache_dir=cache)
    assert by_file.features == by_card["train"].features == {column: Value("string") for column in COLUMNS}
    rows = [json.loads(line) for line in (artefact / "train.jsonl").read_text().splitlines()]
    assert by_file.to_list() == rows


def test_a_split_has_the_bytes_that_the_hugging_face_library_writes(tmp_path: Path) -> None:
    signs = "".join(map(chr, [*range(0x250), 0x2028, 0x2029, 0xE000, 0xFEFF, 0xFFFF, 0x1F600, 0x10FFFF]))
    row = Row("train", "1", "<bos>", signs, "", "Über/Alert", "", "null", '{"a": "\\"/"}', "stated", "none")
    write_splits([row], tmp_path)
    again = tmp_path / "again.jsonl"
    Dataset.from_list([row.columns()]).to_json(again, force_ascii=False)
    assert (tmp_path / "train.jsonl").read_bytes() == again.read_bytes()


@pytest.mark.parametrize("agent", AGENTS)
def test_the_card_counts_what_the_files_hold(agent: str, example_outputs: dict[str, Outputs]) -> None:
    dataset = example_outputs[agent].dataset
    card = json.loads((dataset.path / "card.json").read_text())
    page = (dataset.path / "README.md").read_text()
    for split in ALL_SPLITS:
        rows = dataset.rows(split)
        assert card["rows"][split] == len(rows)
        assert f"| {split.replace('_', chr(92) + '_')} | {len(rows)} |" in page
        for key, column, none in (("alerts", "alert", "(unknown)"), ("functions", "function", "(no call)")):
            for name, counts in card[key].items():
                assert counts[split] == sum((row[column] or none) == name for row in rows)
                assert f"| {name} | {' | '.join(str(counts[split]) for split in ALL_SPLITS)} |" in page
    for name, digest in card["sha256"].items():
        assert hashlib.sha256((dataset.path / name).read_bytes()).hexdigest() == digest
    longest = max(len(row["prompt"]) + len(row["completion"]) for split in ALL_SPLITS for row in dataset.rows(split))
    assert card["row_characters"]["most"] == longest


def test_the_card_names_what_was_skipped(example_outputs: dict[str, Outputs]) -> None:
    folder = example_outputs["agent-bruno"].dataset.path
    names = [entry["name"] for entry in json.loads((folder / "card.json").read_text())["skipped"]]
    assert names == ["BrunoFeedbackNegative", "BrunoConversationStoreCorrupt"]
    assert "BrunoFeedbackNegative: holds no command\n" in (folder / "README.md").read_text()


def test_markup_of_a_runbook_stays_text_in_the_card(tmp_path: Path) -> None:
    runbook = RUNBOOK + "\n## Alert: X|<script>\n\n`ls \x1b[31m | <img>`\n"
    folder = read(make(tmp_path / "gitops", runbook=runbook), tmp_path / "out").dataset.path
    page = (folder / "README.md").read_text()
    assert "X\\|\\<script\\>" in page
    assert "\x1b" not in page
    assert "such as line 20: ls  \\[31m \\| \\<img\\>\n" in page


def test_floors_travel_in_agent_json_and_are_of_functions_that_exist(tmp_path: Path) -> None:
    repository = make(tmp_path / "gitops", config="gate: {floors: {pod-restart: 0.9}}\n")
    agent = json.loads((read(repository, tmp_path / "out").dataset.path / "agent.json").read_text())
    assert agent["config"]["gate"] == {"floors": {"pod-restart": 0.9}}
    commit(repository, {CONFIG_PATH: "gate: {floors: {pod-restrat: 0.9}}\n"})
    with pytest.raises(StageError) as refused:
        read(repository, tmp_path / "refused")
    reason = f"gate.floors names pod-restrat, which is no function of {TOOLS_PATH}; did you mean pod-restart?"
    assert str(refused.value) == f"{CONFIG_PATH}: {reason}"


def test_agent_json_says_what_it_was_made_from(example_outputs: dict[str, Outputs], homelab: Path) -> None:
    runbook = (HOMELAB / "flux/ai/agent-bruno/docs/RUNBOOK.md").read_bytes()
    agent = example_outputs["agent-bruno"].dataset.agent()
    assert agent.pop("config")["training"]["iters"] == 150
    assert agent == {
        "agent": "agent-bruno",
        "repository": "local",
        "commit": git(homelab, "rev-parse", "HEAD"),
        "committed": "2025-12-24T08:00:00+00:00",
        "runbook": {
            "path": "flux/ai/agent-bruno/docs/RUNBOOK.md",
            "sha256": hashlib.sha256(runbook).hexdigest(),
        },
    }


def test_the_outputs_tell_commit_and_rows(tiny: Path, tmp_path: Path) -> None:
    outputs = read(tiny, tmp_path, examples_per_alert=10)
    assert (outputs.source_commit, outputs.rows) == (git(tiny, "rev-parse", "HEAD"), 11)


def test_line_separators_in_a_description_do_not_split_a_row(tmp_path: Path) -> None:
    tools = TOOLS.replace("Restart a pod.", '"Restart\\u2028a\\u0085pod."')
    assert "\\u2028" in tools
    outputs = read(make(tmp_path / "gitops", tools=tools), tmp_path / "out")
    outputs.dataset.check()
    assert "Restart\u2028a\u0085pod." in outputs.dataset.rows("test")[0]["prompt"]
