"""The columns of the model `kernel`: what a run is given and what is measured on it."""

from bocnn.columns import Column
from bocnn.rows import measures_of, numbers_of

DATA = ("sphere", "digits", "mnist", "cifar10")
TEACHERS = ("linear", "quadratic")
LABELS = ("teacher", "random", "worst")
STATUSES = ("ok", "diverged")

PARAMETERS = (
    Column("n", "int64", "training samples n", interval="[2, 100000]"),
    Column("data", "string", "where the inputs are from", choices=DATA, default="sphere"),
    Column("folder", "string", "folder of mnist's or cifar10's files", default=""),
    Column("d", "int64", "dimension d of the sphere", interval="[2, 100000]", default=64),
    Column("m", "int64", "hidden neurons m", interval="[1, 10000000]"),
    Column("teacher", "string", "what the labels follow", choices=TEACHERS, default="linear"),
    Column("positive", "int64", "class of label +1", interval="[0, 9]", default=8),
    Column("negative", "int64", "class of label −1", interval="[0, 9]", default=3),
    Column("labels", "string", "labels trained on", choices=LABELS, default="teacher"),
    Column("random_share", "float64", "share of random labels", interval="[0, 1]", default=0.0),
    Column("kappa", "float64", "initialization scale κ", interval="(0, inf)", default=1.0),
    Column("eta", "float64", "step size η", interval="(0, inf)"),
    Column("steps", "int64", "gradient steps k", interval="[0, 1e9]"),
    Column("n_test", "int64", "test samples, at most", interval="[1, 1e7]", default=1000),
)

_CURVE = dict(
    residual="‖y − u(k)‖ after training",
    predicted_residual="‖(I − ηH∞)ᵏ y‖",
    residual_gap="‖y − u(k) − (I − ηH∞)ᵏ y‖ / ‖y‖",
    distance="‖W(k) − W(0)‖",
)

MEASURES = measures_of(
    STATUSES,
    _CURVE
    | dict(
        distance_bound="√(yᵀ H∞⁻¹ y)",
        lambda_min="smallest eigenvalue of H∞",
        bound="√(2 yᵀ H∞⁻¹ y / n)",
        test_l1="test loss min(|y − f|, 1)",
        bound_room="bound less test loss",
        test_error="test error against the teacher's sign",
    ),
)

TRACE_MEASURES = numbers_of({"step": "gradient steps k taken so far"} | _CURVE)
