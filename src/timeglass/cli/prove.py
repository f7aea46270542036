"""`timeglass prove`: every forecast of a model on a series, computed again."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from timeglass.cli.reading import reading_options, say, say_reading
from timeglass.cli.series_path import dataset_options, series_path
from timeglass.errors import OptionError
from timeglass.words import printable

if TYPE_CHECKING:
    from timeglass.read.options import ReadOptions

__all__ = ["prove"]

_BAR = "proving: {percentage:3.0f}% |{bar}| {remaining} left"


@click.command(short_help="Compute every forecast of a saved model again, and compare.")
@click.argument("model", metavar="MODEL")
@click.argument("data", metavar="[DATA]", required=False)
@click.option("--by", "ways", metavar="WAYS", help="Some of lanes,numpy,keras,definition. "
              "[default: lanes, definition and, where it is installed, keras]")  # fmt: skip
@click.option("--tolerance", type=float, metavar="SIZE", help="Largest difference that holds. [default: 2e-06]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, nothing else there.")
@click.option("--allow-private-address", is_flag=True, help="Let DATA lead to this machine or a private network.")
@reading_options
def prove(
    model: str,
    data: str | None,
    ways: str | None,
    tolerance: float | None,
    as_json: bool,
    allow_private_address: bool,
    reading: ReadOptions,
) -> None:
    """Compute every forecast of a saved MODEL on the series DATA again, and say whether all agree.

    Each window of the series goes through every network by the compiled kernel, by the NumPy definition, by Keras where
    it is installed, and by Python's own arithmetic, beside which the others stand. DATA is a table with its values in
    the second column, an address, or the name of a series that `timeglass data` lists; without it the sunspots.

    Exit codes: 0 the proof holds; 1 it fails; 2 bad input; 130 stopped.
    """
    from tqdm import tqdm

    from timeglass.explain.proof import TOLERANCE
    from timeglass.explain.series_proof import prove_series  # a slow start
    from timeglass.model.saving import load_model
    from timeglass.read.reading import read_series

    limit = TOLERANCE if tolerance is None else tolerance
    if not 0 <= limit < float("inf"):
        raise OptionError(f"--tolerance {limit:g}: expected a number of at least 0")
    chosen = None if ways is None else [way.strip() for way in ways.split(",")]
    loaded = load_model(model)
    series = read_series(
        series_path(data), dataset_options(data, reading, value=2), private=allow_private_address, tell=say
    )
    if data is not None:
        say_reading(series.origin)
    with tqdm(total=100, unit="%", disable=not sys.stderr.isatty(), leave=False, bar_format=_BAR) as bar:

        def on_progress(share: float) -> None:
            bar.update(100 * share - bar.n)

        table = prove_series(loaded, series, chosen, tolerance=limit, on_progress=on_progress)
    if as_json:
        click.echo(json.dumps(_json(table), allow_nan=False))
    else:
        for line in table.lines():
            click.echo(printable(line))
    if not table.holds:
        raise SystemExit(1)


def _json(table: Any) -> dict[str, Any]:
    """A difference that is not finite is null."""

    def finite(values: dict[str, float]) -> dict[str, float | None]:
        return {name: value if abs(value) < float("inf") else None for name, value in values.items()}

    return {
        "holds": table.holds,
        "tolerance": table.tolerance,
        "forecasts": table.count,
        "differences": finite(table.differences),
        "recorded": finite(table.recorded),
        "left out": table.missing,
    }
