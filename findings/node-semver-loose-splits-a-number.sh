#!/bin/bash
# node-semver 7.8.6: loose parsing splits a number of a version with four numbers in two.
#
# Strict parsing refuses 10.0.19041.1, and so does loose parsing 1.2.3.4. But where the third number
# has two digits or more, loose parsing, whose hyphen before a pre-release is optional, takes its
# last digit for the beginning of one: 10.0.19041.1 becomes 10.0.1904-1.1, and 4.17.21.1 becomes
# 4.17.2-1.1. Such versions are common: builds of Windows, .NET assemblies, gems, browsers. Sorted
# loosely, 1.1.10.1 comes before 1.1.9 and before 1.1.1. One would expect null, as for 1.2.3.4, or
# the fourth number to be dropped, as coerce() does.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
command -v npm >/dev/null || { echo "npm is not installed"; exit 2; }
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 2
npm install --silent --no-audit --no-fund semver@7.8.6 >log 2>&1 || { cat log; exit 2; }
node - <<'JS'
const semver = require("semver");
const loose = { loose: true };
const texts = ["1.2.3.4", "10.0.19041.1", "4.17.21.1", "1.1.10.1"];
const found = texts.map((text) => [text, String(semver.parse(text)), String(semver.parse(text, loose))]);
for (const [text, strict, parsed] of found) console.log(`${text}: strict ${strict}, loose ${parsed}`);
const order = semver.sort(["1.1.10.1", "1.1.9", "1.1.1"], loose);
console.log(`sorted loosely: ${order.join(" < ")}; coerced: ${semver.coerce("10.0.19041.1")}`);
const expected = [
  ["1.2.3.4", "null", "null"],
  ["10.0.19041.1", "null", "10.0.1904-1.1"],
  ["4.17.21.1", "null", "4.17.2-1.1"],
  ["1.1.10.1", "null", "1.1.1-0.1"],
];
const same = JSON.stringify(found) === JSON.stringify(expected)
  && order.join() === "1.1.10.1,1.1.1,1.1.9" && String(semver.coerce("10.0.19041.1")) === "10.0.19041";
process.exit(same ? 0 : 1);
JS
