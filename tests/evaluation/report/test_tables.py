from falseflaw.evaluation.report.tables import results_table, table_rows, text_table
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.statistics.text import aligned, figure_text, markdown_table


def test_tables_say_the_same(summary) -> None:
    rows = table_rows(summary)
    assert len(rows) == 4
    text, markdown = text_table(summary), results_table(summary)
    figure = summary.launderings[1].headline.auroc
    shown = f"{figure.value:.3f} [{figure.lo:.3f}, {figure.hi:.3f}]"
    assert shown in text.splitlines()[2]
    assert shown in markdown.splitlines()[3]
    assert markdown.splitlines()[1] == "|---|---|---|---|---|---|"
    left_open = summary.launderings[1].verdicts["simulated_damage"]["inconclusive"]
    assert markdown.splitlines()[3].endswith(f"| {figure_text(left_open)} |")
    assert "9 against 3 photos of 3 unseen sources" in markdown


def test_undefined_figures_are_a_dash() -> None:
    assert figure_text(Estimate(None, None, None, 0)) == "–"
    assert figure_text(Estimate(0.5, None, None, 1)) == "0.500"
    assert figure_text(Estimate(0.5, -0.1, 0.75, 9), 2, sign="+") == "+0.50 [-0.10, +0.75]"


def test_cells_are_aligned_and_never_break_a_markdown_table() -> None:
    assert aligned([("a", "bb"), ("ccc", "d")]) == "a    bb\nccc  d"
    assert markdown_table(("a", "b"), [(1, "x|y")]) == "| a | b |\n|---|---|\n| 1 | x\\|y |"
