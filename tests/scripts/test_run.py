"""scripts/run finds every script by its name."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run([ROOT / "scripts" / "run", *arguments], capture_output=True, text=True, check=False)


def test_every_script_that_can_be_run_is_listed_with_what_it_does():
    listed = run("--help").stdout
    for path in sorted((ROOT / "scripts").glob("*/*.py")):
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8"):
            name = path.stem.replace("_", "-")
            words = f"benchmark {name}" if path.parent.name == "benchmarks" else name
            (line,) = [line for line in listed.splitlines() if line.startswith(f"  {words} ")]
            assert line.rstrip().endswith((".", '."')), line


def test_an_unknown_name_is_refused_with_the_list():
    for words in (["nothing"], ["benchmark", "nothing"], ["benchmark"]):
        result = run(*words)
        assert result.returncode == 2
        assert "refresh-results" in result.stderr
