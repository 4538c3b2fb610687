"""The Penn Treebank rules of the tokenizer.

Written from general knowledge of the original's published rules (Stanford's PTBTokenizer 3.4.1,
which coco-caption runs), and settled by asking it, millions of times, what it makes of this and
that. At each place it takes the rule that matches most characters; of equally long ones, the first.
So does this. A rule here is a regular expression whose group 1, if it has one, is the token and the
rest what must follow it; the rest counts for the length too. Rules see a copy of the text in which
every character outside ASCII is replaced by one of its kind (see `characters.py`), so that they
stay short.
"""

from __future__ import annotations

import re
import sys

from saccade.metrics.characters import kinds

# One character of each kind stands for all: é letter, U+0301 mark, ٠ digit, U+2003 other spaces.
_L = "A-Za-zé"
_D = "0-9٠"
_LD = f"[{_L}{_D}]"
_W = f"{_L}\u0301\xad"  # what a word begins with: letters, marks, the soft hyphen
_UMLAUT = "&(?i:[aeiou](?:acute|grave|uml));"  # letters in Web writing
_LETTER = f"(?:[{_W}]|{_UMLAUT})"
_CHUNK = f"{_LETTER}(?:[{_W}{_D}]|{_UMLAUT})*"
_WORD = f"{_CHUNK}(?:[.!?]{_CHUNK})*"
_APOS = "(?:['’\x92]|&apos;)"
_TICK = "(?:['’\x92`‘‛\x91]|&apos;)"  # apostrophes, and what people type for them
_SP = "[ \xa0\t\u2003]"
_END = "[ \xa0\t\u2003\n]"  # white space, or the end of the caption
_S = "(?i:[msd]|re|ve|ll)"
_CURLY = "(?:[’\x92]|&apos;)"  # what follows it isn't looked at: ’sled is 's | led
_NUM = f"(?:[{_D}]*(?:[.,:\xad\u066b\u066c][{_D}]+)+|[{_D}]+)"
_ACRONYM = "[A-Za-z](?:\\.[A-Za-z])+"
_NAME = f"(?:[dDoOlL]{_TICK}{_LD})?{_LD}+"  # o'clock, d'Angelo
# U.S.-based; the bound, not in the original, keeps a long line without a hyphen from being slow.
_HYPHENED = f"[A-Za-z0-9][A-Za-z0-9.,\xad]{{0,500}}(?:-(?:{_ACRONYM}\\.|[A-Za-z0-9\xad]+))+"
_INITIALS = "[A-Z]+(?:(?:[+&]|&(?i:amp);)[A-Z]+)+"  # AT&T
_PART = "[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}"
_PATH = '(?:/[^ \t\n"<>|()]+[^ \t\n"<>|.!?(){},-])?'

# Words that keep their full stop, however they are capitalised.
_STOPS = (
    "al co ct ga jr ky md mo rd rt sq sr va vt ala apr aug bhd cos dak dec esq est etc ext feb fla "
    "fri inc ind jan jul jun kan ltd mar mon neb nev nov oct plc sep seq sys tel thu tue wed wis "
    "wyo ariz assn assoc attys bancorp bldg blvd bros calif colo conn corp intl kans mich minn "
    "mont okla penn sept tenn thurs treas tues univ wisc"
)
_BEFORE_NAMES = (
    "cf dr ft lt mr ms mt ph st vs wm adj adm "
    "adv ave cie col cpl det drs ens gen gov hon jos maj mme mrs pfc pvt rep rev sen sfc sgt spc "
    "ste alex asst atty brig capt cmdr comdr dept elec govs insp invt lieut mlle messrs msgr natl "
    "pres prof profs reps sens supt supts"
)
_STOP_BEFORE_NAME = f"(?i:{'|'.join(_BEFORE_NAMES.split())})|[Mm][ft][Gg]"
_CAPITALISED = "Ark Del Ill Ore Tex Az La Pa Mass Miss Wash"  # these only with a capital
_STOP = "|".join(
    [
        f"(?i:{'|'.join(_STOPS.split())}|cont{_APOS}d)",
        "[Pp]{1,2}[Tt][ye][Ss]?",
        *(f"{word[0]}(?i:{word[1:]})" for word in _CAPITALISED.split()),
    ]
)
_BEFORE_NUMBER = "(?i:art|figs?|nos?|op|pp|ca|prop)"
# After an initial, one of these begins a sentence: "vitamin C. The".
_BEGINNINGS = (
    "A About According Additionally After An As At But Earlier He Her Here However If In It Last "
    "Many More Now Once One Other Our She Since So Some Such That The Their Then There These They "
    "This We What When While Yet You"
)
_BEGIN = f"(?:{'|'.join(f'{word}|{word.upper()}' for word in _BEGINNINGS.split())})"

_EXTENSIONS = (
    "c|h|x|gz|pl|ps|py|bat|bmp|cgi|cpp|dll|docx?|exe|gif|html?|jar|java|jpe?g|mov|mp3|pdf|php|png|"
    "ppt|sql|tar|txt|wav|xml|zip"
)
_EXTENSION = f"\\.(?i:{_EXTENSIONS})(?=[ \xa0\t\u2003\n.?!,])"
_FILE = f"{_LD}+(?:\\.{_LD}+)*{_EXTENSION}"  # 1.jpg

# Each rule: what its first character may be, and the rule itself. The order matters for ties.
_WORDS = (
    f"({_WORD}){_APOS}{_S}",  # the man | 's
    f"([A-Za-z\xad]*[A-MO-Za-mo-z])[nN]{_TICK}[tT]",  # is | n't
    f"(?:{_WORD})",
    f"{_NAME}(?:[-_\u058a\u2010\u2011]{_NAME})*",  # well-known, snake_case, 3-D, 50s
    _HYPHENED,
    f"{_PART}(?:\\\\?/{_PART}){{1,2}}",  # and/or
    _INITIALS,
    # The full stop of "dogs.," stays with the word.
    f"((?:{_WORD}|{_NAME}(?:[-_]{_NAME})*|{_HYPHENED}|{_INITIALS})\\.)[,;:、]",
    f"[A-HJ-XZn]{_TICK}[{_L}]{{2,}}",  # O'Neil
    f"[{_L}]+[aeiouyAEIOUY]{_TICK}[aeiouA-Z][{_L}]*",  # ma'am
    f"[oO]{_TICK}[oO]",
    f"(?i:dunkin|somethin|ol){_APOS}",
    f"(?i:nor{_APOS}easter|c{_APOS}mon|e{_APOS}er|s{_APOS}mores|ev{_APOS}ry|li{_APOS}l|nat{_APOS}l)",
    f"[dDlLjJ]{_APOS}",  # l' | amour
    f"([yY]{_APOS})[{_L}]",  # y' | all
    f"{_ACRONYM}\\.",  # U.S.
    "(?i:ph\\.d\\.)",
    f"([A-Za-z])\\.{_END}+{_BEGIN}{_END}",  # vitamin C | . The
    "[A-Za-z]\\.",  # John F. Kennedy
    "[cCfF]#|[cC]\\+\\+",
    f"((?:{_STOP})\\.)[\\s\\S]{{2}}",  # etc.
    f"(?:{_STOP_BEFORE_NAME})\\.",  # Mr.
    f"({_BEFORE_NUMBER}\\.){_SP}?[{_D}]",  # no. 5
)
_NUMBERS = (
    f"[-+]?{_NUM}",
    f"[{_D}]{{1,2}}[-/][{_D}]{{1,2}}[-/][{_D}]{{2,4}}",  # 12/25/2020
    f"(?:[{_D}]{{1,4}}[- \xa0])?[{_D}]{{1,4}}(?:\\\\?/|⁄)[{_D}]{{1,4}}",  # 1 1/2
    _FILE,
)
_PHONES = (
    "(?:\\([0-9]{2,3}\\)[ \xa0]?|(?:\\+\\+?)?(?:[0-9]{2,4}[- \xa0])?[0-9]{2,4}[- \xa0])"
    "[0-9]{3,4}[- \xa0]?[0-9]{3,5}",
    "(?:(?:\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}",
)
_HOST = """[^ \t\n"`'<>|.!?(){},-_$]"""  # from comma to underscore: no digits, no capitals
_SITE = '[^ \t\n"<>|.!?(){},]'
_TOP = "(?:com|net|org|edu)"
_HOSTS = (f"(?:{_HOST}+\\.)+{_TOP}{_PATH}",)  # these may start with nearly any character
_WWW = f"(?i:www)\\.(?:{_SITE}+\\.)+[a-zA-Z]{{2,4}}{_PATH}"
_WEB = ('(?i:https?)://[^ \t\n"<>|(){}]+[^ \t\n"<>|.!?(){},-]', *_HOSTS, _WWW)
_EMAIL = (
    '(?:<|&(?i:lt);)?[a-zA-Z0-9][^ \t\n"<>|()\xa0{}]*@'
    '(?:[^ \t\n"<>|(){}.\xa0]+\\.)*[^ \t\n"<>|(){}.\xa0]+>?',
)
_APOSTROPHES = (
    f"'{_S}(?![A-Za-z])|{_CURLY}{_S}",  # 's
    f"('[nN]){_END}",  # 'n
    "(')[A-Za-z]",  # an opening quote
    "('[tT])(?i:is|was)",  # 't | is
    f"({_APOS}[0-9][0-9]){_END}",  # '95
    f"{_APOS}[2-9]0s",  # '90s
    f"{_APOS}(?:[nN]{_APOS}?|(?i:em|till?|cause))",  # rock 'n' roll
)
_ENTITIES = (
    "&(?i:amp|lt|gt|apos|nbsp|[mn]dash|md);|&quot;",
    "&(?i:ht|tl|ur|lr|qc|ql|qr|odq|cdq|quot|#[0-9]+);",
)
_MARKUP = (
    "<[!?][A-Za-z-][^>\n]*>",
    "</?[A-Za-z][A-Za-z0-9_:.-]*(?:\\s+[A-Za-z][A-Za-z0-9:.-]*(?:\\s*=\\s*"
    "(?:'[^'\n]*'|\"[^\"\n]*\"|[A-Za-z][A-Za-z0-9_:.-]*))?)*\\s*(?:/\\s*)?>",
)
_SMILEYS = (
    "([<>]?[:;=][-o*']?[()DPdpO\\\\{@|\\[\\]])[^A-Za-z0-9]",
    "[-^x=~<>']_[-^x=~<>']|\\([-^x=~<>'][_.]?[-^x=~<>']\\)|\\([-^x=~<>']-[-^x=~<>'`]\\)",
)
_MARKS = "`‘‛\x91‹’\x92›“\x93«”\x94»"
_RUNS = (
    "\\.{3,5}|\\.(?:[ \xa0]\\.){2,}",
    "[!?]+",
    "-{2,}",
    "-(?i:[lr][rcs]b)-",
    "#+",
    "@+",
    "_+",
    "\\*+",
    "<<",
    ">>",
    "''",
    f"[{_MARKS}]{{1,2}}",
    "[‚„‟]+",
    "[²³¹⁰⁴-⁹]+",
    "[₀-₉]+",
    "\\\\[*]",
)
_NAMES = ("@[A-Za-z_][A-Za-z_0-9]*", f"#{_LETTER}+")
_ANY = (".",)

_DROPPED = "\t\xa0\u2003\0\u066b\u066c\u058a\u2010\u2011"  # no token on their own
_STARTS = (
    ("&", (*_ENTITIES, *_WORDS[:1], *_WORDS[2:3], _WORDS[7])),
    (f"[{_W}]", _WORDS),
    (f"[{_D}]", (*_WORDS[3:6], f"({_NAME}(?:[-_]{_NAME})*\\.)[,;:、]")),
    (f"[{_D}{_L}.,:+\xad\u066b\u066c-]", _NUMBERS),
    ("[0-9(+]", _PHONES),
    ("[^ ]", _HOSTS),
    ("[wWhH]", _WEB),
    ("[A-Za-z0-9<&]", _EMAIL),
    ("[A-Z$]", ("[A-Z]*\\$",)),
    ("['’\x92&]", _APOSTROPHES),
    ("[nN]", (f"[nN]{_TICK}[tT]",)),
    ("<", _MARKUP),
    ("[-<>:;=^x~'(]", _SMILEYS),
    (f"[.!?#@_*<>'\\\\{_MARKS}‚„‟²³¹⁰⁴-⁹₀-₉-]", _RUNS),
    ("[@#]", _NAMES),
    (f"[^\n{_DROPPED}]", _ANY),
    ("[\t\xa0\u2003]", ("()(?:\t+|[\xa0\u2003]+)",)),
)
_PARTS = {"cannot": 3, "gonna": 3, "gotta": 3, "lemme": 3, "gimme": 3, "wanna": 3}
_ONE = {
    "£": "#",
    "¢": "cents",
    "\xad": "-",
    "½": "1/2",
    "¼": "1/4",
    "¾": "3/4",
    "⅓": "1/3",
    "⅔": "2/3",
}
_ONE |= {"…": "..."} | dict.fromkeys("¤€\x80₠", "$") | dict.fromkeys("\x96\x97–—―", "--")
_ONE |= dict.fromkeys("`‘‛\x91‹", "`") | dict.fromkeys("'’\x92›", "'")
_ONE |= dict.fromkeys("“\x93«", "``") | dict.fromkeys('”\x94»"', "''")
_ONE |= {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_ENTITY = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&apos;": "'", "&quot;": "'", "&nbsp;": ""}
_ENTITY |= dict.fromkeys(("&mdash;", "&ndash;", "&md;"), "--")
_NEWLINES = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]")
_WITH_AMPERSAND = re.compile("[a-z]+(?:(?:[+&]|&amp;)[a-z]+)+")
_UNCHANGED = re.compile("[#@%»]|//")  # soft hyphens stay in these
_KEEPING = re.compile(f"(?:{_STOP}|{_STOP_BEFORE_NAME}|{_BEFORE_NUMBER})\\.")
_CONTRACTION = re.compile(f"{_APOS}(s|m|d|re|ve|ll)")
_NOT = re.compile(f"n{_TICK}t")
_WORD_BREAK = re.compile("[^\\w.,'’\xad-]|''|--|[.][.]|[\u3040-\u9fff]")
_WRITTEN = re.compile("[\xad() ]")


class _Ahead:
    """Whether a rule that reads on to the end of a run of characters can match at a position.

    It can where a `sign` follows in the run. Every run is read once, so that a long line takes time
    in proportion to its length; without this, such a rule would read on from every character. The
    positions of the calls must rise."""

    def __init__(self, shape: str, run: re.Pattern[str], sign: re.Pattern[str], near: int) -> None:
        self.shape, self.run, self.sign, self.near = shape, run, sign, near
        self.anywhere = sign.search(shape) is not None
        self.end = 0
        self.last = -1  # the run's last sign

    def __call__(self, position: int) -> bool:
        """Whether a sign follows in the run, no further off than `near` characters."""
        if not self.anywhere:
            return False
        if position >= self.end:
            match = self.run.match(self.shape, position)
            self.end, self.last = match.end() if match else position + 1, -1
            for sign in self.sign.finditer(self.shape, position, self.end + 1):
                self.last = sign.start()
        return position < self.last <= position + self.near


# The rules that read far ahead, the run that each reads, the sign that it needs in it, and how far
# off that may be.
_FAR = {
    _HYPHENED: ("[A-Za-z0-9.,\xad]+-?", "-", 501),
    _EMAIL[0]: ('<?[^ \t\n"<>|()\xa0{}]+', '@[^ \t\n"<>|(){}.\xa0]', sys.maxsize),
    _HOSTS[0]: (f"{_HOST}+(?:\\.{_HOST}+)*", f"\\.{_TOP}", sys.maxsize),
    _WWW: (f"{_SITE}+(?:\\.{_SITE}+)*", "\\.[a-zA-Z]{2}", sys.maxsize),
    _FILE: (f"{_LD}+(?:\\.{_LD}+)*", _EXTENSION, sys.maxsize),
    _MARKUP[0]: ("[^\n]+", ">", sys.maxsize),
}
_FAR_PATTERNS = [(re.compile(run), re.compile(sign), near) for run, sign, near in _FAR.values()]
_rules: dict[tuple[str, tuple[bool, ...]], list[re.Pattern[str]]] = {}


def _rules_of(first: str, far: tuple[bool, ...]) -> list[re.Pattern[str]]:
    """The rules that a token with this first character may follow; of those of _FAR, in their
    order, the ones that `far` says can match."""
    if (first, far) not in _rules:
        impossible = {rule for rule, possible in zip(_FAR, far, strict=True) if not possible}
        _rules[first, far] = [
            # One of the other rules has the one with a hyphen as a part.
            re.compile(rule.replace(f"|{_HYPHENED}", "") if _HYPHENED in impossible else rule)
            for start, rules in _STARTS
            if re.match(start, first)
            for rule in rules
            if rule not in impossible
        ]
    return _rules[first, far]


def words(text: str) -> list[str]:
    """The tokens of a caption, lower case, punctuation still among them."""
    text = _NEWLINES.sub(" ", text)
    shape = kinds(text) + "\nA \n"  # as if another caption followed
    ahead = [_Ahead(shape, *patterns) for patterns in _FAR_PATTERNS]
    any_sign = any(one.anywhere for one in ahead)
    far = (False,) * len(ahead)
    tokens: list[str] = []
    position, end_of_text = 0, len(text)
    while position < end_of_text:
        first = shape[position]
        if first == " ":  # with all white space after it
            position += 1
            while shape[position] in "\t\xa0\u2003":
                position += 1
            continue
        longest = end = position
        if any_sign:
            far = tuple([one(position) for one in ahead])
        for rule in _rules_of(first, far):
            match = rule.match(shape, position)
            if match and match.end() > longest:
                longest = match.end()
                end = match.end(1) if match.lastindex else longest
        token = text[position : min(end, end_of_text)]
        if end == longest and token.lower() in _PARTS:  # but not in "cannot's"
            parts = _PARTS[token.lower()]
            tokens += [token[:parts].lower(), token[parts:].lower()]
        else:
            tokens += _written(token)
        position = max(longest if end == position else end, position + 1)
    return tokens


def _written(token: str) -> list[str]:
    """A token as the original writes it: nothing, one word, or two ("can", "not")."""
    if not token:
        return []
    if len(token) == 1:
        return [_ONE.get(token, token.lower())]
    if len(token) == 2 and token[0] in _MARKS and token[1] in _MARKS:
        return [_ONE[token[0]] + _ONE[token[1]]]
    token = _final_sigmas(token) if "Σ" in token else token.lower()
    contraction = _CONTRACTION.fullmatch(token)
    if contraction:
        return ["'" + contraction[1]]
    if _NOT.fullmatch(token):
        return ["n`t" if token[1] in "`‘‛\x91" else "n't"]
    if "&" in token:
        if token[0] == "&":
            token = _ENTITY.get(token, token)
            if not token:
                return []
        if _WITH_AMPERSAND.fullmatch(token):
            token = token.replace("&amp;", "&")
    if _WRITTEN.search(token):
        if not _UNCHANGED.search(token):
            token = token.replace("\xad", "") or "-"
        token = token.replace(" ", "\xa0")
        if token[0] != "<" or token[-1] != ">":
            token = token.replace("(", "-lrb-").replace(")", "-rrb-")
    if token.strip(".") == "" or set(token) <= {".", " ", "\xa0"}:
        return ["..."]
    if token.strip("-") == "" and len(token) < 5:
        return ["--"]
    return [token]


def _final_sigmas(token: str) -> str:
    """Lower case as Java has it: a sigma is a final one when its word has letters before, none
    after."""
    breaks = [(0, 0), *(match.span() for match in _WORD_BREAK.finditer(token))]
    lower = [char.lower() for char in token]
    for (_, start), (end, _) in zip(breaks, [*breaks[1:], (len(token), 0)], strict=True):
        cased = [i for i in range(start, end) if _has_case(token[i])]
        for i in cased:
            if token[i] == "Σ":
                lower[i] = "ς" if cased[0] < i == cased[-1] else "σ"
    return "".join(lower)


def _has_case(char: str) -> bool:
    return char.lower() != char or char.upper() != char


def keeps_full_stop(piece: str) -> bool:
    """Whether the full stop at the end of "etc.", "Mr." or "no." may belong to the word."""
    return _KEEPING.fullmatch(piece) is not None
