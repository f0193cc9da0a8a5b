"""Kinds of runs on which the dense engine is compared with the gram engine."""

from typing import Any

KINDS: list[dict[str, Any]] = [
    {},
    {"data": "xor"},
    {"noise": "isotropic", "bias": "trained", "data": "xor", "output_init": "normal"},
    {"activation": "leaky_relu", "leak": 0.2, "loss": "square"},
    {"momentum": 0.5, "momentum_rule": "nesterov", "weight_decay": 0.01, "batch": 7},
    {"p_flip": 0.3, "loss_tol": 0.5, "train": "hidden"},
    {"activation": "tanh", "train": "output", "output_init": "sign", "eta_output": 0.01},
    {"loss_tol": 1e-9},
    {"activation": "softplus", "bias": "trained", "loss_tol": 1e-9},
    {"activation": "relu2", "loss": "exponential", "p_flip": 0.5, "v0": 0.6},
    {"activation": "relu3", "loss": "hinge", "v0": 0.6, "loss_tol": 1e-3},
    {"label_process": "asymmetric", "p_flip": 0.4, "p_flip_negative": 0.1, "data": "xor"},
    {"label_process": "count", "p_flip": 0.3},
    {"d": 12},
    {"d": 10**12, "eta": 1e-11},
    {"steps": 0},
]
"""With d = 12 the noise patches are linearly dependent: the coefficients are those that training made."""


def kind_id(kind: dict[str, Any]) -> str:
    """What is special about a kind."""
    return "+".join(kind) or "plain"
