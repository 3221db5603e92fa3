"""`make runner-status`: is the runner's service there, does it answer, does its sandbox work, and what does it do?"""

import http.client
import json
import ssl
from collections import Counter
from collections.abc import Iterator
from typing import Any

from runner.machine import sandbox
from runner.service import certificate, options, supervisor
from runner.service.settings import Settings
from shared.errors import StageError

SECONDS = 5
SOON_DAYS = 30


def main(arguments: list[str] | None = None) -> int:
    """Prints one line for each question. Returns 0 where every answer is good, else 1."""
    given = options.parser(str(__doc__)).parse_args(arguments)
    places = options.places(given)
    settings = Settings.read(places.settings)
    service = supervisor.find(given.system)
    findings = [
        _service(service),
        *_answers(settings),
        _sandbox(),
        _certificate(settings),
    ]
    for is_good, name, found in findings:
        print(f"{'ok ' if is_good else 'NOT'}  {name:<12} {found}")
    return 0 if all(is_good for is_good, _, _ in findings) else 1


Finding = tuple[bool, str, str]


def _service(service: supervisor.Supervisor | None) -> Finding:
    if service is None:
        return True, "service", "neither launchd nor systemd runs here; it is started by hand"
    state = service.state()
    return state == "running", "service", f"{state}, {service.file}"


def _answers(settings: Settings) -> Iterator[Finding]:
    address = f"https://{_reachable(settings)}:{settings.port}"
    if not healthy(settings):
        yield False, "answers", f"nobody at {address}; `make runner-logs` may tell why"
        return
    yield True, "answers", address
    try:
        jobs = json.loads(ask(settings, "/v1/jobs"))
        found = jobs["jobs"] if isinstance(jobs, dict) else jobs
        states = Counter(job["state"] for job in found)
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        yield False, "jobs", f"its jobs cannot be asked for: {error}"
        return
    yield True, "jobs", ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"


def _sandbox() -> Finding:
    try:
        return True, "sandbox", sandbox.check()
    except StageError as error:
        return False, "sandbox", str(error)


def _certificate(settings: Settings) -> Finding:
    days, names = certificate.days_left(settings.certificate), certificate.names_in(settings.certificate)
    if days < SOON_DAYS:
        return False, "certificate", f"valid for {days} days; renew it by `make runner-install RENEW=1`"
    return True, "certificate", f"valid for {days} days, for {', '.join(names)}"


def healthy(settings: Settings) -> bool:
    """Returns whether the runner of these settings answers, with their certificate."""
    try:
        told: Any = json.loads(ask(settings, "/healthz"))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    return isinstance(told, dict) and told.get("status") == "ok"


def ask(settings: Settings, path: str) -> bytes:
    """Returns what the runner answers to a GET.

    Raises OSError or HTTPException where it does not answer, and ValueError where it refuses.
    """
    context = ssl.create_default_context(cafile=str(settings.certificate))
    host = _reachable(settings)
    # On this machine it is asked by its address, whatever a certificate of one's own names.
    context.check_hostname = host not in ("127.0.0.1", "::1")
    connection = http.client.HTTPSConnection(host, settings.port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {settings.token}"})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ValueError(f"{path} is answered with {answer.status}")
    return body


def _reachable(settings: Settings) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)


if __name__ == "__main__":
    options.end(main)
