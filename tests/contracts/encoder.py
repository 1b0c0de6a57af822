"""The contract of an encoder: an entry of `ENCODERS`."""

import pytest
import torch

from model.network.encoders.kinds import ENCODERS
from model.network.encoders.stack import Encoder, EncoderConfig
from tests.contracts import checks
from tests.contracts.kind import KindContract

# Five nodes, of which the last has no neighbour.
EDGES = torch.tensor([[0, 2, 1, 2, 1, 3], [2, 0, 2, 1, 3, 1]])
X = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))


class EncoderContract(KindContract):
    option = "encoder.type"

    def needs_block(self, kind: str) -> bool:
        return ENCODERS[kind].needs_block

    @pytest.mark.parametrize("layers", [1, 2])
    @pytest.mark.parametrize("norm", ["none", "batch"])
    def test_every_node_is_embedded(self, kind: str, layers: int, norm: str) -> None:
        torch.manual_seed(0)
        config = EncoderConfig(type=kind, layers=layers, hidden_dim=6, out_dim=3, norm=norm)
        encoder = Encoder(config, in_dim=7).eval()
        z = encoder(X, EDGES)
        assert z.shape == (5, 3)
        assert z.isfinite().all()
        assert torch.equal(encoder(X, EDGES), z)
        assert not torch.allclose(encoder(X + torch.eye(5, 7), EDGES), z)

    def test_gradients_reach_every_parameter(self, kind: str) -> None:
        torch.manual_seed(0)
        config = EncoderConfig(type=kind, hidden_dim=6, out_dim=3, norm="none", dropout=0)
        encoder = Encoder(config, in_dim=7)
        encoder(X, EDGES).pow(2).sum().backward()
        for name, parameter in encoder.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name

    @pytest.mark.parametrize("widths", [(8, 4), (3, 7)])
    def test_weights_are_those_of_the_plain_layer(self, kind: str, widths: tuple[int, int]) -> None:
        entry = ENCODERS[kind]
        if entry.weights is None:
            return
        made = []
        for make in (entry.plain, entry.weights):
            torch.manual_seed(3)
            made.append([*make(*widths).named_parameters(), ("next draw", torch.rand(1))])
        assert [name for name, _ in made[1]] == [name for name, _ in made[0]]
        for (name, plain), (_, own) in zip(*made, strict=True):
            assert torch.equal(plain, own), name

    @pytest.mark.parametrize("widths", [(8, 4), (4, 8)])
    def test_batched_trains_as_plain_whichever_width_is_larger(
        self, kind: str, widths: tuple[int, int]
    ) -> None:
        values = dict(zip(("encoder.hidden_dim", "encoder.out_dim"), widths, strict=True))
        checks.check_batched_trains_as_plain(self.config(kind, **values))

    def test_one_layer_trains_as_plain(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """It reads features of both kinds: shared by the replicas, and of each its own."""
        config = self.config(kind, **{"encoder.layers": 1, "features.associations": "gip"})
        checks.check_batched_trains_as_plain(config)
        if not self.needs_block(kind):
            config = self.config(kind, **{"encoder.layers": 1})
            checks.check_sparse_trains_as_dense(config, monkeypatch)
