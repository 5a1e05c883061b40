"""One visitor's photos: looked at, written into a folder of their own, gone when the visitor is."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from falseflaw.evidence.catalog import Catalog
from falseflaw.evidence.look import Examiner, Look
from falseflaw.imaging import codec
from falseflaw.runtime.predictor import Predictor

_KEPT = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Seen:
    """A photo that was looked at.

    Attributes:
        name: Of the file, as the visitor's machine calls it.
        look: Evidence and pictures.
        folder: With the files for the visitor.
    """

    name: str
    look: Look
    folder: Path

    @property
    def overlay(self) -> Path:
        """The picture for the chat."""
        return self.folder / "overlay.jpg"

    def reports(self, texts: Catalog) -> tuple[Path, Path]:
        """Writes the reports in a language and returns where: HTML and JSON."""
        stem = _KEPT.sub("_", self.name).strip("._")[:60] or "photo"
        html, document = self.folder / f"{stem}.{texts.language}.html", self.folder / f"{stem}.json"
        codec.write_atomic(html, self.look.html(texts, self.name).encode())
        codec.write_atomic(document, self.look.evidence.to_json().encode())
        return html, document


@dataclass
class Session:
    """One visitor.

    Attributes:
        folder: Of this visitor alone.
        seen: Photos in the order in which they came.
        messages: Of the chat, as the page shows them.
        waiting: Files and question of messages that were not answered yet.
    """

    folder: Path
    seen: list[Seen] = field(default_factory=list)
    messages: list[dict[str, object]] = field(default_factory=list)
    waiting: list[tuple[list[str], str]] = field(default_factory=list)

    def end(self) -> None:
        """Removes all files of the visitor."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.seen.clear()
        self.messages.clear()
        self.waiting.clear()


class Desk:
    """Looks at photos with one bundle, for all visitors.

    Attributes:
        root: Folder in which every visitor gets one.
    """

    def __init__(self, predictor: Predictor, examiner: Examiner, root: Path, most: int = 20) -> None:
        """Begins without visitors.

        Args:
            predictor: Of the bundle.
            examiner: Of the same bundle.
            root: Temporary folder; whoever made it removes it.
            most: Visitors at a time; of more the first ones are ended.
        """
        self.root = root
        self._predictor, self._examiner = predictor, examiner
        self._most = most
        self._sessions: dict[str, Session] = {}

    def session(self, key: str) -> Session:
        """Returns a visitor's session, a new one for a new key."""
        if key not in self._sessions:
            while len(self._sessions) >= self._most:
                self.end(next(iter(self._sessions)))
            self._sessions[key] = Session(Path(tempfile.mkdtemp(prefix="visitor-", dir=self.root)))
        return self._sessions[key]

    def end(self, key: str) -> None:
        """Ends a visitor's session, if there is one."""
        if (session := self._sessions.pop(key, None)) is not None:
            session.end()

    def look(self, session: Session, name: str, data: bytes) -> Seen:
        """Looks at a photo.

        Args:
            session: Of the visitor.
            name: Of the file, of any characters.
            data: The file.

        Raises:
            UnreadableImageError: It cannot be decoded.
            InvalidDataError: The network fails on it.
        """
        image = codec.decode(data, name)
        prediction = self._predictor.predict(image)
        tiles = self._predictor.tiling(*image.shape[:2]).count
        look = self._examiner.look(data, image, prediction, tiles)
        folder = session.folder / f"{len(session.seen) + 1:03d}-{look.evidence.photo.sha256[:12]}"
        seen = Seen(name, look, folder)
        codec.write_atomic(seen.overlay, look.overlay)
        session.seen.append(seen)
        return seen
