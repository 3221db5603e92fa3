"""What an agent's files say, and everything that is wrong with them: what the stage and lint both go by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shared import names
from shared.errors import nearest
from stages.dataset.agent_config import AgentConfig, read_config
from stages.dataset.calls.remedies import Findings, find_remedies
from stages.dataset.calls.rules import RuleFile, Rules, read_rules
from stages.dataset.calls.tools import Confirmed, Tools, read_tools
from stages.dataset.faults import Faults, check, collect
from stages.dataset.files import Files, Page
from stages.dataset.pages import read_pages
from stages.dataset.runbook.alert import Alert, Command
from stages.dataset.secrets.redaction import without_secrets
from stages.dataset.secrets.reporting import FoundIn, clean
from stages.dataset.strict_yaml import line_of


@dataclass(frozen=True)
class Study:
    """What an agent's files say. files: without secrets; secrets: where each was.

    without_alert: the paths of pages that document none, of a runbook of several.
    faults: what keeps a dataset from being made, each with its place; what cannot be read for them is None.
    """

    files: Files
    config: AgentConfig | None
    tools: Tools | None
    findings: Findings | None
    secrets: tuple[FoundIn, ...]
    faults: tuple[str, ...]
    without_alert: tuple[str, ...] = ()

    def sound(self) -> tuple[AgentConfig, Tools, Findings]:
        """Returns what the files say. Raises Faults where there are any."""
        check(self.faults)
        assert self.config and self.tools and self.findings
        return self.config, self.tools, self.findings


def study(files: Files, agent: str, faults: Sequence[str] = ()) -> Study:
    """Returns what the files of an agent say. faults: what was found before; an empty text was told there."""
    found = list(faults)
    files, secrets = redacted(files)
    own = collect(found, read_config, files.config, files.config_path) if files.config else None
    config = own.over(files.fleet) if own else None
    tools = collect(found, read_tools, files.tools, files.tools_path) if files.tools else None
    rules = read_rules(files.rules)
    alerts, without = read_pages(files.pages)
    if config:
        collect(found, _check_deploy, config, files, agent)
    if config and tools:
        collect(found, config.check_floors, tools.names.functions, files.config_path, files.tools_path)
    findings = _findings(alerts, tools, rules, files, found) if tools and files.pages else None
    return Study(files, config, tools, findings, secrets, tuple(map(without_secrets, found)), tuple(without))


def redacted(files: Files) -> tuple[Files, tuple[FoundIn, ...]]:
    """Returns the files with every secret of their texts redacted, and where each was."""
    found: list[FoundIn] = []
    cleaned = replace(
        files,
        pages=tuple(Page(page.path, clean(page.path, page.text, found)) for page in files.pages),
        tools=clean(files.tools_path, files.tools, found),
        config=clean(files.config_path, files.config, found),
        rules=tuple(RuleFile(rule.path, clean(rule.path, rule.text, found)) for rule in files.rules),
    )
    return cleaned, tuple(found)


def _findings(alerts: Sequence[Alert], tools: Tools, rules: Rules, files: Files, faults: list[str]) -> Findings | None:
    """Returns what alerts and rules teach; None, with a fault, where there are none. Adds the faults of the rest."""
    if not alerts and not any(rule.function or rule.fault for rule in rules.known) and not rules.unread:
        hint = "head each one with its name, such as `## Alert: PodCrashLooping`"
        nothing = "documents no alert" if len(files.pages) == 1 else f"documents no alert on {len(files.pages)} pages"
        faults.append(f"{files.runbook_path} {nothing}; {hint}")
        return None
    findings = find_remedies(alerts, tools, rules)
    findings.warnings.extend(f"{path} is a symbolic link, and was not read as a page" for path in files.links)
    faults += findings.faults
    faults += _unknown_confirmations(alerts, tools, files)
    if not findings.remedies and not findings.faults:
        faults.append(_without_call(findings, files))
    return findings


def _without_call(findings: Findings, files: Files) -> str:
    """Returns why nothing teaches a call: the first reason of an alert, else of a rule."""
    if not findings.skipped:
        return f"neither {files.runbook_path} nor a rule teaches a call: {findings.warnings[0]}"
    first = findings.skipped[0]
    reason = f"no alert of {files.runbook_path} teaches a call: {first.name}: {first.reason}"
    return f"{reason}; add templates to {files.tools_path}"


def _unknown_confirmations(alerts: Sequence[Alert], tools: Tools, files: Files) -> Iterator[str]:
    """Yields what tools.yaml confirms and nobody asked: of an alert, or a command, that the runbook does not have."""
    commands: dict[str, list[Command]] = {}
    for alert in alerts:
        commands.setdefault(alert.name, []).extend(alert.commands)
    for number, each in enumerate(tools.confirm):
        fault = _unknown_confirmation(each, commands)
        if fault:
            line = line_of(files.tools, files.tools_path, ("confirm", number))
            yield f"{files.tools_path}, line {line}: confirm, entry {number + 1}, {fault}"


def _unknown_confirmation(each: Confirmed, commands: Mapping[str, Sequence[Command]]) -> str:
    if each.alert not in commands:
        return f"names the alert {each.alert}; {nearest(each.alert, commands, most=5)}"
    if any(command.text.split() == each.command.split() for command in commands[each.alert]):
        return ""
    known = (command.text for command in commands[each.alert])
    return f"names a command that {each.alert} does not have; {nearest(each.command, known, most=3)}"


def _check_deploy(config: AgentConfig, files: Files, agent: str) -> None:
    rules = {rule.path for rule in files.rules}
    named = [field.file for field in (config.deploy.fields if config.deploy else ())]
    if wrong := [
        file for file in dict.fromkeys(named) if f"{names.agent_folder(agent, files.fleet.agents)}/{file}" in rules
    ]:
        reason = "whose alerting rules the model is trained by; keep them in a file of their own"
        raise Faults([f"{files.config_path}: deploy.fields names {file}, {reason}" for file in wrong])
