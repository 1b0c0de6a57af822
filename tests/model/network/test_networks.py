"""The equations that encoders and decoders stand for; what each kind sees."""

import pytest
import torch
from torch.nn.functional import elu

from model.network.degree_decoder import DegreeDecoder, DegreeDecoderConfig
from model.network.edge_decoders.kinds import EdgeDecoderConfig, edge_decoder
from model.network.encoders.stack import Encoder, EncoderConfig

EDGES = torch.tensor([[0, 2, 1, 2, 1, 3], [2, 0, 2, 1, 3, 1]])
X = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
Z = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
PAIRS = torch.tensor([[0, 1, 2], [4, 5, 3]])


@pytest.mark.parametrize("kind", ["gin", "gcn", "sage", "gat", "linear"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_node_sees_its_neighbours_alone(kind: str, layers: int, norm: str) -> None:
    torch.manual_seed(0)
    config = EncoderConfig(type=kind, layers=layers, hidden_dim=6, out_dim=3, norm=norm)
    encoder = Encoder(config, in_dim=7).eval()
    z = encoder(X, EDGES)
    # Node 4 has no neighbour, node 3 is more than `layers` steps from node 0 unless layers == 3:
    # what a node cannot see must not move it, what it can see must.
    for node, sees in ((4, False), (2, kind != "linear")):
        changed = X.clone()
        changed[0] += 1
        moved = not torch.allclose(encoder(changed, EDGES)[node], z[node])
        assert moved == sees


def test_gin_is_equation_2() -> None:
    torch.manual_seed(0)
    config = EncoderConfig(type="gin", layers=1, out_dim=3, norm="none")
    encoder = Encoder(config, in_dim=7).eval()
    gin = encoder.convolutions[0]
    gin.eps.data.fill_(0.5)
    summed = 1.5 * X[2] + X[0] + X[1]
    assert torch.allclose(encoder(X, EDGES)[2], elu(gin.nn(summed)), atol=1e-6)


def test_sage_averages_and_gcn_normalises() -> None:
    torch.manual_seed(0)
    sage = Encoder(EncoderConfig(type="sage", layers=1, norm="none"), in_dim=7).eval()
    conv = sage.convolutions[0]
    expected = conv.lin_l((X[0] + X[1]) / 2) + conv.lin_r(X[2])
    assert torch.allclose(sage(X, EDGES)[2], elu(expected), atol=1e-5)
    gcn = Encoder(EncoderConfig(type="gcn", layers=1, norm="none"), in_dim=7).eval()
    conv = gcn.convolutions[0]
    # Degrees with self-loops: node 0 has 2, node 1 has 3, node 2 has 3.
    summed = X[2] / 3 + X[0] / (2 * 3) ** 0.5 + X[1] / 3
    assert torch.allclose(gcn(X, EDGES)[2], elu(conv.lin(summed) + conv.bias), atol=1e-5)


@pytest.mark.parametrize("kind", ["hadamard", "concat", "dot", "bilinear"])
def test_which_edge_decoders_are_symmetric(kind: str) -> None:
    torch.manual_seed(0)
    decoder = edge_decoder(EdgeDecoderConfig(type=kind), dim=4).eval()
    swapped = decoder(Z, PAIRS.flip(0))
    assert torch.allclose(decoder(Z, PAIRS), swapped, atol=1e-6) == (kind in ("hadamard", "dot"))


def test_dot_is_equation_8() -> None:
    decoder = edge_decoder(EdgeDecoderConfig(type="dot"), dim=4).eval()
    assert torch.allclose(decoder(Z, PAIRS), (Z[PAIRS[0]] * Z[PAIRS[1]]).sum(1))


def test_bilinear_is_a_quadratic_form() -> None:
    decoder = edge_decoder(EdgeDecoderConfig(type="bilinear"), dim=4).eval()
    expected = torch.einsum("pd,de,pe->p", Z[PAIRS[0]], decoder.weight, Z[PAIRS[1]]) + decoder.bias
    assert torch.allclose(decoder(Z, PAIRS), expected, atol=1e-6)


def test_degree_decoder_can_learn_degrees() -> None:
    torch.manual_seed(0)
    decoder = DegreeDecoder(DegreeDecoderConfig(dropout=0.0), dim=4)
    degrees = torch.tensor([0.0, 1.0, 2.0, 3.0, 5.0, 8.0])
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        ((decoder(Z) - degrees) ** 2).mean().backward()
        optimizer.step()
    assert torch.allclose(decoder(Z), degrees, atol=0.2)
