"""The command: measure the stages and print them beside their budgets."""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from retail_pipeline.home import Home
from retail_pipeline_tests.benchmarks.stages import STAGES, Stage
from retail_pipeline_tests.real_data import ONLINE_RETAIL


def measure(stage: Stage, runs: int) -> tuple[list[float], float]:
    """Each run's seconds, and the largest peak memory of a process in GiB."""
    seconds, peak = [], 0.0
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="retail-benchmark-") as folder:
            home = Home(Path(folder) / "store")
            stage.prepare(home)
            command = [sys.executable, "-m", "retail_pipeline_tests.benchmarks.stages", stage.name, str(home.root)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                output = process.stdout.read()
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"{stage.name} failed with exit code {process.returncode}")
            seconds.append(float(output.split("seconds ")[-1]))
            peak = max(peak, usage.ru_maxrss / 2**20)  # the process's own and that of its children, the larger
    return seconds, peak


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m retail_pipeline_tests.benchmarks", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of: {', '.join(stage.name for stage in STAGES)}")
    parser.add_argument("--runs", type=int, default=5, help="runs of each stage [default: 5]")
    given = parser.parse_args()
    unknown = set(given.stages) - {stage.name for stage in STAGES}
    if unknown:
        parser.error(f"no such stage: {', '.join(sorted(unknown))}")
    data = "UCI Online Retail" if ONLINE_RETAIL.exists() else "a simulated store"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {data}")
    print(f"{'stage':44} {'median s':>9} {'min':>7} {'max':>7} {'peak GiB':>9}   budget")
    for stage in STAGES:
        if stage.name not in given.stages and (given.stages or stage.is_large):
            continue
        seconds, peak = measure(stage, min(given.runs, stage.most_runs or given.runs))
        budget = f"{stage.limit_seconds:g} s" + (f", {stage.limit_gib:g} GiB" if stage.limit_gib else "")
        middle = statistics.median(seconds)
        print(
            f"{stage.title:44} {middle:9.2f} {min(seconds):7.2f} {max(seconds):7.2f} {peak:9.2f}   {budget}", flush=True
        )


if __name__ == "__main__":
    main()
