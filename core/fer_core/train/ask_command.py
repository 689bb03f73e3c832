"""``fer-core ask``: what finished networks answer to the training faces, for recipes whose network learns from them."""

from __future__ import annotations

import argparse
from pathlib import Path

from fer_core.train.recipe import TASKS


def add_ask(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to those of ``fer-core``."""
    ask = commands.add_parser(
        "ask",
        help="what finished networks answer to the training faces, to teach others with",
        description="Writes the averaged answers of one or several finished runs to the training faces and their "
        "mirror images: a file for the key answers of a recipe. Teachers are so asked once for several pupils.",
    )
    ask.set_defaults(run=_ask)
    add = ask.add_argument
    add("teachers", nargs="+", metavar="CHECKPOINT.pt", help="of fer-core train, that learned from the same labels")
    add("--data", type=Path, required=True, metavar="DIR", help="folder of the shards")
    add(
        "--tasks",
        nargs="+",
        choices=TASKS,
        default=TASKS,
        metavar="TASK",
        help=f"what they teach, of {', '.join(TASKS)}: what all of them learned (default: all)",
    )
    add("--workers", type=int, default=0, metavar="N", help="processes that load (default: %(default)s)")
    add("--out", type=Path, required=True, metavar="FILE.npz", help="file of answers")


def _ask(options: argparse.Namespace) -> None:
    import torch

    from fer_core.data.prepare import load_shards
    from fer_core.train.alignment import geometry_of
    from fer_core.train.predecessors import check_teachers
    from fer_core.train.teachers import Teacher, ask

    if options.out.resolve().parent == options.data.resolve():
        raise ValueError(f"--out {options.out}: every .npz in {options.data} is a shard; name another folder")
    shards = load_shards(options.data)
    check_teachers(options.teachers, options.tasks, geometry_of(shards))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    teachers = [Teacher.finished(Path(checkpoint), device) for checkpoint in options.teachers]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    ask(teachers, shards, options.out, options.tasks, workers=options.workers)
    print(f"{options.out}: answers of {len(teachers)} to {sum((s.split == 'train').sum() for s in shards)} faces")
