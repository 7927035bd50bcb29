#!/usr/bin/env bash
# One model from text to a fit, and its emitted module alone. Run by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p out

say() { printf '\n== %s\n\n' "$1"; }

say 'the model, in canonical form'
emdsl fmt examples/faithful.em

say 'the plan'
emdsl info examples/faithful.em --set K=2

say 'the derivation'
emdsl derive examples/faithful.em --set K=2

say 'the fit'
emdsl fit examples/faithful.em examples/faithful.csv --set K=2 --method em -o out/fit.json

say 'the emitted module, alone: emdsl cannot be imported in its process'
emdsl emit examples/faithful.em --set K=2 --method em -o out/faithful_em.py
python examples/run_alone.py out/faithful_em.py examples/faithful.csv out/alone.json

say 'the same numbers'
python examples/same_numbers.py out/fit.json out/alone.json
