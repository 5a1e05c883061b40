"""Entry point of the `falseflaw` command: picks the verb, turns errors into one line.

Nothing heavy is imported before the verb is known, so that `falseflaw --help` answers at once.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import os
import signal
import sys
import traceback
from pathlib import Path

from falseflaw import __version__, stopping
from falseflaw.cli.process.streams import restart_in_utf8, robust_streams
from falseflaw.errors import ConfigurationError, FalseFlawError, MissingDataError, MissingExtraError

VERBS = {
    "download": "fetch the public photo sets at their pinned commits",
    "train-inpainter": "train a generator: an inpainter or an autoencoder",
    "synthesize": "build a dataset of matched sets from clean photos",
    "gather": "bring real damage or other people's fakes into the form of a dataset",
    "audit": "check that a dataset teaches nothing but the trace of alteration",
    "shard": "pack a dataset into shards that training streams",
    "train": "train a detector on a dataset",
    "fit-head": "fit a trained detector's image head on whole photos",
    "sweep": "search the configuration of a detector's training",
    "evaluate": "measure a detector under laundering",
    "compare": "set evaluations of the same photos side by side",
    "export": "turn a checkpoint into an ONNX bundle and prove parity",
    "verify": "check that a bundle is whole and the model that was measured",
    "predict": "judge photos with a bundle; needs no torch",
    "chat": "open a page on this machine that judges photos and says why",
    "doctor": "tell what is installed, what is missing and the command that brings it",
}

GROUPS = {
    "make a dataset": ("download", "synthesize", "gather", "audit", "shard"),
    "learn": ("train", "fit-head", "sweep", "train-inpainter"),
    "measure": ("evaluate", "compare"),
    "ship": ("export", "verify", "predict", "chat"),
    "look": ("doctor",),
}
"""Verbs as the overview shows them."""

_NO_WRITING = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC})

USAGE = "usage: falseflaw VERB [group=option ...] [key=value ...] [-m for a sweep]"


def main(argv: list[str] | None = None) -> int:
    """Runs one verb and returns the exit code.

    0 done, 1 the work failed, 2 the call was wrong, 130 stopped by Ctrl+C, 143 by SIGTERM.
    """
    if argv is None:
        restart_in_utf8()
    with robust_streams():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_overview())
        return 0 if arguments else 2
    if arguments[0] in {"-V", "--version"}:
        print(f"falseflaw {__version__}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    module, summary = _module_of(verb, rest)
    if module is None:
        print(f"falseflaw: unknown verb {verb!r}; expected one of: {', '.join(VERBS)}", file=sys.stderr)
        return 2
    if {"-h", "--help"} & set(rest):
        from falseflaw.cli.configuration.help import describe

        print(describe(verb, summary, rest))
        return 0
    with stopping.stoppable():
        try:
            from falseflaw.cli.configuration.usage import check_words

            check_words(verb, rest)
            code = _run(verb, module, rest)
            sys.stdout.flush()  # a full disk is told of here
            return code
        except KeyboardInterrupt as stop:
            return _stopped(verb, stop)
        except Exception as error:
            if os.environ.get("FALSEFLAW_DEBUG") == "1":
                traceback.print_exc()
            text, code = _told(verb, rest, error)
            _end_bars()
            print(f"falseflaw {verb}: {text}", file=sys.stderr)
            return code


def _stopped(verb: str, stop: KeyboardInterrupt) -> int:
    """Tells how to go on, see `app.run_hydra`, and returns the exit code that a shell expects."""
    number = stopping.received() or signal.SIGINT
    advice = "".join(getattr(stop, "__notes__", ())[-1:]) or "nothing was begun; run the same command again"
    _end_bars()
    print(f"falseflaw {verb}: stopped by {signal.Signals(number).name}; {advice}", file=sys.stderr)
    return 128 + number


def _end_bars() -> None:
    """Ends the progress bars under way: what is told next would else stand behind one, and be drawn over."""
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        for bar in list(getattr(tqdm, "_instances", ())):
            bar.close()


def _told(verb: str, words: list[str], error: Exception) -> tuple[str, int]:
    """Returns what to tell the user, and the exit code: 1 the work failed, 2 the call was wrong."""
    from falseflaw.cli.configuration.usage import explain, moved_folder

    cause = error.__cause__
    known = next((each for each in (error, cause) if isinstance(each, FalseFlawError)), None)
    if isinstance(known, MissingDataError):
        return moved_folder(words) or one_line(error), 1
    if known is not None:
        # A full disk is no fault of the call, although another folder may be the way out.
        wrong = isinstance(known, ConfigurationError) and not isinstance(known.__cause__, OSError)
        return one_line(error), 2 if wrong else 1
    if type(error).__module__.split(".")[0] not in {"hydra", "omegaconf"}:
        return one_line(error), 1
    explained = explain(verb, words, error)
    # What a constructor stumbled over outside of its arguments is no fault of the call.
    called = explained or cause is None or isinstance(cause, TypeError | ValueError)
    return explained or one_line(error), 2 if called else 1


def _module_of(verb: str, words: list[str]) -> tuple[str | None, str]:
    """Returns the module that runs a verb (None: there is no such verb), and what the verb does."""
    if verb in VERBS:
        return f"falseflaw.cli.verbs.{verb.replace('-', '_')}", VERBS[verb]
    if any(word.split("=")[0] in {"-cd", "--config-dir"} for word in words):
        from falseflaw.cli.configuration.schema import own_module

        return own_module(verb, words), "a verb of your own"
    return None, ""


def _run(verb: str, module: str, overrides: list[str]) -> int:
    try:
        code = importlib.import_module(module)
        require_extras(code.EXTRAS)
        from falseflaw.cli.configuration.app import run_hydra

        return run_hydra(verb, code.run, overrides, code.how_to_go_on)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "falseflaw":
            raise
        raise MissingExtraError(
            f"expected the package {error.name!r}, which is not installed; "
            "install the extras: pip install 'falseflaw[synthesis,train]'"
        ) from error


def require_extras(extras: tuple[str, ...]) -> None:
    """Checks that the telling package of each extra is importable.

    Raises:
        MissingExtraError: One is not; the message names the pip command.
    """
    telling = {
        "synthesis": "diffusers",
        "train": "lightning",
        "wandb": "wandb",
        "chat": "gradio",
        "sweep": "optuna",
        "streaming": "litdata",
    }
    missing = [extra for extra in extras if importlib.util.find_spec(telling[extra]) is None]
    if missing:
        raise MissingExtraError(
            f"expected the extra {', '.join(missing)}, which is not installed; "
            f"install it: pip install 'falseflaw[{','.join(missing)}]'"
        )


def one_line(error: Exception) -> str:
    """Returns what to tell the user of an error, without its traceback."""
    text = str(error).strip()
    if isinstance(error, FalseFlawError):
        return " ".join(text.split())
    cause = error.__cause__
    if isinstance(cause, FalseFlawError):  # Hydra wraps what a constructor raises
        return " ".join(str(cause).split())
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    if isinstance(error, OSError) and error.filename and error.errno in _NO_WRITING:
        place = Path(os.fsdecode(error.filename))
        place = place.parent if place.suffix == ".partial" else place
        return f"cannot write to {place}: {error.strerror}; choose another folder or mend this one"
    name = type(error).__name__
    hydra_like = type(error).__module__.split(".")[0] in {"hydra", "omegaconf"}
    kept = " ".join(lines[:2]) if hydra_like else f"{name}: {lines[0]}"
    return f"{kept} (FALSEFLAW_DEBUG=1 shows the traceback)"


def _overview() -> str:
    width = max(map(len, VERBS))
    groups = "\n\n".join(
        "\n".join([f"{title}:", *(f"  {verb:<{width}}  {VERBS[verb]}" for verb in verbs)])
        for title, verbs in GROUPS.items()
    )
    return (
        f"{USAGE}\n\nFalseFlaw {__version__}: detectors of AI-faked product damage\n\n{groups}\n\n"
        "`falseflaw VERB --help` shows the groups and keys of a verb, with examples."
    )


if __name__ == "__main__":
    raise SystemExit(main())
