"""The rules that GitHub has for a branch, as far as they can be known before anything is pushed to it.

https://docs.github.com/en/rest/repos/rules: the active rules of every ruleset that applies. What older branch
protection demands is told to administrators alone, and other servers tell their rules to nobody.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from github import GithubException
from github.Repository import Repository
from requests import RequestException

from shared.errors import one_line
from stages.publish.git.identity import Identity

_EMAILS = {"committer_email_pattern": "committer", "commit_author_email_pattern": "author"}
_BYPASS = "always"
# By GitHub's operators; a regular expression of theirs may say what none of ours does.
_MATCHES = {
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": str.__contains__,
}


@dataclass(frozen=True)
class BranchRules:
    """The rules that hold for whoever asked, by type, with their parameters."""

    rules: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, repository: Repository, branch: str) -> "BranchRules | None":
        """Returns the rules of a branch, None where the server does not tell them."""
        try:
            found = _asked(repository, f"rules/branches/{branch}")
            free = {number for number in _rulesets(found) if _is_bypassed(repository, number)}
        except (GithubException, RequestException, RuntimeError):
            return None
        if not isinstance(found, list):
            return None
        return cls(tuple(rule for rule in found if rule.get("ruleset_id") not in free))

    def faults(self, identity: Identity, is_signed: bool, is_proposal: bool) -> Iterator[str]:
        """Yields what of a bump's commit a rule refuses, each with what to do."""
        for rule in self.rules:
            kind, parameters = str(rule.get("type")), rule.get("parameters") or {}
            if kind == "required_signatures" and not is_signed:
                yield "commits must have verified signatures; let GIT_SIGNING_KEY_FILE name an SSH key"
            elif kind == "pull_request" and not is_proposal:
                yield "changes must be made through a pull request; set deploy.mode to pull-request in config.yaml"
            elif kind in _EMAILS:
                role = _EMAILS[kind]
                email = getattr(identity, role).email
                if not _fits(email, parameters):
                    shown = one_line(str(parameters.get("pattern")))[:80]
                    yield f"the {role}'s e-mail {email} breaks the rule {shown!r}; set GIT_{role.upper()}_EMAIL"


def _asked(repository: Repository, path: str) -> Any:
    return repository.requester.requestJsonAndCheck("GET", f"{repository.url}/{path}")[1]


def _rulesets(rules: Any) -> set[int]:
    return {rule["ruleset_id"] for rule in rules if "ruleset_id" in rule} if isinstance(rules, list) else set()


def _is_bypassed(repository: Repository, number: int) -> bool:
    try:
        return bool(_asked(repository, f"rulesets/{number}").get("current_user_can_bypass") == _BYPASS)
    except GithubException:  # only some tokens may see it
        return False


def _fits(email: str, parameters: Mapping[str, Any]) -> bool:
    operator, pattern = parameters.get("operator"), str(parameters.get("pattern", ""))
    try:
        fits = bool(re.search(pattern, email)) if operator == "regex" else _MATCHES[str(operator)](email, pattern)
    except (re.error, KeyError):
        return True
    return fits != bool(parameters.get("negate"))
