"""What a registry knows of an image: its versions, and a version's digest and labels. Nothing is pulled.

The registry API is https://distribution.github.io/distribution/spec/api/, the bearer token's
https://distribution.github.io/distribution/spec/auth/token/.
"""

import hashlib
import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import requests
from docker import auth
from docker.errors import DockerException
from requests.auth import HTTPBasicAuth
from requests.utils import parse_dict_header

from shared.errors import StageError, one_line

TIMEOUT_SECONDS = 10
PAGE = 1000  # tags asked for at once
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HOSTS = {"docker.io": "registry-1.docker.io"}


class NotThere(StageError):
    """The registry answers, and has no such image or version."""


@dataclass(frozen=True)
class Published:
    """A version of an image as the registry has it."""

    digest: str
    labels: dict[str, str]


class Repository:
    """An image's versions in a registry; `name` is `registry/prefix/image` without a version."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.host, self._path = auth.resolve_repository_name(name)
        is_local = _is_loopback(self.host)
        self._root = f"{'http' if is_local else 'https'}://{_HOSTS.get(self.host, self.host)}"
        self._session = requests.Session()
        self._session.trust_env = not is_local  # no proxy on the way to this machine itself

    def tags(self) -> list[str]:
        """Returns the tags, [] where the registry does not know the image yet. Raises StageError as `image` does."""
        found: list[str] = []
        address = f"{self._root}/v2/{self._path}/tags/list?n={PAGE}"
        try:
            while address:
                response = self._get(address)
                found += _json(self.host, response.content).get("tags") or []
                following = response.links.get("next", {}).get("url", "")
                address = urljoin(self._root, following) if following else ""
        except NotThere:
            return []
        return found

    def image(self, reference: str) -> Published:
        """Returns the digest and labels of a tag or digest.

        Of an image for several platforms, the digest is that of all, the labels are the first platform's.
        Raises NotThere where the registry has none, and StageError where it is down, denies it or is broken.
        """
        content = self._content("manifests", reference)
        digest, manifest = _digest(content), _json(self.host, content)
        if "manifests" in manifest:  # attestations stand in an index as platform `unknown`
            platforms = [entry for entry in manifest["manifests"] if _platform(entry) != "unknown"]
            if not platforms:
                raise StageError(f"{self.name} {reference} is for no platform; build and push it again")
            manifest = _json(self.host, self._content("manifests", platforms[0]["digest"]))
        if "config" not in manifest:
            raise StageError(f"{self.name} {reference} is of an old kind ({manifest.get('mediaType')}); build it again")
        config = _json(self.host, self._content("blobs", manifest["config"]["digest"]))
        return Published(digest, config.get("config", {}).get("Labels") or {})

    def _content(self, kind: str, reference: str) -> bytes:
        content = self._get(f"{self._root}/v2/{self._path}/{kind}/{reference}", reference).content
        if reference.startswith("sha256:") and _digest(content) != reference:
            raise StageError(f"{self.host} answers for {reference} of {self.name} with another content; do not use it")
        return content

    def _get(self, address: str, reference: str = "") -> requests.Response:
        try:
            response = self._ask(address)
            if response.status_code == requests.codes.unauthorized and self._log_in(response):
                response = self._ask(address)
        except requests.exceptions.SSLError as error:
            remedy = "give its authority's certificate as REQUESTS_CA_BUNDLE; only localhost is asked without TLS"
            raise StageError(f"no trusted TLS connection to {self.host}: {_reason(error)}; {remedy}") from None
        except requests.exceptions.RequestException as error:
            remedy = "start it, or name another registry"
            raise StageError(f"the registry {self.host} does not answer: {_reason(error)}; {remedy}") from None
        self._refuse(response, reference)
        return response

    def _ask(self, address: str) -> requests.Response:
        accept = {"Accept": ", ".join((*_INDEXES, *_MANIFESTS, "*/*"))}
        return self._session.get(address, headers=accept, timeout=TIMEOUT_SECONDS)

    def _log_in(self, response: requests.Response) -> bool:
        """Does as the registry asks, with the credentials that `docker login` keeps; returns whether it could."""
        scheme, _, challenge = response.headers.get("WWW-Authenticate", "").partition(" ")
        basic = self._credentials()
        if scheme.lower() == "basic" and basic:
            self._session.auth = basic
            return True
        if scheme.lower() != "bearer":
            return False
        asked = parse_dict_header(challenge)  # type: ignore[no-untyped-call]
        wanted = {name: asked[name] for name in ("service", "scope") if name in asked}
        # A session of its own: the realm is often another host, and gets no other host's headers.
        answer = requests.get(asked["realm"], params=wanted, auth=basic, timeout=TIMEOUT_SECONDS)
        if not answer.ok:
            return False
        given = _json(self.host, answer.content)
        self._session.auth = _bearer(str(given.get("token") or given.get("access_token")))
        return True

    def _credentials(self) -> HTTPBasicAuth | None:
        try:
            known = auth.load_config().resolve_authconfig(self.host) or {}
        except DockerException as error:
            raise StageError(f"the credentials for {self.host} cannot be read: {one_line(str(error))}") from None
        names = {key.lower(): value for key, value in known.items()}
        return HTTPBasicAuth(names["username"], names["password"]) if names.get("username") else None

    def _refuse(self, response: requests.Response, reference: str) -> None:
        if response.ok:
            return
        if response.status_code == requests.codes.not_found:
            raise NotThere(f"{self.host} has no {self._path}{f' {reference}' if reference else ''}; push it first")
        if response.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
            raise StageError(f"{self.host} denies access to {self._path}; log in with `docker login {self.host}`")
        said = one_line(response.text)[:200]
        raise StageError(f"{self.host} answers {response.status_code} for {self._path}: {said}; is it a registry?")


def _is_loopback(host: str) -> bool:
    name = host.partition(":")[0]
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _bearer(token: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    def add(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return add


def _platform(entry: dict[str, Any]) -> str:
    return str((entry.get("platform") or {}).get("os", ""))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(host: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StageError(f"{host} does not answer as a registry does: {one_line(repr(content[:60]))}; is it one?")
    return found


def _reason(error: requests.exceptions.RequestException) -> str:
    """Returns the innermost reason that urllib3 gives."""
    reason: BaseException = error
    while inner := getattr(reason, "reason", None) or next(
        (part for part in reason.args if isinstance(part, BaseException)), None
    ):
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return one_line(str(reason)).rpartition(": ")[2]
