"""The seed of a model's randomness in each epoch."""

from __future__ import annotations

import numpy as np
import torch


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed torch's global generator, so that its state need not be saved or restored."""
    sequence = np.random.SeedSequence([seed, epoch])
    torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))
