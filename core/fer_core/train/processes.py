"""One run in several processes, on several devices or machines, by Accelerate on ``torch.distributed``.

Start it with ``torchrun --nproc-per-node 4 -m fer_core.cli train RECIPE ...`` (``--nnodes`` for several machines); one
process needs no launcher. Each process computes its contiguous share of every batch. The answers of all are then
brought together, so that each process has the losses of the whole batch: concordance, contrastive pairs or centres are
no means over samples, and would be something else on shares. What several processes do is thus what one would do with
the same batch, up to rounding, with two exceptions, which both go by shares: the partners of Mixup and MixAugment, and
batch normalisation where it cannot be synchronised (it is on GPUs, by ``torch.nn.SyncBatchNorm``; PyTorch has none for
the CPU). Dropout draws anew in each process.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TypeVar, cast

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import gather, gather_object
from torch import Tensor, nn

from fer_core.train.recipe import Recipe, RecipeError

_MIXED = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
_Tensors = TypeVar("_Tensors")


def accelerator_for(recipe: Recipe) -> Accelerator:
    """The devices and processes of this run, in the precision of the recipe where the device has it.

    Raises:
        RecipeError: when the processes cannot share a batch.
    """
    AcceleratorState._reset_state()  # it keeps the precision of an earlier run in the same program
    on_gpu = torch.cuda.is_available()
    processes = PartialState(cpu=not on_gpu).num_processes
    if recipe.batch_size % processes:
        raise RecipeError(f"{processes} processes cannot share a batch of {recipe.batch_size}; change batch_size")
    # fp16 needs a loss scale and fast half-precision units; on a CPU it is neither faster nor safe.
    precision = "fp32" if recipe.precision == "fp16" and not on_gpu else recipe.precision
    # A stage may train parts whose answers no loss of it uses.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    return Accelerator(cpu=not on_gpu, mixed_precision=_MIXED[precision], kwargs_handlers=[unused])


def synchronised(model: nn.Module, accelerator: Accelerator) -> nn.Module:
    """The model with batch statistics over all processes where there is such a thing."""
    if accelerator.num_processes > 1 and accelerator.device.type == "cuda":
        return cast(nn.Module, nn.SyncBatchNorm.convert_sync_batchnorm(model))  # type: ignore[no-untyped-call]
    return model


def is_first_process() -> bool:
    """Whether this is the process that speaks for all."""
    return bool(PartialState().is_main_process)


def leave_processes() -> None:
    """For the end of the program, where there were several."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def share_of(accelerator: Accelerator) -> tuple[int, int]:
    """Rank of this process, and how many there are."""
    return accelerator.process_index, accelerator.num_processes


def whole_batch(part: _Tensors, accelerator: Accelerator) -> _Tensors:
    """A dataclass of tensors (B / P, ...) with those of all P processes, (B, ...), in the order of their ranks.

    Gradients flow to this process's share only, P times too large: every process computes the same loss, and the engine
    takes the mean of their gradients, so that the sum over the shares is left.
    """
    rank, processes = share_of(accelerator)
    if processes == 1:
        return part

    def joined(own: Tensor) -> Tensor:
        parts = list(gather(own.detach().contiguous()).chunk(processes))
        parts[rank] = own.detach() + processes * (own - own.detach())  # the value is own, exactly
        return torch.cat(parts)

    tensors = {f.name: getattr(part, f.name) for f in fields(part)}  # type: ignore[arg-type]
    changed = {name: joined(tensor) for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
    return replace(part, **changed)  # type: ignore[type-var]


def broadcast_buffers(model: nn.Module, accelerator: Accelerator) -> None:
    """Gives every process the buffers of the first, where batch statistics went by shares."""
    if accelerator.num_processes > 1:
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, src=0)


def generator_states() -> list[dict[str, Tensor]]:
    """Of each process: where its random numbers stand. Collective: every process has to call it."""
    own = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        own["cuda"] = torch.cuda.get_rng_state()
    found: list[dict[str, Tensor]] = gather_object([own])
    return found


def restore_generators(states: list[dict[str, Tensor]], accelerator: Accelerator) -> None:
    """Sets what :func:`generator_states` read; a process that the earlier run did not have starts where it is."""
    rank = accelerator.process_index
    if rank < len(states):
        torch.set_rng_state(states[rank]["cpu"])
        if "cuda" in states[rank] and torch.cuda.is_available():
            torch.cuda.set_rng_state(states[rank]["cuda"])
