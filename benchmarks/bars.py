"""Ratios as bars of a picture, on a logarithmic scale that begins at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_LEFT, _WIDTH, _LINE = 236, 380, 22


@dataclass(frozen=True)
class Bar:
    """How many times the time of the first contender another one takes on the case of a label."""

    label: str
    name: str
    colour: str
    ratio: float


def picture(title: str, bars: Sequence[Bar]) -> str:
    """Returns an SVG with the bars below the label that they share."""
    widest = math.log(max([2.0, *(bar.ratio for bar in bars)]))
    lines, top, last = [], 34, ""
    for bar in bars:
        if bar.label != last:
            lines.append(f'<text x="16" y="{top + 16}" font-weight="600">{escape(bar.label)}</text>')
            top, last = top + 24, bar.label
        width = _WIDTH * max(0.0, math.log(bar.ratio)) / widest
        lines.append(f'<text x="16" y="{top + 12}">{escape(bar.name)}</text>')
        lines.append(f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="14" fill="{bar.colour}"/>')
        lines.append(f'<text x="{_LEFT + 8 + width:.1f}" y="{top + 12}">{bar.ratio:.1f}</text>')
        top += _LINE
    heading = (
        f'<text x="16" y="22"><tspan font-size="15" font-weight="600">{escape(title)}</tspan> '
        '<tspan fill="#67635c">logarithmic scale</tspan></text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {top + 16}" font-family="system-ui, sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>{heading}{"".join(lines)}</svg>\n'
    )
