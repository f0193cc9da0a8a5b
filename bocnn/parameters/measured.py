"""The model's measures as columns: of every run, of those that ask for more, and along the training."""

from bocnn.measure.trajectory import TrajectoryPoint
from bocnn.parameters.columns import Column

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

MEASURE_ROLES = dict.fromkeys(("train_error", "test_error", "test_error_clean"), "error")
"""Roles of measures by name."""

MEASURES = (
    Column("status", "string", "how the run ended", choices=STATUSES),
    *(
        Column(
            name,
            "int64" if name == "steps_run" else "float64",
            meaning,
            role=MEASURE_ROLES.get(name, ""),
        )
        for name, meaning in _MEANINGS.items()
    ),
)

_DETAILS = dict(
    test_error_positive="test error of class +1, clean labels",
    test_error_negative="test error of class −1, clean labels",
    train_loss_kept="training loss of samples with their true label",
    train_loss_flipped="training loss of flipped samples",
    train_error_kept="training error of samples with their true label",
    train_error_flipped="training error of flipped samples",
    margin_min="smallest margin y f of a training sample",
    margin_max="largest margin y f of a training sample",
    active_share="share of noise patches' neurons of the observed class that are active",
)

DETAILS = tuple(
    Column(name, "float64", meaning, role="error" if "error" in name else "")
    for name, meaning in _DETAILS.items()
)
"""Measures of sweeps that ask for them, `model: bocnn+details`."""

_TRAJECTORY_MEANINGS = dict(
    step="gradient steps taken so far",
    noise_ratio="max_w_xi / max_v2, null where max_v2 is not positive",
    gamma_max="largest signal coefficient γ of the filters' decomposition",
    rho_max="largest noise coefficient ρ of the filters' decomposition",
    gamma_over_rho="largest γ / Σᵢ max(ρᵢ, 0) of a filter",
    slope_min="smallest |ℓ′ᵢ| of a training sample",
    slope_max="largest |ℓ′ᵢ| of a training sample",
)

_TRAJECTORY_ROLES = MEASURE_ROLES | dict(
    max_w_xi="hidden_scale", max_v2="output_scale", noise_ratio="scale_ratio"
)

TRAJECTORY_MEASURES = tuple(
    Column(
        name,
        "int64" if name == "step" else "float64",
        (_MEANINGS | _TRAJECTORY_MEANINGS)[name],
        role=_TRAJECTORY_ROLES.get(name, ""),
    )
    for name in TrajectoryPoint._fields
)
