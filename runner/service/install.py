"""`make runner-install`: certificate, token and settings once, the program each time, and the service that runs it."""

import argparse
import os
import shlex
import sys
import time

from runner.machine import sandbox
from runner.service import account, certificate, options, program, supervisor
from runner.service.places import ROOT, Places
from runner.service.settings import PORT, Settings, default_memory_bytes, written
from runner.service.status import SOON_DAYS, healthy
from shared.errors import StageError

SECRET, TOKEN, CERTIFICATE = "agent-training-runner", "MLX_RUNNER_TOKEN", "MLX_RUNNER_CERTIFICATE"
NAMESPACE = "agent-training-production"
SECONDS = 30
# On a Mac, Docker leads host.docker.internal to the Mac's own loopback; on Linux it leads to a bridge's address.
HOST = "127.0.0.1" if sys.platform == "darwin" else "0.0.0.0"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
EVERY = ("0.0.0.0", "::")


def main(arguments: list[str] | None = None) -> int:
    """Installs the runner, or brings it up to date, and says what the cluster needs."""
    given = _parser().parse_args(arguments)
    places = options.places(given)
    _refuse(given)
    print(f"sandbox      {sandbox.check()}")
    prepare(places, given)
    settings = Settings.read(places.settings)
    program.install(ROOT, places)
    if given.system:
        account.make(account.NAME, places.home)
        account.own(account.NAME, places)
    service = supervisor.find(given.system)
    if service is None:
        print(
            f"service      none: neither launchd nor systemd runs here; start it by hand:\n{supervisor.by_hand(places)}"
        )
    else:
        service.start(places, account.NAME)
        _wait(settings, places)
        print(f"service      {service.state()}, {service.file}")
    print("\n".join(for_the_cluster(settings, places, given.namespace, given.renew)))
    return 0


def _parser() -> argparse.ArgumentParser:
    made = options.parser(str(__doc__))
    made.add_argument("--host", default="", help=f"what it listens on ({HOST})")
    made.add_argument("--port", default=0, type=int, help=f"({PORT})")
    made.add_argument("--names", default="", help="more names or addresses for the certificate")
    made.add_argument("--namespace", default=NAMESPACE, help=f"of the pods ({NAMESPACE})")
    made.add_argument("--renew", action="store_true", help="a new certificate and a new token")
    return made


def _refuse(given: argparse.Namespace) -> None:
    if given.system and os.getuid():
        raise StageError("a service of the system is installed by root: sudo make runner-install SYSTEM=1")
    if sys.platform == "darwin" and not given.system and not os.getuid():
        raise StageError("root has no session to run in; install as the user who is logged in, or with SYSTEM=1")


def prepare(places: Places, given: argparse.Namespace) -> None:
    """Makes the folders, and what is missing of token, certificate and settings; with `renew` the first two anew."""
    places.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    places.home.chmod(0o700)
    places.output.parent.mkdir(parents=True, exist_ok=True)
    if given.renew or not places.token.exists():
        certificate.make_token(places.token)
    is_whole, more = certificate.fits(places.certificate, places.key), given.names.split()
    if given.renew or not is_whole:
        known = certificate.names_in(places.certificate) if is_whole else []
        certificate.make(places.certificate, places.key, certificate.names([*more, *known]))
    elif missing := set(more) - set(certificate.names_in(places.certificate)):
        raise StageError(f"the certificate does not name {', '.join(sorted(missing))}; add RENEW=1 for a new one")
    if not places.settings.exists():
        text = written(given.host or HOST, given.port or PORT, default_memory_bytes())
        certificate.write_secret(places.settings, text.encode())
    elif given.host or given.port:
        raise StageError(f"{places.settings} is there already, and stays as it is; change host and port in it")


def _wait(settings: Settings, places: Places) -> None:
    """Returns when the runner answers. Raises StageError where it does not, with what it printed last."""
    until = time.monotonic() + SECONDS
    while not healthy(settings):
        if time.monotonic() > until:
            printed = places.output.read_text("utf-8", "replace") if places.output.exists() else ""
            last = (printed.strip().splitlines() or ["nothing"])[-1]
            raise StageError(f"the runner does not answer after {SECONDS} s; {places.output} ends with: {last}")
        time.sleep(0.1)


def for_the_cluster(settings: Settings, places: Places, namespace: str, is_renewed: bool) -> list[str]:
    """Returns what a person is told: addresses, and the one command that gives the pods token and certificate."""
    files = ((TOKEN, places.token), (CERTIFICATE, places.certificate))
    command = ["kubectl", "create", "secret", "generic", SECRET, *(f"--from-file={key}={file}" for key, file in files)]
    line = shlex.join([*command, "-n", namespace])
    if is_renewed:
        line += f" --dry-run=client -o yaml | kubectl apply -n {shlex.quote(namespace)} -f -"
    days = certificate.days_left(settings.certificate)
    soon = "; renew it, by `make runner-install RENEW=1`" if days < SOON_DAYS else ""
    return [
        f"settings     {places.settings}",
        f"certificate  valid for {days} days{soon}",
        *(f"address      {address}" for address in addresses(settings)),
        "",
        "The cluster's pods need the token and the certificate" + (", which are new:" if is_renewed else ":"),
        line,
    ]


def addresses(settings: Settings) -> list[str]:
    """Returns the addresses by which pods reach the runner, as far as what it listens on lets them."""
    found = [certificate.DOCKER_HOST] if settings.host in (*LOOPBACK, *EVERY) else []
    if settings.host in EVERY:
        found += [name for name in certificate.names_in(settings.certificate)[:1] if name not in found]
    elif settings.host not in LOOPBACK:
        found.append(settings.host)
    return [f"https://{f'[{name}]' if ':' in name else name}:{settings.port}" for name in found]


if __name__ == "__main__":
    options.end(main)
