"""What all figures share: colors, canvas, and the picture with the words that belong to it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Distinguishable in order with color vision deficiencies (Okabe and Ito 2008).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d5d5d", "#000000")
DASHES = ("-", "--", "-.", ":")
INK, GRID = "#33373d", "#dfe3e8"
_dpi = ContextVar("dpi", default=160)


@contextmanager
def resolution(dpi: int) -> Iterator[None]:
    """Encodes the figures drawn inside with other than the report's 160 dots an inch."""
    token = _dpi.set(dpi)
    try:
        yield
    finally:
        _dpi.reset(token)


@dataclass(frozen=True)
class Drawn:
    """A figure of the report.

    Attributes:
        png: The picture, encoded.
        title: In a few words.
        caption: What is to be seen, and of what.
        alt: The same for who cannot see it, with its main numbers.
        wide: Whether it needs the width of a desk; on a phone it scrolls.
    """

    png: bytes
    title: str
    caption: str
    alt: str
    wide: bool = False

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """What a notebook shows: the picture, and its words where pictures are not shown."""
        return {"image/png": self.png, "text/plain": f"{self.title}. {self.caption}\n{self.alt}"}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Returns a figure of one plot, in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    """Takes frame and ticks off and lays a grid behind."""
    axes.grid(color=GRID, lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def png(figure: Figure) -> bytes:
    """Encodes a figure; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_dpi.get(), format="png", metadata={"Software": None})
    return buffer.getvalue()
