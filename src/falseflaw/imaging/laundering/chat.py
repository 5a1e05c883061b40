"""What stands in the chat around the photo: who writes, what about, when, and in which colors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

THEMES = ("plain", "sand", "market", "night", "graphite")
"""Color schemes of `chat.html`: three light ones and two dark ones."""

_PEOPLE = (
    "Marta Lindqvist", "Northside Outfitters", "Jonas", "Café Bellini", "Priya N.", "Oskar & Sons",
    "Lena Hofmann", "Thrift Loft", "Samir", "Returns desk", "Ana Paula", "Green Basket", "Tom (neighbor)",
    "Yuki T.", "Customer care", "Ruth", "Dad", "Book club", "Elif", "Harbor Market",
)  # fmt: skip
_COLORS = ("#c0563f", "#3f7fc0", "#4f9a5b", "#8a63b8", "#c58a2c", "#3c9aa0", "#b0517f", "#6b7280")
_BEFORE = (
    "Hi, I have a question about my order", "Hello! Sure, how can I help?", "It arrived this morning.",
    "The parcel itself looked fine", "Could you tell me the order number please?", "It's 40-11873",
    "Thanks, one moment, I'm looking it up", "Is there something wrong with it?",
    "I only opened it now and I'm a bit disappointed to be honest", "Oh no, what happened?",
    "Okay. Do you have a picture of it?", "Yes wait", "I wanted to give it away as a present on Saturday",
    "We ship everything checked, so that surprises me", "Can you see it in this light?",
    "That's how it came out of the box. I haven't worn or washed it.", "Good evening :)",
)  # fmt: skip
_CAPTIONS = (
    "this is how it arrived", "here", "see the spot", "took it just now", "front side", "like this",
    "look", "from today", "you can see it quite well here",
)  # fmt: skip
_AFTER = (
    "I'd like my money back", "What do we do now?", "Thank you, I'll pass it on to my colleague.",
    "Oh, I'm sorry about that!", "Can you send one from closer up?", "Was the packaging damaged too?",
    "hope this helps", "?",
)  # fmt: skip
_LAST = (
    "See you then!", "Photo", "ok", "Thanks a lot, that helped", "Are you still selling it?", "On my way",
    "Your parcel is on its way", "Missed call", "haha yes", "Could you do 20?", "Sounds good",
)  # fmt: skip
_DAYS = ("Today", "Yesterday", "Monday", "Thursday", "12 March", "3 November")


def draw_chat(rng: np.random.Generator, width: float, height: float, rounded_share: float) -> dict[str, Any]:
    """Draws a conversation for `show()` of `chat.html`, the photo among its last messages.

    Args:
        rng: Where all of it is drawn from.
        width: Of the photo on the page, CSS pixels.
        height: The same downward.
        rounded_share: Probability that the photo's corners are rounded.
    """
    names = [_PEOPLE[index] for index in rng.permutation(len(_PEOPLE))[:10]]
    people = [{"name": name, "color": _pick(rng, _COLORS)} for name in names]
    minute = int(rng.integers(7 * 60, 22 * 60))
    own = bool(rng.random() < 0.5)
    messages: list[dict[str, Any]] = []
    start = int(rng.integers(len(_BEFORE)))
    for index in range(8):
        if index and rng.random() < 0.7:
            own = not own
        messages.append({"own": own, "text": _BEFORE[(start + index) % len(_BEFORE)], "photo": False})
    own = bool(rng.random() < 0.5)
    messages.append({"own": own, "text": _pick(rng, _CAPTIONS), "photo": True})
    for _ in range(int(rng.integers(3))):
        messages.append({"own": bool(rng.random() < 0.5), "text": _pick(rng, _AFTER), "photo": False})
    for message in messages:
        minute += int(rng.integers(3))
        message["time"] = _clock(minute)
    contacts = [
        person | {"text": _pick(rng, _LAST), "time": _clock(minute - 37 * index) if index < 5 else "Sunday"}
        for index, person in enumerate(people)
    ]
    return {
        "theme": _pick(rng, THEMES),
        "with": people[0],
        "seen": _pick(rng, ("online", "last seen today", "usually replies within an hour", "typing…")),
        "clock": _clock(minute + int(rng.integers(2, 30))),
        "charge": int(rng.integers(4, 19)),
        "day": _pick(rng, _DAYS),
        "messages": messages,
        "contacts": contacts,
        "width": width,
        "height": height,
        "frame": int(rng.integers(2, 6)),
        "radius": int(rng.integers(4, 13)) if rng.random() < rounded_share else 0,
    }


def _pick(rng: np.random.Generator, values: Sequence[str]) -> str:
    return values[int(rng.integers(len(values)))]


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24}:{minute % 60:02d}"
