# Sourced by the scripts: makes .venv hold the package with the extras asked for, re-using it when current.
# usage: FALSEFLAW_EXTRAS=dev; source scripts/environment.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.12 python3.11 python3 python3.13; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "expected Python 3.11 or newer, found none; install one or set PYTHON=/path/to/python3" >&2
  exit 1
}

stamp_of() { # what an environment with these extras was made from
  { echo "$1"; .venv/bin/python -V; cat pyproject.toml requirements.lock; } | sha256sum | cut -d' ' -f1
}

current() { # the extras asked for, or the whole development set, are already there
  local extras
  for extras in "$FALSEFLAW_EXTRAS" dev; do
    [ -x .venv/bin/falseflaw ] && [ -f ".venv/falseflaw-$extras" ] &&
      [ "$(cat ".venv/falseflaw-$extras")" = "$(stamp_of "$extras")" ] && return 0
  done
  return 1
}

if ! current; then
  # A venv that was moved with its folder has a dead interpreter: make it anew.
  if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    rm -rf .venv
    "$(find_python)" -m venv .venv
  fi
  echo "installing falseflaw[$FALSEFLAW_EXTRAS] into .venv (some GB with torch; a few minutes) ..."
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e ".[$FALSEFLAW_EXTRAS]"
  stamp_of "$FALSEFLAW_EXTRAS" > ".venv/falseflaw-$FALSEFLAW_EXTRAS"
fi
export PATH="$PWD/.venv/bin:$PATH"
export NO_ALBUMENTATIONS_UPDATE=1
