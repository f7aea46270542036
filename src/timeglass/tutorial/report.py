"""The job's plan and result in plain lines, and as one JSON object."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from timeglass.show.table import table_lines
from timeglass.train.engines import engine_words
from timeglass.tutorial.job import JobPlan, JobResult, Scores
from timeglass.words import printable, shown

__all__ = ["plan_lines", "result_json", "result_lines"]

_NAMES = ("median", "best", "worst", "ensemble")
_LABEL = 10  # columns of the label before each entry


def _entry(label: str, text: str, width: int) -> list[str]:
    """A label and its text, the text's further lines set in."""
    filler = textwrap.TextWrapper(
        width, initial_indent=label.ljust(_LABEL), subsequent_indent=" " * _LABEL, break_on_hyphens=False
    )
    return filler.wrap(text)


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def plan_lines(plan: JobPlan, *, width: int = 100) -> list[str]:
    """What the job is about to do."""
    series, options = plan.series, plan.options
    network = " → ".join(f"{type(p.layer).__name__} {p.units} {p.activation}" for p in plan.model.architecture.layers)
    first, last = series.label(0), series.label(len(series) - 1)
    entries = [
        (
            "Data",
            f"{printable(plan.series.source)}, column {shown(series.name)}: {len(series):,} rows, {first} to {last}",
        ),
        *(("", f"note: {note}") for note in series.notes),
        (
            "Split",
            f"{options.split:.0%} to train, the rest to test: {plan.train_rows:,} and {len(plan.test.values):,} rows; "
            f"the test part begins at {series.label(plan.train_rows)}",
        ),
        (
            "Windows",
            f"{options.time_steps} steps and the value after them, not overlapping: "
            f"{len(plan.train.windows.y):,} to train, {len(plan.test.windows.y):,} to test",
        ),
        ("Network", f"{network}, {plan.model.count_params():,} weights"),
        (
            "Training",
            f"{_plural(options.networks, 'network')}, each with its own start and shuffle: "
            f"{_plural(options.epochs, 'epoch')}, "
            f"batch size 1, Adam, mean squared error; seed {options.seed}",
        ),
        ("Engine", engine_words(options.engine)),
    ]
    return [line for label, text in entries for line in _entry(label, text, width)]


def _error_table(result: JobResult) -> list[str]:
    unit = result.plan.scaler.range
    many = len(result.scores[0].networks)
    titles = {
        "median": f"median of {_plural(many, 'network')}",
        "best": f"best of {_plural(many, 'network')}",
        "worst": f"worst of {_plural(many, 'network')}",
        "ensemble": "ensemble (mean of all)",
    }
    name = shown(result.plan.series.name)
    rows = [["RMSE", "train", "test", f"train, {name}", f"test, {name}"]]
    pairs = [(titles[name], tuple(float(getattr(s, name)) for s in result.scores)) for name in _NAMES]
    pairs += [(rival.title, (rival.train_error, rival.test_error)) for rival in result.baselines]
    for title, errors in pairs:
        scaled = [f"{error:.4f}" for error in errors]
        original = [f"{error * unit:.4g}" for error in errors]
        rows.append([title, *(("–" if cell == "nan" else cell) for cell in scaled + original)])
    return table_lines(rows)


def _proof_lines(result: JobResult) -> list[str]:
    network, window = result.proved
    proof, scaler = result.proof, result.plan.scaler
    ours, theirs = float(proof.computation[network, window, 0]), float(proof.network[network, window, 0])
    row = int(result.plan.test.windows.target_rows[-1]) + result.plan.train_rows
    count = proof.network.size
    verdict = "holds" if proof.holds else "FAILS"
    original = float(scaler.inverse_transform(np.array(theirs)))
    value = f"{original:.2f}" if abs(original) < 1e9 else f"{original:.6g}"
    when, unit = result.plan.series.label(row), shown(result.plan.series.name)
    return [
        f"Proof     forecast for {when} by network {network} ({value} {unit})",
        f"          Prediction from network          {theirs:.9f}",
        f"          Prediction from our computation  {ours:.9f}",
        f"          largest difference of all {count:,} forecasts: {proof.max_abs_difference:.1e}; "
        f"tolerance {proof.tolerance:.0e}: the proof {verdict}",
    ]


def _verdict_sentence(result: JobResult) -> str:
    test = result.scores[1]
    error = result.baselines[0].test_error
    lower, many = int((test.networks < error).sum()), len(test.networks)
    sentence = result.verdict.sentence("the ensemble" if many > 1 else "the network", "repeating the last value")
    alone = (
        f" Of the {many} networks taken alone, {lower} {'has' if lower == 1 else 'have'} a lower test RMSE than that."
    )
    return sentence + (alone if many > 1 else "")


def result_lines(result: JobResult, *, width: int = 100) -> Iterator[str]:
    """Time, errors, verdict, proof and findings."""
    networks, epochs = result.plan.options.networks, result.plan.options.epochs
    took = (
        f"{_plural(networks, 'network')} × {_plural(epochs, 'epoch')} in {result.fit_seconds:.4f} s "
        f"(engine {result.plan.model.engine})"
    )
    yield from _entry("Trained", took, width)
    yield ""
    yield from _error_table(result)
    yield ""
    yield from _entry("Verdict", _verdict_sentence(result), width)
    yield ""
    yield from _proof_lines(result)
    yield ""
    noted = [finding for finding in result.findings if finding.found]
    count = f"{len(noted)} of {len(result.findings)} checks of this set-up found something" + ":" * bool(noted)
    yield from _entry("Noted", count, width)
    for number, finding in enumerate(noted, 1):
        yield from _entry(f"{number:>8}.", finding.sentence, width)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _rmse(scores: tuple[Scores, Scores], unit: float) -> dict[str, dict[str, float]]:
    return {
        part: {name: float(getattr(s, name)) * unit for name in _NAMES}
        for part, s in zip(("train", "test"), scores, strict=True)
    }


def result_json(result: JobResult, files: list[Path]) -> dict[str, Any]:
    """Everything as one object of plain values. RMSE is in scaled units, `rmse_original` in the series' own."""
    plan, unit = result.plan, result.plan.scaler.range
    rivals = {}
    for rival in result.baselines:
        train, test = rival.train_error, rival.test_error
        rivals[rival.key] = {
            "title": rival.title, "train": train, "test": test,
            "train_original": train * unit, "test_original": test * unit,
        }  # fmt: skip
    network, window = result.proved
    options = plan.options
    verdict = result.verdict
    return _finite(
        {
            "source": plan.series.source,
            "sha256": plan.series.sha256,
            "column": plan.series.name,
            "rows": len(plan.series),
            "first": plan.series.label(0),
            "last": plan.series.label(len(plan.series) - 1),
            "notes": list(plan.series.notes),
            "split": {"share": options.split, "train": plan.train_rows, "test": len(plan.test.values)},
            "windows": {"train": len(plan.train.windows.y), "test": len(plan.test.windows.y)},
            "time_steps": options.time_steps,
            "hidden_units": options.hidden_units,
            "weights": plan.model.count_params(),
            "networks": options.networks,
            "epochs": options.epochs,
            "seed": options.seed,
            "engine": plan.model.engine,
            "fit_seconds": result.fit_seconds,
            "scale": {"low": plan.scaler.low, "high": plan.scaler.high},
            "final_loss": [float(loss) for loss in result.losses[:, -1]],
            "rmse": _rmse(result.scores, 1.0),
            "rmse_original": _rmse(result.scores, unit),
            "rmse_networks": {
                "train": [float(e) for e in result.scores[0].networks],
                "test": [float(e) for e in result.scores[1].networks],
            },
            "baselines": rivals,
            "verdict": {
                "outcome": verdict.outcome, "change": verdict.change, "low": verdict.low, "high": verdict.high,
                "sentence": _verdict_sentence(result),
            },
            "proof": {
                "network": network, "at": plan.series.label(plan.train_rows + int(plan.test.windows.target_rows[-1])),
                "prediction_from_network": float(result.proof.network[network, window, 0]),
                "prediction_from_computation": float(result.proof.computation[network, window, 0]),
                "forecasts": result.proof.network.size, "max_abs_difference": result.proof.max_abs_difference,
                "tolerance": result.proof.tolerance, "holds": result.proof.holds,
            },
            "findings": [
                {"name": finding.name, "found": finding.found, "sentence": finding.sentence, "numbers": finding.numbers}
                for finding in result.findings
            ],
            "files": [str(path) for path in files],
        }
    )  # fmt: skip
