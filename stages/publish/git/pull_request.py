"""The pull request that proposes a version, on GitHub or a GitHub Enterprise server."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from github import Auth, Github, GithubException
from github.Repository import Repository
from requests import RequestException
from urllib3.util import Retry

from shared.access.git import without_secret
from shared.agent_config.deployment import PULL_REQUEST
from shared.errors import StageError, one_line
from stages.publish.contract import GIT_TOKEN, GITHUB_API_URL

GITHUB, API = "github.com", "https://api.github.com"
SECONDS = 15
# Repeating the request for a pull request is harmless: there is never a second one. A server that asks to
# wait, for up to an hour, is not waited for.
RETRY = Retry(
    3,
    backoff_factor=0.5,
    status_forcelist=[500, 502, 503, 504],
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)
_ADDRESS = re.compile(
    r"(?:(?:https?|ssh)://(?:[^/@\s]+@)?(?P<host>[^/:\s]+)(?::[0-9]+)?/|(?:[^/@\s]+@)?(?P<ssh>[^/:\s]+):)"
    r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?"
)
_KNOWN = {
    401: "it does not accept the token; check GIT_TOKEN or GIT_TOKEN_FILE",
    403: "it refuses the request; give the account of GIT_TOKEN the right to write pull requests",
    404: "it shows no such repository; check the address, and the right of GIT_TOKEN to read it",
    429: "it takes no more requests for now; run again later",
}


@dataclass(frozen=True)
class PullRequests:
    """The pull requests of a repository, seen through the API at `api`."""

    repository: Repository
    owner: str
    api: str

    @classmethod
    def of(cls, address: str) -> "PullRequests":
        """Returns those of the repository that is pushed to.

        Raises StageError where its address names no owner and repository of a known API, or there is no token.
        """
        api = GITHUB_API_URL.read().rstrip("/") or API
        owner, name = _owner_and_name(address, api)
        if not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", api):
            raise StageError("GITHUB_API_URL is no address of an API, such as https://github.example.com/api/v3")
        token = GIT_TOKEN.read()
        if not token:
            raise StageError(f"deploy.mode is {PULL_REQUEST}, and GitHub's API wants a token; set GIT_TOKEN")
        client = Github(
            auth=Auth.Token(token),
            base_url=api,
            timeout=SECONDS,
            retry=RETRY,
            verify=os.environ.get("SSL_CERT_FILE") or True,
            user_agent="agent-training",
            lazy=True,
        )
        return cls(client.get_repo(f"{owner}/{name}"), owner, api)

    def check_open(self, head: str, base: str) -> None:
        """Raises StageError where a pull request from head into base was closed or merged, and none is open."""
        self._find(head, base)

    def open(self, head: str, base: str, title: str, body: str) -> str:
        """Returns the URL of the open pull request from head into base, which is made where there is none.

        Raises StageError where there was one that somebody closed, and where the API does not do it.
        """
        if url := self._find(head, base):
            return url
        with self._told():
            try:
                return self.repository.create_pull(base, head, title=title, body=body).html_url
            except GithubException as error:
                # Somebody else made it meanwhile, or a repeated request did.
                if error.status != 422 or not (url := self._find(head, base)):
                    raise
                return url

    def _find(self, head: str, base: str) -> str:
        """Returns the open pull request's URL, '' where there never was one. Raises StageError for a closed one."""
        wanted = {"state": "all", "base": base, "head": f"{self.owner}:{head}"}
        with self._told():
            _, found = self.repository.requester.requestJsonAndCheck("GET", f"{self.repository.url}/pulls", wanted)
        if not isinstance(found, list):
            raise StageError(f"{self.api} answers like no API of GitHub's; correct GITHUB_API_URL")
        if is_open := [one for one in found if one["state"] == "open"]:
            return str(is_open[0]["html_url"])
        if found:
            raise _refused(max(found, key=lambda one: int(one["number"])), base)
        return ""

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what the API answers, or that it does not, into StageErrors; none of them holds the token."""
        try:
            yield
        except GithubException as error:
            reason = _KNOWN.get(error.status, _reason(error))
            raise StageError(f"GitHub's API at {self.api} answers {error.status}: {reason}") from None
        except RuntimeError:  # PyGithub's answer to a redirection to another place
            raise StageError(f"GitHub's API at {self.api} redirects elsewhere; correct GITHUB_API_URL") from None
        except RequestException as error:
            what = f"GitHub's API at {self.api} does not answer ({type(error).__name__})"
            raise StageError(f"{what}; check GITHUB_API_URL and that the server is well, and run again") from None


def _owner_and_name(address: str, api: str) -> tuple[str, str]:
    shown = without_secret(address)
    found = _ADDRESS.fullmatch(address)
    if not found:
        reason = f"deploy.mode is {PULL_REQUEST}, but the repository {shown} is no https or ssh address"
        raise StageError(f"{reason} of the form https://github.com/<owner>/<repository>; set mode to push or branch")
    host = found["host"] or found["ssh"]
    if api == API and host != GITHUB:
        raise StageError(f"the repository {shown} is not on {GITHUB}; let GITHUB_API_URL name the API of {host}")
    return found["owner"], found["name"]


def _refused(closed: Mapping[str, Any], base: str) -> StageError:
    if closed["merged_at"]:
        reason = f"the pull request {closed['html_url']} was merged, but {base} does not hold its change"
        return StageError(f"{reason}; merge it into {base} anew, or train another version")
    reason = f"somebody closed the pull request {closed['html_url']} without merging it"
    return StageError(f"{reason}; reopen it to propose this version again, or train another one")


def _reason(error: GithubException) -> str:
    data = error.data if isinstance(error.data, dict) else {}
    details = [one.get("message", "") for one in data.get("errors", []) if isinstance(one, dict)]
    told = "; ".join(filter(None, [str(data.get("message", "")), *map(str, details)]))
    advice = "run again later" if error.status >= 500 else "mend that, and run again"
    return f"{one_line(told)[:300] or 'it gives no reason'}; {advice}"
