"""Adam over one row of weights for each replica; its state always stays in the same tensors.

A CUDA graph reads and writes the tensors that it was captured with. `torch.optim.Adam` makes its
state at the first step, and replaces the tensors when a state is loaded.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam

from model.network.autoencoder import TrainingConfig


class Adam:
    """Adam with weight decay in the gradient, as `torch.optim.Adam` has it by default.

    ``state`` holds its moving averages, (B, n) each, and the number of steps, all on the device.
    """

    def __init__(self, weights: Tensor, config: TrainingConfig) -> None:
        self.config = config
        self.state = {
            "step": torch.zeros((), device=weights.device),
            "exp_avg": torch.zeros_like(weights),
            "exp_avg_sq": torch.zeros_like(weights),
        }

    @torch.no_grad()
    def step(self, weights: Tensor, gradients: Tensor) -> None:
        """Move the weights, in place."""
        adam(
            [weights],
            [gradients],
            [self.state["exp_avg"]],
            [self.state["exp_avg_sq"]],
            [],
            [self.state["step"]],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            eps=1e-8,
            maximize=False,
        )
