"""Compare the speed of functions in one run: median times of calls in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def in_turns(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Call the functions in turns; return the median seconds of each, without the first turn."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            _wait()
            start = time.perf_counter()
            function()
            _wait()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def _wait() -> None:
    for device in range(torch.cuda.device_count()):
        torch.cuda.synchronize(device)


def multiply_adds(network: nn.Module, *arguments: object) -> int:
    """Count the multiply-adds of convolutions and matrix products in ``network(*arguments)``.

    The network runs on its own device; on the meta device, counting takes no computation.
    """
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(*arguments)
    return counter.get_total_flops() // 2
