"""Builds the wheel and the source archive by PEP 517: the package, and those modules of shared/ that it is made of.

They lie in ../shared of a checkout, and in shared of a source archive. In the wheel `shared` is `agent_client.shared`,
so that it stands in nobody's way: in the lines that import, this name is all that differs from the source. Equal
sources are equal bytes.
"""

import base64
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
MODULES = ("alert.py", "errors.py", "function_call.py", "prompt.py", "asking/*.py")
_IMPORT = re.compile(rb"^(from )(shared)(?=[. ])", re.MULTILINE)
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file knows


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """Writes the wheel, and returns its name."""
    about, files = f"{_stem()}.dist-info", dict(_installed())
    files[f"{about}/METADATA"] = _metadata()
    files[f"{about}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: agent-training\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    name = f"{_stem()}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, _FIRST_DAY)
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return name


def build_sdist(sdist_directory: str, config_settings: object = None) -> str:
    """Writes the source archive, from which the wheel can be built without the repository, and returns its name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in _sources():
            entry = tarfile.TarInfo(f"{_stem()}/{path}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    name = f"{_stem()}.tar.gz"
    (Path(sdist_directory) / name).write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    return name


def shared() -> Iterator[tuple[str, bytes]]:
    """Yields the modules that the package is made of, by their paths below shared/, as they are there."""
    folder = next((each for each in (HERE / "shared", HERE.parent / "shared") if each.is_dir()), None)
    if folder is None:
        raise SystemExit(
            f"neither {HERE / 'shared'} nor {HERE.parent / 'shared'} is there: build from a whole checkout"
        )
    for pattern in MODULES:
        for path in sorted(folder.glob(pattern)):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def as_installed(source: bytes) -> bytes:
    """Returns a module as the wheel holds it: what it imports of `shared` comes from `agent_client.shared`."""
    return _IMPORT.sub(rb"\1agent_client.\2", source)


def _own() -> Iterator[tuple[str, bytes]]:
    for path in sorted((HERE / "agent_client").iterdir()):
        if path.suffix == ".py" or path.name == "py.typed":
            yield f"agent_client/{path.name}", path.read_bytes()


def _installed() -> Iterator[tuple[str, bytes]]:
    for path, content in _own():
        yield path, as_installed(content)
    for path, content in shared():
        yield f"agent_client/shared/{path}", as_installed(content)


def _sources() -> Iterator[tuple[str, bytes]]:
    yield "PKG-INFO", _metadata()
    for name in ("pyproject.toml", "README.md", "build_backend.py"):
        yield name, (HERE / name).read_bytes()
    yield from _own()
    for path, content in shared():
        yield f"shared/{path}", content


def _metadata() -> bytes:
    known = {
        "Metadata-Version": "2.1",
        "Name": _field("name"),
        "Version": _field("version"),
        "Summary": _field("description"),
        "License": _field("license"),
        "Requires-Python": _field("requires-python"),
        "Description-Content-Type": "text/markdown",
    }
    head = "".join(f"{name}: {value}\n" for name, value in known.items())
    return f"{head}\n{(HERE / 'README.md').read_text('utf-8')}".encode()


def _stem() -> str:
    return f"{_field('name').replace('-', '_')}-{_field('version')}"


def _field(name: str) -> str:
    # Python 3.10 reads no TOML.
    found = re.search(rf'^{name} = "(.*)"$', (HERE / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    if not found:
        raise SystemExit(f"client/pyproject.toml has no {name}")
    return found[1]


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
