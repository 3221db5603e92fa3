"""A real runner, its certificate, and a project with a stage that counts, whose pods hand over to it."""

import datetime
import ipaddress
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import samples
from tests.mlflow_server import free_port

ROOT = Path(__file__).parents[2]
PYPROJECT = '[project]\nname = "toy"\nversion = "1.2.3"\nrequires-python = ">=3.11"\n'
TOKEN = "0123456789abcdef0123456789abcdef"


def write_certificate(folder: Path, days: int = 2, name: str = "localhost") -> None:
    """Writes certificate.pem and key.pem, as an installation does, for this machine alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a runner")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(addresses if name == "localhost" else addresses[:1]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    (folder / "key.pem").chmod(0o600)


@dataclass
class Runner:
    """A runner's folder and process, which can die and be started again."""

    home: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @classmethod
    def make(cls, home: Path, **settings: object) -> "Runner":
        home.mkdir(parents=True)
        write_certificate(home)
        (home / "token").write_text(TOKEN)
        (home / "token").chmod(0o600)
        runner = cls(home)
        runner.configure(**settings)
        return runner

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.home / "data"

    def configure(self, **settings: object) -> None:
        known = {"port": self.port, **settings}
        lines = [
            f"{name} = {str(value).lower() if isinstance(value, bool) else value!r}\n" for name, value in known.items()
        ]
        (self.home / "runner.toml").write_text("".join(lines))
        (self.home / "runner.toml").chmod(0o600)

    def start(self) -> "Runner":
        self.start_without_waiting()
        self.wait_ready()
        return self

    def start_without_waiting(self) -> None:
        command = [sys.executable, "-m", "runner", "serve", "--settings", str(self.home / "runner.toml")]
        with (self.home / "stderr").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=log, stdout=log)

    def wait_ready(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                if self.client().get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError((self.home / "stderr").read_text())

    def kill(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def client(self, token: str = TOKEN) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.home / "certificate.pem"))
        return httpx.Client(base_url=self.url, verify=context, headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def received(self) -> float:
        """Returns the bytes of files that came over the wire so far."""
        told = self.client().get("/metrics").text
        (line,) = [line for line in told.splitlines() if line.startswith('runner_bytes_total{way="received"}')]
        return float(line.split()[-1])

    def jobs(self) -> list[dict[str, object]]:
        return list(self.client().get("/v1/jobs").json())


@dataclass(frozen=True)
class Project:
    """A copy of shared/ with a stage `toy` beside it, as an image holds them."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Project":
        shutil.copytree(ROOT / "shared", folder / "shared", ignore=shutil.ignore_patterns("tests", "__pycache__"))
        shutil.copytree(ROOT / "runner" / "tests" / "toy", folder / "stages" / "toy")
        (folder / "stages" / "toy" / "pyproject.toml").write_text(PYPROJECT)
        (folder / "stages" / "toy" / "requirements.lock").write_text("")
        contract = folder / "shared" / "contract.py"
        contract.write_text(contract.read_text().replace('(*PIPELINE, "watch")', '(*PIPELINE, "watch", "toy")'))
        samples.write_dataset(folder / "dataset", train=3, valid=1, test=1)
        return cls(folder)

    def start(
        self, runner: "Runner | None", outputs: Path, variables: dict[str, str] | None = None, **inputs: object
    ) -> "Pod":
        """Starts the stage as a pod does, with a runner or without one."""
        (outputs / "tmp").mkdir(parents=True, exist_ok=True)
        values = {"dataset": self.folder / "dataset", "outputs": outputs / "made", **inputs}
        command = [sys.executable, "-m", "stages.toy.main", *(f"--{name}={value}" for name, value in values.items())]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder), "TMPDIR": str(outputs / "tmp")}
        if runner:
            environment |= {
                "MLX_RUNNER_URL": runner.url,
                "MLX_RUNNER_TOKEN": TOKEN,
                "MLX_RUNNER_CERTIFICATE_FILE": str(runner.home / "certificate.pem"),
            }
        log = outputs / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=self.folder, env=environment | (variables or {}), stderr=file)
        return Pod(process, log, outputs)

    def run(
        self, runner: "Runner | None", outputs: Path, variables: dict[str, str] | None = None, **inputs: object
    ) -> "Pod":
        """Runs the stage to its end."""
        pod = self.start(runner, outputs, variables, **inputs)
        pod.process.wait(120)
        return pod


@dataclass(frozen=True)
class Pod:
    """A stage's process."""

    process: "subprocess.Popen[bytes]"
    log: Path
    outputs: Path

    @property
    def code(self) -> int:
        return int(self.process.returncode)

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def made(self) -> dict[str, bytes]:
        """Returns the outputs, after checking that nothing temporary is left."""
        assert list((self.outputs / "tmp").iterdir()) == [], self.lines
        folder = self.outputs / "made"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.exists() else {}

    def wait_for(self, text: str, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while text not in self.log.read_text():
            assert time.monotonic() < until and self.process.poll() is None, self.lines
            time.sleep(0.02)
