#!/usr/bin/env bash
# Installs one hash-locked set into the virtual environment: deploy/install.sh base|dev
# The stamp holds the lock file's hash, so that nothing is done twice and a new lock is noticed.
set -euo pipefail
export HOME="${HOME:-$PWD/$VENV}" # a number without a name has none; some packages ask for it
name=$1
lock="requirements/$name.txt"
stamp="$VENV/$name.stamp"
wanted=$(sha256sum "$lock" | cut -d' ' -f1)

# Two at once (make up in one shell, make test in another) would write into one environment.
exec 9<"$0"
flock --nonblock 9 || { echo "Another make installs into $VENV already: waiting for it." && flock 9; }

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
  touch "$stamp"
  exit 0
fi
"$PYTHON" - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"Tocsin needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make up PYTHON=python3.11")
try:
    import ensurepip  # noqa: F401
except ImportError:
    sys.exit("Python's venv module is missing. On Debian: apt-get install python3-venv")
PY
free=$(df -Pk . | awk 'NR==2 {print int($4/1024)}')
if [ "$free" -lt 1500 ]; then
  echo "Tocsin: only $free MB are free here and the packages need about 1000. Free some space, then: make up" >&2
  exit 1
fi
count=$(grep -c '==' "$lock")
echo "Installing $count packages into $VENV (about 200 MB to fetch, 700 MB on disk; the edge proxy alone is 185 MB)."
echo "This happens once and takes one to three minutes."
began=$SECONDS
[ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c '' 2>/dev/null || "$PYTHON" -m venv --clear "$VENV"
live=""
if [ -t 1 ]; then live=1; fi
# A machine whose pip knows places that are not there is told so once a package otherwise.
once() {
  awk '/^WARNING: (Location|Url) .* is ignored/ {n++; next} {print; fflush()}
    END {if (n) print "  pip left out places of its configuration that are not there (" n " times)"}' >&2
}
"$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes --no-deps \
  --progress-bar off -r "$lock" 2> >(once) |
  awk -v n="$count" -v live="$live" '/^Collecting/ {
      i++; if (live) printf "\r  %d of %d  %-40s", i, n, $2; else if (i % 25 == 0) print "  " i " of " n
      fflush()}
    /^Installing collected/ {if (live) printf "\r"; printf "  unpacking%-50s\n", ""; fflush()}'
echo "$wanted" > "$stamp"
[ "$name" = dev ] && sha256sum requirements/base.txt | cut -d' ' -f1 > "$VENV/base.stamp"
echo "Installed in $((SECONDS - began)) s."
