"""The BLAS is chosen before mlx is imported, with as many threads as there are cores to use."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from shared import blas

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="only Linux needs another BLAS")


def test_mlx_must_not_be_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlx.core", blas)
    with pytest.raises(RuntimeError, match=r"^mlx is imported already: prepare the BLAS first$"):
        blas.prepare()


PRODUCT = """
from shared import blas
print(blas.prepare(threads=1))
import mlx.core as mx
mx.eval(mx.ones((64, 64)) @ mx.ones((64, 64)))
"""


def test_mlx_multiplies_by_the_library_that_was_loaded_first() -> None:
    environment = ROOT / ".venvs/train"
    if not (environment / "lib/libopenblas.so.0").exists():
        pytest.skip("the environment of train is not made")
    variables = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "LD_DEBUG": "bindings"}
    command = [str(environment / "bin/python"), "-c", PRODUCT]
    shown = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert shown.stdout == "OpenBLAS, 1 threads\n"
    bindings = [line for line in shown.stderr.splitlines() if "`cblas_sgemm'" in line and "libmlx.so" in line]
    assert bindings
    assert all(f" to {environment}/lib/libopenblas.so.0 " in line for line in bindings)
