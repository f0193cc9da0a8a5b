"""Writes the tables of pages that show results from predictions.csv, between their marks.

python docs/results/tables.py
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from rows import (
    ASYMPTOTIC,
    FINITE,
    HERE,
    KEY,
    OUTCOMES,
    Row,
    explained,
    held,
    interval,
    number,
    outcome,
    predictions,
    span,
    verdict,
)

PAGES = (HERE / "README.md", HERE.parent / "explanation" / "finite-size.md")
LEVELS = {
    "shang-fig-2a": "0.05",
    "shang-fig-2b": "0.2",
    "shang-fig-2c": "0.2",
    "small-v0-over-d": "0.2",
    "training-length": "0.2",
    "quarter-law-over-d": "0.2",
    "kink-over-d": "0.2",
    "kink-over-n": "0.2",
    "kink-over-m": "0.2",
    "kink-over-sigma": "0.2",
    "kink-at-infinity": "0.2",
    "flips-over-p": "0.2",
    "flips-and-counts": "0.2",
    "kou-heat-map": "0.2",
}
"""The error level of each sweep that the table at finite size shows."""
QUANTITIES = {FINITE: "exponent, {}", "factor": "position, {}"}
"""What is predicted at finite size, with a place for the boundary's definition."""
BETTER = "agrees with the finite-size prediction"
PUBLISHED = ("kou-published-script", "kou-published-tables")
QUESTIONS = {
    "adam-over-d": "Adam, by the coordinates that μ has, d^spread",
    "adam-over-n": "the same, over n",
    "optimizers-over-d": "rules of steps, μ along an axis",
    "adam-initialization-plane": "rules of steps, over v₀",
    "momentum": "momentum, over its memory 1/(1 − β)",
    "batches": "mini-batches",
    "muon-over-d": "Muon's direction",
    "activation-constant": "activations",
    "leak-constant": "a leak, from 0.01 to 1",
    "depth-plane": "depth, upper weights of each patch or shared",
    "spectrum-over-d": "noise with eigenvalues c^−a",
    "spike": "noise with one large eigenvalue",
    "patches": "several noise patches",
    "imbalance": "a minority class, its own error",
    "elliptical": "noise of a strength of each sample",
    "xor-angle": "XOR, over the angle of its axes",
    "label-noise-kinds": "kinds of label noise, over n",
    "label-noise-strengths": "flips of any sample, of weak signals, of strong noise",
    "images-over-d": "real images beside a noise patch",
    "leaky-hinge-published": "one vector, a leak and the hinge loss, over n",
}
"""What the papers leave open, by the sweep that answers it."""
VERDICTS = {
    "disagrees": "**disagrees**",
    "inconclusive": "inconclusive",
    "within accuracy": "agrees within the accuracy that is stated",
    "holds": "agrees",
}
"""Outcomes in words, those first that a reader should see first."""
ANSWERS = tuple(VERDICTS)
MAP_LEVELS = ("0.3", "0.2", "0.11111", "0.05")


def finite_size(rows: list[Row]) -> Iterator[str]:
    """Rows of the table at finite size: mean boundaries that have a predicted exponent."""
    heads = ("sweep, error level", "prediction", "at", "asymptotic exponent")
    heads += ("predicted at finite size", "measured", "factor", "verdict")
    yield f"| {' | '.join(heads)} |"
    yield "|---|---|---|---|---|---|---|---|"
    found = {(*(row[name] for name in KEY), row["quantity"]): row for row in rows}
    for row in rows:
        wanted = row["quantity"] == FINITE and row["definition"] in ("mean", "")
        if not wanted or LEVELS.get(row["sweep"]) != row["level"]:
            continue
        key = tuple(row[name] for name in KEY)
        asymptotic, factor = (found.get((*key, kind)) for kind in (ASYMPTOTIC, "factor"))
        cells = [
            f"`{row['sweep']}`, {row['level']}",
            row["prediction"],
            row["setting"] or "–",
            number(asymptotic["predicted"]) if asymptotic else "–",
            number(row["predicted"]),
            interval(row),
            interval(factor) if factor else "–",
            verdict(row, asymptotic),
        ]
        yield f"| {' | '.join(cells)} |"


def counts(rows: list[Row]) -> Iterator[str]:
    """The sentence that says how many rows disagree."""
    found = Counter(explained(row, rows) for row in rows if row["verdict"] == "disagrees")
    better = sum(row["verdict"].startswith(BETTER) for row in rows)
    of_questions = [
        row["verdict"] == "disagrees" and explained(row, rows) == "open"
        for row in rows
        if row["sweep"] in QUESTIONS
    ]
    yield (
        f"**{found.total()} of {len(rows)} rows of the table of predictions disagree; "
        f"{found['open']} are open.** Of the others, {found['holds']} are exponents for n, d → ∞ where "
        "the interval holds the exponent predicted at finite size for the same columns, and "
        f"{found['within accuracy']} where that agrees within its stated accuracy alone. Not counted "
        f"as disagreeing are {better} exponents for n, d → ∞ that are refuted, but where the one at "
        f"finite size agrees and is nearer by half at least. {sum(of_questions)} of the open rows are "
        f"among the {len(of_questions)} of sweeps on [open questions](#beyond-the-papers)."
    )


def verdicts(rows: list[Row]) -> Iterator[str]:
    """How many predictions at finite size hold, by what is predicted and of which boundary."""
    heads = ("predicted at finite size", "rows", "the interval holds it", "within accuracy alone")
    yield f"| {' | '.join(heads)} | disagree | inconclusive |"
    yield "|---|---|---|---|---|---|"
    counts = Counter(
        (QUANTITIES[row["quantity"]].format(row["definition"] or "break or trend"), outcome(row))
        for row in rows
        if row["quantity"] in QUANTITIES
    )
    for kind in dict.fromkeys(kind for kind, _ in counts):
        of = [counts[kind, word] for word in OUTCOMES]
        yield f"| {kind} | {sum(of)} | {' | '.join(str(count or '') for count in of)} |"
    of = [sum(n for (_, word), n in counts.items() if word == one) for one in OUTCOMES]
    yield f"| all | {sum(of)} | {' | '.join(map(str, of))} |"


def disagreements(rows: list[Row]) -> Iterator[str]:
    """How many rows of each sweep disagree, and which of them the prediction at finite size explains."""
    yield "| sweep | rows | disagree | predicted at finite size: in the interval | within accuracy | open |"
    yield "|---|---|---|---|---|---|"
    every, total = Counter(row["sweep"] for row in rows), Counter[str]()
    for sweep, count in every.items():
        found = Counter(
            explained(row, rows)
            for row in rows
            if row["sweep"] == sweep and row["verdict"] == "disagrees"
        )
        total += found
        if found:
            yield f"| `{sweep}` | {count} | {found.total()} | {by_cause(found)} |"
    yield f"| all | {len(rows)} | {total.total()} | {by_cause(total)} |"


def by_cause(found: Counter[str]) -> str:
    """Cells of the table of disagreements."""
    return " | ".join(str(found[word] or "") for word in ("holds", "within accuracy", "open"))


def open_rows(rows: list[Row]) -> Iterator[str]:
    """Every row that disagrees and that nothing explains; those of `PUBLISHED` have a table."""
    yield "| sweep | prediction | quantity | level, boundary | at | predicted | measured | |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        if (
            row["verdict"] != "disagrees"
            or row["sweep"] in PUBLISHED
            or explained(row, rows) != "open"
        ):
            continue
        boundary = ", ".join(filter(None, (row["level"], row["definition"])))
        cells = (f"`{row['sweep']}`", row["prediction"], row["quantity"], boundary, row["setting"])
        cells += (number(row["predicted"]), interval(row), row["reason"])
        yield f"| {' | '.join(cells)} |"


def published(rows: list[Row]) -> Iterator[str]:
    """Exponents of d in ‖μ‖ on the maps of the authors' script, by the level at which they are cut."""
    yield "| error level | boundary | v₀ = ½, p = 0.1 | v₀ = ½, p = 0 | v₀ = 1, p = 0.1 | v₀ = 1, p = 0 |"
    yield "|---|---|---|---|---|---|"
    of = {(r["sweep"], r["setting"], r["level"], r["definition"]): interval(r) for r in rows}
    settings = ("p_flip = 0.1", "p_flip = 0")
    for definition in ("mean", "median"):
        for level in MAP_LEVELS:
            cells = [of[sweep, at, level, definition] for sweep in PUBLISHED for at in settings]
            yield f"| {level} | {definition} | {' | '.join(cells)} |"


def heat_map(rows: list[Row]) -> Iterator[str]:
    """Exponents and positions of the heat map of the theory's model."""
    yield "| error level | boundary | p | predicted exponent | measured | factor in ‖μ‖ |"
    yield "|---|---|---|---|---|---|"
    of = {
        (r["setting"], r["definition"], r["level"], r["quantity"]): r
        for r in rows
        if r["sweep"] == "kou-heat-map"
    }
    for at in ("p_flip = 0", "p_flip = 0.1"):
        for definition in ("mean", "median"):
            for level in MAP_LEVELS:
                finite, factor = (of[at, definition, level, kind] for kind in (FINITE, "factor"))
                cells = [level, definition, at.removeprefix("p_flip = ")]
                cells += [number(finite["predicted"]), interval(finite), interval(factor)]
                yield f"| {' | '.join(cells)} |"


def flips(rows: list[Row]) -> Iterator[str]:
    """Measured over predicted ‖μ‖ where labels are flipped, of the mean error and of the median."""
    yield "| sweep | p | error 0.2, mean | median | error 0.3, mean | median |"
    yield "|---|---|---|---|---|---|"
    of = {
        (r["sweep"], r["setting"], r["level"], r["definition"]): interval(r)
        for r in rows
        if r["quantity"] == "factor"
    }
    for sweep, at in dict.fromkeys(key[:2] for key in of if key[0].startswith("flips-")):
        cells = [
            of.get((sweep, at, level, definition), "")
            for level in ("0.2", "0.3")
            for definition in ("mean", "median")
        ]
        yield f"| `{sweep}` | {at.removeprefix('p_flip = ')} | {' | '.join(cells)} |"


def factors(rows: list[Row]) -> Iterator[str]:
    """Of each sweep, how far positions and exponents of mean boundaries are from their prediction."""
    heads = ("sweep, error level", "curves", "factor", "intervals that hold 1")
    heads += ("measured less predicted exponent", "intervals that hold it")
    yield f"| {' | '.join(heads)} |"
    yield "|---|---|---|---|---|---|"
    known = [r for r in rows if r["definition"] == "mean" and r["measured"]]
    for sweep, level in dict.fromkeys((r["sweep"], r["level"]) for r in known):
        own = [r for r in known if (r["sweep"], r["level"]) == (sweep, level)]
        positions = [r for r in own if r["quantity"] == "factor" and outcome(r) in OUTCOMES[:3]]
        exponents = [r for r in own if r["quantity"] == FINITE and outcome(r) in OUTCOMES[:3]]
        if not positions:
            continue
        apart = [float(r["measured"]) - float(r["predicted"]) for r in exponents]
        cells = [f"`{sweep}`, {level}", str(len(positions))]
        cells += [span([float(r["measured"]) for r in positions]), held(positions)]
        cells += [span(apart), held(exponents)]
        yield f"| {' | '.join(cells)} |"


def questions(rows: list[Row]) -> Iterator[str]:
    """Open questions of the papers, contradictions first: what was predicted, and what came out."""
    heads = ("question", "sweep", "at", "prediction", "asymptotic exponent", "at finite size")
    yield f"| {' | '.join((*heads, 'measured', 'factor', 'verdict'))} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    found = {(*(row[name] for name in KEY), row["quantity"]): row for row in rows}
    keys = [key[:-1] for key, row in found.items() if row["definition"] == "mean"]
    levels = {sweep: {key[2] for key in keys if key[0] == sweep} for sweep in QUESTIONS}
    shown = {(sweep, "0.2" if "0.2" in of else max(of)) for sweep, of in levels.items() if of}
    keys = [key for key in dict.fromkeys(keys) if (key[0], key[2]) in shown]
    lines = []
    for key in keys:
        asymptotic, finite, factor = (
            found.get((*key, kind)) for kind in (ASYMPTOTIC, FINITE, "factor")
        )
        exponent = finite or asymptotic
        judged = {"exponent": exponent, "position": factor}
        words = {name: outcome(row) for name, row in judged.items() if row}
        cells = [QUESTIONS[key[0]], f"`{key[0]}`", key[4] or "–", key[1]]
        cells += [number(row["predicted"]) if row else "–" for row in (asymptotic, finite)]
        cells += [interval(row) if row else "–" for row in (exponent, factor)]
        text = "; ".join(f"{name} {VERDICTS[word]}" for name, word in words.items())
        lines.append((min(map(ANSWERS.index, words.values())), f"| {' | '.join([*cells, text])} |"))
    yield from (line for _, line in sorted(lines, key=lambda line: line[0]))


TABLES: dict[str, Callable[[list[Row]], Iterator[str]]] = {
    "counts": counts,
    "verdicts": verdicts,
    "finite-size": finite_size,
    "disagreements": disagreements,
    "open": open_rows,
    "published": published,
    "heat-map": heat_map,
    "flips": flips,
    "factors": factors,
    "questions": questions,
}
"""The tables, by their marks `<!-- NAME -->` and `<!-- end of NAME -->`."""
MARKED = re.compile(r"<!-- (?P<name>[\w-]+) -->\n.*?<!-- end of (?P=name) -->", re.DOTALL)


def with_tables(text: str, rows: list[Row]) -> str:
    """A page with each table between its marks written anew.

    Args:
        text: the page.
        rows: the table of predictions.
    Raises:
        KeyError: a mark names no table.
    """

    def write(found: re.Match[str]) -> str:
        name = found["name"]
        return "\n".join((f"<!-- {name} -->", *TABLES[name](rows), f"<!-- end of {name} -->"))

    return MARKED.sub(write, text)


def main() -> None:
    """Replace each table between its marks."""
    rows = predictions()
    for page in PAGES:
        page.write_text(with_tables(page.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    main()
