"""Every entry of the tables of `model.network` keeps its contract."""

import pytest

from model.network.edge_decoders.kinds import EDGE_DECODERS
from model.network.encoders.kinds import ENCODERS
from model.network.heads.kinds import HEADS
from model.network.masks.kinds import MASKS
from tests.contracts.edge_decoder import EdgeDecoderContract
from tests.contracts.encoder import EncoderContract
from tests.contracts.head import HeadContract
from tests.contracts.kind import KindContract
from tests.contracts.mask import MaskContract

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("kind", ENCODERS)
class TestEncoders(EncoderContract): ...


@pytest.mark.parametrize("kind", EDGE_DECODERS)
class TestEdgeDecoders(EdgeDecoderContract): ...


@pytest.mark.parametrize("kind", [kind for kind, entry in HEADS.items() if entry])
class TestHeads(HeadContract): ...


@pytest.mark.parametrize("kind", [kind for kind, entry in HEADS.items() if not entry])
class TestWithoutAHead(KindContract):
    option = "head.type"


@pytest.mark.parametrize("kind", MASKS)
class TestMasks(MaskContract): ...
