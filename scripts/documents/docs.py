"""Builds the documentation site from README.md, docs/ and data/README.md; nothing comes from a network.

usage: scripts/run docs            build/docs/index.html; fails on a page or a link that leads nowhere
       scripts/run docs --serve    and shows it at http://127.0.0.1:8000, following changes

mkdocs calls the functions `on_…` of this file, see `hooks` in mkdocs.yml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

from falseflaw.evidence.style import tokens

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {"index.md": Path("README.md"), "data.md": Path("data/README.md")}
"""Pages of the site that lie elsewhere in the repository."""
STYLESHEET = "stylesheets/quiet.css"
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_CHAIN = re.compile(r"```mermaid\n(.*?)```\n", re.DOTALL)
_NODE = re.compile(r"^(\w+)[\s(\[{/]*([^\])}]*)")


def main(*arguments: str) -> int:
    """Builds the site, or serves it; returns the exit code."""
    if arguments not in ((), ("--serve",)):
        print(f"docs: expected nothing or --serve, got {' '.join(arguments)}", file=sys.stderr)
        return 2
    command = ["serve"] if arguments else ["build", "--strict", "--quiet"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # about other programs
    mkdocs = [sys.executable, "-m", "mkdocs", *command]
    code = subprocess.run(mkdocs, cwd=ROOT, env=environment, check=False).returncode
    if code == 0 and not arguments:
        print(ROOT / "build" / "docs" / "index.html")
    return code


def stylesheet() -> str:
    """Returns the site's CSS: the look of all pages of the project, under the theme's names."""
    return tokens() + "\n" + Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def page_text(page: str, text: str) -> str:
    """Returns a page as it stands in the site: links to files of the repository turned to pages.

    Args:
        page: Path in the site, such as `index.md`.
        text: Markdown as it stands in the repository.
    """
    folder = (ROOT / OUTSIDE.get(page, Path("docs", page))).parent
    pages = {(ROOT / path).resolve(): name for name, path in OUTSIDE.items()}

    def turned(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups()
        file = (folder / target).resolve()
        if "://" in target or not file.is_file():
            return match.group()
        if file in pages:
            target = pages[file]
        elif file.is_relative_to(ROOT / "docs"):
            target = file.relative_to(ROOT / "docs").as_posix()
        return f"{before}{target}{anchor or ''}{after}"

    return _CHAIN.sub(lambda match: chain(match.group(1)), _LINK.sub(turned, text))


def chain(diagram: str) -> str:
    """Returns a flow chart as a list of its arrows: what draws Mermaid would come from a network.

    Args:
        diagram: Mermaid, a line each `from -- word --> to` or `from --> to`.
    """
    parts = [re.split(r"\s*(?:--\s+([^>]*?)\s+)?-->\s*", line.strip()) for line in diagram.splitlines()]
    arrows = [part for part in parts if len(part) > 1]  # node, word or None, node, …
    named = [_NODE.match(node).groups() for part in arrows for node in part[::2]]  # type: ignore[union-attr]
    names = {key: words.strip("/ ") for key, words in named if words.strip()}

    def name(node: str) -> str:
        key = _NODE.match(node)[1]  # type: ignore[index]
        return f"<b>{escape(names.get(key, key))}</b>"

    lines = ""
    for first, *rest in arrows:
        steps = (
            (f" → <i>{escape(word)}</i>" if word else "") + " → " + name(node)
            for word, node in zip(rest[::2], rest[1::2], strict=True)
        )
        lines += f"<li>{name(first)}{''.join(steps)}</li>"
    return f'<ul class="chain">{lines}</ul>\n'


def on_files(files: Any, config: Any) -> Any:
    """Adds what does not lie in docs/."""
    from mkdocs.structure.files import File

    for page, path in OUTSIDE.items():
        text = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, STYLESHEET, content=stylesheet()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns links, see `page_text`."""
    return page_text(page.file.src_uri, markdown)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
