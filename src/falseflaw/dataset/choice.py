"""Which of many sources are taken, so that the few camera originals among them are not drowned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

_SHARE = 4
_Item = TypeVar("_Item")


def take(drawn: Sequence[_Item], count: int, is_original: Callable[[_Item], bool]) -> list[_Item]:
    """Returns the first of a sequence, in its order, up to a quarter of them camera originals.

    A smaller choice is part of a larger one. There are more originals only where the others run out.

    Args:
        drawn: In random order.
        count: How many to take, at most.
        is_original: Whether one is a camera original.
    """
    if count >= len(drawn):
        return list(drawn)
    originals = [place for place, item in enumerate(drawn) if is_original(item)]
    others = [place for place, item in enumerate(drawn) if not is_original(item)]
    kept = originals[: max(count // _SHARE, count - len(others))]
    chosen = {*kept, *others[: count - len(kept)]}
    return [item for place, item in enumerate(drawn) if place in chosen]
