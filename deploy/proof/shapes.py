"""A panel's answer as HTML and SVG: lines, numbers, bars, tables, heat maps, bands. Simple stand-ins for what Grafana draws."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape

from deploy.proof.asking import Moment
from deploy.proof.queries import Panel
from deploy.proof.server import Series

__all__ = ["draw"]

Named = Sequence[tuple[str, Series]]
_COLOURS = ("#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#5794f2", "#ba43a9", "#b877d9", "#f9d9f9", "#99a")
_NAMES = {"green": "#56a64b", "orange": "#ff9830", "red": "#e02f44", "blue": "#5794f2"}
_HEIGHT, _MOST_ROWS = 100.0, 16


def draw(panel: Panel, series: Named, moment: Moment) -> str:
    """The body of the panel; what runs over time runs over `moment`."""
    shapes: Mapping[str, Callable[[Panel, Named], str]] = {
        "stat": _number,
        "bargauge": _bars,
        "table": _table,
        "heatmap": _heat,
        "state-timeline": _bands,
    }
    shape = shapes.get(panel.kind)
    return shape(panel, series) if shape is not None else _lines(panel, series, moment)


def _last(series: Series) -> float:
    return series.points[-1][1]


def _colour(panel: Panel, value: float) -> str:
    reached = [name for at, name in panel.steps if at is None or value >= at]
    return _NAMES.get(reached[-1] if reached else "blue", "#ccc")


def _number(panel: Panel, series: Named) -> str:
    value = _last(series[0][1])
    return f'<div class="number" style="color:{_colour(panel, value)}">{escape(written(value, panel.unit, panel.decimals))}</div>'


def _bars(panel: Panel, series: Named) -> str:
    most = max((_last(one) for _, one in series), default=0) or 1
    return "".join(
        f'<div class="bar"><span>{escape(name)}</span><i style="width:{60 * _last(one) / most:.1f}%;'
        f'background:{_colour(panel, _last(one))}"></i><b>{written(_last(one), panel.unit, panel.decimals)}</b></div>'
        for name, one in series[:_MOST_ROWS]
    )


def _table(panel: Panel, series: Named) -> str:
    rows = "".join(
        f"<tr><td>{escape(' '.join(one.labels.values()))}</td>"
        f'<td style="color:{_colour(panel, _last(one))}">{written(_last(one), panel.unit)}</td></tr>'
        for _, one in series[:_MOST_ROWS]
    )
    return f"<table>{rows}</table>"


def _lines(panel: Panel, series: Named, moment: Moment) -> str:
    start, length = moment.start, moment.end - moment.start
    most = max((value for _, one in series for _, value in one.points), default=0) or 1
    paths = "".join(
        f'<polyline fill="none" stroke="{_COLOURS[index % len(_COLOURS)]}" vector-effect="non-scaling-stroke" points="'
        + " ".join(
            f"{400 * (at - start) / length:.1f},{_HEIGHT - 95 * max(0, value) / most:.1f}" for at, value in one.points
        )
        + '"/>'
        for index, (_, one) in enumerate(series)
    )
    legend = "".join(
        f'<div><i style="background:{_COLOURS[index % len(_COLOURS)]}"></i>{escape(name)} '
        f"<b>{written(_last(one), panel.unit)}</b></div>"
        for index, (name, one) in enumerate(series[:_MOST_ROWS])
    )
    top = f"<em>{written(most, panel.unit)}</em>"
    picture = f'<svg viewBox="0 0 400 {_HEIGHT:g}" preserveAspectRatio="none">{paths}</svg>'
    return f'<div class="lines">{top}{picture}<div class="legend">{legend}</div></div>'


def _heat(panel: Panel, series: Named) -> str:
    del panel
    ordered = sorted(series, key=lambda pair: float(pair[1].labels["le"].replace("+Inf", "inf")))
    rows, below = [], dict[float, float]()
    for name, one in ordered:
        rows.append((name, {moment: value - below.get(moment, 0.0) for moment, value in one.points}))
        below = dict(one.points)
    moments = sorted({moment for _, row in rows for moment in row})
    most = max((value for _, row in rows for value in row.values()), default=0) or 1
    width, height = 400 / len(moments), _HEIGHT / len(rows)
    cells = "".join(
        f'<rect x="{width * moments.index(moment):.1f}" y="{_HEIGHT - height * (level + 1):.1f}" width="{width + 0.5:.1f}"'
        f' height="{height:.1f}" fill="#ff9830" fill-opacity="{max(0, value) / most:.2f}"/>'
        for level, (_, row) in enumerate(rows)
        for moment, value in row.items()
    )
    names = "".join(f"<div>{escape(name)}</div>" for name, _ in reversed(rows))
    picture = f'<svg viewBox="0 0 400 {_HEIGHT:g}" preserveAspectRatio="none">{cells}</svg>'
    return f'<div class="lines">{picture}<div class="legend tight">{names}</div></div>'


def _bands(panel: Panel, series: Named) -> str:
    rows = []
    for name, one in series:
        parts = "".join(
            f'<i style="flex:1;background:{_NAMES.get(panel.names.get(f"{value:g}", ("", "blue"))[1], "#ccc")}"></i>'
            for _, value in one.points
        )
        state = panel.names.get(f"{_last(one):g}", ("?", ""))[0]
        rows.append(f'<div class="band"><span>{escape(name)}</span><div>{parts}</div><b>{escape(state)}</b></div>')
    return "".join(rows)


def written(value: float, unit: str, decimals: int | None = None) -> str:
    """The value with its unit, short."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if unit == "percentunit":
        return f"{100 * value:.1f} %"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    if unit == "s":
        return _duration(value)
    suffix = {"recps": " rec/s", "ops": " ops/s"}.get(unit, "")
    return re.sub(r"\.0+$", "", f"{value:.2f}") + suffix


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{1000 * seconds:.3g} ms"
