"""Phrases of English, as the shorter words that the rules of the rewriter read.

Each table is one kind of phrase; a text passes through them from top to bottom.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cachedb.patterns import lazy
from cachedb.query.tools.rewrite import shapes, words
from cachedb.query.vocabulary import FIELD_NAMES, KEYED_FIELDS, NOUNS

if TYPE_CHECKING:
    from collections.abc import Callable
    from re import Match, Pattern

    _Rules = tuple[tuple[str, str | Callable[[Match[str]], str]], ...]

_START: Final = r"(?<![\w./:@-])"
_END: Final = r"(?![\w/:@-])"
_UNIT: Final = r"(minute|hour|day|week|month|year)"
_MONTHS: Final = (
    "jan(?:uary)?", "feb(?:ruary)?", "mar(?:ch)?", "apr(?:il)?", "may", "june?", "july?",
    "aug(?:ust)?", "sept?(?:ember)?", "oct(?:ober)?", "nov(?:ember)?", "dec(?:ember)?",
)  # fmt: skip
_NUMBERS: Final = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_SHOWN: Final = (
    "(?:name|repo|repository|registry|tag|size|digest|created|pulled|used|added|kind|type|platform|"
    "version|license|path|exclusive)"
)
"""Fields that are asked for as columns."""
_PARTS: Final = rf"(?:images?|refs?|{'|'.join(f'{noun[:-1]}s?' for noun in NOUNS)})"
_FIELDS: Final = rf"(?:{'|'.join(sorted((*FIELD_NAMES, *KEYED_FIELDS), key=len, reverse=True))})"
_MORE: Final = "|".join(sorted(words.COMPARATIVES))
_FIRST: Final = "|".join(sorted(words.SUPERLATIVES))
_BOUNDS: Final = "at least|at most|no less|not less|no more|not more|up to"


def _alone(pattern: str) -> str:
    return f"{_START}(?:{pattern}){_END}"


_QUESTIONS: Final = (
    # show me all images; display the layers of nginx
    (
        (
            r"^\s*(?:please\s+)?(?:show|display|print|fetch|tell|give|get)\s+"
            rf"(?=(?:me|all|the|us|every|{_FIRST})\b|{_PARTS}\b)"
        ),
        "",
    ),
    (r"^(\W*)(?:me|us)\s+", r"\1"),
    (rf"^\s*(?:what|which)\s+(?:is|are)\s+the\s+(?={_FIRST}|total|average|size|tags?)", ""),
    (
        r"^\s*(?:which|what)\s+(tags|platforms|digests)\s+(?:has|have|does)\s+(\S+?)(?:\s+have)?\s*$",
        r"\1 of \2",
    ),
    (r"^\s*what\s+is\s+the\s+(?=total|size|average|number)", ""),
    (rf"{_START}(?:which|what)\s+(?={_PARTS}{_END})", ""),
    (rf"({_PARTS})\s+(?:do|did)\s+(?:i|we|you)\s+have{_END}", r"\1 please"),
    # does nginx have openssl, is nginx signed
    (r"^\s*(?:does|do)\s+(\S+)\s+(?:have|contain|include|support)\s+", r"\1 with "),
    (r"^\s*is\s+(?!not\b)([\w./-]+(?::[\w.-]+)?)\s+(?=[\w-]+\s*\??$)", r"\1 "),
    (rf"({_PARTS})\s+does\s+(\S+)\s+(?:have|contain){_END}", r"\1 of \2"),
    (
        (
            r"^\s*(?:how\s+(?:big|large|full)\s+is|(?:the\s+)?(?:total\s+)?size\s+of)\s+(?:the\s+|my\s+)?"
            r"cache\s*\??$"
        ),
        "total size of blobs present",
    ),
    (
        r"^\s*how\s+(?:big|large)\s+are\s+(?:the\s+|my\s+|all\s+)*(images|refs)\s*\??$",
        r"\1 show name,size",
    ),
    (r"^\s*how\s+(?:big|large|heavy|small)\s+is\s+", "size of "),
    (r"^\s*how\s+old\s+is\s+", "created of "),
    (rf"^\s*when\s+was\s+(\S+)\s+(?:last\s+)?({_FIELDS})\s*\??$", r"\2 of \1"),
    (r"^\s*what\s+(?:uses|takes|needs)\s+(?:up\s+)?(?:the\s+)?(?:most\s+)?space\s*$", "largest"),
    (
        r"^\s*what\s+(?:eats|fills|is\s+(?:eating|filling))\s+(?:up\s+)?(?:the|my)\s+\w+\s*$",
        "largest",
    ),
    (r"^\s*where\s+is\s+(?=[a-z][\w.+-]*\s*$)", ""),
    (rf"(?<=\w)'s\s+(?={_PARTS}\b)", " "),
    (r"\?\s*$", ""),
)
_COLUMNS: Final[_Rules] = (
    (rf"^\s*show\s+(?={_FIELDS}\s+of\s)", ""),
    (r"^\s*(?:(?:only|just)\s+(?:the\s+)?)?(names|tags|digests|platforms)(?:\s+only)?\s*$", r"\1"),
    (r"^\s*(?:(?:only|just)\s+(?:the\s+)?)?sizes(?:\s+only)?\s*$", "show name,size"),
    (rf"^\s*(images|refs|layers|blobs|packages|files)\.({_FIELDS})\s*$", r"\1 show \2"),
    ((rf"^\s*(?:show\s+)?({_SHOWN}(?:\s*(?:,|\band\b)\s*{_SHOWN})+"
     rf"|(?<=show )\s*{_SHOWN}(?:\s+{_SHOWN})+)"
     r"(?:\s+of\s+(?:all\s+)?(images|refs|layers|packages|files|blobs))?\s*$"),
     shapes.shown),
)  # fmt: skip
_ABSENCES: Final = (
    (_alone(r"(?:do|does|did)(?: not|n'?t) (?:have|contain|include|support|use)"), "without"),
    (_alone(r"(?:that |which )?(?:lacks?|lacking|have no|has no|having no)"), "without"),
    (_alone(r"without (?:an?|any)"), "without"),
    (_alone(r"(?:and|but) (?:no|without)"), "without"),
    (_alone(r"but not"), "not"),
    (rf"{_START}(?:is|are|was|were)(?: not|n'?t){_END}(?!\s+(?:null|none|empty)\b)", "not"),
    (_alone(r"and not"), "not"),
    (rf"{_START}({_FIELDS})\s+not\s+(?!like\b|in\b|null\b|between\b)(?={_START}\S)", r"not \1 = "),
    (_alone(r"neither ([\w-]+) nor ([\w-]+)"), r"not \1 not \2"),
    (_alone(r"(?:everything|anything|all|all images|images|refs)?\s*(?:but|except|other than)"),
     "refs except"),
    (r"^\s*(?:exclude|excluding|except|skip|ignore)\s+", "refs except "),
    (r"^(\s*(?:images|refs))\s+(\S+)\s+without\s*$", r"\1 without \2"),
)  # fmt: skip
_PRESENCES: Final = (
    (rf"{_START}not\s+{_START}with{_END}", "without"),
    (_alone(r"(?:that|which|who) has"), "with"),
    (rf"{_START}(with|has|any)\s+provenances?{_END}", r"\1 attestation"),
    (rf"{_START}(?:without|no|missing)\s+(?:provenances?|attestations?){_END}", "no attestation"),
    (_alone("attested"), "with attestation"),
    (rf"{_START}unattested\s+(images|refs){_END}", r"\1 no attestation"),
    (_alone("unattested"), "no attestation"),
    (_alone(r"(?:that |which |who )?(?:have|having|supports?|supporting|ships?|include|contain)"),
     "with"),
    (_alone(r"(?:that|which|who) (?:are|is|were|was)"), ""),
    (_alone(r"(?:labelled|labeled)(?: with| as)?"), "label"),
    (rf"^\s*(?:everything|anything|all)\s+(?=(?:{_MORE}|with|without){_END})", "images "),
)  # fmt: skip
_QUANTITIES: Final[_Rules] = (
    *((_alone(word), str(number)) for number, word in enumerate(_NUMBERS, 2)),
    (r"(?<=\d)[,_](?=\d{3}(?!\d))", ""),
    (r"(?<=\d)\s*(?:million|mio)\b", "M"),
    (r"(?<=\d)\s*(?:billion)\b", "G"),
    (r"(?<![\w.])(\d+)e(\d)(?![\w.])", lambda found: str(int(found[1]) * 10 ** int(found[2]))),
    (rf"{_START}(?:exceeds?|exceeding|beyond|greater as){_END}", "over"),
    ((rf"{_START}((?:bigg|larg|great|small|old|new|young|few|heavi|light)er|more|less)\s+(?:as|then)"
     rf"{_END}"), r"\1 than"),
    (rf"{_START}with\s+an?\s+size\s+(?:of\s+)?", "size "),
    (rf"{_START}(?:is|are|be|was|of|with)\s+(?={_BOUNDS})", ""),
    (rf"{_START}(?:is|are|be|was|of|with)\s+(?=(?:{_MORE})\s+(?:than\s+)?\d)", ""),
)  # fmt: skip
_AGES: Final[_Rules] = (
    (rf"{_START}(?:an?|one)\s+(?={_UNIT}s?{_END})", "1 "),
    (
        (rf"(?:{_START}(?:in|within|during|over|for|from)\s+)?(?:the\s+)?(?:last|past|previous)\s+"
        rf"(\d+\s*)?{_UNIT}s?{_END}"),
        lambda found: f"since {found[1] or 1} {found[2]}",
    ),
    (rf"{_START}(?:more|longer|earlier|over)\s+(?:than\s+)?(\d+\s*\w+)\s+ago{_END}", r"before \1"),
    (rf"{_START}(?:less|later|under)\s+(?:than\s+)?(\d+\s*\w+)\s+ago{_END}", r"since \1"),
    (r"<=?\s*(?:now(?:\(\))?\s*-\s*|-\s*)(?:interval\s+)?['\"]?(\d+\s*\w+)['\"]?", r"before \1"),
    (r">=?\s*(?:now(?:\(\))?\s*-\s*|-\s*)(?:interval\s+)?['\"]?(\d+\s*\w+)['\"]?", r"since \1"),
    (rf"<=?\s*(\d+\s*\w+)\s+ago{_END}", r"before \1"),
    (rf">=?\s*(\d+\s*\w+)\s+ago{_END}", r"since \1"),
    (rf"{_START}last\s+used\s+(?=\d)", "used before "),
    (rf"{_START}last\s+(?=(?:used|pulled|created|added)\s+(?:before|since|after){_END})", ""),
    (rf"{_START}not\s+(used|pulled|added|created)\s+for\s+(?=\d)", r"not \1 since "),
    (rf"{_START}age\s*(?:>=?|over|above|more than)\s*(?=\d)", "created before "),
    (rf"{_START}age\s*(?:<=?|under|below|less than)\s*(?=\d)", "created since "),
    (rf"{_START}(sort|sorted|order|ordered|sort by|sorted by|order by|ordered by|by)\s+age{_END}",
     r"\1 created"),
    *(
        (rf"{_START}{month}\s+(\d{{4}}){_END}", rf"\1-{number:02}")
        for number, month in enumerate(_MONTHS, 1)
    ),
    (rf"{_START}(created|pulled|used|added|modified)\s+(?:on|at)\s+(?=\d)", r"\1 = "),
    (rf"{_START}(created|pulled|used|added|modified|size)\s+from\s+(\S+)\s+to\s+(\S+)",
     r"\1 between \2 and \3"),
    (rf"({_PARTS})\s+from\s+(?=before{_END}|since{_END}|after{_END})", r"\1 "),
    (r"(images|refs)\s+(?:from|of|in)\s+(?=(?:19|20)\d\d(?:-\d\d)*(?:\s|$))", r"\1 created = "),
    (rf"{_START}(?:changed|modified|written)(?=\s+(?:since|before|after))", "modified"),
    (rf"{_START}never\s+been{_END}", "never"),
    # built in 2023, made before 2023
    (rf"{_START}(?:built|made)\s+(?=(?:in|before|after|since|today|yesterday|this)(?:\s|$))",
     "created "),
)  # fmt: skip
_SETS: Final = (
    # layers shared by nginx and redis, common to both: those of each
    ((rf"({_PARTS})\s+(?:that are\s+)?(?:shared|common|used|found|contained)\s+"
     r"(?:by|to|in|between)\s+(?:both\s+)?(\S+)\s+and\s+(\S+)\s*$"), r"\1 in \2 as \3"),
    (rf"^\s*(?:common|shared)\s+({_PARTS})\s+(?:of|in|between)\s+(\S+)\s+and\s+(\S+)\s*$",
     r"\1 in \2 as \3"),
    (r"^\s*unique\s+(layers?|blobs?|configs?)\s*$", r"\1 not shared"),
    (r"^\s*(?:(?:the\s+)?roots?\s+of|why)\s+(?=\S+\s*$)", "who uses "),
    (r"^\s*used\s+by\s+(?=\S+\s*$)", "blobs in "),
    (r"^\s*what\s+(?:does|would)\s+(?:removing\s+)?(\S+)\s+free\s*$", r"blobs unique to \1"),
    (r"^\s*freed\s+by\s+(?:removing\s+)?(?=\S+\s*$)", "blobs unique to "),
    (rf"({_PARTS})\s+in\s+both\s+(\S+)\s+and\s+(\S+)\s*$", r"\1 in \2 as \3"),
    (rf"({_PARTS})\s+used\s+by\s+only\s+(?:1|one)\s+image{_END}", r"\1 not shared"),
    ((rf"({_PARTS})\s+(?:(?:that are\s+)?(?:used|shared|found|contained)\s+)?(?:in|by)\s+"
      rf"(?:more\s+than\s+(?:1|one|an)|at\s+least\s+2|several|many|multiple)\s+images?{_END}"),
     r"\1 shared"),
    ((rf"({_PARTS})\s+(?:(?:are|is)\s+)?(?:used|found|contained|installed|included)\s+"
     r"(?:by|in|inside|within)\s+(?=[\w.*/-])"), r"\1 in "),
    (rf"({_PARTS})\s+(?:are|is)\s+(?=(?:in|inside|within)\s)", r"\1 "),
    (rf"({_PARTS})\s+in\s+(\S+)\s+(?:(?:but|and)\s+)?(?:not|minus|except)\s+(?:in\s+)?(?=[\w.*/-]+:?[\w.-]*\s*$)",
     r"\1 in \2 minus "),
    (rf"^\s*({_PARTS})\s+(\S+)\s+minus\s+(?=\S+\s*$)", r"\1 in \2 minus "),
    (rf"({_PARTS})\s+only\s+(?:in\s+|of\s+|used by\s+)?(\S+)(?:\s+(?:uses|has))?\s*$",
     r"\1 unique to \2"),
    (r"^\s*(?:exclusive|unique)\s+to\s+(?=\S)", "blobs unique to "),
    ((r"^\s*(?:images\s+|refs\s+)?(?:that\s+|which\s+)?(?:sharing|shares?|with|have)\s+"
     r"(?:the\s+same\s+)?layers\s+(?:with|as|of)\s+(?=\S+\s*$)"), "based on "),
    (rf"{_START}(?:installed\s+)(?=packages)", ""),
    (r"^\s*(?:s?bom)\s+of\s+", "packages of "),
)  # fmt: skip
_QUANTIFIERS: Final = (
    (r"^\s*exists?\s*\(\s*(layers?|manifests?|packages?|files?)\s*\)", r"refs with \1"),
    (rf"{_START}(average|avg|mean|max|maximum|min|minimum|total)\s+({_PARTS})\s+size{_END}",
     r"\1 size of \2"),
    (rf"{_START}(?:forall|for all|each)\s+(?=(?:layer|manifest|package|file|blob)s?{_END})",
     "every "),
    (rf"{_START}some\s+(?=(?:layer|manifest|package|file|blob)s?{_END})", "any "),
    (rf"{_START}none\s+of\s+the\s+", "no "),
    (rf"{_START}all\s+of\s+the\s+(?=(?:layer|manifest|package|file|blob)s?{_END})", "every "),
    (rf"{_START}count\s*\(\s*(layer|manifest|package|file|blob)s?\s*\)\s*(?=[<>=!])",
     r"number of \1s "),
    (rf"{_START}(?:num|number|n)_?(layer|manifest|package|file|blob)s?\s*(?=[<>=!])",
     r"number of \1s "),
    (rf"{_START}(layer|manifest|package|file|blob)s?[ _-]?count\s*(?=[<>=!])", r"number of \1s "),
    (rf"{_START}(?:with\s+)?(?:only|exactly|just)\s+(?:one|1)\s+(?:platform|arch\w*){_END}",
     "not multiarch"),
    ((rf"{_START}(?:with\s+)?(?:only|exactly|just)\s+(?:one|1)\s+"
     r"(?=(?:layer|manifest|package|file|blob)s?)"), "with 1 "),
)  # fmt: skip
_RANKS: Final = (
    # latest 2 images of each repo, newest tag of each repo
    (rf"{_START}latest\s+(?=\d+\s+(?:images|tags|versions)?\s*(?:of|in|per|for)\s)", "newest "),
    ((rf"((?:{_FIRST}|last)\s+(?:\d+\s+)?(?:images?|refs?|tags?|versions?)?)\s*(?:of|in|for)\s+"
     rf"(?:each|every)\s+(?=(?:{_SHOWN}){_END})"), r"\1 per "),
    ((rf"{_START}(?:all|everything|images|refs)?\s*(?:but|except)\s+(?:for\s+)?(?:the\s+)?"
     rf"(?=(?:{_FIRST}|last)\s+.*{_START}per\s)"), "not "),
    (rf"{_START}keep\s+(?=(?:the\s+)?(?:{_FIRST}|last)\s+\d)", ""),
    (rf"{_START}most\s+(?:often\s+)?(?:used|shared|referenced)\s+(?=(?:layer|blob|config)s?)",
     "most-referenced "),
    (rf"(?:,\s*|{_START})(largest|biggest|newest|oldest|smallest|latest)\s+first{_END}", r" \1"),
    (rf"{_START}({_FIRST})\s+({_PARTS})\s+first{_END}", r"\1 \2"),
    (r"^\s*(?:largest|biggest)\s+(?:repo|repository|repositories|repos)\s*$",
     "refs group repo show repo,total sort -total"),
    (rf"{_START}by\s+(\w+)\s+(?:reverse|reversed|backwards){_END}", r"by \1 desc"),
    (rf"{_START}(?:sort|order)\s+(desc|asc)\s+(\w+)", r"sort by \2 \1"),
    (r"^\s*(?:largest|most|biggest)\s+exclusive(?:\s+size)?\s*$", "sort by exclusive desc"),
    (r"^\s*per\s+(\w+)\s+((?:top|last)\s+\d+|newest|oldest|latest)\s*$", r"\2 per \1"),
    (r"^\s*lru\s*$", "least recently used"),
)  # fmt: skip
_FILES: Final = (
    (rf"{_START}(files)\s+(?:named|called|with name)\s+(?=\S)", r"\1 name = "),
    (rf"{_START}(files)\s+(?:in|under|below|inside|beneath)\s+(/[\w./*-]*?)/?(?=\s|$)",
     r"\1 path = \2/**"),
    (rf"{_START}under\s+(/[\w./-]*?)/?(?=\s|$)", r"path = \1/**"),
    (rf"{_START}(files)\s+(?:matching\s+)?(\*\.\w+)(?=\s|$)", r"\1 name = \2"),
    (r"^\s*(\*\.[a-z]\w*)\s*$", r"files name = \1"),
    (rf"{_START}(files)\s+(?:ending\s+(?:with|in)|that end (?:with|in))\s+(\.?\w+)",
     r"\1 name = *\2"),
    (rf"{_START}(files)\s+owned\s+by\s+(?:uid\s+|user\s+)?(?=\d)", r"\1 uid = "),
    (rf"{_START}writable\s+(?:by|for)\s+(?:others|everyone|anyone|all|world){_END}", "writable"),
    (rf"{_START}not\s+owned\s+by\s+root{_END}", "not uid = 0"),
    (rf"{_START}files\s+newer\s+than\s+", "files modified since "),
    (rf"{_START}files\s+older\s+than\s+", "files modified before "),
    (rf"{_START}(symlink|hardlink)s?{_END}", r"files type = \1 "),
    (rf"{_START}(?:directories|folders|dirs){_END}", "files type = directory "),
    (rf"{_START}executables{_END}", "files executable"),
    (rf"{_START}setuid\s+(?=in{_END})", "setuid files "),
)  # fmt: skip
_TEXTS: Final = (
    (rf"{_START}(?:images|refs)\s+whose\s+", "refs "),
    (rf"{_START}({_FIELDS})s\s+(start|begin|end)ing\s+(?:with|in)\s+", r"\1 \2s with "),
    (rf"{_START}equal(?:s|ing)?\s+(?:to\s+)?(?=\S)", "is "),
    (rf"{_START}({_FIELDS})\s+(?:glob)\s+", r"\1 like "),
    (rf"{_START}({_FIELDS})\s+(?:rlike|regexp?)\s+", r"\1 ~ "),
    (rf"{_START}({_FIELDS})\s*!~\s*", r"not \1 ~ "),
    (rf"{_START}({_FIELDS})\s*=?~\s*/([^/\s]+)/", r"\1 ~ \2"),
    (rf"{_START}({_FIELDS}):/([^/\s]+)/(?=\s|$)", r"\1 ~ \2"),
    (rf"{_START}named\s+like\s+", "name like "),
    (rf"({_PARTS})\s+like\s+(?=\S)", r"\1 name contains "),
    (r"(packages?)\s+(?:named|called)\s+(?=\S)", r"\1 name = "),
    (rf"({_PARTS})\s+with (?:the )?name\s+(?=\S)", r"\1 name = "),
    (rf"{_START}tagged(?:\s+as)?\s+(?=[\w.-]+(?:\s*,\s*[\w.-]+)*\s*$)", "tag = "),
    ((rf"{_START}with\s+(?:the\s+)?(tag|arch|label|env|entrypoint|name|license|platform)\s+"
     r"(?:of\s+)?(?=[\w./*-])"), r"\1 "),
    (rf"{_START}of\s+(type|kind)\s+(?=\S)", r"\1 = "),
    (r"^(\s*(?:blobs\s+)?)type\s*[:=]?\s*(?=(?:layer|config|manifest|index|attestation)s?\s*$)",
     r"\1kind = "),
    (rf"{_START}({_FIELDS})\s+:\s*(?=\S)", r"\1:"),
    (rf"{_START}({_FIELDS}):\s+(?=[<>=])", r"\1 "),
    (rf"{_START}(tag|arch|os|registry|repo|license):(\S+)\s+or\s+(?=[\w.-]+(?:\s|$))", r"\1:\2,"),
    (rf"{_START}({_FIELDS})\s+:(?=\S)", r"\1:"),
)  # fmt: skip
_PLACES: Final = (
    (rf"{_START}(for|on|with)\s+both\s+", r"\1 "),
    (rf"{_START}(?:from\s+)?docker\s*hub{_END}", "from docker.io"),
    (rf"{_START}official\s+(?=images|refs)", "repository = docker.io/library/* "),
    (rf"{_START}(?:arm|linux/arm)[ /]?(v[5678]){_END}(?!/)", r"linux/arm/\1"),
    (rf"{_START}apple\s+silicon{_END}", "arm64"),
    (r"^\s*([\w/]+)\s+(?:is\s+)?(?:missing|lacking|absent)\s*$", shapes.missing),
    (rf"{_START}non-(linux|windows){_END}", r"not \1"),
    (r"^\s*:(?=[\w.-]+\s*$)", "tag = "),
    (rf"{_START}(?:protected|locked)\s+(?=images|refs)", "pinned "),
    (rf"{_START}(?:imported)\s+(?=images|refs)", "source = import "),
    (rf"{_START}(?:(?:images|refs)\s+)?(?:(?:that\s+)?i\s+built|built\s+locally){_END}",
     "source = build"),
    (rf"{_START}built\s+(?=images|refs)", "source = build "),
    (r"(?<!not )pulled\s+from\s+(?=[\w-]+\.[\w.-]+)", "from "),
    (rf"{_START}(?:healthy|intact)\s+(?=images|refs)", "not broken "),
    (rf"{_START}(images|refs)\s+with\s+missing\s+(?:layer|blob|file)s?{_END}", r"\1 broken"),
)  # fmt: skip
_RULES: Final[tuple[tuple[Pattern[str], str | Callable[[Match[str]], str]], ...]] = tuple(
    (lazy(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        *_QUESTIONS,
        *_COLUMNS,
        *_FILES,
        *_RANKS,
        *_PLACES,
        *_SETS,
        *_ABSENCES,
        *_PRESENCES,
        *_QUANTITIES,
        *_AGES,
        *_QUANTIFIERS,
        *_TEXTS,
    )
)


def shorter(text: str) -> str:
    """Return a text of English prose in the words of the rules; other texts as they are."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
