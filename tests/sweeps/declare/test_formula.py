"""Formulas: arithmetic as Python does it, and nothing but arithmetic."""

import ast
import contextlib
import math
import operator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.cells import columns as analysed
from analysis.errors import AnalysisError
from sweeps.declare import formula
from sweeps.declare.formula import FormulaError

X = np.array([2.5, -3.0, 0.125])
N = np.array([7, 1, 4])

EXACT = {
    "sqrt": math.sqrt,
    "abs": abs,
    "round": lambda x: float(round(x)),
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
    "min": min,
    "max": max,
}
NUMBERS = st.integers(-50, 50).map(float) | st.floats(-100, 100).map(lambda x: round(x, 3))


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions one level deeper, of operations whose results are exactly rounded."""
    binary = st.sampled_from(["+", "-", "*", "/", "//", "%"])
    return st.one_of(
        st.tuples(inner, binary, inner).map(lambda e: f"({e[0]} {e[1]} {e[2]})"),
        inner.map(lambda e: f"(-{e})"),
        st.tuples(st.sampled_from(["sqrt", "abs", "round", "floor", "ceil"]), inner).map(
            lambda e: f"{e[0]}({e[1]})"
        ),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda e: f"{e[0]}({e[1]}, {e[2]})"
        ),
    )


EXPRESSIONS = st.recursive(NUMBERS.map(repr) | st.sampled_from(["x", "n"]), grown, max_leaves=8)


@given(EXPRESSIONS)
def test_a_formula_is_pythons_own_arithmetic(text: str) -> None:
    assume(len(text) <= 500)
    found = np.broadcast_to(formula.evaluate(formula.parse(text), {"x": X, "n": N}), X.shape)
    for x, n, value in zip(X.tolist(), N.tolist(), found, strict=True):
        try:
            expected = eval(text, {**EXACT, "x": x, "n": float(n)})
        except (ZeroDivisionError, ValueError, OverflowError):
            continue  # what is undefined is NaN or infinite on the way, and may be anything after
        assert value == expected


@pytest.mark.parametrize("function", ["exp", "log", "log10"])
def test_transcendental_functions_are_the_known_ones(function: str) -> None:
    found = formula.evaluate(formula.parse(f"{function}(n)"), {"n": N})
    np.testing.assert_allclose(found, [getattr(math, function)(n) for n in N], rtol=1e-15)


@pytest.mark.parametrize("power", [2, 0.5, -1, -0.75, 0])
def test_powers(power: float) -> None:
    found = formula.evaluate(formula.parse(f"n ** {power}"), {"n": N})
    np.testing.assert_allclose(found, [operator.pow(float(n), power) for n in N], rtol=1e-15)


@pytest.mark.parametrize("text", ["1 / 0", "log(0)", "0 / 0", "sqrt(-1)", "(-8) ** (1 / 3)"])
def test_what_is_undefined_is_not_finite(text: str) -> None:
    assert not np.isfinite(formula.evaluate(formula.parse(text), {}))


def test_names_are_what_is_read_not_what_is_called() -> None:
    assert formula.columns_of(formula.parse("sqrt(d) / max(n, m)")) == {"d", "n", "m"}
    assert formula.columns_of(formula.parse("log + sqrt(sqrt)")) == {"log", "sqrt"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch {}')",
        "open('{}', 'w')",
        "(lambda: open('{}', 'w'))()",
        "[open('{}', 'w') for _ in (1,)]",
        'exec(\'open("{}", "w")\')',
        "().__class__.__base__.__subclasses__()",
        "x.tofile('{}')",
        'f\'{{open("{}", "w")}}\'',
    ],
)
def test_code_is_refused_and_never_run(text: str, tmp_path: Path) -> None:
    touched = tmp_path / "t"
    with pytest.raises(FormulaError):
        formula.parse(text.replace("{}", str(touched)))
    assert not touched.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a formula"),
        ("1 +", "is not a formula"),
        ("sqr(n)", r"only sqrt, .* can be called; did you mean 'sqrt'\?"),
        ("max(1)", "max takes 2 arguments"),
        ("sqrt(1, 2)", "sqrt takes 1 argument"),
        ("max(1, b=2)", "max takes 2 arguments"),
        ("max(*x, 2)", "Starred is not allowed"),
        ("x if n else 1", "IfExp is not allowed; a formula is arithmetic"),
        ("1if n else 1", "IfExp is not allowed"),
        ("x < 1", "Compare is not allowed"),
        ("x @ x", "MatMult is not allowed"),
        ("n | 1", "BitOr is not allowed"),
        ("not x", "Not is not allowed|UnaryOp"),
        ("'a'", "'a' is not a number"),
        ("True", "True is not a number"),
        ("1j", "1j is not a number"),
        ("1" + "0" * 400, "beyond"),
        ("1e999", "beyond"),
        ("1 + " * 200 + "1", "801 characters; at most 500"),
    ],
)
def test_what_is_no_formula(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        formula.parse(text)


@given(st.text(max_size=60) | st.text("xn()+-*/%.,'[]{}:= 19eEj_@\\\"\n", max_size=60))
def test_any_text_is_a_formula_or_a_formula_error(text: str) -> None:
    try:
        tree = formula.parse(text)
    except FormulaError:
        return
    allowed = (ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.Call, ast.operator)
    assert all(
        isinstance(node, (*allowed, ast.unaryop, ast.expr_context)) for node in ast.walk(tree)
    )
    columns = {name: X for name in formula.columns_of(tree)}
    assert formula.evaluate(tree, columns).dtype == np.float64


BOTH = [
    "x",
    "+x",
    "-x ** 2",
    "2 * pi * n",
    "x // n % 2",
    "max(x, n)",
    "round(x)",
    "1e-3",
    "log10(n)",
]
NEITHER = [
    "",
    "x if n else 1",
    "True",
    "1j",
    "max(1)",
    "ln(x)",
    "x.y",
    "1e999",
    "'a'",
    "x < 1",
    "+",
]


@pytest.mark.parametrize("text", [*BOTH, *NEITHER])
def test_a_report_computes_what_a_sweep_file_may_hold_and_nothing_else(text: str) -> None:
    columns = {"x": X, "n": N}
    if text in NEITHER:
        with pytest.raises(FormulaError):
            formula.parse(text)
        with pytest.raises(AnalysisError, match="Received the formula"):
            analysed.evaluate(text, columns)
        return
    found = analysed.evaluate(text, columns)
    np.testing.assert_array_equal(found, formula.evaluate(formula.parse(text), columns))
    assert analysed.names_in(text) == formula.columns_of(formula.parse(text))


@given(EXPRESSIONS)
def test_reports_and_sweep_files_share_every_formula(text: str) -> None:
    assume(len(text) <= 500)
    columns = {"x": X, "n": N}
    expected = formula.evaluate(formula.parse(text), columns)
    np.testing.assert_array_equal(analysed.evaluate(text, columns), expected)


def test_pi_is_the_number_in_every_formula() -> None:
    assert formula.evaluate(formula.parse("pi"), {}) == analysed.evaluate("pi", {}) == math.pi
    assert formula.columns_of(formula.parse("pi * x")) == {"x"}


@pytest.mark.parametrize("text", ["-" * 499 + "1", "(" * 180 + "1" + ")" * 180, "1**" * 166 + "1"])
def test_deep_formulas_are_computed_or_refused(text: str) -> None:
    with contextlib.suppress(FormulaError):
        assert np.isfinite(formula.evaluate(formula.parse(text), {}))
