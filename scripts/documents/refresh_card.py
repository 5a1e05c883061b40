"""Writes the card of a committed bundle anew, from the committed evaluation.

usage: refresh-card [BUNDLE] [evaluation=FOLDER] [sign.key=KEY]

Exporting comes before evaluating, so a bundle is exported with a card that tells no figures. Once its
evaluation is committed this command fills them in, and rewrites the card's line in SHA256SUMS; nothing else
of the bundle changes.
  BUNDLE      folder (default: checkpoints/detectors/reference)
  evaluation  of that bundle (default: notebooks/reference)
  sign.key    private key of a signed bundle, the one of its export: it is signed again
"""

from __future__ import annotations

import sys
from pathlib import Path

from falseflaw.errors import ConfigurationError, FalseFlawError
from falseflaw.release.measured import COMMITTED
from falseflaw.release.refresh import refresh_card
from falseflaw.release.signing import Signer
from falseflaw.runtime.bundle import CARD_NAME

BUNDLE = "checkpoints/detectors/reference"


def parse(arguments: list[str]) -> tuple[Path, Path, Path | None]:
    """Returns the folders of the bundle and of the evaluation, and the key to sign with.

    Raises:
        ConfigurationError: There are two bundles, or something else is given.
    """
    bundles = [argument for argument in arguments if "=" not in argument]
    named = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    unknown = sorted(set(named) - {"evaluation", "sign.key"})
    if len(bundles) > 1 or unknown:
        raise ConfigurationError(
            "expected one bundle, evaluation=FOLDER and sign.key=KEY, got "
            f"{unknown[0] if unknown else bundles[1]}"
        )
    key = named.get("sign.key")
    return (
        Path((bundles or [BUNDLE])[0]),
        Path(named.get("evaluation", COMMITTED)),
        Path(key).expanduser() if key else None,
    )


def main(arguments: list[str]) -> int:
    """Does it; returns the exit code."""
    if set(arguments) & {"-h", "--help"}:
        print(__doc__.strip())
        return 0
    try:
        bundle, evaluation, key = parse(arguments)
        changed = refresh_card(bundle, evaluation, Signer(key) if key else None)
    except FalseFlawError as error:
        print(f"refresh-card: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    print(f"{bundle / CARD_NAME}: {'written anew' if changed else 'as it was'}, from {evaluation}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
