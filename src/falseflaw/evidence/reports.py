"""Writes a report beside each row of `falseflaw predict`, in the forms that were asked for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from falseflaw.errors import ConfigurationError
from falseflaw.evidence.catalog import catalog
from falseflaw.evidence.look import Examiner
from falseflaw.evidence.page import stamp
from falseflaw.evidence.pdf import print_pdf, require_browser
from falseflaw.imaging import codec
from falseflaw.runtime.results import REPORT_FORMS, Row, report_paths
from falseflaw.types import Image, Prediction

_HEAD = 4096  # bytes of a page in which its stamp stands


class Reports:
    """Writes `reports/<file>.html`, `.json` and `.pdf` below an output folder."""

    def __init__(self, output: Path, examiner: Examiner, forms: Sequence[str], language: str = "en") -> None:
        """Checks what was asked for.

        Args:
            output: Folder of the run.
            examiner: Of the bundle.
            forms: Of `REPORT_FORMS`, in any order.
            language: Of the pages; the JSON has none.

        Raises:
            ConfigurationError: There is no such form or language.
            MissingExtraError: `pdf` is among the forms, and there is no browser to print it.
        """
        if wrong := [form for form in forms if form not in REPORT_FORMS]:
            raise ConfigurationError(
                f"expected report as a list of {', '.join(REPORT_FORMS)}, got {str(wrong[0])!r}"
            )
        self._output, self._examiner = output, examiner
        self._forms = frozenset(forms)
        self._texts = catalog(language)
        self._browser = require_browser() if "pdf" in self._forms else None

    def holds(self, row: Row) -> bool:
        """Tells whether the reports of a judged photo are there and say what they would say now.

        A PDF does not tell of what it was made, and is made again.
        """
        if "pdf" in self._forms:
            return False
        return all(self._is_of(row, form) for form in self._forms)

    def write(self, row: Row, data: bytes, image: Image, prediction: Prediction, tiles: int) -> None:
        """Writes the reports of a photo that was just judged.

        Args:
            row: Of the photo.
            data: The file.
            image: Decoded, uint8 (H, W, 3).
            prediction: What the network says.
            tiles: In how many tiles it was judged.

        Raises:
            OSError: The folder cannot be written.
            MissingExtraError: The browser does not print.
        """
        look = self._examiner.look(data, image, prediction, tiles)
        if "json" in self._forms:
            self._write(row, "json", look.evidence.to_json().encode())
        if self._forms & {"html", "pdf"}:
            html = look.html(self._texts, row.file)
            if "html" in self._forms:
                self._write(row, "html", html.encode())
            if self._browser is not None:
                self._write(row, "pdf", print_pdf(html, self._browser))

    def _is_of(self, row: Row, form: str) -> bool:
        model = self._examiner.model
        data = next(filter(None, map(self._read, report_paths(row.heat_map, form))), b"")
        if form == "html":
            return stamp(row.sha256, model, self._texts.language).encode() in data[:_HEAD]
        try:
            found = json.loads(data)
            made_of = found["photo"]["sha256"], found["model"]["bundle"], *sorted(found["code"].items())
        except (ValueError, KeyError, TypeError, AttributeError):
            return False
        code = ("falseflaw", model.code_version), ("git_revision", model.code_revision)
        return made_of == (row.sha256, model.bundle, *code)

    def _read(self, path: PurePosixPath) -> bytes:
        try:
            return (self._output / path).read_bytes()
        except OSError:
            return b""

    def _write(self, row: Row, form: str, data: bytes) -> None:
        """Writes a report beside the heat map's name, or under a short one where that does not fit."""
        path, short = report_paths(row.heat_map, form)
        try:
            codec.write_atomic(self._output / path, data)
        except OSError:  # the ending may be what makes a name too long
            codec.write_atomic(self._output / short, data)
