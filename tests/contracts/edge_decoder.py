"""The contract of an edge decoder: an entry of `EDGE_DECODERS`."""

import torch
from torch import Tensor, nn

from model.network.edge_decoders.kinds import EDGE_DECODERS, EdgeDecoderConfig, edge_decoder
from tests.contracts import checks
from tests.contracts.kind import KindContract

N_MIRNAS, N_NODES = 4, 6
Z = torch.randn(N_NODES, 4, generator=torch.Generator().manual_seed(1))
PAIRS = torch.tensor([[0, 1, 2], [4, 5, 3]])  # the last two are of one side


def undropped(values: Tensor, *, in_place: bool = False) -> Tensor:
    return values


class EdgeDecoderContract(KindContract):
    option = "edge_decoder.type"

    def decoder(self, kind: str) -> nn.Module:
        torch.manual_seed(0)
        return edge_decoder(EdgeDecoderConfig(type=kind), dim=4).eval()

    def test_every_pair_has_a_logit_of_its_own(self, kind: str) -> None:
        decoder = self.decoder(kind)
        logits = decoder(Z, PAIRS)
        assert logits.shape == (3,)
        alone = [decoder(Z, PAIRS[:, k : k + 1]).item() for k in range(3)]
        assert torch.allclose(logits, torch.tensor(alone), atol=1e-6)

    def test_gradients_reach_every_parameter_and_the_embeddings(self, kind: str) -> None:
        decoder, z = self.decoder(kind), Z.clone().requires_grad_()
        decoder(z, PAIRS).pow(2).sum().backward()
        for name, parameter in (*decoder.named_parameters(), ("z", z)):
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name

    def test_the_block_and_pairs_are_as_plain(self, kind: str) -> None:
        decoder, entry = self.decoder(kind), EDGE_DECODERS[kind]
        every_pair = torch.cartesian_prod(torch.arange(N_MIRNAS), torch.arange(N_MIRNAS, N_NODES)).T
        expected = torch.stack([decoder(z, every_pair) for z in (Z, 2 * Z)])
        parameters = {
            name: value.expand(2, *value.shape) for name, value in decoder.named_parameters()
        }
        z = torch.stack((Z, 2 * Z))
        first, second = (nodes.expand(2, -1) for nodes in every_pair)
        pairs = entry.of_pairs(parameters, z, first, second, undropped)
        block = entry.of_block(parameters, z, N_MIRNAS, undropped)
        for found in (pairs, block):
            assert torch.allclose(found, expected, atol=1e-5)

    def test_every_pair_at_once_trains_as_plain(self, kind: str) -> None:
        config = self.config(kind, **{"sampled_pairs.per_association": "all"})
        checks.check_batched_trains_as_plain(config)
