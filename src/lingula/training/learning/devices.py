"""Where a network learns: on the processor, on a GPU, or on several by torch's own launcher.

``torchrun --nproc-per-node 4 -m lingula train RECIPE`` starts four processes with one recipe unchanged. The recipe's
batch is the whole batch: each process learns from its share of it and the gradients are averaged. The leading process
walks the run, writes, prints and tracks; the others only wait for its trainings and take part in them.

What stays the same: the order of the pictures and every step, up to the rounding of sums. What does not:
each process draws its own augmentation, and normalises batches by its own share (on GPUs by
the whole batch, `SyncBatchNorm`), so with either of them the result is that of another seed, not of another recipe.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Generator, Tensor, distributed, nn

from lingula.errors import TrainingError
from lingula.training.recipe import Precision

Network = TypeVar("Network", bound=nn.Module)
Thing = TypeVar("Thing")
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_TWO_GIGABYTES = 2_000_000_000  # bytes, below the greatest C int
_PATIENCE = timedelta(days=2)  # the others wait while the leading process reads data and judges folds

Work = Callable[[], object]
"""Something every process does at the same time; it is sent to the others, so it must be picklable."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """The processes that train one network together, seen from one of them."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process walks the run."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """Give this process's part of a batch's row numbers (N,); what cannot be dealt evenly is left out."""
        each = len(batch) // self.size
        return batch[self.rank * each : (self.rank + 1) * each]

    def own(self, generator: Generator) -> Generator:
        """Give what this process draws its augmentation from: the run's own generator while it is alone."""
        if self.size == 1:
            return generator
        return Generator().manual_seed(int(torch.randint(2**31, (1,), generator=generator)) + self.rank)

    def check_batch(self, pictures: int, what: str = "a batch") -> None:
        """Refuse pictures that cannot be dealt evenly; raises `TrainingError`."""
        if pictures % self.size:
            raise TrainingError(
                f"{what} of {pictures} cannot be dealt to {self.size} processes; start as many as divide it"
            )

    def ready(self, network: nn.Module) -> None:
        """Move a network to the device, with the leading process's weights."""
        network.to(self.device)
        if self.size > 1:
            for value in network.state_dict().values():
                distributed.broadcast(value, src=0)

    def ahead(self, batches: Iterator[Thing]) -> Iterator[Thing]:
        """Prepare the next batch while a GPU learns from this one; a processor has no time to spare for it.

        One thread draws from the generator, in the same order, so the result is the same.
        """
        if self.device.type == "cpu":
            yield from batches
        else:
            yield from one_ahead(batches)

    def normalised(self, network: Network) -> Network:
        """Let batch normalisation see the whole batch, where torch can do that (GPUs)."""
        if self.size > 1 and self.device.type == "cuda":
            return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-any-return, no-untyped-call] # torch leaves it unannotated
        return network

    def average_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all gradients, in one message for each."""
        if self.size == 1:
            return
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.size
        means = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, mean in zip(gradients, means, strict=True):
            gradient.copy_(mean.view_as(gradient))

    def mean(self, value: Tensor) -> float:
        """Give the mean of a number over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return float(value) / self.size

    def agreed(self, thing: Thing) -> Thing:
        """Give what the leading process has."""
        if self.size == 1:
            return thing
        things = [thing]
        distributed.broadcast_object_list(things, src=0)
        return things[0]


def calculates_in_bf16(device: torch.device, precision: Precision) -> bool:
    """Tell whether a network learns in bfloat16 on a device.

    Processors without arithmetic for it emulate it: an AMD EPYC with no more than AVX2 (Zen 3) trained the default's
    network at 8 images/s so and at 97 in 32 bits, on two threads; one with AVX-512 BF16 is two to four times as fast
    as in 32.
    """
    if precision is not Precision.AUTO:
        return precision is Precision.BF16
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))  # others: nobody has measured one yet


def precision_of(device: torch.device, precision: Precision) -> Precision:
    """Give the arithmetic that `auto` comes to on a device; any other stays what it is."""
    return Precision.BF16 if calculates_in_bf16(device, precision) else Precision.FP32


def said_of_arithmetic(device: torch.device, precision: Precision) -> str:
    """Say where a network learns and in which arithmetic, and why it is not the faster one."""
    threads = torch.get_num_threads()
    place = "a GPU" if device.type == "cuda" else f"the processor, {threads} thread{'s' if threads > 1 else ''}"
    if calculates_in_bf16(device, precision):
        return f"learning on {place}, in bfloat16"
    why = "; it has no arithmetic for bfloat16, which would be faster" if precision is Precision.AUTO else ""
    return f"learning on {place}, in 32 bits{why}"


def precisely(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Give the context in which networks run with a precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=calculates_in_bf16(device, precision))


def current_crew() -> Crew:
    """Tell which process this is; alone unless torch's launcher started it and `gathered` was entered."""
    if distributed.is_available() and distributed.is_initialized():
        return Crew(rank=distributed.get_rank(), size=distributed.get_world_size(), device=_device())
    return Crew(rank=0, size=1, device=_device())


def _device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


@contextmanager
def gathered() -> Iterator[Crew]:
    """Join the processes that torch's launcher started; when the leading one leaves in peace, the others may go too."""
    if not distributed.is_available() or not distributed.is_torchelastic_launched():
        yield current_crew()
        return
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    try:
        crew = current_crew()
        if crew.device.type == "cuda":
            torch.cuda.set_device(crew.device)
        yield crew
        if crew.leads:
            crew.agreed(None)
        distributed.barrier()  # who tears the connection down while another still reads from it may be aborted
    finally:
        distributed.destroy_process_group()


def one_ahead(things: Iterator[Thing]) -> Iterator[Thing]:
    """Give things in order, the next one being made while this one is used.

    >>> list(one_ahead(iter([3, 1, 2])))
    [3, 1, 2]
    """
    with ThreadPoolExecutor(max_workers=1) as maker:
        coming = maker.submit(next, things, None)
        while (thing := coming.result()) is not None:
            coming = maker.submit(next, things, None)
            yield thing


def together(work: Work) -> None:
    """Ask the other processes to do this at the same time; the caller then does it too."""
    crew = current_crew()
    if crew.leads:
        crew.agreed(work)


def help_lead() -> None:
    """Do what the leading process asks for, until it leaves; raises `TrainingError` if it leaves without a word."""
    while (work := _asked_for()) is not None:
        work()


def _asked_for() -> Work | None:
    nothing: Work | None = None
    try:
        return current_crew().agreed(nothing)
    except RuntimeError as error:  # the connection ended with the process at its other end
        raise TrainingError("the leading process ended before its work was done; what it printed says why") from error


def keep_freed_memory() -> None:
    """Ask glibc to keep large freed blocks: giving each batch's tensors back and fetching them again costs 15 %."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library: nothing to gain, nothing lost
            library = ctypes.CDLL("libc.so.6")
            library.mallopt(_M_TRIM_THRESHOLD, _TWO_GIGABYTES)
            library.mallopt(_M_MMAP_THRESHOLD, _TWO_GIGABYTES)
