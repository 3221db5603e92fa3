"""mlx on Linux finds OpenBLAS under the plain names that it calls."""

import ctypes
from pathlib import Path

import pytest

from shared.engine import link_openblas

TRAIN = Path(__file__).parents[2] / ".venvs" / "train"
PACKAGES = sorted(TRAIN.glob("lib/python*/site-packages/scipy_openblas32"))


def test_an_environment_without_openblas_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lib/python3.11/site-packages").mkdir(parents=True)
    assert link_openblas.link(tmp_path) is None
    assert [path.name for path in (tmp_path / "lib").iterdir()] == ["python3.11"]


@pytest.mark.skipif(not PACKAGES, reason="the environment of train is not made, or has no scipy-openblas32 (macOS)")
def test_the_functions_that_mlx_calls_have_their_plain_names(tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    (packages / "scipy_openblas32").symlink_to(PACKAGES[0])
    (tmp_path / "bin").symlink_to(TRAIN / "bin")
    made = link_openblas.link(tmp_path)
    assert made == tmp_path / "lib/libopenblas.so.0"
    library = ctypes.CDLL(str(made))
    assert all(hasattr(library, f"cblas_{name}") for name in link_openblas.FUNCTIONS)
    assert sorted(path.name for path in made.parent.iterdir()) == ["libopenblas.so.0", "python3.11"]
    assert product(library) == [19.0, 22.0, 43.0, 50.0]


def product(library: ctypes.CDLL) -> list[float]:
    """Returns [[1, 2], [3, 4]] times [[5, 6], [7, 8]] by the library's cblas_sgemm."""
    row_major, as_it_is, result = 101, 111, (ctypes.c_float * 4)()
    left, right = (ctypes.c_float * 4)(1, 2, 3, 4), (ctypes.c_float * 4)(5, 6, 7, 8)
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    library.cblas_sgemm(row_major, as_it_is, as_it_is, 2, 2, 2, one, left, 2, right, 2, zero, result, 2)
    return list(result)
