"""The report as HTML, and as a browser lays it out."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.evaluation.conftest import NAMES, SUITE, CheckerScorer

from falseflaw.evaluation.figures.calibration import read_operating_point
from falseflaw.evaluation.figures.cost import Curve, Saving
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.parity import Gap, Parity, ProductAlarms
from falseflaw.evaluation.figures.summary import (
    POOLED,
    ComparisonSummary,
    LaunderingFigures,
    Subset,
    read_summary,
)
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.evaluation.report.breakdown import groups, shown
from falseflaw.evaluation.report.gallery import examples, pick
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation
from falseflaw.evaluation.report.plots import draw_all
from falseflaw.evaluation.report.report import _template, render
from falseflaw.evaluation.report.sentences import complement, of_comparison
from falseflaw.evaluation.run import evaluate
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.evaluation.target import DetectorUnderTest
from falseflaw.evidence.style import tokens
from falseflaw.statistics.bootstrap import Estimate, Share
from falseflaw.types import Edit

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("evaluation")
    settings = EvaluationSettings(calibrate_on=NAMES, replicates=40, examples=2, suite_name="tiny <&>",
                                  command="falseflaw evaluate", progress=False)  # fmt: skip
    evaluate(DetectorUnderTest(CheckerScorer()), dataset, SUITE, output, settings)
    return output


class Checker(HTMLParser):
    """Collects what a report must and must not have."""

    VOID = frozenset({"meta", "img", "br", "link", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.images: list[str] = []
        self.loose_tables = 0
        self.scripts = 0

    def handle_starttag(self, tag, attrs) -> None:
        values = dict(attrs)
        if tag == "img":
            assert len(values["alt"]) > 10
            self.images.append(values["src"])
        if tag == "table":
            self.loose_tables += not self.open or self.open[-1] != "div"
        self.links += [values[name] for name in ("href", "srcset") if name in values]
        self.anchors += [values["id"]] if "id" in values else []
        self.scripts += tag == "script"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


@pytest.mark.slow
def test_report_is_one_wellformed_file_with_the_figures_of_the_summary(folder) -> None:
    html = (folder / "report.html").read_text()
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    assert not checker.scripts
    assert not checker.loose_tables
    assert all(source.startswith("data:image/") for source in checker.images)
    assert len(checker.images) == 7 + 2 * 2 * 3
    assert sorted(checker.links) == sorted(f"#{anchor}" for anchor in checker.anchors)  # and none leads out
    assert len(set(checker.anchors)) == len(checker.anchors)
    assert "http" not in re.sub(r"data:image/[^\"]*", "", html)
    for entry in read_summary(folder).launderings:
        figure = entry.headline.auroc
        assert f"{figure.value:.3f}<small>{figure.lo:.3f}" in html
    assert "tiny &lt;&amp;&gt;" in html
    assert "tiny <&>" not in html
    assert "sources can promise, 1 % takes 99" in html
    assert "\u00a0% on the seam" in html


def share(value, lo, hi, count, n):
    return Share(value, lo, hi, n, count)


def stub(folder, *screens) -> ComparisonSummary:
    """A summary with what the sentences look at set by hand."""
    summary = read_summary(folder)
    refused = share(0.011, 0.004, 0.03, 11, 1000)

    def entry(name, missed) -> LaunderingFigures:
        passed = share(missed, missed / 2, 0.1 + missed, int(200 * missed), 200)
        return replace(
            summary.pooled,
            name=name,
            verdicts={str(Edit.SIMULATED_DAMAGE): {"altered": refused}},
            inpainted_verdicts={"no sign of alteration": passed},
        )

    return replace(
        summary,
        launderings=(entry("identity", 0.02), *(entry(name, missed) for name, missed in screens)),
        pooled=entry("pooled", 0.05),
        sources=100,
        fitted=None,
    )


def test_a_reviewer_gets_both_numbers_with_intervals_in_sentences(folder) -> None:
    summary = stub(folder, ("screenshot_1", 0.04), ("screenshot_2", 0.08), ("jpeg80", 0.3))
    buyers, fakes, left, certainty = of_comparison(summary)
    assert left.question == "How many of 100 honest photos are left to a person?"
    assert (buyers.figure, buyers.interval) == ("11", "95 % interval 4.0 to 30")
    assert "11 of 1000 photos of simulated damage" in buyers.text
    assert (fakes.figure, fakes.interval) == ("8.0", "95 % interval 4.0 to 18")
    assert "Under screenshot_2, 16 of 200" in fakes.text
    assert "screenshot_1 4.0" in fakes.text
    assert "Untouched, 4 of 200" in fakes.text
    assert certainty.figure == "100 sources"
    assert "Not measured" in of_comparison(stub(folder, ("jpeg80", 0.3)))[1].text


def test_screenshots_of_other_evaluations_are_told_apart(folder) -> None:
    real = stub(folder, ("browser_screenshot_a", 0.1), ("browser_screenshot_b", 0.2), ("jpeg80", 0.3))
    others = [
        OtherEvaluation("runs/browser", real),
        OtherEvaluation("runs/plain", stub(folder, ("jpeg80", 0.3))),
    ]
    fakes = of_comparison(stub(folder, ("screenshot", 0.04)), others)[1]
    assert fakes.figure == "4.0"
    assert (
        "Of other photos (runs/browser), under browser_screenshot_b, 40 of 200 pass (20 of 100" in fakes.text
    )
    assert "the others: browser_screenshot_a 10" in fakes.text
    assert "runs/plain" not in fakes.text
    worst = real.launderings[2].verdicts[str(Edit.SIMULATED_DAMAGE)]
    worst["altered"] = share(0.21, 0.14, 0.3, 21, 100)
    buyers = of_comparison(stub(folder, ("screenshot", 0.04)), others)[0]
    assert buyers.figure == "11"
    assert (
        "Of other photos (runs/browser), at worst of 2 screenshots, under browser_screenshot_b, 21 of 100 "
        "are, that is 210 of 1,000 (95 % interval 140 to 300)."
    ) in buyers.text
    assert "runs/plain" not in buyers.text


def test_the_complement_turns_interval_and_count() -> None:
    assert complement(share(0.25, 0.125, 0.5, 2, 8)) == share(0.75, 0.5, 0.875, 6, 8)
    assert complement(share(None, None, None, 0, 0)) == share(None, None, None, 0, 0)


def test_groups_of_few_sources_have_no_interval_that_was_resampled(folder) -> None:
    figure, none = share(0.5, 0.4, 0.6, 3, 6), share(0, 0, 0.8, 0, 2)
    parts = (Subset("hat", 2, figure, none, figure, figure), Subset("shoe", 9, figure, none, figure, figure))
    (table,) = groups(replace(read_summary(folder), groups={"product": parts, "damage_kind": ()}))
    assert (table.title, table.header[:3]) == ("By product", ("product", "sources", "AUROC"))
    few = replace(figure, lo=None, hi=None)
    assert table.rows[0] == ("hat", "2", few, none, few, few)
    assert table.rows[1] == ("shoe", "9", figure, none, figure, figure)
    assert shown(Estimate(None, None, None, 0), 1) == Estimate(None, None, None, 0)


def test_a_summary_without_other_networks_has_no_section_of_them(folder) -> None:
    html = render(replace(read_summary(folder), edits=(), networks=()), {}, [], [])
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    assert sorted(checker.links) == sorted(f"#{anchor}" for anchor in checker.anchors)
    assert "every network" not in html


def test_a_kind_of_inpainting_that_was_not_measured_has_no_table_of_dashes(folder) -> None:
    summary = read_summary(folder)
    words = "Feathered only"
    assert words in render(summary, {}, [], [])
    none = replace(summary.pooled.feathered, tpr=share(None, None, None, 0, 0))
    assert words not in render(replace(summary, pooled=replace(summary.pooled, feathered=none)), {}, [], [])


def test_savings_and_parity_are_shown(folder) -> None:
    summary = read_summary(folder)
    point, _ = read_operating_point(folder / "operating_point.json")
    rows = prepare(read_predictions(folder), point)
    saving = Saving(
        Estimate(1234.4, -56.0, 2000.0, 9),
        None,
        Estimate(0.031, 0.01, 0.2, 9),
        Curve((0.0, 1234.4, 10.0), (0.0, -56.0, None), (0.0, 2000.0, None)),
    )
    cost = replace(summary.cost, thresholds=(0.0, 0.5, 1.0), launderings={"identity": saving}, pooled=saving)
    gap = Gap("hat", "shoe", Estimate(0.1, 0.0, 0.2, 9), 0.12)
    alarms = (ProductAlarms("hat", 30, 30, share(0.1, 0.0, 0.3, 3, 30)),)
    parity = (Parity(POOLED, alarms, gap, ("sock",)),)
    summary = replace(summary, cost=cost, parity=parity)
    html = render(summary, draw_all(rows, summary), [], [])
    assert "<td>1,234<small>-56 – 2,000</small></td>" in html
    assert "Between hat and shoe" in html
    assert "sock" in html
    assert 'alt="Saving per 1,000 claims by threshold; 1234 at the shipped one."' in html


def test_a_false_alarm_is_outlined_where_its_flaw_was_painted(folder, dataset) -> None:
    from falseflaw.dataset.manifest import read_manifest

    point, _ = read_operating_point(folder / "operating_point.json")
    rows = prepare(read_predictions(folder), point)
    rows = rows[(rows["laundering"] == "identity") & (rows["fold"] == "test")]
    shown = rows[rows["edit"].isin([str(Edit.SIMULATED_DAMAGE), str(Edit.AUTHENTIC)])]
    found = examples(
        Selection(dataset, read_manifest(dataset), SUITE), pick(shown, 9, highest=True), CheckerScorer()
    )
    damaged = [example for example in found if example.title.startswith("simulated")]
    authentic = [example for example in found if example.title.startswith("authentic")]
    assert damaged
    assert all(example.outlined and "on the seam" in example.heat for example in damaged)
    assert all(not example.outlined for example in authentic)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to lay the report out")
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways_and_every_picture_shows(folder, width) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto((folder / "report.html").as_uri(), timeout=120_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        clipped = page.evaluate(
            "[...document.querySelectorAll('table')].filter(t => "
            "t.scrollWidth > t.parentElement.clientWidth && "
            "getComputedStyle(t.parentElement).overflowX !== 'auto').length"
        )
        assert clipped == 0
        browser.close()


def test_the_report_looks_like_the_evidence() -> None:
    environment = _template("comparison").environment
    shared, _, _ = environment.loader.get_source(environment, "quiet.css")
    own, _, _ = environment.loader.get_source(environment, "style.css")
    assert shared.startswith(tokens())
    assert set(re.findall(r"var\((--[a-z-]+)\)", own)) <= set(re.findall(r"(--[a-z-]+):", tokens()))
