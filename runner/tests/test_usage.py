"""What a computation took: sampled for real here, and of GPUs as far as their programs' recorded answers go."""

import plistlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.machine import apple_gpu, nvidia_gpu, usage
from runner.machine.usage import Usage
from runner.tests.programs import Programs
from runner.tests.programs import programs as programs

ROOT = Path(__file__).parents[2]
# As an M-series Mac has them, by `ioreg -a -r -c AGXAccelerator -d 1`, shortened.
STATISTICS = {"Device Utilization %": 37, "Renderer Utilization %": 21, "In use system memory": 3_221_225_472}
MACMON = (
    b'{"all_power":14.05,"cpu_power":14.02,"gpu_power":2.5,"gpu_ram_power":0.0,"gpu_usage":[354,0.00957],'
    b'"memory":{"ram_total":17179869184,"ram_usage":14238449664},"sys_power":35.68,"timestamp":"2026-09-18T02:31:35Z"}\n'
)


def test_a_child_s_processors_and_memory_are_seen() -> None:
    code = "held = bytearray(80_000_000); sum(i for i in range(8_000_000))"
    process = subprocess.Popen([sys.executable, "-c", code])
    with Usage(process.pid, seconds=0.05) as sampled:
        process.wait()
    found = sampled.summary()
    assert found["system/process_memory_usage_megabytes_max"] > 80
    assert 0.05 < found["cpu_seconds"] <= found["seconds"] + 0.1
    assert (
        0 < found["system/system_memory_usage_percentage"] <= found["system/system_memory_usage_percentage_max"] <= 100
    )
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= found.keys()


def test_gpu_seconds_and_energy_are_utilisation_and_power_over_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "gpu_0_utilization_percentage": 50.0,
        "gpu_1_utilization_percentage": 100.0,
        "gpu_0_power_usage_watts": 200.0,
    }
    monkeypatch.setattr(usage, "_gpus", lambda: [lambda: told])
    with Usage(seconds=0.05) as sampled:
        time.sleep(0.4)
    found = sampled.summary()
    assert found["gpu_seconds"] == pytest.approx(1.5 * found["seconds"], abs=0.002)
    assert found["energy_joules"] == pytest.approx(200 * found["seconds"], abs=0.2)
    assert found["system/gpu_0_utilization_percentage"] == found["system/gpu_0_utilization_percentage_max"] == 50
    assert found["system/gpu_0_power_usage_watts"] == 200
    assert sampled.latest["system/gpu_0_power_usage_watts"] == 200


def test_where_no_gpu_tells_anything_nothing_is_said_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_gpus", lambda: [dict])
    with Usage(seconds=0.05) as sampled:
        time.sleep(0.1)
    assert [name for name in sampled.summary() if "gpu" in name or "energy" in name] == []


def test_a_computation_that_fails_still_has_its_summary() -> None:
    sampled = Usage(seconds=0.05)
    with pytest.raises(ZeroDivisionError), sampled:
        raise ZeroDivisionError
    assert sampled.summary()["seconds"] >= 0


def test_the_names_are_mlflow_s() -> None:
    """Checked against the source of MLflow 3: cpu_monitor.py and gpu_monitor.py."""
    found = apple_gpu.statistics(plistlib.dumps([{"PerformanceStatistics": STATISTICS}])) | apple_gpu.power(MACMON)
    assert found == {
        "gpu_0_utilization_percentage": 37.0,
        "gpu_0_memory_usage_megabytes": pytest.approx(3221.225472),
        "gpu_0_power_usage_watts": 2.5,
    }


@pytest.mark.parametrize("output", [b"", b"no property list", b"<plist><array><dict>", plistlib.dumps({"a": 1})])
def test_statistics_that_cannot_be_read_are_none(output: bytes) -> None:
    assert apple_gpu.statistics(output) == {}


@pytest.mark.parametrize("output", [b"", b"\n", b"{", b"[]", b"{}", b'{"gpu_power": null}', b"\xff"])
def test_power_that_cannot_be_read_is_none(output: bytes) -> None:
    assert apple_gpu.power(output) == {}


def test_a_mac_is_asked_by_its_own_programs(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    said.write_bytes(plistlib.dumps([{"PerformanceStatistics": STATISTICS}]))
    ioreg = programs.add("ioreg", f"cat {said}")
    (tmp_path / "power").write_bytes(MACMON)
    programs.add("macmon", f"cat {tmp_path}/power")
    monkeypatch.setattr(apple_gpu, "IOREG", (str(ioreg), *apple_gpu.IOREG[1:]))
    assert apple_gpu.sample()["gpu_0_power_usage_watts"] == 2.5
    assert programs.asked == ["ioreg -a -r -c AGXAccelerator -d 1", "macmon pipe -s 1 -i 200"]


def test_a_program_that_fails_hangs_or_is_missing_tells_nothing(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("macmon", "exit 1")
    hangs = programs.add("ioreg", "exec sleep 10")
    monkeypatch.setattr(apple_gpu, "IOREG", (str(hangs),))
    monkeypatch.setattr(apple_gpu, "SECONDS", 0.2)
    assert apple_gpu.sample() == {}
    monkeypatch.setattr(apple_gpu, "IOREG", ("/nowhere/ioreg",))
    assert apple_gpu.sample() == {}


def test_apple_silicon_has_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert usage.device() == "gpu"


def test_a_machine_without_nvidia_s_driver_has_no_such_gpu() -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("this machine has one")
    assert nvidia_gpu.devices() == []
    if sys.platform == "linux":
        assert usage.device() == "cpu"


def test_the_standard_library_is_enough() -> None:
    """A stage has neither psutil nor nvidia-ml-py."""
    code = """
import sys, time
for name in ("psutil", "pynvml"):
    sys.modules[name] = None
from runner.machine.usage import Usage
with Usage(seconds=0.05) as sampled:
    held = bytearray(50_000_000)
    sum(i for i in range(3_000_000))
found = sampled.summary()
assert found["cpu_seconds"] > 0.02 and found["system/process_memory_usage_megabytes_max"] > 20, found
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
