"""How fast `fer-studio annotate` is, beside what it cannot be faster than. Run by hand:

    python tests/benchmarks/annotate.py CLIP [--runs 3] [--report assets/reports/speed.md]

Each figure is taken in a process of its own, in turn: decoding alone, decoding and MediaPipe's face-mesh solution
(one face, so that it searches for no others), and all of annotate up to the last row on disk. Times exclude the start
of Python and the loading of models, which are reported apart as the time to the first row. A second clip, four copies
of CLIP in one 1280x720 frame, shows how the program scales with faces.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("decode", "mesh", "annotate")


def decode(clip: Path) -> Callable[[], int]:
    from fer_core.media.source import open_source

    def work() -> int:
        with open_source(clip) as source:
            return sum(1 for _ in source.frames())

    return work


def mesh(clip: Path) -> Callable[[], int]:
    import mediapipe

    from fer_core.media.source import open_source

    solution = mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1)

    def work() -> int:
        with open_source(clip) as source:
            return sum(1 for frame in source.frames() if solution.process(frame.image_rgb_u8) is not None)

    return work


def annotate(clip: Path) -> Callable[[], int]:
    from fer_core.infer.engine import Engine
    from fer_core.infer.pipeline import Pipeline
    from fer_core.media.source import open_source
    from fer_core.record.csv import CsvRecorder
    from fer_core.record.layouts import make_layout

    engine = Engine()
    pipeline = Pipeline(engine)
    layout = make_layout("native", engine.card.expressions, engine.card.action_units)

    def work() -> int:
        out = Path(tempfile.mkdtemp()) / "out.csv"
        with open_source(clip) as source, CsvRecorder(out, layout, source.info) as recorder:
            for result in pipeline.run(source.frames()):
                recorder.write(result)
            return recorder.frames

    return work


def measure(stage: str, clip: Path) -> dict[str, float]:
    """Runs one stage in this process."""
    work = {"decode": decode, "mesh": mesh, "annotate": annotate}[stage](clip)
    cpu_before, started = time.process_time(), time.perf_counter()
    frames = work()
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_before
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"frames": frames, "fps": frames / wall_s, "cpu_ms": 1e3 * cpu_s / frames, "peak_mb": peak_mb}


def in_child(stage: str, clip: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(clip), "--stage", stage]
    # As the command line sets it for itself.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def first_row_s(clip: Path) -> float:
    """From the start of the process to the first row of the CSV on disk."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"{clip.stem}.csv"
        started = time.perf_counter()
        command = [sys.executable, "-m", "fer_studio", "annotate", str(clip), "-o", folder, "--quiet"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if out.is_file() and out.read_bytes().count(b"\n") >= 2:
                    elapsed = time.perf_counter() - started
                    process.terminate()
                    return elapsed
                time.sleep(0.005)
    raise RuntimeError(f"annotate ended with {process.returncode} before its first row")


def four_faces(clip: Path, out: Path) -> None:
    """Four copies of a clip in one 1280x720 frame."""
    with av.open(str(clip)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream("libx264", rate=source.streams.video[0].average_rate, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for frame in source.decode(video=0):
            quarter = frame.to_ndarray(format="rgb24", width=640, height=360)
            picture = av.VideoFrame.from_ndarray(np.tile(quarter, (2, 2, 1)), format="rgb24")
            target.mux(stream.encode(picture))
        target.mux(stream.encode())


def machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}, {platform.system()}"


def table(clip: Path, runs: int) -> tuple[str, dict[str, float]]:
    """Markdown rows with the median of each figure, and the median frames/s by stage."""
    taken: dict[str, list[dict[str, float]]] = {stage: [] for stage in STAGES}
    for _ in range(runs):
        for stage in STAGES:
            taken[stage].append(in_child(stage, clip))
    lines = ["| | frames/s (median, min-max) | CPU ms per frame | peak memory MB |", "|---|---|---|---|"]
    medians = {}
    for stage in STAGES:
        fps = [figures["fps"] for figures in taken[stage]]
        medians[stage] = statistics.median(fps)
        cpu = statistics.median(figures["cpu_ms"] for figures in taken[stage])
        peak = max(figures["peak_mb"] for figures in taken[stage])
        lines.append(f"| {stage} | {medians[stage]:.0f} ({min(fps):.0f}-{max(fps):.0f}) | {cpu:.1f} | {peak:.0f} |")
    return "\n".join(lines), medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(measure(options.stage, options.clip)))
        return
    one, medians = table(options.clip, options.runs)
    first = statistics.median(first_row_s(options.clip) for _ in range(options.runs))
    with tempfile.TemporaryDirectory() as folder:
        four = Path(folder) / "four.mp4"
        four_faces(options.clip, four)
        many, _ = table(four, options.runs)
    report = f"""# Speed

`python tests/benchmarks/annotate.py {options.clip.name} --runs {options.runs}` on {machine()}.

One face, {options.clip.name}:

{one}

annotate reaches {medians["annotate"] / medians["mesh"]:.2f} of decoding plus face mesh.
First row on disk {first:.2f} s after the start of the process (median).

Four faces, 1280x720 (four copies of the clip in one frame; `mesh` follows one of them only):

{many}
"""
    print(report)
    if options.report:
        options.report.write_text(report, encoding="utf-8")


if __name__ == "__main__":
    main()
