#!/bin/bash
# import-linter 2.17: a protected external module that no module imports ends the whole run.
#
# Two contracts name the same external module, sqlite3. "forbidden" is kept while no module imports
# it: external modules enter the graph with their first import. "protected" (only shop.store may
# import it) raises instead: '"sqlite3" not present in the graph.', exit 1, which is also the code of
# a broken contract, and prints neither the name of the contract nor the result of any other, be it
# broken. So whether a rule may stay depends on the code it rules: with the last import of a
# dependency its contract has to go, and before the first it cannot be written. One would expect a
# contract that restricts imports to be kept where there are none.
#
# Observed: without the import the error, and no word about the broken contract in front of it; with
# an import in shop.store the protected contract is kept and the broken one is listed.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" >/dev/null || exit 2
"$folder/venv/bin/pip" install -q import-linter==2.17 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 2; }
mkdir "$folder/shop" && cd "$folder" || exit 2
touch shop/__init__.py shop/store.py shop/web.py
echo "import json" >shop/web.py
cat >.importlinter <<'INI'
[importlinter]
root_package = shop
include_external_packages = True

[importlinter:contract:json]
name = web without json
type = forbidden
source_modules = shop.web
forbidden_modules = json

[importlinter:contract:forbidden]
name = web without sqlite3
type = forbidden
source_modules = shop.web
forbidden_modules = sqlite3
INI
lint() { NO_COLOR=1 venv/bin/lint-imports --no-cache >output 2>&1; echo "exit $?"; }
changed=0
expect() { # status, lines that the output has, "--", lines that it has not
    local found wanted=0 line
    found=$(lint)
    echo "$found"; grep -E "KEPT|BROKEN|not present" output
    [ "$found" = "exit $1" ] || { echo "unexpected: $found"; changed=1; }
    shift
    for line; do
        if [ "$line" = -- ]; then wanted=1; continue; fi
        grep -qF "$line" output; [ $? = $wanted ] || { echo "unexpected: $line"; changed=1; }
    done
}
echo "forbidden alone:"
expect 1 "web without json BROKEN" "web without sqlite3 KEPT" -- "not present"
cat >>.importlinter <<'INI'

[importlinter:contract:protected]
name = sqlite3 in store only
type = protected
protected_modules = sqlite3
allowed_importers = shop.store
INI
echo "with protected:"
expect 1 '"sqlite3" not present in the graph.' -- "web without" "in store only" BROKEN
echo "import sqlite3" >shop/store.py
echo "with protected and an import:"
expect 1 "web without json BROKEN" "web without sqlite3 KEPT" "sqlite3 in store only KEPT" -- "not present"
exit $changed
