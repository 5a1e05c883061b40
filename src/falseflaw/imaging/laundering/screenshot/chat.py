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
_BUYER, _SELLER = True, False
_BEFORE = (
    (_BUYER, "Hi, I have a question about my order"),
    (_SELLER, "Hello! Sure, how can I help?"),
    (_BUYER, "It arrived this morning."),
    (_BUYER, "The parcel itself looked fine"),
    (_SELLER, "Could you tell me the order number please?"),
    (_BUYER, "It's 40-11873"),
    (_SELLER, "Thanks, one moment, I'm looking it up"),
    (_SELLER, "Is there something wrong with it?"),
    (_BUYER, "I only opened it now and I'm a bit disappointed to be honest"),
    (_SELLER, "Oh no, what happened?"),
    (_BUYER, "There is a mark on it that wasn't in the listing"),
    (_SELLER, "We ship everything checked, so that surprises me"),
    (_BUYER, "I wanted to give it away as a present on Saturday"),
    (_BUYER, "That's how it came out of the box. I haven't used or washed it."),
    (_SELLER, "Okay. Do you have a picture of it?"),
    (_BUYER, "Yes wait"),
)
_CAPTIONS = (
    "this is how it arrived", "here", "see the spot", "took it just now", "front side", "like this",
    "look", "from today", "you can see it quite well here",
)  # fmt: skip
_AFTER = (
    (_BUYER, "I'd like my money back"),
    (_BUYER, "What do we do now?"),
    (_BUYER, "hope this helps"),
    (_BUYER, "?"),
    (_SELLER, "Thank you, I'll pass it on to my colleague."),
    (_SELLER, "Oh, I'm sorry about that!"),
    (_SELLER, "Can you send one from closer up?"),
    (_SELLER, "Was the packaging damaged too?"),
)
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
    owner = bool(rng.random() < 0.5)  # of the phone: the buyer, who sent the photo, or the seller
    said = [line for line in _BEFORE[:-2] if rng.random() < 0.7] + list(_BEFORE[-2:])
    lines: list[tuple[bool, str, bool]] = [(*line, False) for line in said]
    lines.append((_BUYER, _pick(rng, _CAPTIONS), True))
    lines += [(*_AFTER[int(rng.integers(len(_AFTER)))], False) for _ in range(int(rng.integers(3)))]
    messages: list[dict[str, Any]] = []
    for buyer, text, photo in lines:
        minute += int(rng.integers(3))
        messages.append({"own": buyer is owner, "text": text, "photo": photo, "time": _clock(minute)})
    contacts = [
        person | {"text": _pick(rng, _LAST), "time": _clock(minute - 37 * index) if index < 5 else "Sunday"}
        for index, person in enumerate(people)
    ]
    contacts[0]["text"] = messages[-1]["text"]
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
