"""Changes of a sweep file from outside: --set."""

import pytest

from sweeps.declare.file.changes import changed
from sweeps.declare.file.sweep_file import SweepSpec, read_keys, read_spec
from sweeps.errors import SweepError

FILE = """\
name: plane
replicates: 4
axes: {v0: {log: [0.01, 1, 3]}, mu_norm: [1, 4]}
fixed: {n: 6, m: 3, d: 50, noise: orthogonal}
settings: {p_flip: [0, 0.1]}
derived: {eta: 1 / n}
sizes: {smoke: {replicates: 2}}
"""


def after(*changes: str, size: str | None = None) -> SweepSpec:
    """The sweep with changes."""
    spec, errors = read_spec(changed(read_keys(FILE, "plane.yaml", size), changes))
    assert spec is not None and not errors
    return spec


def test_a_value_takes_the_place_of_the_files() -> None:
    spec = after("n=40", "noise=isotropic", "eta=0.1 / n", "mu_norm=2", "replicates=7", "seed=5")
    assert spec.fixed == {"n": 40, "m": 3, "d": 50, "noise": "isotropic"}
    assert spec.derived == {"eta": "0.1 / n"}
    assert spec.axes["mu_norm"].values == (2,)
    assert (spec.replicates, spec.seed) == (7, 5)


def test_ranges_lists_and_null() -> None:
    spec = after("v0=lin:1:3:3", "p_flip=0,0.05,0.1", "m=null", "mu_norm=1e-1,2")
    assert spec.axes["v0"].values == (1.0, 2.0, 3.0) and spec.axes["v0"].scale == "lin"
    assert spec.settings["p_flip"].values == (0, 0.05, 0.1)
    assert spec.fixed["m"] is None
    assert spec.axes["mu_norm"].values == (0.1, 2)


def test_a_parameter_moves_to_the_section_that_is_named() -> None:
    spec = after("axes.d=log:100:10000:3", "settings.n=6,8", "fixed.p_flip=0.2")
    assert spec.axes["d"].values == (100.0, 1000.0, 10000.0)
    assert list(spec.axes) == ["v0", "mu_norm", "d"]
    assert spec.settings.keys() == {"n"} and spec.settings["n"].values == (6, 8)
    assert spec.fixed == {"m": 3, "noise": "orthogonal", "p_flip": 0.2}


def test_a_parameter_that_the_file_does_not_have_is_fixed() -> None:
    assert after("sigma_p=2").fixed["sigma_p"] == 2


def test_the_changed_sweep_has_a_name_of_its_own() -> None:
    assert after().name == "plane"
    assert after("n=40").name == "plane-n-40"
    assert after("n=40", size="smoke").name == "plane-smoke-n-40"
    assert after("n=40", "name=mine").name == "mine"
    assert after("n=40", size="smoke").replicates == 2


def test_its_text_is_that_of_the_changed_sweep() -> None:
    keys = changed(read_keys(FILE, "plane.yaml", "smoke"), ["n=40"])
    spec, errors = read_spec(read_keys(keys.given.text, "again", keys.given.size))
    assert not errors and spec == after("n=40", size="smoke")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("n", "expected NAME=VALUE"),
        ("=4", "expected NAME=VALUE"),
        ("n=", "expected NAME=VALUE"),
        ("axis.n=4", "there is no section 'axis'"),
        ("analysis.x=d", "there is no section 'analysis'"),
        ("n=4,5", "axes.n="),
        ("eta=log:1:2:3", "settings.eta="),
    ],
)
def test_what_cannot_be_read_is_an_error(change: str, error: str) -> None:
    with pytest.raises(SweepError, match=error):
        changed(read_keys(FILE, "plane.yaml"), [change])
