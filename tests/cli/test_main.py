import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir

from falseflaw import __version__
from falseflaw.cli.configuration.examples import EXAMPLES
from falseflaw.cli.configuration.usage import check_words
from falseflaw.cli.main import GROUPS as VERB_GROUPS
from falseflaw.cli.main import VERBS, main
from falseflaw.errors import InvalidDataError
from falseflaw.paths import config_dir

HEAVY = ("torch", "diffusers", "hydra", "omegaconf", "numpy", "PIL", "pandas", "onnxruntime")


def run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own, after `code`."""
    program = f"{code}\nimport sys\nfrom falseflaw.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "statement", ["import falseflaw", "from falseflaw.cli.main import main; main(['--help'])"]
)
def test_nothing_heavy_is_loaded_before_the_verb_is_known(statement: str) -> None:
    check = f"{statement}\nimport sys\nprint(sorted(set(sys.modules) & {set(HEAVY)!r}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_overview_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for verb, summary in VERBS.items():
        assert verb in text
        assert summary in text
    assert main([]) == 2
    assert capsys.readouterr().out == text


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"falseflaw {__version__}\n"


def test_an_unknown_verb_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evalaute", "--help"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "unknown verb 'evalaute'" in captured.err
    assert captured.out == ""


GROUPS = {
    "download": ["photos"],
    "train-inpainter": ["photos", "split"],
    "synthesize": ["photos", "split", "camera", "damage", "inpainter"],
    "gather": ["others"],
    "train": [],
    "fit-head": [],
    "sweep": ["space", "sampler", "pruner"],
    "evaluate": ["laundering"],
    "compare": [],
    "export": ["laundering"],
    "audit": [],
    "shard": [],
    "verify": [],
    "predict": [],
    "chat": [],
    "doctor": [],
}


def test_every_verb_stands_in_one_group() -> None:
    assert sorted(verb for verbs in VERB_GROUPS.values() for verb in verbs) == sorted(VERBS)


@pytest.mark.parametrize(
    ("verb", "words"), [(verb, words) for verb, pair in EXAMPLES.items() for words in pair]
)
def test_the_examples_of_the_help_compose(verb: str, words: str) -> None:
    check_words(verb, words.split())
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        compose(verb.replace("-", "_"), overrides=words.split())


def test_every_verb_has_two_examples() -> None:
    assert EXAMPLES.keys() == VERBS.keys()
    assert all(len(set(pair)) == 2 for pair in EXAMPLES.values())


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_shows_its_groups_and_keys(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert VERBS[verb] in text
    groups = text.split("configuration groups")[-1].split("keys:")[0].split()
    assert set(GROUPS[verb]) <= set(groups)
    if verb in {"predict", "verify", "doctor"}:
        assert "configuration groups" not in text
    keys = text.split("keys:\n")[1].split("\n\n")[0].splitlines()
    assert keys
    assert all("#" in line for line in keys if not line.startswith("   ")), "a key without a word about it"


def test_a_typo_in_an_override_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "inptu=x", "output=y"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "inptu" in error
    assert error.startswith("falseflaw predict: ")


@pytest.mark.parametrize("override", ["input", "photos=nothing", "batch_size=[", "=x", "hydra/launcher=none"])
def test_overrides_that_are_none_are_one_line(override: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", override, "output=y"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error


def test_debug_shows_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALSEFLAW_DEBUG", "1")
    assert main(["predict", "input=does/not/exist", "output=y"]) == 1
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert error.splitlines()[-1].startswith("falseflaw predict: ")


def test_any_failure_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from falseflaw.cli.verbs import predict

    def fail(error: BaseException) -> None:
        def run(config: object) -> None:
            raise error

        monkeypatch.setattr(predict, "run", run)

    for error, words in (
        (InvalidDataError("of the user\nin two lines"), "falseflaw predict: of the user in two lines\n"),
        (RuntimeError("inside\nmore"), "falseflaw predict: RuntimeError: inside (FALSEFLAW_DEBUG=1"),
        (KeyError(), "falseflaw predict: KeyError: no message"),
    ):
        fail(error)
        assert main(["predict", "input=a", "output=b"]) == 1
        text = capsys.readouterr().err
        assert text.startswith(words)
        assert text.count("\n") == 1
    fail(KeyboardInterrupt())
    assert main(["predict", "input=a", "output=b"]) == 130
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "kept in b; run the same command again" in told


ABSENT = """
import sys
class Absent:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"lightning", "diffusers", "torch"}: return None
        return self.finder.find_spec(name, path, target)
sys.meta_path[:] = [Absent(finder) for finder in sys.meta_path]
"""


@pytest.mark.parametrize(
    ("verb", "extra"),
    [("evaluate", "train"), ("export", "train"), ("train", "train"), ("synthesize", "synthesis")],
)
def test_a_missing_extra_is_one_line(verb: str, extra: str) -> None:
    done = run(verb, code=ABSENT)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"pip install 'falseflaw[{extra}" in done.stderr


def test_names_that_are_no_text_can_be_printed() -> None:
    done = run("predict", "input=caf\udce9", "output=out")
    assert done.returncode == 1
    assert done.stderr.startswith("falseflaw predict: ")
    assert done.stderr.count("\n") == 1


def test_a_run_leaves_nothing_in_the_working_folder(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    assert main(["predict", "input=nothing", "output=out"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_error_stands_on_a_line_of_its_own_after_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tqdm import tqdm

    bars = []

    def fail(*_: object) -> int:
        bars.append(tqdm(total=3))  # still held when the failure is told, as by Lightning
        raise InvalidDataError("expected one, got two")

    monkeypatch.setattr("falseflaw.cli.main._run", fail)
    assert main(["predict", "input=x", "output=y"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "falseflaw predict: expected one, got two"
