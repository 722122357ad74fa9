#!/bin/bash
# docker-parse-image 3.0.1: `library/` is added on every registry, and a digest is called a tag.
#
# `library/` is the home of official images on Docker Hub only (distribution/reference,
# ParseNormalizedNamed): registry.example:5000/app is the repository `app`. The full name that this
# parser gives is registry.example:5000/library/app, which is another repository of that registry. A name with a digest comes back with the digest as its tag and a colon instead of
# the @, so the full name cannot be pulled; with a tag and a digest both are one tag. A path of
# four parts, as GitLab's registry has them for a group, a project and an image, is null.
# parse-docker-image-name 3.0.0 reads each as the specification does.
#
# Exit 0: observed as described. Exit 1: the behaviour changed. Exit 2: could not be run.
set -u
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
command -v node >/dev/null || { echo "needs node"; exit 2; }
cd "$folder" || exit 2
npm install --silent --no-audit --no-fund --ignore-scripts docker-parse-image@3.0.1 parse-docker-image-name@3.0.0 >log 2>&1 || { cat log; exit 2; }
cat >read.mjs <<'E2'
import { createRequire } from "module";
const required = createRequire(process.cwd() + "/");
const one = required("docker-parse-image"), other = required("parse-docker-image-name");
const parse = typeof other === "function" ? other : other.default;
const digest = "sha256:" + "a".repeat(64);
for (const name of ["app", "registry.example:5000/app", `registry.example/team/app@${digest}`, `app:1@${digest}`, "registry.example/a/b/c/app:1"]) {
  const read = one(name), right = parse(name);
  const short = (text) => text?.replace(digest, "DIGEST");
  console.log(short(name), "|", read && short(read.fullname), "|", read && short(read.tag), "|", right.path, right.tag, short(right.digest));
}
E2
node read.mjs >seen || exit 2
echo "name | full name | tag | path, tag and digest of the other library"
cat seen
cat >expected <<'E2'
app | library/app:latest | undefined | app undefined undefined
registry.example:5000/app | registry.example:5000/library/app:latest | undefined | app undefined undefined
registry.example/team/app@DIGEST | registry.example/team/app:DIGEST | DIGEST | team/app undefined DIGEST
app:1@DIGEST | library/app:1@DIGEST | 1@DIGEST | app 1 DIGEST
registry.example/a/b/c/app:1 | null | null | a/b/c/app 1 undefined
E2
cmp -s seen expected || { echo "the behaviour changed"; exit 1; }
echo "observed: a repository, a tag and a path that the registry does not have"
