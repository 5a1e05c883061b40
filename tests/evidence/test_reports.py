import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.runtime.red import gray_photo, spotted_photo, write_bundle

from falseflaw.errors import ConfigurationError
from falseflaw.evidence.look import Examiner
from falseflaw.evidence.reports import Reports
from falseflaw.imaging import codec
from falseflaw.runtime.folder import Summary, judge_folder
from falseflaw.runtime.predictor import Predictor


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("reports") / "bundle")


@pytest.fixture(scope="module")
def predictor(bundle: Path) -> Predictor:
    return Predictor(bundle, threads=1)


@pytest.fixture
def examiner(bundle: Path, predictor: Predictor) -> Examiner:
    return Examiner.of(bundle, predictor.info)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    codec.write_atomic(tmp_path / "in/a/fake.jpg", codec.encode_jpeg(spotted_photo(80, 90, 10, 20), 95))
    codec.write_atomic(tmp_path / "in/fine.png", codec.encode_png(gray_photo(80, 90)))
    codec.write_atomic(tmp_path / "in/broken.jpg", b"no photo")
    return tmp_path / "in"


def written(output: Path) -> set[str]:
    folder = output / "reports"
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


class Run:
    def __init__(self, predictor: Predictor, photos: Path, output: Path, examiner: Examiner) -> None:
        self.predictor, self.photos, self.output, self.examiner = predictor, photos, output, examiner

    def __call__(
        self, forms: Sequence[str], language: str = "en", overwrite: bool = False, batch: int = 1
    ) -> Summary:
        reports = Reports(self.output, self.examiner, forms, language)
        return judge_folder(
            self.predictor, self.photos, self.output, batch, overwrite=overwrite, reporter=reports
        )


@pytest.fixture
def run(predictor: Predictor, photos: Path, tmp_path: Path, examiner: Examiner) -> Run:
    return Run(predictor, photos, tmp_path / "out", examiner)


def test_a_report_for_each_judged_photo(run: Run) -> None:
    run(["json", "html"])
    assert written(run.output) == {"a/fake.jpg.html", "a/fake.jpg.json", "fine.png.html", "fine.png.json"}
    document = json.loads((run.output / "reports/a/fake.jpg.json").read_bytes())
    assert document["finding"]["verdict"] == "altered"
    assert document["photo"]["width"], document["photo"]["height"] == (90, 80)
    page = (run.output / "reports/a/fake.jpg.html").read_text("utf-8")
    assert document["photo"]["sha256"] in page
    assert "a/fake.jpg" in page


def test_the_json_has_the_same_bytes_every_time(run: Run) -> None:
    run(["json"])
    before = (run.output / "reports/fine.png.json").read_bytes()
    (run.photos / "fine.png").rename(run.photos / "renamed.png")
    run(["json"], language="zh", overwrite=True, batch=2)
    assert (run.output / "reports/renamed.png.json").read_bytes() == before


def test_an_earlier_run_is_gone_on_from(run: Run) -> None:
    run([])
    assert run(["html"]).before == 0  # the reports are missing
    assert run(["html"]).before == 2
    assert run(["html", "json"]).before == 0
    assert run(["html", "json"]).before == 2
    assert run(["html"], language="zh").before == 0
    assert 'lang="zh-Hans"' in (run.output / "reports/fine.png.html").read_text("utf-8")
    for damaged in (b"", b"[]", b"{"):
        (run.output / "reports/fine.png.json").write_bytes(damaged)
        assert run(["json"]).before == 1


def test_results_of_before_take_their_reports_with_them(run: Run) -> None:
    run(["html", "json"])
    (run.photos / "fine.png").unlink()
    run(["html"], overwrite=True)
    assert written(run.output) == {"a/fake.jpg.html"}
    (run.photos / "a/fake.jpg").write_bytes(b"broken now")
    run(["html"])
    assert written(run.output) == set()


def test_reports_are_no_photos_of_a_later_run(run: Run, predictor: Predictor, examiner: Examiner) -> None:
    inside = Run(predictor, run.photos, run.photos, examiner)
    inside(["html", "json"])
    assert inside(["html", "json"]).verdicts.total() == 3


def test_a_name_that_is_too_long_with_its_ending(run: Run) -> None:
    name = "n" * 247 + ".png"  # 251 bytes: the heat map's name still fits, the page's does not
    (run.photos / "fine.png").rename(run.photos / name)
    run(["html"])
    assert len(written(run.output)) == 2
    assert run(["html"]).before == 2


@pytest.mark.parametrize(
    ("forms", "words"), [(["doc"], "expected report as a list of html, json, pdf, got 'doc'")]
)
def test_unknown_forms_are_told(run: Run, forms: list[str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        run(forms)
