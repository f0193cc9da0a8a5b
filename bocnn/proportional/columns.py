"""The columns of the model `proportional`: what a run is given and what is measured on it."""

from bocnn.columns import Column
from bocnn.rows import measures_of
from bocnn.theory.moments import NAMES

TRAINED = ("second", "first")
STATUSES = ("ok", "unconverged", "diverged")

PARAMETERS = (
    Column("n", "int64", "training samples n", interval="[2, 100000]"),
    Column("d", "int64", "input dimension d", interval="[1, 100000]"),
    Column("h", "int64", "hidden neurons h", interval="[1, 100000]"),
    Column("train", "string", "layer trained", choices=TRAINED),
    Column("activation", "string", "activation φ", choices=NAMES, default="relu"),
    Column("r", "float64", "teacher's norm ‖θ*‖", interval="[0, inf)", default=1.0),
    Column("sigma", "float64", "label noise σ", interval="[0, inf)", default=0.0),
    Column("init", "float64", "pre-activations' scale at the start", "1", "(0, inf)", default=1.0),
    Column("eta", "float64", "step size η of the first layer", interval="(0, inf)", default=0.1),
    Column("steps", "int64", "gradient steps, at most", interval="[0, 1e9]", default=25000),
    Column(
        "grad_tol",
        "float64",
        "‖∇‖² to stop at, null for never",
        interval="(0, inf)",
        default=1e-6,
        nullable=True,
    ),
)

MEASURES = measures_of(
    STATUSES,
    dict(
        bias="bias r² B",
        variance="variance σ² V",
        risk="population risk, less σ²",
        predicted_bias="bias in the proportional limit",
        predicted_variance="variance in the proportional limit",
        predicted_risk="risk in the proportional limit",
        nonlinear="what of the learned function is not linear, E (f − ⟨x, E f x⟩)²",
        train_loss="training loss Σ (y − f)² / 2n",
        grad_norm="squared gradient norm at the end",
        steps_run="gradient steps run",
    ),
)
