"""The optimiser of the batched trainer against torch's."""

import torch

from model.network.autoencoder import TrainingConfig
from model.training.batched.adam import Adam


def test_steps_are_those_of_torch() -> None:
    config = TrainingConfig(learning_rate=0.01, weight_decay=0.1)
    start = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    own, parameter = start.clone(), torch.nn.Parameter(start.clone())
    adam = Adam(own, config)
    theirs = torch.optim.Adam([parameter], lr=0.01, weight_decay=0.1)
    for step in range(1, 6):
        gradient = start * step - 1
        parameter.grad = gradient.clone()
        theirs.step()
        adam.step(own, gradient)
        assert torch.allclose(own, parameter, atol=1e-7)
    assert adam.state.keys() == theirs.state[parameter].keys()  # what checkpoints hold
