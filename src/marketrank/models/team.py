"""Processes that train one model together, as torchrun starts them. Needs the extra [train].

Every process holds the whole model and computes the same loss of the same batch. Only the costly
part of it, a network on the rows of the batch, is dealt out: each process runs it on its rows, all
gather what came out, and each sends gradients back through its own rows alone. Summed over the
processes those are the gradients of the whole batch, so that contrastive losses keep all their
negatives, and a training comes to what one process comes to, up to rounding. (Data-parallel
training as usual, Li et al., "PyTorch Distributed", VLDB 2020, would average losses of parts.)
Where the network draws random numbers (dropout), each process draws its own.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from marketrank.errors import BadInput

Rows = torch.Tensor | slice
_PATIENCE = timedelta(hours=2)  # the first process alone draws figures meanwhile
_MOST_SEED = 2**31


@dataclass(frozen=True, slots=True)
class Team:
    """This process is number `rank` of `size`; the first leads: it keeps what was trained."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def spread(self, run: Callable[[Rows], torch.Tensor], n: int, *, step: int) -> torch.Tensor:
        """`run` of rows 0 … n-1, shape (n, width), of which each process computes a part. All must
        call it with the same, and `combine` after the backward pass. The global seed, `step` and
        the process decide what `run` draws; nobody's generator moves on by it."""
        if self.size == 1 or n == 0:
            return run(slice(None))
        part = -(-n // self.size)
        # The last parts may be short: they repeat a row, and what comes of it is dropped.
        own = torch.arange(self.rank * part, (self.rank + 1) * part).clamp(max=n - 1)
        seed = (torch.initial_seed() + step * self.size + self.rank) % _MOST_SEED
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            found = run(own)
        whole: torch.Tensor = _Gather.apply(found, self.rank, self.size)  # type: ignore[no-untyped-call]
        return whole[:n]

    def combine(
        self, spread: Iterable[torch.nn.Parameter], whole: Iterable[torch.nn.Parameter] = ()
    ) -> None:
        """Sum the gradients of parameters that worked on a part of the rows, and average those of
        parameters that worked on all: they are equal but for rounding."""
        if self.size == 1:
            return
        for parameters, share in ((spread, 1.0), (whole, 1 / self.size)):
            _reduce([one for one in parameters if one.requires_grad], share)

    def agree(self, value: Any) -> Any:
        """What the first process has for `value`."""
        if self.size == 1:
            return value
        held = [value]
        distributed.broadcast_object_list(held, src=0)
        return held[0]

    def take_up(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Bring both to the state that they have in the first process."""
        if self.size == 1:
            return
        state = self.agree((_on_cpu(model.state_dict()), _on_cpu(optimizer.state_dict())))
        if not self.leads:
            model.load_state_dict(state[0])
            optimizer.load_state_dict(state[1])


def team() -> Team:
    """The processes that work with this one; alone, where nobody has called `joined`."""
    if not distributed.is_available() or not distributed.is_initialized():
        return Team()
    return Team(distributed.get_rank(), distributed.get_world_size())


@contextmanager
def joined(device: str) -> Iterator[tuple[Team, str]]:
    """Meet the others that torchrun has started; the team, and the device of this process: a GPU of
    its own where `device` is "auto" and there are GPUs. Raises BadInput outside torchrun."""
    try:
        local = int(os.environ["LOCAL_RANK"])
    except (KeyError, ValueError) as error:
        raise BadInput(
            "this is started by torchrun: use `marketrank retrain --processes`"
        ) from error
    gpus = torch.cuda.device_count() if device == "auto" and torch.cuda.is_available() else 0
    if gpus:
        torch.cuda.set_device(local % gpus)
    distributed.init_process_group("nccl" if gpus else "gloo", timeout=_PATIENCE)
    try:
        yield team(), f"cuda:{local % gpus}" if gpus else "cpu"
    finally:
        distributed.destroy_process_group()


class _Gather(torch.autograd.Function):
    """(part, width) of each process to (size · part, width) in all. As all compute the same loss of
    it, the gradient of a process's rows is in its own hands."""

    @staticmethod
    def forward(ctx: Any, found: torch.Tensor, rank: int, size: int) -> torch.Tensor:
        ctx.rows = slice(rank * len(found), (rank + 1) * len(found))
        parts = [torch.empty_like(found) for _ in range(size)]
        distributed.all_gather(parts, found.detach().contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0][ctx.rows], None, None


def _reduce(parameters: list[torch.nn.Parameter], share: float) -> None:
    """A parameter that no process has used keeps no gradient, as in a training alone."""
    if not parameters:
        return
    used = torch.tensor([one.grad is not None for one in parameters], dtype=torch.int32)
    used = used.to(parameters[0].device)
    distributed.all_reduce(used, distributed.ReduceOp.MAX)
    known = [one for one, yes in zip(parameters, used.tolist(), strict=True) if yes]
    if not known:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in known]
    flat = torch.cat([one.flatten() for one in gradients])
    distributed.all_reduce(flat)
    parts = torch.split(flat * share, [one.numel() for one in gradients])
    for one, part in zip(known, parts, strict=True):
        one.grad = part.view_as(one)


def _on_cpu(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return state.detach().cpu()
    if isinstance(state, dict):
        return {name: _on_cpu(value) for name, value in state.items()}
    return [_on_cpu(one) for one in state] if isinstance(state, list) else state
