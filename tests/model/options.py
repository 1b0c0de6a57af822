"""Every named option of the model at least once, in configurations small enough for tests."""

from model.network.autoencoder import Configuration

SMALL = {
    "encoder.hidden_dim": 8,
    "encoder.out_dim": 8,
    "edge_decoder.hidden_dim": 8,
    "degree_decoder.hidden_dim": 8,
}
# Every named option at least once with every other option's first value.
OPTIONS = {
    "encoder.type": ["gin", "gcn", "sage", "gat", "linear"],
    "mask.scheme": ["undirected", "per_direction", "path", "none"],
    "edge_decoder.type": ["hadamard", "concat", "dot", "bilinear"],
    "sampled_pairs.scheme": ["bipartite", "homogeneous"],
    "encoder.norm": ["batch", "none"],
    "degree_decoder.alpha": [0.06, 0.0],
    "features.transform": ["raw", "centred", "l2"],
    "features.associations": ["none", "gip"],
    "head.type": ["none", "propagation"],
    "sampled_pairs.per_association": [2, "all"],
}
VARIANTS = sorted(
    {
        tuple({**{name: values[0] for name, values in OPTIONS.items()}, option: value}.items())
        for option, values in OPTIONS.items()
        for value in values
    },
    key=str,
)


def configuration(variant: tuple[tuple[str, object], ...] = (), **values: object) -> Configuration:
    return Configuration.from_dotted({**SMALL, **dict(variant), **values})
