"""What the widget makes of texts that a model may write: its subset of Markdown, and everything that is not in it."""

A = 'target="_blank" rel="noopener noreferrer nofollow"'


def link(href: str, text: str, target: str = "") -> str:
    """A link as it is shown: where its text does not name the target, that stands behind it."""
    behind = f' <span class="target">({target})</span>' if target else ""
    return f'<a href="{href}" {A} title="{href}">{text}{behind}</a>'


EVIL = link("https://evil.example/p.png", "plan", "evil.example")

SHOWN: list[tuple[str, str]] = [
    ("plain", "<p>plain</p>"),
    ("one\ntwo", "<p>one<br>two</p>"),
    ("one\n\ntwo", "<p>one</p><p>two</p>"),
    ("# Big\n### Small", "<h3>Big</h3><h4>Small</h4>"),
    ("#tag", "<p>#tag</p>"),
    ("**bold** *it* _it_ ***x*** ~~gone~~", None),  # type: ignore[list-item]  # filled in below
    ("__bold__ snake_case_name 2*3*4", "<p><strong>bold</strong> snake_case_name 2<em>3</em>4</p>"),
    ("`a < b` and ``x ` y``", "<p><code>a &lt; b</code> and <code>x ` y</code></p>"),
    (r"\*not\* \_this\_", "<p>*not* _this_</p>"),
    ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
    ("* a\n  * b\n  * c\n* d", "<ul><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ul>"),
    ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
    ("1. a\n   - b\n2. c", "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>"),
    ("1. a\n\n2. b", "<ol><li>a</li><li>b</li></ol>"),
    ("text\n- a", "<p>text</p><ul><li>a</li></ul>"),
    ("> quoted\n> **text**", "<blockquote><p>quoted<br><strong>text</strong></p></blockquote>"),
    ("---", "<hr>"),
    ("https://a.example/x.", f"<p>{link('https://a.example/x', 'https://a.example/x')}.</p>"),
    ("(https://a.example/x)", f"<p>({link('https://a.example/x', 'https://a.example/x')})</p>"),
    ("<https://a.example/>", f"<p>{link('https://a.example/', 'https://a.example/')}</p>"),
    ("[here](https://a.example/x)", f"<p>{link('https://a.example/x', 'here', 'a.example')}</p>"),
    ("[a.example](https://a.example/x)", f"<p>{link('https://a.example/x', 'a.example')}</p>"),
    ("[bank.example](https://evil.example/)", f"<p>{link('https://evil.example/', 'bank.example', 'evil.example')}</p>"),
    (
        "[https://bank.example](https://evil.example/bank.example)",
        f"<p>{link('https://evil.example/bank.example', 'https://bank.example', 'evil.example')}</p>",
    ),
    ("[mail](mailto:me@a.example)", f"<p>{link('mailto:me@a.example', 'mail', 'me@a.example')}</p>"),
    ("[**b** `c`](https://a.example/)", f"<p>{link('https://a.example/', '<strong>b</strong> <code>c</code>', 'a.example')}</p>"),
    ("xn [ä](https://ä.example/)", f"<p>xn {link('https://xn--4ca.example/', 'ä', 'xn--4ca.example')}</p>"),
    ("a [1] b", '<p>a <button type="button" class="cite">1</button> b</p>'),
    ("a [1, 2]", '<p>a <button type="button" class="cite">1</button><button type="button" class="cite">2</button></p>'),
    ("a [7] b", "<p>a [7] b</p>"),
    ("`[1]`", "<p><code>[1]</code></p>"),
]  # fmt: skip

SHOWN[5] = (
    SHOWN[5][0],
    "<p><strong>bold</strong> <em>it</em> <em>it</em> <strong><em>x</em></strong> <s>gone</s></p>",
)

HARMLESS: list[tuple[str, str]] = [
    ("![plan](https://evil.example/p.png)", f"<p>{EVIL}</p>"),
    ("![plan](javascript:alert(1))", "<p>![plan](javascript:alert(1))</p>"),
    ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
    ("[x](JaVaScRiPt:alert(1))", "<p>[x](JaVaScRiPt:alert(1))</p>"),
    ("[x](data:text/html,<script>alert(1)</script>)", "<p>[x](data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;)</p>"),
    ("[x](vbscript:x)", "<p>[x](vbscript:x)</p>"),
    ("[x](file:///etc/passwd)", "<p>[x](file:///etc/passwd)</p>"),
    ("[x](blob:https://a.example/1)", f"<p>[x](blob:{link('https://a.example/1', 'https://a.example/1')})</p>"),
    ("[x](//evil.example)", "<p>[x](//evil.example)</p>"),
    ("[x](/admin/delete)", "<p>[x](/admin/delete)</p>"),
    ("[x](https://bank.example@evil.example/)", "<p>[x](https://bank.example@evil.example/)</p>"),
    (r"[x](https:\\evil.example)", r"<p>[x](https:\evil.example)</p>"),
    ("[x](https://)", "<p>[x](https://)</p>"),
    ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
    ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
    ("<svg onload=alert(1)>", "<p>&lt;svg onload=alert(1)&gt;</p>"),
    ("<a href='javascript:x'>y</a>", "<p>&lt;a href='javascript:x'&gt;y&lt;/a&gt;</p>"),
    ("<!-- hidden -->", "<p>&lt;!-- hidden --&gt;</p>"),
    ("&lt;b&gt; &#x6a;", "<p>&amp;lt;b&amp;gt; &amp;#x6a;</p>"),
    ("# <b>x</b>", "<h3>&lt;b&gt;x&lt;/b&gt;</h3>"),
    ("[x][ref]\n\n[ref]: javascript:alert(1)", "<p>[x][ref]</p><p>[ref]: javascript:alert(1)</p>"),
    ('[x](https://a.example/ "onmouseover=alert(1)")', f"<p>{link('https://a.example/', 'x', 'a.example')}</p>"),
    (
        '[x](https://a.example/"onclick="alert(1))',
        f"<p>{link('https://a.example/%22onclick=%22alert(1)', 'x', 'a.example')}</p>",
    ),
    ("safe\u202egnp.exe", "<p>safegnp.exe</p>"),
    ("[![a](https://evil.example/p.png)](https://a.example/)", None),  # type: ignore[list-item]
    ("**unclosed `too [x](", "<p>**unclosed `too [x](</p>"),
]  # fmt: skip

HARMLESS[-2] = (
    HARMLESS[-2][0],
    f"<p>{link('https://a.example/', 'a (evil.example)', 'a.example')}</p>",
)

TABLE = "| A | B |\n|:--|--:|\n| 1 | `x\\|y` |\n| <b> |"

LONG: list[str] = [
    "*" * 20_000,
    "`" * 20_000,
    "[" * 20_000,
    "![" * 10_000,
    "[a](" * 5_000,
    "<" * 20_000,
    "_a" * 10_000,
    "**a " * 5_000,
    "> " * 10_000,
    "- " * 10_000,
    "# " + " " * 20_000 + "x",
    "|" * 20_000 + "\n" + "|-" * 10_000,
    "```" + " " * 20_000 + "`",
    "https://" * 2_500,
    "\n".join("  " * n + "- x" for n in range(200)),
    "(" * 10_000 + "https://a.example/" + ")" * 10_000,
]
"""Texts that would keep a careless parser busy for minutes."""
