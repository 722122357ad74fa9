"""Shapes that other tools give a question, as the words that they stand for.

Each rule replaces the syntax of one family of tools: options, docker, registries, packages,
searches of GitHub, jq, SQL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cachedb.patterns import lazy
from cachedb.query.tools.rewrite import words
from cachedb.query.vocabulary import FIELD_NAMES, KEYED_FIELDS

if TYPE_CHECKING:
    from re import Match

_OPTIONS: Final = (
    # --filter dangling=true, -f label=a, --filter "label=a"
    (r"(?:^|\s)(?:--filter|-f)[ =]+(['\"]?)(.*?)\1(?=\s|$)", r" \2 "),
    # -n 5, --limit=5, --last 5
    (r"(?:^|\s)(?:-n|--limit|--last|--max-count|head\s+-?n?|tail\s+-?n?)[ =]*(?=\d)", " limit "),
    (r"(?:^|\s)(?:-r|--reverse|--all|-a)(?=\s|$)", " "),
    # --sort=size, --sort-by -size, --order-by size
    (r"(?:^|\s)--(?:sort|order)(?:-by)?[ =]+", " sort "),
    # --since=2.weeks, --until yesterday
    (r"(?:^|\s)--(since|until|before|after)[ =]+", r" created \1 "),
    (r"\bcreated until\b", "created before"),
    (r"(?<=\d)\.(?=(?:minute|hour|day|week|month|year)s?\b)", " "),
)
_TOOLS: Final = r"docker|podman|nerdctl|crictl|ctr|skopeo|crane|regctl|oras|umoci|linuxkit"
_COMMANDS: Final = (
    (r"^\s*(?:sudo\s+)?(?:cachedb\s+(?:query\s+)?|linuxkit\s+cache\s+)", ""),
    # docker system df, du
    (r"^\s*(?:(?:docker|podman)\s+)?(?:system\s+)?(?:df|du|disk\s+usage)\s*$", "total size"),
    # skopeo list-tags docker://nginx, crane ls nginx
    (r"^\s*(?:skopeo\s+list-tags|(?:crane|regctl\s+tag|oras\s+repo)\s+(?:ls|tags))\b", "tags of"),
    # docker image ls, podman images, cachedb ls
    (rf"^\s*(?:{_TOOLS})\s+(?:images?|manifest|blob)\s+", "images "),
    (rf"^\s*(?:{_TOOLS})\s+(?=images\b|ls\b|list\b|inspect\b)", ""),
    (r"^\s*(?:images?\s+)?(?:ls|list|inspect|info|describe)\b", "list"),
    (rf"^\s*(?:(?:{_TOOLS})\s+)?(?:search|grep)\s+([\w./-]+)\s*$", r"name like %\1%"),
    (r"(?<!\S)(?:docker|docker-daemon|containers-storage)://?(?=\w)", ""),
    # dnf provides /bin/ls, dpkg -S /bin/ls
    (r"^\s*(?:dnf|yum|zypper)\s+(?:what)?provides\s+", "refs file "),
    (r"^\s*(?:rpm\s+-qf|dpkg\s+-S|pacman\s+-Qo)\s+", "refs file "),
    (r"^\s*(?:apt-file\s+search|apk\s+info\s+--who-owns)\s+", "refs file "),
    (r"^\s*(?:apt|apt-cache|dnf|yum|apk)\s+search\s+(\S+)", r"packages name like %\1%"),
    # rpm -qa openssl, dpkg -l, apt list --installed
    (r"^\s*(?:rpm\s+-qa?|dpkg\s+(?:-l|--list)|pacman\s+-Q)(?=\s|$)", "packages"),
    (
        r"^\s*(?:apt|dnf|yum|pip|apk)\s+(?:list|info|show)(?:\s+(?:--)?installed)?(?=\s|$)",
        "packages",
    ),
)
_SEARCHES: Final = (
    # size:>1GB, created:<=2024
    (r"(?<![\w.])([a-z][a-z.]*):(>=|<=|>|<)(?=\S)", r"\1 \2 "),
    # -tag:latest
    (r"(?<!\S)-(?=[a-z]+:)", "not "),
    (r"(?<!\S)sort:(-?)([a-z]+)(?:-(asc|desc))?(?!\S)", r"sort \1\2 \3"),
    (r"(?<!\S)in:name\s+(\S+)", r"name like %\1%"),
    (r"(?<!\S)(\S+)\s+in:name(?!\S)", r"name like %\1%"),
    (r"(?<!\S)(?:org|user|owner):([\w.-]+)", r"repo:\1/*"),
    (r"(?<!\S)is:(?:images?|refs?|public|private)(?!\S)", " "),
    (r"(?<!\S)is:([a-z]+-[a-z]+)(?!\S)", r"\1"),
)
_JQ: Final = (
    # .[] | select(.size > 1000000) | .name
    (r"^[\[(]?\s*\.\w*\[\]\s*\|\s*select\((.*?)\)\]?\s*\|\s*length\s*$", r"count \1"),
    (r"^[\[(]?\s*\.\w*\[\]\s*\|\s*select\((.*?)\)\]?(?:\s*\|.*)?$", r"\1"),
    (r"^map\(select\((.*?)\)\)(?:\s*\|.*)?$", r"\1"),
    (r"^\[\.\[\]\.(\w+)\]\s*\|\s*add\s*$", r"sum \1"),
    (r"\bsort_by\(\.(\w+)\)\s*\|\s*reverse\b", r"sort by \1 desc"),
    (r"\bsort_by\(\.(\w+)\)", r"sort by \1"),
    (r"\bgroup_by\(\.(\w+)\)", r"group by \1"),
    (r"^(?:\.(?:\[\])?\s*\|\s*)?length\s*$", "count"),
    (r"^\.(?=\[|$)\S*\s*\|\s*", ""),
    (r"(?<![\w./:])\.(?=[a-z])", ""),
)
_SQL: Final = (
    (r";\s*$", ""),
    (r"<>", "!="),
    (r"\b(\w+)\s+not\s+(in|i?like|between|contains)\b", r"not \1 \2"),
    (r"\bilike\b", "like"),
    (r"\b(\w+)\s+is\s+not\s+(?:null|none|empty)\b", r"with \1"),
    (r"\b(\w+)\s+is\s+(?:null|none|empty)\b", r"without \1"),
    (r"\s+as\s+\w+(?=\s*(?:,|from\b))", ""),
    (r"^\s*select\s+\*\s*$", "everything please"),
    (r"\b(?:select\s+)?(?:distinct|unique)\s+(\w+)(?:\s+from\s+(\w+))?\s*$", r"\2 group by \1"),
)
_PROSE: Final = (
    # images ending in -dev; repo starts with team, tag endsWith -dev
    (r"\b(?:images|refs)\s+(?:that\s+)?(start|begin|end)(?:s|ing|ning)?\s+", r"refs name \1s "),
    (r"\b(?:startswith|(?:start|begin)s? with|hasprefix)\s+['\"]?([^\s'\"]+)['\"]?", r"like \1%"),
    (r"\b(?:endswith|ends? (?:with|in)|hassuffix)\s+['\"]?([^\s'\"]+)['\"]?", r"like %\1"),
    (r"\s=~\s*", " ~ "),
    (r"\bvulnerable\s+to\b(?!\s+cve)", "with"),
    (r"\bmulti[ -]?(?:arch|platform)(?:itectures?|s)?\b", "multiarch"),
    (r"\bsingle[ -]?(?:arch|platform)(?:itectures?|s)?\b", "not multiarch"),
    (r"\b(?:at least|no less than|not less than|minimum of)\s+(?=\d)", ">= "),
    (r"\b(?:at most|no more than|not more than|up to|maximum of)\s+(?=\d)", "<= "),
    (r"\bmedia[ -]?types?\b", "type"),
    (r"<none>", "untagged"),
    (r"\bworld[ -]?writable\b", "writable"),
    (r"\bowned by root\b", "uid = 0"),
    (r"\bowned by (?:uid )?(?=\d)", "uid = "),
    (r"\bsigned (?:by|with) (?:cosign|notation|sigstore|notary)\b", "signed"),
    (r"(?<!\S)/([^\s/]+)/(?!\S)", r"name ~ \1"),
    (r"(?<!\S)\^(\w[\w.-]*)(?!\S)", r"name ~ ^\1"),
    (r"(?<!\S)(%[\w./-]+%?|[\w./-]+%)(?!\S)", r"name like \1"),
    (r"\blike\s+name\s+like\b", "like"),
)
_RULES: Final = tuple(
    (lazy(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (*_OPTIONS, *_COMMANDS, *_SEARCHES, *_JQ, *_SQL, *_PROSE)
)
_OPTION: Final = lazy(r"(?<!\S)--([a-z]+)(?:[ =]+|$)", re.IGNORECASE)
_SYNONYM: Final = lazy(
    rf"(?<![\w.:/-])(?:architecture|(?:{'|'.join(words.SYNONYMS)})(?=\s*[=:~!]))(?![\w/-])",
    re.IGNORECASE,
)
_NAMED: Final = frozenset((*FIELD_NAMES, *KEYED_FIELDS, *words.SYNONYMS, *words.AUTHORS))


def plain_words(text: str) -> str:
    """Return the words that a text of another tool stands for; other texts as they are."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = _OPTION.sub(_field_of_option, text)
    return _SYNONYM.sub(lambda found: words.SYNONYMS[found[0].lower()], text).strip()


def _field_of_option(found: Match[str]) -> str:
    """Read `--arch arm64` as `arch arm64` where the option is a field."""
    return f"{found[1]} " if found[1].lower() in _NAMED else found[0]
