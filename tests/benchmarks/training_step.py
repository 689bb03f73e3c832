"""Processor time of a training step, with memory given back and with memory kept. Run by hand:

    python tests/benchmarks/training_step.py [--rounds 2]

One thread, 64 random faces of 80 px, forward, backward and AdamW of the network that ships. Each setting in a process
of its own, in turns; new pages are those that the system had to clear.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

SETTINGS = ("as the system does", "kept")
_STEPS = 6


def measure(setting: str) -> None:
    """Prints seconds of the program, seconds of the system and new pages of one step."""
    import resource

    import timm
    import torch

    from fer_core.allocator import keep_freed_memory

    if setting == "kept":
        keep_freed_memory()
    torch.set_num_threads(1)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=8).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4)
    images = torch.randn(64, 3, 80, 80).to(memory_format=torch.channels_last)

    def step() -> None:
        network(images).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(2):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(_STEPS):
        step()
    after = resource.getrusage(resource.RUSAGE_SELF)
    program, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    pages = (after.ru_minflt - before.ru_minflt) // _STEPS
    print(f"{setting}: {program / _STEPS:.2f} s program, {system / _STEPS:.2f} s system, {pages} new pages a step")


def main() -> None:
    parser = argparse.ArgumentParser(description="Processor time of a training step.")
    parser.add_argument("--rounds", type=int, default=2, metavar="N")
    parser.add_argument("--setting", choices=SETTINGS, help="measure this one, in this process")
    options = parser.parse_args()
    if options.setting:
        measure(options.setting)
        return
    for setting in SETTINGS * options.rounds:
        subprocess.run([sys.executable, __file__, "--setting", setting], check=True)


if __name__ == "__main__":
    main()
