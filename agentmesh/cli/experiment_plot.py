"""An experiment as a picture: SVG, drawn with nothing but text.

Three panels: what each arm scores, how what it changes got clearer sample by sample, and what
quality costs. Every text comes from the report, so that it is escaped; nothing is fetched.
"""

from collections.abc import Sequence
from html import escape

from agentmesh.mesh.experiment.report import ArmReport, ExperimentReport

_WIDTH, _HEIGHT = 1080, 380
_PANELS = ((20, 300), (350, 390), (770, 290))
"""Where panels begin, and how wide they are."""
_TOP, _BOTTOM = 70, 330
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that people tell apart who see fewer of them (Okabe and Ito)."""
_GREY = "#767676"
_LABEL_MAX = 22
_FONT = "font-family='system-ui, sans-serif' font-size='12'"


def svg(report: ExperimentReport) -> str:
    """Return an experiment as an SVG document.

    Args:
        report: What came of it.
    """
    colours = _colours(report)
    title = escape(f"{report.name or report.of}: {len(report.arms)} arms, {report.samples} samples")
    parts = [
        (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}' "
            f"width='{_WIDTH}' height='{_HEIGHT}' role='img' {_FONT}>"
        ),
        f"<title>{title}</title>",
        f"<desc>{escape(' '.join(report.claims()))}</desc>",
        f"<rect width='{_WIDTH}' height='{_HEIGHT}' fill='white'/>",
        _text(20, 26, report.name or report.of, size=16, weight="bold"),
        _text(20, 45, f"Stopped because {report.stopped}.", colour=_GREY),
        *_scores(report, colours),
        *_differences(report, colours),
        *_prices(report, colours),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _colours(report: ExperimentReport) -> dict[str, str]:
    names = [one.name for one in report.arms if one.name != report.control]
    found = {name: _COLOURS[place % len(_COLOURS)] for place, name in enumerate(names)}
    return {**found, report.control: _GREY}


class _Scale:
    """From values to places."""

    def __init__(self, low: float, high: float, first: float, last: float) -> None:
        self.low, self.high = low, high if high > low else low + 1.0
        self._first, self._last = first, last

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._first + min(max(share, 0.0), 1.0) * (self._last - self._first)

    def ticks(self) -> list[float]:
        """Return the ends and the middle."""
        return [self.low, (self.low + self.high) / 2, self.high]


def _scores(report: ExperimentReport, colours: dict[str, str]) -> list[str]:
    left, width = _PANELS[0]
    scale = _Scale(*report.bounds, left + 120, left + width)
    parts = [_text(left, _TOP - 4, "score, and its interval", weight="bold"), *_below(scale)]
    step = (_BOTTOM - _TOP - 20) / max(len(report.arms), 1)
    for place, one in enumerate(report.arms):
        y = _TOP + 20 + step * (place + 0.5)
        colour = colours[one.name]
        parts += [
            _text(left, y + 4, _short(one.name), colour=colour),
            _line(scale(one.low), y, scale(one.high), y, colour, width=3),
            f"<circle cx='{scale(one.mean):.1f}' cy='{y:.1f}' r='5' fill='{colour}'/>",
        ]
    return parts


def _differences(report: ExperimentReport, colours: dict[str, str]) -> list[str]:
    left, width = _PANELS[1]
    span = report.bounds[1] - report.bounds[0]
    most = max((point["n"] for point in report.series), default=1)
    across = _Scale(0, most, left + 45, left + width)
    up = _Scale(-span, span, _BOTTOM, _TOP + 10)
    heading = f"difference to {_short(report.baseline)}, sample by sample"
    parts = [_text(left, _TOP - 4, heading, weight="bold"), *_below(across, whole=True)]
    parts += [_text(left, up(value) + 4, f"{value:+g}", colour=_GREY) for value in up.ticks()]
    if report.margin is not None:
        top, low = up(report.margin), up(-report.margin)
        parts.append(
            f"<rect x='{left + 45}' y='{top:.1f}' width='{width - 45}' height='{low - top:.1f}' "
            "fill='#eeeeee'/>"
        )
    parts.append(_line(left + 45, up(0), left + width, up(0), _GREY))
    for one in report.arms:
        points = [point for point in report.series if point["arm"] == one.name]
        if points and one.name != report.control:
            parts += _band(points, across, up, colours[one.name])
    return parts


def _band(points: Sequence[dict[str, float]], across: _Scale, up: _Scale, colour: str) -> list[str]:
    highs = [f"{across(p['n']):.1f},{up(p['high']):.1f}" for p in points]
    lows = [f"{across(p['n']):.1f},{up(p['low']):.1f}" for p in reversed(points)]
    middle = " ".join(f"{across(p['n']):.1f},{up(p['difference']):.1f}" for p in points)
    return [
        f"<polygon points='{' '.join(highs + lows)}' fill='{colour}' fill-opacity='0.15'/>",
        f"<polyline points='{middle}' fill='none' stroke='{colour}' stroke-width='2'/>",
    ]


def _prices(report: ExperimentReport, colours: dict[str, str]) -> list[str]:
    left, width = _PANELS[2]
    arms = [one for one in report.arms if one.name != report.control and one.samples]
    in_dollars = any(one.usd for one in arms) and all(one.usd is not None for one in arms)
    values = [_price(one, in_dollars=in_dollars) for one in arms]
    across = _Scale(0, max(values, default=1.0) * 1.1, left + 40, left + width)
    up = _Scale(*report.bounds, _BOTTOM, _TOP + 10)
    unit = "dollars" if in_dollars else "seconds"
    parts = [
        _text(left, _TOP - 4, f"score by {unit} a sample", weight="bold"),
        *_below(across),
        *[_text(left, up(value) + 4, f"{value:g}", colour=_GREY) for value in up.ticks()],
    ]
    for one, value in zip(arms, values, strict=True):
        x, y, colour = across(value), up(one.mean), colours[one.name]
        fill = "white" if one.dominated_by else colour
        named = f"{_short(one.name)}{', dominated' if one.dominated_by else ''}"
        end = "end" if x > left + width * 0.6 else "start"
        aside = -9 if end == "end" else 9
        parts += [
            (
                f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6' fill='{fill}' stroke='{colour}' "
                "stroke-width='2'/>"
            ),
            _text(x + aside, y + 4, named, colour=colour, anchor=end),
        ]
    return parts


def _price(one: ArmReport, *, in_dollars: bool) -> float:
    return (one.usd or 0.0) if in_dollars else one.seconds


def _below(scale: _Scale, *, whole: bool = False) -> list[str]:
    """Return an axis below a panel."""
    first, last = scale(scale.low), scale(scale.high)
    parts = [_line(first, _BOTTOM, last, _BOTTOM, _GREY)]
    for value in scale.ticks():
        shown = f"{value:.0f}" if whole else f"{value:.3g}"
        parts.append(_text(scale(value), _BOTTOM + 18, shown, colour=_GREY, anchor="middle"))
    return parts


def _short(text: str) -> str:
    return text if len(text) <= _LABEL_MAX else f"{text[: _LABEL_MAX - 1]}…"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1) -> str:
    return (
        f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' "
        f"stroke-width='{width}'/>"
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = "#111111",
    size: int = 12,
    weight: str = "normal",
    anchor: str = "start",
) -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' fill='{colour}' font-size='{size}' font-weight='{weight}' "
        f"text-anchor='{anchor}'>{escape(text)}</text>"
    )
