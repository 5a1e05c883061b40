from falseflaw.evaluation.report.tables import figure_text, markdown_table, table_rows, text_table


def test_tables_say_the_same(summary) -> None:
    rows = table_rows(summary)
    assert len(rows) == 4
    text, markdown = text_table(summary), markdown_table(summary)
    figure = summary["launderings"][1]["headline"]["auroc"]
    shown = f"{figure['value']:.3f} [{figure['lo']:.3f}, {figure['hi']:.3f}]"
    assert shown in text.splitlines()[2]
    assert shown in markdown.splitlines()[3]
    assert markdown.splitlines()[1] == "|---|---|---|---|---|"
    assert "9 against 3 photos of 3 unseen sources" in markdown


def test_undefined_figures_are_a_dash() -> None:
    assert figure_text({"value": None, "lo": None, "hi": None, "n": 0}) == "–"
    assert figure_text({"value": 0.5, "lo": None, "hi": None, "n": 1}) == "0.500"
