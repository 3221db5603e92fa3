"""From a repository that knows nothing of training to a draft, to a lint without errors."""

import shutil
from pathlib import Path

import pytest

from shared import names
from shared.errors import StageError
from stages.dataset.adopt.adopt import Request, adopt, write
from stages.dataset.author.__main__ import main
from stages.dataset.author.folder import read_folder
from stages.dataset.author.lint import lint
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.adoptable import AGENT, BASE, FILES, HOME, RULES, STUDIO, make_adoptable

TOOLS, CONFIG = f"{names.training_folder(AGENT)}/tools.yaml", f"{names.training_folder(AGENT)}/config.yaml"


def drafted(folder: Path, files: dict[str, str] | None = None, **options: object) -> dict[str, str]:
    return adopt(Request(make_adoptable(folder, files), AGENT, **options)).texts  # type: ignore[arg-type]


def tools_of(texts: dict[str, str]) -> Tools:
    return read_tools(texts[TOOLS], TOOLS)


def levels(folder: Path) -> dict[str, list[str]]:
    found = lint(read_folder(folder, AGENT))
    return {
        level: [each.alert or each.says for each in found if each.level == level]
        for level in ("ok", "no rows", "error")
    }


def ran(folder: Path, *options: str, agent: str = AGENT) -> int:
    return main(["adopt", "--agent", agent, "--repository", str(folder), *options])


def test_the_draft_lints_as_it_is(tmp_path: Path) -> None:
    make_adoptable(tmp_path)
    assert ran(tmp_path) == 0
    assert levels(tmp_path) == {
        "ok": ["CraneStuck", "TugStuck", "CraneSlow", "CertificateOld", "WorkerDown", "ClaimFull"],
        "no rows": ["LettersLate", "ReleaseFailed"],
        "error": [],
    }


EDITS = {
    TOOLS: (
        ("    description: TODO what queue-drain does  #", "    description: Empty a queue.  #"),
        ("    # dangerous: true  # TODO `queuectl", "    dangerous: true  # TODO `queuectl"),
        ("    # dangerous: true  # TODO `kubectl", "    dangerous: true  # TODO `kubectl"),
        ("      # - queuectl drain {queue} --now", "      - queuectl drain {queue} --now"),
        ("    # commands:", "    commands:"),
        ("    #   - cachectl flush {cache}", "      - cachectl flush {cache}"),
        ("# policy:", "policy:"),
        ("#   no_call:", "  no_call:"),
        ("#     - ReleaseFailed", "    - ReleaseFailed"),
    ),
    CONFIG: (
        ("  minimum_accuracy: 0.8 ", "  minimum_accuracy: 0.85 "),
        ("  mode: push ", "  mode: pull-request "),
    ),
}


def test_seven_functions_are_settled_by_editing_twenty_lines_at_most(tmp_path: Path) -> None:
    make_adoptable(tmp_path)
    assert ran(tmp_path) == 0
    edited = 0
    for path, edits in EDITS.items():
        before = (tmp_path / path).read_text("utf-8")
        after = before
        for old, new in edits:
            assert after.count(old) == 1, old
            after = after.replace(old, new)
        edited += sum(one != other for one, other in zip(before.split("\n"), after.split("\n"), strict=True))
        (tmp_path / path).write_text(after, "utf-8")
    assert len(tools_of({TOOLS: (tmp_path / TOOLS).read_text("utf-8")}).functions) == 7
    assert edited == 11 <= 20
    found = levels(tmp_path)
    assert found["error"] == found["no rows"] == []
    assert {"BuoyStuck", "ManifestsLate", "LettersLate", "CacheOld"} <= set(found["ok"])
    assert main(["lint", "--agent", AGENT, "--repository", str(tmp_path), "--strict"]) == 0


def test_a_function_is_drafted_of_its_manifest_its_source_and_its_rules(tmp_path: Path) -> None:
    function = tools_of(drafted(tmp_path)).function("worker-restart")
    assert function is not None
    assert function.description == "Restart a worker or all workers of a deployment."
    assert {name: (each.type, each.description) for name, each in function.parameters.properties.items()} == {
        "name": ("string", "Worker or deployment"),
        "namespace": ("string", "Namespace"),
        "type": ("string", ""),
    }
    assert function.parameters.properties["type"].enum == ["pod", "deployment"]
    assert function.parameters.required == ["name", "namespace"]
    assert function.names.parameters["type"] == "kind"
    assert [(form.command, form.arguments) for form in function.commands] == [
        ("kubectl rollout restart deployment/{name} -n {namespace}", {"type": "deployment"}),
        ("kubectl delete pod {name} -n {namespace}", {"type": "pod"}),
    ]


def test_a_source_is_found_by_its_folder_its_name_the_manifest_that_names_it_or_inside_it(tmp_path: Path) -> None:
    forms = {each.name: [form.command for form in each.commands] for each in tools_of(drafted(tmp_path)).functions}
    assert forms == {
        "cache-flush": [],
        "cert-renew": ["cmctl renew {certificate} -n {namespace}"],
        "queue-drain": ["queuectl drain {queue}"],
        "release-sync": ["flux reconcile helmrelease {name} -n {namespace}"],
        "volume-report": ["kubectl describe pvc {name} -n {namespace}"],
        "worker-restart": [
            "kubectl rollout restart deployment/{name} -n {namespace}",
            "kubectl delete pod {name} -n {namespace}",
        ],
        "worker-scale": ["kubectl scale deployment {name} -n {namespace} --replicas {replicas}"],
    }


def test_nobody_but_a_person_allows_what_is_dangerous(tmp_path: Path) -> None:
    texts = drafted(tmp_path)
    assert not any(function.dangerous for function in tools_of(texts).functions)
    lines = [line.strip() for line in texts[TOOLS].splitlines() if "dangerous: true" in line]
    assert lines == [
        f"# dangerous: true  # TODO `{command}` is dangerous, and 1 alert waits for it: may the agent do this unasked?"
        for command in ("queuectl drain {queue}", "kubectl delete pod {name} -n {namespace}")
    ]


def test_forms_of_the_runbook_stand_as_comments_with_the_alerts_that_they_would_teach(tmp_path: Path) -> None:
    text = drafted(tmp_path)[TOOLS]
    assert "      # - queuectl drain {queue} --now  # 1 alert; dangerous\n" in text
    assert "      # - flux reconcile hr {name} --namespace {namespace} --force  # 1 alert; dangerous\n" in text
    assert "deployment/{name} -n {namespace}  # 2 alerts\n" in text
    assert "    #   - cachectl flush {cache}  # 1 alert\n" in text


def test_all_rules_of_the_repository_are_named_a_folder_by_one_pattern(tmp_path: Path) -> None:
    plain = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up == 0, annotations: {summary: A}}\n"
    anothers = plain.replace("{summary: A}", "{lambda_function: hull-paint}")
    others = {"flux/ai/agent-hull/training/tools.yaml": "functions: [{name: hull-paint, description: Paint.}]\n"}
    folders = {
        "flux/rules [1]/a.yaml": plain,
        "flux/rules [1]/b.yaml": plain,
        "flux/one.yml": plain,
        "flux/mixed/a.yaml": plain,
        "flux/mixed/b.yaml": plain,
        "flux/mixed/c.yaml": anothers,
        "flux/ai/agent-hull/rules.yaml": plain,
        "flux/routes.yaml": "route: {receiver: a}\n",
    }
    assert tools_of(drafted(tmp_path, FILES | folders | others)).rules == [
        "flux/mixed/a.yaml",
        "flux/mixed/b.yaml",
        "flux/one.yml",
        "flux/rules [[]1]/*.yaml",
        "flux/watch/rules/harbor.yaml",
    ]


def test_a_remedy_that_is_no_functions_is_suggested_as_one(tmp_path: Path) -> None:
    runbook = FILES[f"{HOME}/docs/RUNBOOK.md"]
    more = "".join(
        f"### Alert: {name}\n\n#### Resolution\n\n```\nsystemctl restart {unit}\n```\n\n"
        for name, unit in (("RadioDead", "radio"), ("RadarDead", "radar"))
    )
    text = drafted(tmp_path, FILES | {f"{HOME}/docs/RUNBOOK.md": runbook + more})[TOOLS]
    start = text.index("  # - name: systemctl-restart")
    assert text[start:].splitlines()[:4] == [
        f"  # - name: systemctl-restart  # {HOME}/docs/RUNBOOK.md, line 176. 2 alerts would teach it.",
        "  #   description: TODO",
        "  #   parameters: {properties: {name: {type: string}}, required: [name]}",
        "  #   commands: ['systemctl restart {name}']",
    ]


def test_without_any_function_the_runbook_suggests_some(tmp_path: Path) -> None:
    texts = drafted(tmp_path, {f"{HOME}/docs/RUNBOOK.md": FILES[f"{HOME}/docs/RUNBOOK.md"]})
    found = {each.name: [form.command for form in each.commands] for each in tools_of(texts).functions}
    assert found["kubectl-rollout-restart-deployment"] == [
        "kubectl rollout restart deployment {name} --namespace {namespace}"
    ]
    assert texts[TOOLS].count("only the runbook suggests it") == len(found) == 5
    # A command of one alert without any parameter is a comment.
    assert "  #   commands: [queuectl drain manifests]\n" in texts[TOOLS]


def test_fields_that_hold_the_model_follow_it_those_of_patches_too_and_overlays_are_named(tmp_path: Path) -> None:
    text = drafted(tmp_path)[CONFIG]
    base = BASE.removeprefix(f"{HOME}/")
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    (tmp_path / CONFIG).write_text(text)
    config = read_folder(tmp_path, AGENT).config
    assert config is not None and config.deploy is not None
    assert [(each.file, each.field, each.value) for each in config.deploy.fields] == [
        (base, "spec.ai.model", f"{AGENT}:{{version}}"),
        (base, "spec.env[name=MODEL_NAME].value", f"{AGENT}:{{version}}"),
        (
            STUDIO.removeprefix(f"{HOME}/"),
            f"patches[target.name={AGENT}].patch | [path=/spec/ai/model].value",
            f"{AGENT}:{{version}}",
        ),
    ]
    assert config.deploy.overlays == ["k8s/kustomize/dev", "k8s/kustomize/studio"]


def test_the_terminal_tells_counts_and_what_to_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_adoptable(tmp_path)
    ran(tmp_path)
    out = capsys.readouterr().out.splitlines()
    assert out[2:7] == [
        "functions  7 of 7: 5 by manifest, 6 by Python source, 2 by alerting rule",
        "commands   7 forms, 3 more proposed for them, 0 that are no function's",
        f"alerts     6 of 14 would be taught a call ({HOME}/docs/RUNBOOK.md);",
        "           2 wait for dangerous: true, 2 for a function",
        "manifests  3 fields hold a model; 0 patches hide one; 2 overlays",
    ]
    assert out[7] == "to decide (11):"
    marked = [line for line in (tmp_path / TOOLS).read_text().splitlines() if "# TODO " in line]
    assert sum(line.startswith("  tools.yaml, line ") for line in out) == len(marked)


def test_the_same_repository_gives_the_same_draft(tmp_path: Path) -> None:
    one = drafted(tmp_path / "one")
    other = drafted(tmp_path / "other", dict(reversed(FILES.items())))
    assert one == other


def test_what_is_there_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_adoptable(tmp_path)
    own = tmp_path / TOOLS
    own.parent.mkdir(parents=True)
    own.write_text("functions: mine\n")
    assert ran(tmp_path) == 0
    draft = own.with_name("tools.draft.yaml")
    assert own.read_text() == "functions: mine\n" and "worker-restart" in draft.read_text()
    assert "tools.draft.yaml" in capsys.readouterr().out
    first = draft.read_bytes()
    assert ran(tmp_path) == 0 and draft.read_bytes() == first
    draft.write_text("another\n")
    assert ran(tmp_path) == 1 and draft.read_text() == "another\n"
    assert "tools.draft.yaml is there already and is another draft" in capsys.readouterr().err


def test_no_link_is_followed_to_read_or_to_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = make_adoptable(tmp_path / "gitops")
    outside = tmp_path / "outside"
    (outside / "secret-function").mkdir(parents=True)
    (outside / "secret-function" / "main.py").write_text("def handler(event):\n    run(['reboot'])\n")
    (repository / HOME / "k8s" / "functions" / "linked").symlink_to(outside / "secret-function")
    assert "secret" not in adopt(Request(repository, AGENT)).texts[TOOLS]
    (repository / HOME / "training").symlink_to(outside)
    assert ran(repository) == 1
    assert "is a link or no folder; nothing is written there" in capsys.readouterr().err
    assert [path.name for path in outside.iterdir()] == ["secret-function"]


def test_a_link_in_the_place_of_a_draft_stays(tmp_path: Path) -> None:
    make_adoptable(tmp_path)
    (tmp_path / TOOLS).parent.mkdir(parents=True)
    (tmp_path / TOOLS).symlink_to(tmp_path / "nowhere")
    assert ran(tmp_path) == 0
    assert (tmp_path / TOOLS).is_symlink() and not (tmp_path / "nowhere").exists()
    assert (tmp_path / TOOLS).with_name("tools.draft.yaml").is_file()


def test_nothing_is_run_while_a_repository_is_read(tmp_path: Path) -> None:
    harm = f"open({str(tmp_path / 'harm')!r}, 'w').close()\n\n\ndef handler(event):\n    subprocess.run(['x', 'y'])\n"
    drafted(tmp_path / "gitops", FILES | {f"{HOME}/k8s/functions/src/volume-report.py": harm})
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("agent", ["../agent-harbor", "agent-harbor/docs", "", "Agent"])
def test_a_name_that_is_no_agents_is_refused(agent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(make_adoptable(tmp_path), agent=agent) == 1
    assert "is no name of an agent; it must be a name such as agent-sre" in capsys.readouterr().err


def test_an_agent_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"there is no agent agent-port in .*; it has: agent-harbor"):
        adopt(Request(make_adoptable(tmp_path), "agent-port"))


def test_a_runbook_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"there is no runbook docs/none\.md"):
        adopt(Request(make_adoptable(tmp_path), AGENT, "docs/none.md"))


def test_a_pattern_limits_the_functions_and_the_rules_that_call_them(tmp_path: Path) -> None:
    tools = tools_of(drafted(tmp_path, function="cert-*"))
    assert [function.name for function in tools.functions] == ["cert-renew"]
    assert tools.rules == []
    assert tools_of(drafted(tmp_path)).rules == [RULES]


def test_functions_of_further_folders_are_taken_when_asked_for(tmp_path: Path) -> None:
    files = {path.replace(f"{HOME}/k8s/functions", "shared/remedies"): text for path, text in FILES.items()}
    assert "worker-scale" not in drafted(tmp_path, files)[TOOLS]
    assert "worker-scale" in drafted(tmp_path, more=["shared/remedies/"])[TOOLS]


def test_a_function_elsewhere_is_found_where_a_rule_calls_it(tmp_path: Path) -> None:
    files = {path.replace(f"{HOME}/k8s/functions", "shared/remedies"): text for path, text in FILES.items()}
    found = adopt(Request(make_adoptable(tmp_path, files), AGENT)).choice.active
    sources = {each.function.name: each.function.all_sources for each in found}
    assert sources["worker-restart"] == ("manifest", "alerting rule")
    assert sources["volume-report"] == ("alerting rule",)


def beside(folder: str) -> dict[str, str]:
    """Returns the files with the functions in a folder beside the agents'."""
    return {path.replace(f"{HOME}/k8s/functions", f"flux/ai/{folder}"): text for path, text in FILES.items()}


@pytest.mark.parametrize("folder", ["functions", "lambdas"])
def test_functions_beside_the_agents_are_those_of_whoever_has_their_commands(tmp_path: Path, folder: str) -> None:
    other = {"flux/ai/agent-port/docs/RUNBOOK.md": "## Alert: QuayFull\n\n```bash\nqueuectl drain quay\n```\n"}
    make_adoptable(tmp_path, beside(folder) | other)
    # cache-flush has no form; its name alone suggests one.
    assert {each.function.name for each in adopt(Request(tmp_path, AGENT)).choice.active} == {
        *("worker-restart", "worker-scale", "queue-drain", "release-sync", "cert-renew", "cache-flush"),
        "volume-report",  # a rule calls it
    }
    choice = adopt(Request(tmp_path, "agent-port", function="*-d*")).choice
    assert [each.function.name for each in choice.active] == ["queue-drain"]


def test_functions_beside_an_agent_that_has_none_of_their_commands_are_not_its_own(tmp_path: Path) -> None:
    runbook = "## Alert: LampDark\n\n```bash\nsystemctl restart lamp\n```\n"
    tools = {f"{names.training_folder(AGENT)}/tools.yaml": "functions: [worker-restart, volume-report]\n"}
    files = beside("functions") | tools | {"flux/ai/agent-port/docs/RUNBOOK.md": runbook}
    adoption = adopt(Request(make_adoptable(tmp_path, files), "agent-port"))
    assert {each.function.source for each in adoption.choice.active} == {"runbook"}
    assert "rules:" not in adoption.texts["flux/ai/agent-port/training/tools.yaml"]


def test_an_agent_may_be_called_as_a_folder_of_functions_is(tmp_path: Path) -> None:
    trained = {"flux/ai/functions/training/config.yaml": "training: {}\n"}
    active = adopt(Request(make_adoptable(tmp_path, beside("functions") | trained), AGENT)).choice.active
    assert {each.function.source for each in active} <= {"alerting rule", "runbook"}


def test_rules_of_another_agents_functions_are_not_this_ones(tmp_path: Path) -> None:
    files = FILES | {"flux/ai/agent-port/docs/RUNBOOK.md": FILES[f"{HOME}/docs/RUNBOOK.md"]}
    adoption = adopt(Request(make_adoptable(tmp_path, files), "agent-port"))
    assert "flux/watch" not in adoption.texts["flux/ai/agent-port/training/tools.yaml"]
    assert {each.function.source for each in adoption.choice.active} == {"runbook"}


def test_a_rule_that_gives_what_a_function_does_not_know_is_said_and_does_not_break_the_draft(tmp_path: Path) -> None:
    rules = FILES[RULES].replace('{"name": "{{ $labels.pers', '{"claim_name": "{{ $labels.pers')
    make_adoptable(tmp_path, FILES | {RULES: rules})
    ran(tmp_path)
    function = tools_of({TOOLS: (tmp_path / TOOLS).read_text()}).function("volume-report")
    assert function and function.parameters.required == ["namespace"]
    assert levels(tmp_path)["error"] == []
    said = " ".join(line.strip(" #") for line in (tmp_path / TOOLS).read_text().splitlines())
    assert f"TODO {RULES} gives it, but the function does not know it; mend the rules, then this line" in said


def test_a_form_stands_for_one_function_alone(tmp_path: Path) -> None:
    source = FILES[f"{HOME}/k8s/functions/src/worker-restart/main.py"]
    twin = {f"{HOME}/k8s/functions/src/worker-bounce/main.py": source}
    texts = drafted(tmp_path, FILES | twin)
    function = tools_of(texts).function("worker-restart")
    assert function and function.commands == []
    said = " ".join(line.strip(" #") for line in texts[TOOLS].splitlines())
    assert (
        "'kubectl delete pod {name} -n {namespace}', which stands for worker-bounce already: for which of the two?"
        in said
    )


def test_a_form_that_says_the_same_twice_stands_there_once(tmp_path: Path) -> None:
    source = """import subprocess


def handler(event):
    subprocess.run(["cmctl", "renew", event["certificate"], "-n", event["namespace"]])
    subprocess.run(["cmctl", "renew", event["certificate"], f"--namespace={event['namespace']}"])
"""
    texts = drafted(tmp_path, FILES | {f"{HOME}/k8s/functions/src/cert-renew/main.py": source})
    function = tools_of(texts).function("cert-renew")
    assert function and [form.command for form in function.commands] == ["cmctl renew {certificate} -n {namespace}"]
    assert "for which of the two" not in texts[TOOLS]


def test_the_fourteen_functions_that_teach_most_are_drafted_and_the_others_are_comments(tmp_path: Path) -> None:
    manifest = FILES[f"{HOME}/k8s/functions/cache-flush.yaml"]
    more = {f"{HOME}/more/{n}.yaml": manifest.replace("cache-flush", f"extra-{n:02}") for n in range(12)}
    texts = drafted(tmp_path, FILES | more)
    names = [function.name for function in tools_of(texts).functions]
    assert len(names) == 14
    assert {"worker-restart", "worker-scale", "cert-renew", "volume-report", "queue-drain"} <= set(names)
    assert "TODO 5 more functions, which teach fewer alerts" in texts[TOOLS]
    assert "  # - name: extra-11\n  #   description: Empty a cache.\n" in texts[TOOLS]


def test_functions_that_rules_call_stay_whatever_their_number(tmp_path: Path) -> None:
    rule = "  - alert: A{n}\n    expr: x\n    annotations: {{lambda_function: called-{n}, lambda_parameters: '{{}}'}}\n"
    rules = "groups:\n- name: g\n  rules:\n" + "".join(rule.format(n=n) for n in range(16))
    make_adoptable(tmp_path, FILES | {RULES: rules})
    ran(tmp_path)
    assert len(tools_of({TOOLS: (tmp_path / TOOLS).read_text()}).functions) == 16
    assert levels(tmp_path)["error"] == []


PAGE = """# {name}

## Symptoms

- It is dark.

## Resolution

```
kubectl rollout restart deployment/{unit} -n docks
```
"""
PAGES = {
    "docs/runbooks/lights/LampDark.md": PAGE.format(name="LampDark", unit="lamp"),
    "docs/runbooks/lights/Lamp [old].md": PAGE.format(name="LampOld", unit="lamp"),
    "docs/runbooks/TideWrong.md": PAGE.format(name="TideWrong", unit="tide"),
    "docs/runbooks/README.md": "# Pages\n",
}


def test_pages_take_the_place_of_a_runbook_that_is_missing(tmp_path: Path) -> None:
    files = {path: text for path, text in FILES.items() if not path.endswith("RUNBOOK.md")} | PAGES
    choice = adopt(Request(make_adoptable(tmp_path, files), AGENT)).choice
    taught = next(each.taught for each in choice.active if each.function.name == "worker-restart")
    assert set(taught) == {"LampDark", "LampOld", "TideWrong", "WorkerDown"}


def test_a_form_of_pages_names_the_page_that_has_it(tmp_path: Path) -> None:
    tide = PAGES["docs/runbooks/TideWrong.md"].replace("rollout restart deployment/tide", "get pods")
    text = drafted(tmp_path, {BASE: FILES[BASE]} | PAGES | {"docs/runbooks/TideWrong.md": tide})[TOOLS]
    assert "  # From docs/runbooks/lights/Lamp [old].md, line 10. 2 alerts would teach it.\n" in text


def test_an_index_lists_the_pages_and_documents_no_alert(tmp_path: Path) -> None:
    make_adoptable(tmp_path, FILES | PAGES)
    assert ran(tmp_path, "--index") == 0
    text = (tmp_path / "docs/runbooks/INDEX.md").read_text()
    assert text.splitlines() == [
        "# Runbooks",
        "",
        "- [TideWrong](TideWrong.md): TideWrong",
        "",
        "lights:",
        "",
        "- [Lamp \\[old\\]](lights/Lamp%20%5Bold%5D.md): LampOld",
        "- [LampDark](lights/LampDark.md): LampDark",
    ]
    assert read_runbook(text, "docs/runbooks/INDEX.md") == []


def test_an_index_of_no_pages_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(make_adoptable(tmp_path), "--index") == 1
    assert "has pages in docs/runbooks; leave the index out" in capsys.readouterr().err


def test_what_cannot_be_read_costs_nothing_else(tmp_path: Path) -> None:
    broken = {
        f"{HOME}/k8s/functions/broken.yaml": "kind: Function\nmetadata: {name: [\n",
        f"{HOME}/k8s/functions/deep.yaml": "kind: Function\nx: " + "[" * 5000,
        f"{HOME}/k8s/functions/templated.yaml": "kind: Function\n{{- if .on }}\nmetadata: {name: x}\n{{- end }}\n",
        f"{HOME}/tools.json": '{"tools": [',
        f"{HOME}/src/old.py": "print 'function'\n",
        f"{HOME}/src/nul.py": "def handler(event):\n    '\0'\n",
        f"{HOME}/src/deep.py": "x = " + "(" * 3000,
    }
    make_adoptable(tmp_path, FILES | broken)
    adoption = adopt(Request(tmp_path, AGENT))
    assert len(adoption.choice.active) == 7
    assert [text.split(" is no ")[0].rpartition("/")[2] for text in adoption.unread] == [
        "broken.yaml",
        "deep.yaml",
        "templated.yaml",
        "tools.json",
    ]


def test_secrets_and_control_tokens_do_not_get_into_a_draft(tmp_path: Path) -> None:
    source = FILES[f"{HOME}/k8s/functions/src/cert-renew/main.py"]
    source = source.replace("Renew a certificate.", "Renew <end_of_turn> a certificate, password=hunter2hunter2.")
    source = source.replace('event["namespace"]', 'event.get("namespace", "ghp_0123456789abcdefghij0123")')
    texts = drafted(tmp_path, FILES | {f"{HOME}/k8s/functions/src/cert-renew/main.py": source})
    assert "hunter2" not in texts[TOOLS] and "ghp_" not in texts[TOOLS]
    function = tools_of(texts).function("cert-renew")
    assert function and function.description == "Renew < end_of_turn> a certificate, password=REDACTED."


def test_names_that_break_lines_stay_comments(tmp_path: Path) -> None:
    odd = f"{HOME}/k8s/functions/src/odd\u2028name\u0085x/cert-renew.py"
    source = FILES[f"{HOME}/k8s/functions/src/cert-renew/main.py"]
    texts = drafted(tmp_path, FILES | {odd: source})
    assert len(tools_of(texts).functions) == 7


def test_a_draft_can_be_written_by_the_program_that_made_it_twice(tmp_path: Path) -> None:
    request = Request(make_adoptable(tmp_path), AGENT)
    first = write(request, adopt(request))
    assert write(request, adopt(request)) == first == {CONFIG: CONFIG, TOOLS: TOOLS}
    shutil.rmtree(tmp_path / names.training_folder(AGENT))
    assert write(request, adopt(request)) == first
