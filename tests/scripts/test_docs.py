"""scripts/run docs: every page has its place, links stay in the site, and nothing comes from a network."""

import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from tests.helpers import load_script

from falseflaw.evidence.style import tokens

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("documents/docs.py")


def named(nav: object) -> list[str]:
    """Every page of a navigation."""
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in named(part)]


def test_the_navigation_names_every_page_once(script: ModuleType) -> None:
    configuration = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(named(configuration["nav"])) == sorted([*pages, *script.OUTSIDE])
    assert all((ROOT / path).is_file() for path in script.OUTSIDE.values())
    assert configuration["theme"]["font"] is False


def test_links_to_files_of_the_repository_lead_to_pages(script: ModuleType) -> None:
    home = "[a](docs/train.md) [b](data/README.md#x) ![c](docs/example.png) [d](https://hydra.cc) [e](#f)"
    turned = "[a](train.md) [b](data.md#x) ![c](example.png) [d](https://hydra.cc) [e](#f)"
    assert script.page_text("index.md", home) == turned
    assert script.page_text("results.md", "[a](../data/README.md) [b](train.md#x)") == (
        "[a](data.md) [b](train.md#x)"
    )
    # Neither a page nor a picture: the strict build refuses what is left as it was.
    assert script.page_text("index.md", "[a](LICENSE)") == "[a](LICENSE)"


def test_a_flow_chart_becomes_a_list_of_its_arrows(script: ModuleType) -> None:
    diagram = (
        "flowchart LR\n  a([<one>]) -- makes, takes --> b[(two)]\n  c --> b --> c{{three}} --> d[/four/]\n"
    )
    text = script.page_text("index.md", f"before\n```mermaid\n{diagram}```\nafter\n")
    assert "mermaid" not in text
    lines = [re.sub("<[^>]*>", "", line) for line in re.findall("<li>.*?</li>", text)]
    assert lines == ["&lt;one&gt; → makes, takes → two", "three → two → three → four"]


def test_the_stylesheet_has_the_look_of_all_pages(script: ModuleType) -> None:
    sheet = script.stylesheet()
    assert sheet.startswith(tokens())
    used = set(re.findall(r"var\((--[a-z-]+)\)", sheet))
    assert used <= set(re.findall(r"(--[a-z-]+):", tokens()))
    assert not re.search(r"#[0-9a-f]{3}", sheet.removeprefix(tokens()))  # no color of its own


def test_it_is_called_with_nothing_or_serve(script: ModuleType, capsys) -> None:
    assert script.main("now") == 2
    assert "expected nothing or --serve, got now" in capsys.readouterr().err


def test_it_builds_and_loads_nothing_from_elsewhere(script: ModuleType, tmp_path: Path) -> None:
    config = pytest.importorskip("mkdocs.config")
    pytest.importorskip("material")
    from mkdocs.commands.build import build

    loaded = config.load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path), strict=True)
    build(loaded)  # raises where a page or a link leads nowhere
    for page in named(loaded["nav"]):
        text = (tmp_path / Path(page).with_suffix(".html")).read_text(encoding="utf-8")
        sources = re.findall(r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=[\"']?([^\"' >]+)", text)
        assert sources
        assert not [source for source in sources if "//" in source], page
    assert (tmp_path / script.STYLESHEET).read_text(encoding="utf-8") == script.stylesheet()
