"""Pictures of forecasts and backtests: the numbers that are drawn, that they reach the ink, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from svgs import HOSTILE

from timeglass import DataError, InputError, OptionError, ShapeError
from timeglass.show.fan import draw_fan, fan_picture
from timeglass.show.figure import figure_in, power_of, shrunk, spread
from timeglass.show.given import Labels
from timeglass.show.outlook import OutlookPicture, draw_outlook, draw_outlooks, outlook_picture, outlooks_picture
from timeglass.show.outlook_lines import outlook_lines
from timeglass.show.time_axis import TimeAxis, time_axis

MONTHS = np.datetime64("1949-01", "M") + np.arange(60)
VALUES = 100 + np.arange(60.0)
LABELS = Labels("Passengers", "thousands", "Month")


def outlook(horizon: int = 6, labels: Labels = LABELS, scale: float = 1.0) -> OutlookPicture:
    point = scale * (160 + np.arange(float(horizon)))
    return outlook_picture(
        (MONTHS, scale * VALUES), (MONTHS[-1] + 1 + np.arange(horizon), point),
        bands={80: (point - scale * 5, point + scale * 5), 95: (point - scale * 9, point + scale * 9)},
        baselines={"naive": np.full(horizon, scale * 159.0)}, actual=point[: horizon // 2] + scale, labels=labels,
    )  # fmt: skip


def words_of(svg: Path) -> list[str]:
    root = Xml.fromstring(svg.read_text(encoding="utf-8"))
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


def drawn_at(figure, colour: str, place: int = 0) -> tuple[list[float], list[float]]:
    """The points of a line of this colour in a part of the figure."""
    line = next(line for line in figure.axes[place].lines if line.get_color() == colour and len(line.get_xdata()) > 1)
    return list(line.get_xdata()), list(line.get_ydata())


# ---- history and forecast


@pytest.mark.parametrize(
    ("season", "horizon", "rows", "drawn"),
    [(1, 6, None, 30), (1, 10, None, 40), (10, 6, None, 50), (12, 6, None, 60), (12, 6, 7, 7), (1, 6, 99, 60)],
)
def test_so_much_of_the_history_is_drawn(season, horizon, rows, drawn):
    ahead = MONTHS[-1] + 1 + np.arange(horizon), np.ones(horizon)
    picture = outlook_picture((MONTHS, VALUES), ahead, season=season, rows=rows)
    assert (len(picture.at), picture.earlier) == (drawn, 60 - drawn)
    np.testing.assert_array_equal(picture.history, VALUES[-drawn:])
    np.testing.assert_array_equal(picture.at, MONTHS[-drawn:])


def test_the_widest_band_comes_first_and_the_numbers_are_as_given():
    picture = outlook()
    assert [(band.level, band.low[0], band.high[-1]) for band in picture.bands] == [(95, 151, 174), (80, 155, 170)]
    assert (picture.actual.tolist(), picture.baselines["naive"].tolist()) == ([161, 162, 163], [159] * 6)
    assert picture.title == "Passengers: the last 30 of 60 rows, and a forecast of 6 rows"


def test_history_forecast_and_baseline_reach_the_ink(tmp_path):
    figure = draw_outlook(outlook(), [tmp_path / "a.svg", tmp_path / "a.png"])
    days = (MONTHS[-30:].astype("datetime64[D]") - np.datetime64("1970-01-01")).astype(float).tolist()
    assert drawn_at(figure, "#1f2328") == (days, VALUES[-30:].tolist())
    assert drawn_at(figure, "#1d5fa8")[1] == [160, 161, 162, 163, 164, 165]
    assert drawn_at(figure, "#b85a00")[1] == [159] * 6
    areas = [path.vertices for area in figure.axes[0].collections for path in area.get_paths()]
    assert [(area[:, 1].min(), area[:, 1].max()) for area in areas] == [(151, 174), (155, 170)]
    said = {"Passengers (thousands)", "Month", "naive", "forecast", "history", "what came", "95 % interval"}
    assert said <= set(words_of(tmp_path / "a.svg"))
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    paths = [tmp_path / f"{name}.{ending}" for name in "ab" for ending in ("svg", "png")]
    draw_outlook(outlook(), paths[:2])
    draw_outlook(outlook(), paths[2:])
    contents = [path.read_bytes() for path in paths]
    assert contents[:2] == contents[2:]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)


def test_names_are_shown_as_they_stand_or_cut(tmp_path):
    names = [*HOSTILE, "$a_b^c$ \\frac{", "_under"]
    point = np.array([160.0, 161.0])
    picture = replace(outlook(2), baselines={name: point + n for n, name in enumerate(names)})
    draw_outlook(replace(picture, labels=Labels("$x_1$", "</script>", "_a^b")), [tmp_path / "a.svg"])
    words = words_of(tmp_path / "a.svg")
    assert {"$x_1$ (</script>)", "_a^b", "_under", "$a_b^c$ \\frac{", "a\\u202eb\\u2028c\\x00d…"} <= set(words)
    assert not [name for name in names if name.isprintable() and not any(word[:6] == name[:6] for word in words)]
    assert max(map(len, words)) < 90
    assert all(word.isprintable() for word in words)


def test_no_word_leaves_the_picture():
    figure = draw_outlook(outlook(labels=Labels("x" * 500, "長い" * 300, "y" * 500)))
    box = figure.bbox.padded(2)
    for text in [figure.axes[0].title, figure.axes[0].xaxis.label, figure.axes[0].yaxis.label, *figure.axes[0].texts]:
        extent = text.get_window_extent()
        assert box.x0 <= extent.x0 <= extent.x1 <= box.x1, text
        assert box.y0 <= extent.y0 <= extent.y1 <= box.y1, text


@pytest.mark.parametrize(
    ("scale", "axis"),
    [
        (1e303, "Passengers (10³⁰³ thousands)"),
        (1e-312, "Passengers (10⁻³¹² thousands)"),
        (0.0, "Passengers (thousands)"),
    ],
)
def test_numbers_of_any_size_are_drawn_in_units_that_can_be_read(scale, axis):
    figure = draw_outlook(outlook(scale=scale))
    assert figure.axes[0].get_ylabel() == axis
    np.testing.assert_allclose(drawn_at(figure, "#1d5fa8")[1], 160 + np.arange(6.0) if scale else 0, rtol=1e-9)


def test_one_row_of_history_and_one_row_ahead_are_seen():
    one = outlook_picture((np.array([7]), [5.0]), (np.array([8]), [6.0]), bands={80: ([4.0], [8.0])})
    axes = draw_outlook(one).axes[0]
    assert all(line.get_marker() == "." for line in axes.lines[:2])
    (segment,) = axes.collections[0].get_segments()
    assert segment.tolist() == [[8, 4], [8, 8]]
    assert one.title == "Series: history, and a forecast of 1 row"


BAD = [
    ("forecast begins at 1949-09, expected after", {"forecast": (MONTHS[8:9], [1.0])}, InputError),
    ("give both datetime64, or both numbers", {"forecast": (np.arange(99, 101), [1.0, 2.0])}, InputError),
    ("history: value 2 is nan", {"history": (MONTHS[:2], [1.0, np.nan])}, DataError),
    (r"expected 2 dates \(2,\), got \(3,\)", {"history": (MONTHS[:3], [1.0, 2.0])}, ShapeError),
    ("1949-01 stands after 1949-02: sort by date", {"history": (MONTHS[1::-1], [1.0, 2.0])}, DataError),
    ("date 2 is missing", {"history": (np.array(["1949-01", "NaT"], "M8[M]"), [1.0, 2.0])}, DataError),
    ("expected datetime64 or whole numbers, got float64", {"history": ([0.5], [1.0])}, InputError),
    ("1.7e.308 is too large to be drawn", {"history": (MONTHS[:1], [1.7e308])}, DataError),
    ("expected one series", {"history": (MONTHS[:0], [])}, ShapeError),
    ("band 80, low: expected the shape", {"bands": {80: ([1.0], [2.0])}}, ShapeError),
    ("low 3 is above high 2", {"bands": {80: ([3.0, 1.0], [2.0, 2.0])}}, DataError),
    ("percent between 0 and 100, such as 90, got 100", {"bands": {100: ([1.0, 1.0], [2.0, 2.0])}}, OptionError),
    ("baseline naive: expected the shape", {"baselines": {"naive": [1.0]}}, ShapeError),
    ("at most the forecast's 2 values, got 3", {"actual": [1.0, 2.0, 3.0]}, ShapeError),
    ("season: expected a whole number", {"season": 0}, OptionError),
    ("rows: expected a whole number", {"rows": -1}, OptionError),
]


@pytest.mark.parametrize(("words", "change", "kind"), BAD, ids=[words for words, *_ in BAD])
def test_what_cannot_be_drawn_is_refused(words, change, kind):
    history, forecast = (MONTHS[:9], VALUES[:9]), (MONTHS[-2:], [1.0, 2.0])
    given_ = {"history": history, "forecast": forecast} | change
    with pytest.raises(kind, match=words):
        outlook_picture(given_.pop("history"), given_.pop("forecast"), **given_)


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.svg.txt"])
def test_files_of_other_kinds_are_refused(tmp_path, name):
    with pytest.raises(OptionError, match=r"expected a name that ends in \.pdf, \.png, \.svg"):
        figure_in(lambda figure: None, [tmp_path / name], size=(1, 1))
    assert not list(tmp_path.iterdir())


# ---- many series


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (2, (1, 2)), (5, (2, 3)), (7, (3, 3)), (12, (3, 3))])
def test_the_grid_has_room_for_nine(count, shape):
    grid = outlooks_picture([outlook()] * count)
    assert ((grid.rows, grid.columns), len(grid.panels)) == (shape, min(count, 9))
    assert grid.title.startswith("9 of 12 series" if count == 12 else f"{count} series")


def test_panels_of_a_grid_have_their_own_series(tmp_path):
    other = outlook(labels=Labels("_other"), scale=1e9)
    figure = draw_outlooks(outlooks_picture([outlook(), other, outlook(3)], total=8), [tmp_path / "a.svg"])
    assert drawn_at(figure, "#1d5fa8", 1)[1] == pytest.approx(list(range(160, 166)))
    assert [axes.get_visible() for axes in figure.axes] == [True, True, True, False]
    words = words_of(tmp_path / "a.svg")
    assert {"_other (10⁹)", "Passengers (thousands)", "80 % interval", "what came", " naive"} <= set(words)
    assert "3 of 8 series, each with a forecast of up to 6 rows" in words
    with pytest.raises(InputError, match="at least one series"):
        outlooks_picture([])


# ---- the terminal


def test_the_terminal_shows_history_forecast_and_what_came():
    lines = outlook_lines(outlook(), width=70)
    assert lines[:2] == [
        "Line history, × forecast, around it 95 % interval, o came",
        "From 1951-07, forecast 1954-01 to 1954-06",
    ]
    assert "\n".join(lines[2:]).count("o") - "\n".join(lines[2:3] + lines[-2:]).count("o") == 3
    assert "×" in "\n".join(lines[2:])
    assert "1952-02" in lines[-1]
    assert max(map(len, lines)) <= 70
    assert "\x1b" not in "\n".join(lines)


@pytest.mark.parametrize("name", ["長い名前" * 40, "l" * 500, "a\x1b[31m\u202e"])
@pytest.mark.parametrize("horizon", [1, 6])
def test_terminal_lines_are_clean_and_no_wider_than_asked_for(name, horizon):
    lines = outlook_lines(outlook(horizon, Labels(name, name, name)), width=60)
    assert max(sum(1 + ("\u3000" <= letter <= "\u9fff") for letter in line) for line in lines) <= 60
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)


@pytest.mark.parametrize("scale", [0.0, 1e304, 1e-312])
def test_the_terminal_knows_constant_and_huge_numbers(scale):
    assert "×" in "\n".join(outlook_lines(outlook(scale=scale)))


def test_colours_of_the_terminal_are_asked_for(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in "\n".join(outlook_lines(outlook(), color=True))


@pytest.mark.parametrize(
    ("first", "step", "shared"),
    [
        ("2013-06-20", "D", "2013-Jun to 2013-Jul"),  # days of June are none of July
        ("2013-07-02", "D", "2013-Jul"),
        ("2013-06-29T12", "h", "2013-Jun-29 to 2013-Jul-01"),
        ("2013-03", "M", ""),
    ],
)
def test_what_marks_of_dates_share_is_said_from_the_first_to_the_last(first, step, shared):
    at = np.datetime64(first, step) + np.arange({"D": 14, "h": 38, "M": 60}[step])
    figure = draw_outlook(outlook_picture((at[:-2], np.arange(len(at) - 2.0)), (at[-2:], [1.0, 2.0])))
    figure.canvas.draw()
    assert figure.axes[0].xaxis.get_offset_text().get_text() == shared


# ---- the fan of a backtest


def test_paths_of_a_fan_start_at_the_last_known_value_and_end_with_the_dates():
    forecasts = np.arange(12.0).reshape(3, 4)
    band = {90: (forecasts - 1, forecasts + 2)}
    picture = fan_picture((MONTHS, VALUES), ([58, 40, 60], forecasts), band=band, labels=LABELS)
    assert [path.origin_value for path in picture.paths] == [139, 157]  # nothing came after row 60
    assert [path.point.tolist() for path in picture.paths] == [[4, 5, 6, 7], [0, 1]]
    assert [(path.low[0], path.high[-1], len(path.at)) for path in picture.paths] == [(3, 9, 4), (-1, 3, 2)]
    assert str(picture.paths[1].at[-1]) == "1953-12"
    assert (len(picture.at), picture.level) == (60 - 40 + 2 * 4, 90)
    assert picture.title == "Passengers: 2 forecasts of 4 rows, each made from what was known then"
    longer = fan_picture((np.arange(64), VALUES), ([58, 40, 60], forecasts))
    assert [len(path.at) for path in longer.paths] == [4, 4, 4]  # the dates go further than the values


def test_a_fan_says_of_how_many_series_it_is_one_and_that_its_band_goes_on():
    point = np.full((1, 3), 150.0)
    picture = fan_picture((np.arange(60), VALUES), ([50], point), band={80: (point, point * 1e6)}, total=20)
    assert picture.title.startswith("Series, one of 20 series: 1 forecast of 3 rows, ")
    words = [text.get_text() for text in draw_fan(picture).axes[0].get_legend().get_texts()]
    assert words[-1] == "80 % interval, which goes on beyond"
    calm = fan_picture((np.arange(60), VALUES), ([50], point), band={80: (point - 1, point + 1)})
    assert (calm.band_words, calm.title[:19]) == ("80 % interval", "Series: 1 forecast ")


def test_a_fan_reaches_the_ink():
    figure = draw_fan(fan_picture((np.arange(60), VALUES), ([50, 55], [[1.0, 2, 3], [4, 5, 6]])))
    blue = [line for line in figure.axes[0].lines if line.get_color() == "#1d5fa8" and len(line.get_xdata()) > 1]
    assert [line.get_ydata().tolist() for line in blue] == [[149, 1, 2, 3], [154, 4, 5, 6]]
    assert [line.get_xdata().tolist() for line in blue] == [[49, 50, 51, 52], [54, 55, 56, 57]]


def test_forecasts_of_one_step_are_joined():
    point = np.array([[5.0], [6.0], [7.0]])
    figure = draw_fan(fan_picture((np.arange(9), VALUES[:9]), ([8, 6, 7], point), band={80: (point - 1, point + 1)}))
    assert drawn_at(figure, "#1d5fa8") == ([6, 7, 8], [6, 7, 5])
    assert figure.axes[0].collections[0].get_paths()[0].vertices[:, 1].max() == 8


@pytest.mark.parametrize(
    ("origins", "forecasts", "options", "words"),
    [
        ([0], [[1.0]], {}, "origins: expected 1 to 60, the series' rows, got 0 to 0"),
        ([61], [[1.0]], {}, "got 61 to 61"),
        ([5, 6], [[1.0]], {}, r"one for each of 1 forecasts \(1,\), got \(2,\)"),
        ([5.0], [[1.0]], {}, "whole numbers of known rows, got float64"),
        ([5], [1.0], {}, r"forecasts: expected \(origins, steps\)"),
        ([60], [[1.0]], {}, "none lies in the last"),
        ([5], [[1.0]], {"rows": 9}, "none lies in the last 9 rows"),
        ([5], [[1.0]], {"band": {80: ([[0.0]], [[1.0]]), 90: ([[0.0]], [[1.0]])}}, "the interval of one level, got 2"),
    ],
)
def test_backtests_that_cannot_be_drawn_are_refused(origins, forecasts, options, words):
    with pytest.raises(InputError, match=words):
        fan_picture((MONTHS, VALUES), (origins, forecasts), **options)


# ---- axes and labels


@given(st.lists(st.floats(-0.5, 1.5), max_size=12), st.floats(0.0, 0.3))
def test_labels_are_spread_in_order_and_no_further_than_they_must(wanted, gap):
    wanted = np.array(wanted)
    placed = spread(wanted, gap)
    gap = min(gap, 1 / max(1, len(wanted) - 1))
    in_order = placed[np.argsort(wanted, kind="stable")]
    assert (np.diff(in_order) >= gap - 1e-9).all()
    assert ((placed >= -1e-9) & (placed <= 1 + 1e-9)).all()
    # The least squares: no other places that are allowed come closer, tried from many sides.
    rng = np.random.default_rng(0)
    low, high = np.sort(wanted).clip(0, 1), in_order
    for share in rng.uniform(0, 1, 20):
        other = high + share * (spread(low, gap) - high)
        assert ((np.sort(wanted) - high) ** 2).sum() <= ((np.sort(wanted) - other) ** 2).sum() + 1e-9


def test_spread_places_by_hand():
    np.testing.assert_allclose(spread(np.array([0.3, 0.32, 0.9]), 0.1), [0.26, 0.36, 0.9])
    np.testing.assert_allclose(spread(np.array([1.0, 1.0, 0.0]), 0.1), [0.9, 1.0, 0.0])
    np.testing.assert_allclose(spread(np.array([0.5] * 3), 0.9), [0.0, 0.5, 1.0])


@given(st.floats(-1e307, 1e307))
def test_values_are_counted_in_a_power_that_leaves_few_digits(value):
    values = np.array([value])
    power = power_of(values)
    small = abs(float(shrunk(values, power)[0]))
    assert value == 0 or 1e-3 * (1 - 1e-9) <= small < 1e6 * (1 + 1e-9)
    assert power % 3 == 0


@pytest.mark.parametrize(
    ("dates", "kind", "last"),
    [
        (np.datetime64("1970-01-01", "D") + np.arange(3), "days", 2),
        (np.datetime64("1970-01-01T00", "h") + np.arange(37), "days", 1.5),
        (np.datetime64("1970-01-01", "ns") + np.arange(3) * np.timedelta64(1, "D"), "days", 2),
        (np.datetime64("1970", "Y") + np.arange(3), "years", 1972),
        (np.datetime64("-6000-01", "M") + np.arange(13), "years", -5999),
        (np.datetime64("2020-01-01", "ns") + np.arange(4) * 250, "since", 750),
        (np.arange(5) + 10**17, "since", 4),
        (np.arange(-5, 5), "rows", 4),
    ],
)
def test_dates_become_places(dates, kind, last):
    axis = time_axis(dates)
    assert (axis.kind, axis.places(dates)[-1]) == (kind, last)
    assert re.fullmatch("T|T .*after .*", axis.words("T"))
    assert isinstance(axis, TimeAxis)
