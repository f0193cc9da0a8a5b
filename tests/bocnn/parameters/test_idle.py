"""Parameters without effect on a run change neither its identity, its draws nor a bit of its row."""

from typing import Any

import numpy as np
import pytest

from bocnn import MODEL
from bocnn.models.deep.columns import DEEP_IDLE
from bocnn.models.deep.model import MODEL as DEEP
from bocnn.models.images.columns import IMAGE_IDLE
from bocnn.models.kernel.columns import KERNEL_IDLE
from bocnn.models.kernel.model import MODEL as KERNEL
from bocnn.models.proportional.columns import PROPORTIONAL_IDLE
from bocnn.models.proportional.model import MODEL as PROPORTIONAL
from bocnn.models.tangent.columns import TANGENT_IDLE
from bocnn.models.tangent.model import MODEL as TANGENT
from bocnn.parameters.columns import IDLE
from sweeps.declare.cells.identity import cell_digests
from sweeps.models.installed import load_model
from tests.bocnn.models.deep.test_deep import POINT as DEEP_POINT
from tests.bocnn.models.deep.test_deep import columns_of as deep_columns
from tests.bocnn.models.images.test_images import columns_of as image_columns
from tests.bocnn.models.kernel.test_model import columns_of as kernel_columns
from tests.bocnn.models.proportional.test_model import FIRST
from tests.bocnn.models.proportional.test_model import columns as proportional_columns
from tests.bocnn.models.tangent.test_model import columns_of as tangent_columns
from tests.bocnn.run_columns import columns

Given = dict[str, Any]
IMAGES = load_model("images")

# Of each model: what makes parameters idle, and values of those.
CASES: list[tuple[Any, Given, Given]] = [
    (MODEL, {}, {"leak": 0.3}),
    (MODEL, {"activation": "tanh"}, {"leak": 0.3}),
    (MODEL, {}, {"momentum_rule": "nesterov"}),
    (MODEL, {"n": 20}, {"batch": 20}),
    (MODEL, {"n": 20}, {"batch": 21}),
    (MODEL, {"train": "hidden"}, {"eta_output": 0.3}),
    (MODEL, {"train": "hidden"}, {"eta_output": 1e-35}),
    (MODEL, {"eta": 0.05}, {"eta_output": 0.05}),
    (MODEL, {"train": "output", "eta_output": 0.05}, {"eta": 0.3}),
    (MODEL, {"train": "output", "eta": 0.05}, {"eta": 0.3, "eta_output": 0.05}),
    (MODEL, {"v0": 0.0}, {"output_init": "normal"}),
    (MODEL, {"mu_norm": 1e-16}, {"precision": "float64"}),
    (MODEL, {}, {"mu_support": 7}),
    (MODEL, {"noise": "isotropic"}, {"mu_support": 7}),
    (MODEL, {"optimizer": "adam", "train": "output"}, {"mu_support": 7}),
    (MODEL, {"optimizer": "adam", "mu_support": 200}, {"mu_support": 10**6}),
    (MODEL, {"noise": "laplace", "data": "xor", "mu_support": 100}, {"mu_support": 101}),
    (MODEL, {"noise": "laplace"}, {"dof": 3.0}),
    (MODEL, {"p_flip": 0.3, "label_process": "count"}, {"p_flip_negative": 0.1}),
    (MODEL, {}, {"label_process": "count"}),
    (MODEL, {}, {"label_process": "asymmetric"}),
    (MODEL, {"p_flip": 0.3, "noise_spread": 0.5}, {"label_process": "margin"}),
    (MODEL, {"p_flip": 0.3, "signal_spread": 0.5}, {"label_process": "noise_aligned"}),
    (MODEL, {}, {"xor_cosine": 0.5}),
    (MODEL, {"noise": "laplace"}, {"density": 0.3}),
    (MODEL, {"optimizer": "adam"}, {"momentum": 0.5}),
    (MODEL, {"optimizer": "sign"}, {"momentum": 0.5}),
    (MODEL, {"optimizer": "rmsprop", "momentum": 0.5}, {"momentum_rule": "nesterov"}),
    (MODEL, {"optimizer": "rmsprop"}, {"beta1": 0.5}),
    *(
        (MODEL, {"optimizer": rule}, {name: 0.5})
        for rule in ("sgd", "sign")
        for name in ("beta1", "beta2", "epsilon")
    ),
    *(
        (MODEL, {"steps": 0}, {name: value})
        for name, value in {
            "eta": 0.3,
            "eta_output": 0.3,
            "train": "hidden",
            "optimizer": "adam",
            "momentum": 0.5,
            "weight_decay": 0.1,
            "gradient": "normalized",
            "sam_radius": 0.2,
            "label_noise": 0.1,
            "batch": 7,
        }.items()
    ),
    (PROPORTIONAL, {"train": "second"}, {"eta": 0.2}),
    (PROPORTIONAL, {"train": "second"}, {"steps": 7}),
    (PROPORTIONAL, {"train": "second"}, {"grad_tol": 1e-3}),
    (PROPORTIONAL, {"train": "second"}, {"width_exponent": 0.7}),
    (PROPORTIONAL, {"activation": "linear"}, {"width_exponent": 0.7}),
    (PROPORTIONAL, {"activation": "linear"}, {"h": 30}),
    (PROPORTIONAL, {"activation": "linear"}, {"init": 0.1}),
    (PROPORTIONAL, {"steps": 0}, {"eta": 0.2}),
    (KERNEL, {}, {"positive": 1}),
    (KERNEL, {}, {"negative": 1}),
    (KERNEL, {}, {"folder": "/elsewhere"}),
    (KERNEL, {"labels": "random"}, {"random_share": 0.5}),
    (KERNEL, {"labels": "worst"}, {"random_share": 0.5}),
    (KERNEL, {"labels": "worst"}, {"teacher": "quadratic"}),
    (KERNEL, {"labels": "worst"}, {"n_test": 50}),
    (KERNEL, {"steps": 0}, {"eta": 0.1}),
    (TANGENT, {"train": "output"}, {"v0": 3.0}),
    (IMAGES, {}, {"folder": "/elsewhere"}),
    (IMAGES, {"sigma_p": 0.0}, {"d": 7}),
    (IMAGES, {"sigma_p": 0.0}, {"n_test": 50}),
    (IMAGES, {"steps": 0}, {"eta": 0.1}),
    (IMAGES, {"steps": 0}, {"train": "hidden"}),
    (DEEP, {"depth": 2}, {"residual": "identity"}),
    (DEEP, {}, {"leak": 0.3}),
    (DEEP, {"normalization": "weight"}, {"norm_epsilon": 0.1}),
    (DEEP, {"steps": 0}, {"train": "hidden"}),
    (DEEP, {"steps": 0}, {"eta": 0.3}),
    (DEEP, {"eta": 0.1}, {"flow_rate": 0.2}),
]
MAKE: dict[str, Any] = {
    "bocnn": columns,
    "proportional": lambda runs, **more: proportional_columns(runs, **(FIRST | more)),
    "kernel": kernel_columns,
    "tangent": tangent_columns,
    "images": image_columns,
    "deep": lambda runs, **more: deep_columns(runs, **(DEEP_POINT | more)),
}
RULES = {
    "bocnn": IDLE,
    "proportional": PROPORTIONAL_IDLE,
    "kernel": KERNEL_IDLE,
    "tangent": TANGENT_IDLE,
    "images": IMAGE_IDLE,
    "deep": DEEP_IDLE,
}


@pytest.mark.parametrize(("model", "where", "idle"), CASES, ids=str)
def test_an_idle_parameter_changes_neither_identity_nor_row(
    model: Any, where: Given, idle: Given
) -> None:
    one, other = (MAKE[model.name](3, **(where | more)) for more in ({}, idle))
    assert cell_digests(model, 3, one) == cell_digests(model, 3, other)
    assert cell_digests(model.with_keyed(idle), 3, one) == cell_digests(
        model.with_keyed(idle), 3, other
    )
    first, second = model.run(one), model.run(other)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize(("model", "where", "idle"), CASES, ids=str)
def test_it_is_not_idle_elsewhere(model: Any, where: Given, idle: Given) -> None:
    """So the rule is not one too many: without its condition the identity is another one."""
    busy = {
        "leak": {"activation": "leaky_relu"},
        "norm_epsilon": {"normalization": "batch"},
        "momentum_rule": {"momentum": 0.5},
        "batch": {"n": 30},
        "positive": {"data": "digits"},
        "negative": {"data": "digits"},
        "folder": {"data": "mnist"},
        "v0": {"train": "both"},
        "mu_support": {"optimizer": "adam"},
        "dof": {"noise": "student_t"},
        "p_flip_negative": {"label_process": "asymmetric"},
        "label_process": {"p_flip": 0.3, "signal_spread": 0.5, "noise_spread": 0.5},
        "xor_cosine": {"data": "xor"},
        "density": {"noise": "sparse"},
        **{key: {"optimizer": "adam"} for key in ("beta1", "beta2", "epsilon")},
    }
    if idle in ({"eta_output": 0.05}, {"eta": 0.3, "eta_output": 0.05}):
        idle = {"eta_output": 0.06}
    more = next((busy[name] for name in idle if name in busy), {})
    if model in (KERNEL, IMAGES) and "data" in more:
        seen = [model.canonical(MAKE[model.name](1, **(more | part))) for part in ({}, idle)]
        assert any(seen[0][name][0] != seen[1][name][0] for name in idle)
        return
    if model is KERNEL and where == {}:
        return
    one, other = (MAKE[model.name](1, **(more | part)) for part in ({}, idle))
    assert cell_digests(model, 3, one) != cell_digests(model, 3, other)


def test_every_rule_has_a_case() -> None:
    for name, rules in RULES.items():
        cased = {p for model, _, idle in CASES if model.name == name for p in idle}
        unread = {"d", "teacher"} if name == "kernel" else set()  # these need images
        assert {rule.name for rule in rules} - unread <= cased
