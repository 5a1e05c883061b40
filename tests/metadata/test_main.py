import json
from pathlib import Path

import pytest
from tests.metadata.files import JPEG, png, text_chunk

from falseflaw.metadata.__main__ import main


def test_facts_are_printed_a_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(png(text_chunk("Software", "GIMP 图")))
    assert main([str(photo)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "file": str(photo),
        "code": "editor_trace",
        "source": "png",
        "values": {"field": "Software", "editor": "GIMP", "name": "GIMP 图"},
        "weight": "declares_edit",
    }


def test_a_missing_file_is_one_line_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    assert main([str(tmp_path / "absent.jpg"), str(tmp_path / "photo.jpg")]) == 1
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == len(captured.out.splitlines()) == 1
    assert main([]) == 2
