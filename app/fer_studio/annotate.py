"""Annotates any number of files and folders: the work behind ``fer-studio annotate``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from fer_core.infer.baseline import Baseline, load_baseline
from fer_core.infer.engine import Engine
from fer_core.infer.pipeline import Pipeline
from fer_core.media.source import expand_inputs, open_source
from fer_core.types import FrameResult
from fer_studio.file_run import FileAnnotator
from fer_studio.jobs import Task, run_jobs
from fer_studio.options import AnnotateOptions
from fer_studio.outcome import End, Listener, Outcome, Silent
from fer_studio.outputs import Outputs, plan_outputs
from fer_studio.quiet import quiet_native_stderr


def annotate_files(
    paths: Sequence[Path],
    options: AnnotateOptions,
    listener: Listener | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Outcome]:
    """Annotates every input; what is wrong with one of them is in its outcome and does not touch the others.

    Args:
        paths: videos, images and folders, see :func:`fer_core.media.source.expand_inputs`.
        options: of all of them.
        listener: is told of progress in this thread.
        should_stop: asked after every frame; true ends the run, and rows written so far stay.

    Returns:
        One outcome an input, in order.

    Raises:
        fer_core.infer.model_card.ModelError: the model cannot be used.
        ValueError: the device is not there, or the baseline cannot be used.
        fer_core.media.errors.MediaError: the picture that should be the baseline cannot be read.
        OSError: the model or the baseline cannot be read.
    """
    listener = listener or Silent()
    engine = Engine(options.model, options.device)
    baseline = _load_baseline(options, engine)
    annotator = FileAnnotator(options, engine, baseline)
    inputs = expand_inputs(paths)
    plan = plan_outputs(inputs, options.out_dir, annotator.layout.suffix)
    read = [*inputs, *filter(None, (options.baseline_file, options.model))]
    problems = _overwritten_inputs(inputs, plan, read, options.video)
    tasks = [Task(i, path, out) for i, (path, out) in enumerate(zip(inputs, plan, strict=True)) if i not in problems]
    outcomes: dict[int, Outcome] = {}
    for i, problem in problems.items():
        outcomes[i] = Outcome(inputs[i], End.FAILED, problem=problem)
        listener.finished(outcomes[i])
    if options.jobs > 1 and len(tasks) > 1:
        outcomes |= run_jobs(tasks, options, baseline, listener, should_stop)
    else:
        for task in tasks:
            if should_stop():
                break
            outcomes[task.number] = annotator.annotate(task.path, task.outputs, listener, should_stop)
    return [outcomes.get(i) or Outcome(path, End.INTERRUPTED) for i, path in enumerate(inputs)]


def _load_baseline(options: AnnotateOptions, engine: Engine) -> Baseline | None:
    file = options.baseline_file
    if file is None:
        return None

    def analyse(path: Path) -> Iterator[FrameResult]:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open_source(path))
            with quiet_native_stderr():  # until the first result is there, as for the inputs
                pipeline = stack.enter_context(Pipeline(engine, max_faces=options.max_faces))
                results = map(pipeline.process, source.frames())
                first = list(islice(results, 1))
            yield from chain(first, results)

    return load_baseline(file, engine.card, analyse)


def _overwritten_inputs(
    inputs: Sequence[Path], plan: Sequence[Outputs], read: Sequence[Path], with_video: bool
) -> dict[int, str]:
    """By number, the inputs whose results would replace a file that is read."""
    # Not Path.resolve: it raises for links that go round in circles, which are the problem of that input alone.
    protected = {os.path.realpath(path) for path in read}
    problems = {}
    for i, outputs in enumerate(plan):
        for target in outputs.written(with_video):
            if os.path.realpath(target) in protected:
                problems[i] = f"{inputs[i]}: its result {target} would replace an input; use another folder with -o"
    return problems
