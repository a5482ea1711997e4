"""Devices, processes and mixed precision, through accelerate."""

from __future__ import annotations

import atexit
import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Literal, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import PartialState
from accelerate.utils import (
    DistributedDataParallelKwargs,
    KwargsHandler,
    broadcast_object_list,
    gather_object,
    get_cpu_distributed_information,
    parse_flag_from_env,
)
from torch import Tensor, nn
from torch import distributed as dist

from ...registry import PluxelError
from ..common.devices import find_device
from ..common.torch_private import has_bfloat16_instructions
from ..contracts.options import Precision
from .accelerate_private import SeparateState

ModelT = TypeVar("ModelT", bound=nn.Module)
MixedPrecision = Literal["no", "bf16", "fp16"]


class Processes:
    """The processes of a training, with the device and the precision of this process.

    ``device``: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``. A launcher (torchrun, accelerate
    launch, mpirun) says in environment variables which process this is. Any ``Accelerator`` of the
    calling script, and other trainings in this process, keep their own device and precision.

    Raises: PluxelError if this machine does not have the device, or if a launcher started several
    processes that cannot train together on it.
    """

    def __init__(self, device: str = "auto", precision: Precision = "fp32") -> None:
        launched = _read_launcher()
        if device not in ("auto", "cpu"):
            found = find_device(device)
            if found.type == "mps" and launched > 1:  # accelerate might wait for the others
                raise _train_alone(launched, device)
            if found.type == "cuda" and torch.device(device).index is not None:
                torch.cuda.set_device(found)  # accelerate uses the current device
        on_cpu = device == "cpu" or (device == "auto" and _auto_is_cpu(launched))
        if launched > 1 and dist.is_available() and not dist.is_initialized():
            _leave_at_exit()
        self._state = SeparateState()
        with self._state():
            chosen = PartialState(cpu=on_cpu).device or torch.device("cpu")
            mixed = mixed_precision(precision, chosen)
            # Networks may have parameters that no loss depends on, in all steps or in some.
            handlers: list[KwargsHandler] = [
                DistributedDataParallelKwargs(find_unused_parameters=True)
            ]
            accelerator = Accelerator(cpu=on_cpu, mixed_precision=mixed, kwargs_handlers=handlers)
            self._accelerator = accelerator
            self.device: torch.device = accelerator.device
            self.mixed_precision = accelerator.mixed_precision
            self.num_processes: int = accelerator.num_processes
            self.process_index: int = accelerator.process_index
            self.is_main_process: bool = accelerator.is_main_process
            self.scaler = accelerator.scaler
            """Gradient scaler for float16; None for other formats."""
        if self.num_processes < launched:
            raise _train_alone(launched, device)

    def prepare(
        self, model: nn.Module, optimizer: torch.optim.Optimizer
    ) -> tuple[nn.Module, torch.optim.Optimizer]:
        """Return the model and the optimizer, wrapped to train on all processes together."""
        with self._state():
            return self._accelerator.prepare(model, optimizer)

    def free_memory(self) -> None:
        """Free the memory of what ``prepare`` wrapped, as far as nothing else refers to it."""
        with self._state():
            self._accelerator.free_memory()
        gc.collect()  # accelerate collects garbage before it drops its references

    def autocast(self) -> AbstractContextManager[None]:
        """Compute in the configured precision while the block runs."""
        return self._entered(self._accelerator.autocast())

    def backward(self, loss: Tensor) -> None:
        """Accumulate the gradients of a loss, scaled if float16 requires it."""
        self._accelerator.backward(loss)

    def no_sync(self, model: nn.Module) -> AbstractContextManager[None]:
        """Skip gradient synchronization between processes while the block runs."""
        return self._entered(self._accelerator.no_sync(model))

    def clip_grad_norm_(self, parameters: Iterable[nn.Parameter], norm: float) -> None:
        """Clip the gradient to a maximum norm."""
        with self._state():
            self._accelerator.clip_grad_norm_(parameters, norm)

    def gather(self, tensor: Tensor) -> Tensor:
        """Return the tensors of all processes, concatenated along the first dimension."""
        with self._state():
            return self._accelerator.gather(tensor)  # pyright: ignore[reportReturnType]

    def gather_objects(self, objects: list[Any]) -> list[Any]:
        """Return the objects of all processes in one list."""
        with self._state():
            return gather_object(objects)

    def wait_for_everyone(self) -> None:
        """Wait until all processes reach this call."""
        with self._state():
            self._accelerator.wait_for_everyone()

    def local_main_process_first(self) -> AbstractContextManager[None]:
        """Run the block in the first process of each machine, then in the others."""
        return self._entered(self._accelerator.local_main_process_first())

    @contextmanager
    def _entered(self, context: AbstractContextManager[Any]) -> Iterator[None]:
        """Enter a context of accelerate, but run the block with the state of the calling script."""
        with ExitStack() as stack:
            with self._state():
                stack.enter_context(context)
            yield

    def on_main_process(self, write: Callable[[], None]) -> None:
        """Call ``write`` in the main process; the others wait until it returns.

        Raises: the PluxelError that ``write`` raised, in all processes.
        """
        outcome: list[PluxelError | None] = [None]
        if self.is_main_process:
            try:
                write()
            except PluxelError as error:
                outcome = [error]
        with self._state():
            (error,) = broadcast_object_list(outcome)
        if error is not None:
            raise error


def _leave_at_exit() -> None:
    """Arrange that this process ends its connection to the others before it exits.

    Threads of a connection that is still open while Python ends can abort the process. So nothing
    may refer to the connection then: neither a wrapped model, nor PyTorch, whose functions in
    ``torch.distributed.nn`` keep the connection that exists while they are imported.
    """
    import torch.distributed.nn  # noqa: F401, PLC0415

    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
    gc.collect()


def is_main_process() -> bool:
    """Return whether this process has rank 0."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank() == 0
    return get_cpu_distributed_information().rank == 0


def _read_launcher() -> int:
    """Return the number of processes that a launcher started, or 1 without a launcher.

    With several, write the variables of MPI in the form of torchrun: accelerate reads those of MPI
    only on CPUs.
    """
    found = get_cpu_distributed_information()
    if found.world_size > 1:
        for name in ("rank", "world_size", "local_rank", "local_world_size"):
            os.environ.setdefault(name.upper(), str(getattr(found, name)))
        if found.local_world_size == found.world_size:  # all on this machine
            os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29500")
    return found.world_size


def _train_alone(processes: int, device: str) -> PluxelError:
    """Return the error for processes that would each train on its own and write the same run."""
    return PluxelError(
        f"{processes} processes were started, but on device '{device}' they cannot train together",
        ["set device=cpu, or start a single process"],
    )


def _auto_is_cpu(num_processes: int) -> bool:
    """Return whether ``auto`` is the CPU.

    Without an accelerator, accelerate would let each of several processes train alone, and so it
    would on Apple GPUs, which do not exchange tensors between processes.
    """
    if parse_flag_from_env("ACCELERATE_USE_CPU"):  # of `accelerate launch --cpu`
        return True
    found = torch.accelerator.current_accelerator(check_available=True)
    return found is None or (found.type == "mps" and num_processes > 1)


@contextmanager
def cudnn_benchmark(on: bool) -> Iterator[None]:
    """Switch cuDNN benchmarking, which times algorithms per input size, while the block runs."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = on
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def with_fast_layout(model: ModelT, processes: Processes) -> ModelT:
    """Return the model with its weights in the fastest memory format for convolutions.

    Channels last is fastest in bfloat16 and on GPUs, but a quarter slower in float32 on CPUs.
    """
    if processes.mixed_precision == "no" and processes.device.type == "cpu":
        return model
    return model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def share_buffers(model: nn.Module) -> None:
    """Copy the buffers of the first process to all others.

    The running statistics of norms differ, since each process averages over its own batches.
    """
    if dist.is_available() and dist.is_initialized():
        for buffer in model.buffers():
            shared = buffer.contiguous()
            dist.broadcast(shared, 0)
            buffer.copy_(shared)


def bf16_is_real(device: torch.device) -> bool:
    """Return whether the device multiplies bfloat16 in hardware, without converting to float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        return has_bfloat16_instructions()
    return False


def mixed_precision(precision: Precision, device: torch.device) -> MixedPrecision:
    """Return accelerate's name of the format; ``auto`` is bfloat16 if the hardware supports it."""
    if precision == "auto":
        return "bf16" if bf16_is_real(device) else "no"
    return "no" if precision == "fp32" else precision
