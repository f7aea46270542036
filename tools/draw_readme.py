"""Draws docs/forecast.png, the README's picture: the sunspots forecast beside one opened cell; and docs/unrolled.svg.

Run from the root of the repository: python tools/draw_readme.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from timeglass.explain.equations import Call, Equation, Product, Sum
from timeglass.show.unrolled_svg import unrolled_svg
from timeglass.trace.unrolled import unrolled
from timeglass.tutorial import JobOptions, JobResult, plan_job, run_job
from timeglass.tutorial.walk import WINDOW, network

DOCS = Path(__file__).parents[1] / "docs"
TARGET = DOCS / "forecast.png"
BLUE, RED = "#1769aa", "#d62728"


def unrolled_network() -> str:
    """The tutorial's network with tanh, over its window, as SVG."""
    return unrolled_svg(unrolled(network("tanh").trace([[[value] for value in WINDOW]])))


def cell_lines(result: JobResult) -> list[str]:
    """The last forecast of one network, step by step, with its numbers."""
    network, _ = result.proved
    model, window = result.plan.model, result.plan.test.windows.x[-1]
    wx, wh, bh, wy, by = (array[network].astype(np.float64) for array in model.get_weights())
    h = np.zeros(3)
    lines = ["h = tanh(x·wx + h·wh + bh), step by step from h0 = (0, 0, 0)", ""]
    for t, x in enumerate(window, 1):
        h = np.tanh(x * wx[0] + h @ wh + bh)
        lines.append(f"x{t:<2} = {x:.4f}   h{t:<2} = ({', '.join(f'{value:+.4f}' for value in h)})")
    z = h @ wy[:, 0] + by[0]
    terms = (*(Product((float(a), float(b))) for a, b in zip(h, wy[:, 0], strict=True)), float(by[0]))
    output = Equation("ŷ", None, 0, Call("tanh", Sum(terms)), float(np.tanh(z))).text(4)
    scaler = result.plan.scaler
    return [
        *lines,
        "",
        output.removeprefix("ŷ[0] ").rpartition(" = ")[0].replace("=", "ŷ =", 1),
        f"  = tanh({z:.4f})",
        f"  = {np.tanh(z):.6f}                  by hand",
        f"    {result.proof.network[network, -1, 0]:.6f}                  from the compiled network",
        f"  = {scaler.inverse_transform(np.tanh(z)):.2f} sunspots",
    ]


def main() -> None:
    """Left the test part, right the cell."""
    result = run_job(plan_job(JobOptions()))
    p = result.picture
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.35, 1])
    test = slice(p.train_windows, None)
    left.fill_between(p.at[test], p.low[test], p.high[test], color=BLUE, alpha=0.25, label="80% of the 16 networks")
    left.plot(p.at[test], p.actual[test], "k.-", linewidth=1, label="Actual")
    left.plot(p.at[test], p.forecast[test], color=BLUE, label="Predictions (mean of 16 networks)")
    one = result.plan.scaler.inverse_transform(result.forecasts[1][result.proved[0], -1])
    left.plot(p.at[-1], one, "o", color=RED, markersize=9, fillstyle="none", label="the forecast opened at right")
    left.set_ylabel(p.value_name)
    left.set_title("The test part of the monthly sunspots")
    left.legend(frameon=False, fontsize=8)
    right.axis("off")
    right.set_title(f"Opened: the forecast of network {result.proved[0]} for {p.at[-1]}", loc="left")
    right.text(0, 0.97, "\n".join(cell_lines(result)), family="monospace", fontsize=9.5, va="top", linespacing=1.35)
    figure.savefig(TARGET, dpi=90)
    (DOCS / "unrolled.svg").write_text(unrolled_network(), encoding="utf-8")
    print(f"{TARGET.name} and unrolled.svg drawn")


if __name__ == "__main__":
    main()
