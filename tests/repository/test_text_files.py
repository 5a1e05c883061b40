"""What is written and read as text is UTF-8, whatever the locale says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted(
    path
    for folder in ("src", "scripts", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and (path.suffix == ".py" or path.read_bytes().startswith(b"#!/usr/bin/env python"))
)


def text_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yields the calls that turn text into bytes or back by the locale, unless they name an encoding."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        module = getattr(function.value, "id", "") if isinstance(function, ast.Attribute) else ""
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if "encoding" in given:
            continue
        if name in {"read_text", "write_text"} or "text" in given or "universal_newlines" in given:
            yield call
        elif (
            name in {"open", "fdopen", "NamedTemporaryFile", "TemporaryFile"}
            and module not in {"Pil", "Image", "os"}
            and not name.startswith("_")
        ):
            method = isinstance(function, ast.Attribute) and module not in {"io", "codecs"}
            position = 0 if (method and name == "open") or name.endswith("TemporaryFile") else 1
            modes = [given["mode"]] if "mode" in given else call.args[position : position + 1]
            default = "w+b" if name.endswith("TemporaryFile") else "r"
            mode = modes[0].value if modes and isinstance(modes[0], ast.Constant) else default
            if isinstance(mode, str) and "b" not in mode:
                yield call


def test_every_text_file_names_its_encoding() -> None:
    assert len(PROGRAMS) > 100
    without = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in PROGRAMS
        for call in text_calls(ast.parse(path.read_bytes()))
    ]
    assert not without, "expected encoding= in these calls"


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("path.read_text()", 1),
        ("path.read_text(encoding='utf-8')", 0),
        ("path.open(newline='')", 1),
        ("path.open('rb')", 0),
        ("(folder / name).open('rb')", 0),
        ("open(path, 'w')", 1),
        ("open(path, mode='wb')", 0),
        ("subprocess.run(command, text=True)", 1),
        ("tempfile.NamedTemporaryFile()", 0),
        ("Pil.open(stream)", 0),
    ],
)
def test_calls_that_follow_the_locale_are_found(program: str, found: int) -> None:
    assert len(list(text_calls(ast.parse(program)))) == found
