"""The model's columns: what a run is given and what is measured on it, with types, units and ranges."""

from dataclasses import dataclass

from bocnn import activation, laws
from bocnn.trace import Trace

NOISES = ("orthogonal", "isotropic")
TRAINED = ("both", "hidden", "output")
MOMENTA = ("heavy_ball", "nesterov")
PRECISIONS = ("float32", "float64")
REQUIRED = "required"
"""Default of a parameter that has none."""


@dataclass(frozen=True, slots=True)
class Column:
    """A named column of the dataset.

    `type` is the Arrow type's name; `interval` the valid range in the usual brackets, empty where any
    value will do; `choices` the valid words. Null is a valid value where it is the default, and where
    `nullable` says so.
    """

    name: str
    type: str
    meaning: str
    unit: str = "1"
    interval: str = ""
    choices: tuple[str, ...] = ()
    default: object = REQUIRED
    nullable: bool = False


PARAMETERS = (
    Column("data", "string", "data law", choices=laws.LAWS, default="signal"),
    Column("n", "int64", "training samples n", interval="[1, 100000]"),
    Column("d", "int64", "patch dimension d", interval="[2, 1e15]"),
    Column("m", "int64", "filters per class m", interval="[1, 100000]"),
    Column("mu_norm", "float64", "signal strength ‖μ‖", interval="[0, inf)"),
    Column("sigma_p", "float64", "noise scale σₚ", interval="(0, inf)", default=1.0),
    Column("noise", "string", "noise law", choices=NOISES, default="orthogonal"),
    Column("p_flip", "float64", "label-flip probability p", interval="[0, 0.5)", default=0.0),
    Column("sigma_0", "float64", "hidden initialization σ₀", interval="[0, inf)"),
    Column("v0", "float64", "output initialization v₀", interval="(-inf, inf)"),
    Column(
        "output_init", "string", "output weights drawn", choices=laws.OUTPUTS, default="constant"
    ),
    Column("bias", "string", "biases of the filters", choices=("none", "trained"), default="none"),
    Column("activation", "string", "activation φ", choices=activation.NAMES, default="relu"),
    Column("leak", "float64", "leaky_relu's slope below zero", interval="[0, 1]", default=0.01),
    Column("loss", "string", "training loss", choices=("logistic", "square"), default="logistic"),
    Column("train", "string", "layers trained", choices=TRAINED, default="both"),
    Column("eta", "float64", "step size η", interval="(0, inf)"),
    Column("eta_output", "float64", "step size of v, η if null", interval="(0, inf)", default=None),
    Column("momentum", "float64", "momentum", interval="[0, 1)", default=0.0),
    Column("momentum_rule", "string", "kind of momentum", choices=MOMENTA, default="heavy_ball"),
    Column("weight_decay", "float64", "weight decay", interval="[0, inf)", default=0.0),
    Column("batch", "int64", "samples a step, 0 for all", interval="[0, 100000]", default=0),
    Column("steps", "int64", "gradient steps T, at most", interval="[0, 1e12]"),
    Column("loss_tol", "float64", "training loss to stop at ε", interval="(0, inf)", default=None),
    Column("n_test", "int64", "fresh test noise draws", interval="[1, 1e8]", default=500),
    Column(
        "precision",
        "string",
        "training arithmetic; float64 beyond float32's range",
        choices=PRECISIONS,
        default="float32",
    ),
)

STATUSES = ("ok", "unconverged", "diverged")

_MEANINGS = dict(
    train_loss="training loss",
    train_error="training error",
    test_error="test error",
    test_error_clean="test error, clean labels",
    test_error_se="Monte Carlo standard error of test_error",
    max_w_mu="signal learning max ⟨w, jμ⟩",
    max_w_xi="noise memorization max ⟨w, ξᵢ⟩",
    signal_to_noise="signal learning / noise memorization",
    max_v1="largest output weight, signal patch",
    max_v2="largest output weight, noise patch",
    w_norm="hidden weight norm ‖W‖",
    v_norm="output weight norm ‖v‖",
    steps_run="gradient steps run",
)

MEASURES = (
    Column("status", "string", "how the run ended", choices=STATUSES),
    *(
        Column(name, "int64" if name == "steps_run" else "float64", meaning)
        for name, meaning in _MEANINGS.items()
    ),
)

_TRACE_MEANINGS = dict(
    step="gradient steps taken so far",
    noise_ratio="max_w_xi / max_v2, null where max_v2 is not positive",
    gamma_max="largest signal coefficient γ of the filters' decomposition",
    rho_max="largest noise coefficient ρ of the filters' decomposition",
    gamma_over_rho="largest γ / Σᵢ max(ρᵢ, 0) of a filter",
    slope_min="smallest |ℓ′ᵢ| of a training sample",
    slope_max="largest |ℓ′ᵢ| of a training sample",
)

TRACE_MEASURES = tuple(
    Column(name, "int64" if name == "step" else "float64", (_MEANINGS | _TRACE_MEANINGS)[name])
    for name in Trace._fields
)
