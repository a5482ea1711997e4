"""What the tests of the conformance kit share."""

from __future__ import annotations

import torch

# Imports parts of PyTorch that can be imported only once, which pytester would forget, and that
# change the process.
torch.use_deterministic_algorithms(False)
