"""Captions written to be hard for a tokenizer, and a seeded generator of worse ones."""

import random

HARD = r"""
A man's dog isn't going to the U.S. today.
She said "I can't, won't and shouldn't've" -- then left...
It's the dogs' bowl; James's, not Jess'.
I'd've thought y'all would've known, ma'am.
cannot gonna gotta lemme gimme wanna Cannot GONNA dunno cannots cannot's
'Tis the season; 'twas cold, 'twasn't it?
rock 'n' roll, fish'n'chips, rock n' roll and salt 'n vinegar
O'Neil, o'clock, D'Angelo, L'Oreal, d'oh, j'ai, l'eau, Xi'an and Hallowe'en
jack-o'-lantern jack-o-lantern will-o'-the-wisp five-o'clock
the '90s, the 1990's, the 90s, '95 and the ' 90 s
'em 'til 'till 'cause 'bout 'round ol' somethin' nothin' Dunkin' Donuts
c'mon s'mores li'l ev'ry nor'easter e'er nat'l cont'd. int'l gov't
DON'T ISN'T N'T MAN'S HE'LL THEY'RE
a t-shirt, two T-shirts, an x-ray and a 12-year-old's e-mail
well-known man-made state-of-the-art re-enter co-op's
anti-U.S. pre-U.S.A. U.S.-based St.-Louis a.-b a,b-c
one--two---three----four-----five ------ six
a -b c- d - e -f-
3-D 3d-printed 4-wheel 4x4 4x4's 2x4 2 x 4 10x10 12"x12"
Mr. Smith, Mrs. Jones, Ms. Lee, Dr. No, Prof. X, St. John and Sgt. Pepper
He met Mr.Smith at Acme Inc. The man left. Corp. Ltd. Co. Bros. etc.
etc., etc.) etc.! etc.- etc.5 etc.a b etc.aa
Jan. Feb. Mar. Apr. May. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec.
Mon. Tue. Tues. Wed. Thu. Thurs. Fri. Sat. Sun.
Calif. Fla. Mass. mass. Miss. miss. Wash. wash. Tex. tex. La. la. Ill. ill. Pa. pa. Ore. ore.
no. 5, No. 5, nos. 5, fig. 3, Fig. five, p. 7, pp. 7, vol. 2, art. 4, ca. 1900, op. 9
e.g. a dog, i.e. an animal, cf. cats, vs. dogs, et al. here
at 3 p.m. on Monday and 5 a.m. The sun; 3:30pm 12:30 PM 10am 12p.m.
by J. R. R. Tolkien and J. Smith. Vitamin C. The end. Plan B. he said
U.S.A. U.K. Ph.D. PH.D. M.D. B.A. D.C. T.V. O.K. p.m.
a.b.c. A.B.C Ab.C. x.y A.5 a.1 1.a 1.A
end.The end. the end .The dog.cat dog!cat dog?cat dog,cat dog;cat dog:cat
dogs., cats.; birds.: fish.! 5., a-b., mr., don't., U.S.,
1,000 12,345.67 1.5 .5 -.5 -5 +5 +-5 1..5 1,5, 1:5 a:1 a,1 1,a
5% 50 % %5 100%off 1/2 3/4 1 1/2 5-1/2 5 11/22 1/2/3 1/2/3/4 3½ ½ 5 ¾ ⅓⅔
12/25/2020 12-25-2020 12.25.2020 2020-12-25 24/7 9/11
1st 2nd. 3rd-place 20th's 5ft 6' 5'10" 5' 11" 5m² x² H₂O
555-1234 (555) 123-4567 1-800-555-1234 555 123 4567 +44 20 7946 0958 555.123.4567 123 456 789
$5 $5.50 US$5 A$5 us$5 $ 5 €5 5€ £5 £5m 5¢ ¥5 ₹5 ₤5 ฿ ¤5 $1,000.50, $5-million
#1 #hashtag #a1 #a_b ##a @user @user_1 @1 a@b a@b.c a.b@c.co.uk <a@b.com> @@ ##
C++ and C# and F# and c# but not D# nor G++
AT&T R&D A&B&C a&b A & B Q & A A&b R&amp;D AB&amp;CD
"quoted" 'single' “curly” ‘curly’ «guillemets» ‹small› `tick` ``tex'' „low‟ ‚low‛
"'nested'" ''doubled'' “‘both’” ““twice”” »reversed« “ spaced ”
don’t it’s dogs’ ’tis ’90s O’Neil rock ’n’ roll y’all I’ve ’em
don`t don´t can‘t can‛t O`Neil dog´s dog‘s
wait... wait.. wait.... wait . . . wait… …what
really?! what!? no!!! why?? stop! a!b a?b a!! b
(a man) [a dog] {a cat} ((double)) a(b)c ( spaced ) -LRB- -rrb-
<br> <br/> <br /> </a> <a href="x y"> <a b> <3 <- -> --> => <= << >> <1> <é> <!-- no -->
http://example.com/a?b=c#d. https://example.com/a, (http://example.com/a) ftp://a.b HTTP://A.B
www.example.com www.a.co.uk/x. example.com example.com/bc?d=e foo.org. foo.net/
photo.jpg photo.JPG 1.jpg IMG_1234.JPG a-1.jpg foo.tar.gz 1.mp3, 1.txt.
snake_case a_b_c _a a_ __a__ a__b ___ _ -_- ^_^ o_o >_< T_T
:) :-) ;-) :( :D :P :p =) =D :'( :| :] :[ :{ :o :O :3 8) xD >:( <:) :)a a:) :))
and/or his/her w/ w/o km/h a/b/c/d a//b /a a/ a\b a\/b \* A/C 5km/h
* ** *** a* *a M*A*S*H f*ck F*** ~5 a~b ^ a^b | a|b \ = == a=b 2+2=4 a+b
&amp; &lt; &gt; &quot; &apos; &nbsp; &mdash; &eacute; caf&eacute; &#39; it&#39;s it&apos;s &foo;
café naïve résumé Zoë façade jalapeño über Åse Łódź Đà Nẵng
cafe´ café naïve ́a
ﬁre ﬂy Ⅷ ① ™ ® © ° ª º µ № ℃
你好世界 这是 一只狗。 犬が走る、速い。 カタカナ 고양이 สวัสดีครับ हिन्दी नमस्ते বাংলা தமிழ்
привет мир Ελλάδα ΟΔΟΣ ΣΑΣ ὈΔΥΣΣΕΎΣ עברית العربية فارسی ١٢٣ १२३ １２３ 12٫5
İstanbul ISPARTA ß ẞ STRASSE Straße ŉ ǰ ΐ
😀 a😀b 👍🏽 👨‍👩‍👧 🇫🇷 dog🐶cat ❤️ ☕ ♥ ★ → ← ✓
soft­hyphen non‑breaking‐hyphen en–dash em—dash 5–6 a − b ―
a b a b a b a　b zero​width 5 1/2 ﻿bom
colour color grey gray theatre theater programme
a man , a plan ; a canal : panama ! really ? yes .
  leading and trailing   and   inner    spaces
The The. A. I. a. I A b. 5. X, Y. Z
""".strip("\n").split("\n")

HARD += [
    "",
    " ",
    ".",
    "...",
    "'",
    '"',
    "-",
    "tab\there\tand\tthere",
    "bell\x07 null\x00 escape\x1b[0m delete\x7f c1\x9b\x85next",
    "line\nbreak and\r\nreturn\x0bvertical\x0cfeed\u2028separator\u2029end",
    "windows\x93quotes\x94 it\x92s \x96 \x97 \x80" + "5",
    "word " * 2000,
    "x" * 5000,
    "a-" * 1500 + "b",
    "1," * 1500 + "1",
    "(" * 500 + ")" * 500,
    "!?" * 700,
    "Mr. " * 500,
    "http://a.b/" + "c" * 3000,
    "\U0001f600" * 300,
    "e\u0301" * 500,
]

_AWKWARD = (
    "a the The dog A B I U.S. U.S Mr. etc. no. No. fig p.m. e.g. don't can't it's 's ' n't 'n' O'Neil "
    "o'clock 'em '90s '95 ma'am y'all - -- --- . .. ... , ; : ! ? !! ( ) [ ] { } < > <br> </a> & &amp; "
    "&lt; &eacute; &#39; / \\ _ __ * ** @ # $ % ^ + = | ~ ` `` '' \" 1 12 123 1234 5 1/2 1.5 1,000 3:30 "
    "2nd 12/25/2020 555-1234 é naïve 日本 привет \u0301 😀 ’ ‘ “ ” « » – — … ½ ² £ € ¢ ° www.a.com "
    "http://a.b/c a@b.com x.com 1.jpg cannot gonna 'tis :) ;-) ^_^ AT&T R D St and/or well-known ٣ १ "
    "क का ﬁ İ ß Ⅷ ① ™ × 、 。 ，"
)
_PIECES = [
    *_AWKWARD.split(" "),
    *" " * 8,
    "\u00a0",
    "\u2003",
    "\t",
    "\u200d",
    "\u2010",
    "\x07",
    "\ufeff",
]
_ASCII = "".join(map(chr, range(32, 127))) + " " * 6 + "aeTns" * 2 + "'.-,&" * 3 + "0123456789"


def fuzz(seed: int, count: int) -> list[str]:
    """Half runs of awkward pieces, half random characters. Two things are left out, the soft
    hyphen and capital sigma, because of the differences that docs/metrics.md lists."""
    rng = random.Random(seed)
    captions = []
    for _ in range(count // 2):
        pieces = [
            rng.choice(_PIECES) + rng.choice(("", "", " ")) for _ in range(rng.randint(1, 12))
        ]
        captions.append("".join(pieces))
    for _ in range(count - count // 2):
        captions.append("".join(rng.choice(_ASCII) for _ in range(rng.randint(1, 40))))
    return captions
