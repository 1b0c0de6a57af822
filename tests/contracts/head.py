"""The contract of a head: an entry of `HEADS` that is not None."""

import torch

from model.data.similarities import Similarities
from model.network.heads.evidence import BatchedEvidence, Evidence
from model.network.heads.interface import HeadKind, HeadOptions
from model.network.heads.kinds import HEADS
from tests.contracts import checks
from tests.contracts.kind import KindContract
from tests.contracts.networks import tiny_network
from tests.contracts.trainers import batched, plain


class HeadContract(KindContract):
    option = "head.type"

    def needs_block(self, kind: str) -> bool:
        return True

    def entry(self, kind: str) -> HeadKind:
        entry = HEADS[kind]
        assert entry is not None, "a model without a head has no evidence"
        return entry

    def test_evidence_is_standardised_over_pairs_that_are_not_visible(self, kind: str) -> None:
        evidence = Evidence(self.entry(kind), Similarities.of(tiny_network()), HeadOptions())
        trainer = plain(self.config(kind), 1)
        numbers = evidence(trainer.edge_index)
        assert numbers.shape[0] == 12 * 6 + 1
        visible = torch.zeros(12 * 6, dtype=torch.bool)
        visible[trainer.pairs[0] * 6 + trainer.pairs[1] - 12] = True
        unknown = numbers[:-1][~visible]
        assert torch.allclose(unknown.mean(dim=0), torch.zeros(unknown.shape[1]), atol=1e-4)
        deviation = unknown.std(dim=0, correction=0)
        assert torch.allclose(deviation, torch.ones_like(deviation), atol=1e-3)

    def test_batched_evidence_is_as_plain(self, kind: str) -> None:
        similarities = Similarities.of(tiny_network())
        many = batched(self.config(kind))
        evidence = BatchedEvidence(self.entry(kind), similarities, many.config.head)
        found = evidence(many.associations.all_visible)
        for replica in range(3):
            edges = plain(self.config(kind), replica).edge_index
            expected = Evidence(self.entry(kind), similarities, many.config.head)(edges)
            assert torch.allclose(found[replica], expected, atol=1e-3)

    def test_gradients_reach_every_parameter(self, kind: str) -> None:
        torch.manual_seed(0)
        entry = self.entry(kind)
        evidence = Evidence(entry, Similarities.of(tiny_network()), HeadOptions())
        numbers = evidence(plain(self.config(kind), 1).edge_index)
        head = entry.plain(8)
        logits = head(numbers)
        assert logits.shape == (len(numbers),)
        logits.pow(2).sum().backward()
        for name, parameter in head.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name

    def test_every_pair_at_once_trains_as_plain(self, kind: str) -> None:
        config = self.config(kind, **{"sampled_pairs.per_association": "all"})
        checks.check_batched_trains_as_plain(config)
