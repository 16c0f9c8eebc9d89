"""Tokens that are a good one but for one thing, made systematically from it."""

import base64
import json
import time
from collections.abc import Iterator

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests import tokens
from tests.tokens import AUDIENCE, ISSUER, Issuer, PrivateKey, claims_of, public_jwk

SUBJECT = "ada"
_JUNK = {"space": " ", "newline": "\n", "tab": "\t", "null": "\0", "bang": "!", "hard space": "\u00a0"}
ORDER_25519 = 2**252 + 27742317777372353535851937790883648493
"""RFC 8032, section 5.1: S must lie below it, or one message has many signatures."""


def mutants(issuer: Issuer, algorithm: str) -> dict[str, str]:
    """Return mutants of a good token by what is wrong with them; headers and claims are signed with the right key."""
    key, good = issuer.keys[algorithm], good_token(issuer, algorithm)
    found: dict[str, str] = {}
    for kind, made in (
        ("text", _texts(good)),
        ("header", _headers(key, algorithm)),
        ("claims", _claims(key, algorithm)),
        ("json", _json(key, algorithm)),
        ("signature", _signatures(issuer, key, algorithm, good)),
    ):
        for what, token in made:
            found[f"{kind}: {what}"] = token
    return found


def good_token(issuer: Issuer, algorithm: str) -> str:
    """Return what all of them come from."""
    return signed(_json_of(_header(algorithm)), _json_of(claims_of(SUBJECT)), issuer.keys[algorithm], algorithm)


def signed(header: bytes, claims: bytes, key: PrivateKey, algorithm: str) -> str:
    """Sign whatever stands there."""
    text = f"{_b64(header)}.{_b64(claims)}"
    return f"{text}.{_b64(jwt.get_algorithm_by_name(algorithm).sign(text.encode(), key))}"


def _header(algorithm: str) -> dict[str, object]:
    return {"alg": algorithm, "kid": algorithm, "typ": "JWT"}


def _texts(good: str) -> Iterator[tuple[str, str]]:
    parts = good.split(".")
    for number, part in enumerate(parts):

        def with_part(text: str, number: int = number) -> str:
            return ".".join([*parts[:number], text, *parts[number + 1 :]])

        for what, junk in (
            ("space", " "),
            ("newline", "\n"),
            ("tab", "\t"),
            ("null", "\0"),
            ("bang", "!"),
            ("nbsp", "\u00a0"),
        ):
            for where, text in (("before", junk + part), ("in", part[:8] + junk + part[8:]), ("after", part + junk)):
                yield f"{what} {where} part {number}", with_part(text)
        for pad in ("=", "==", "===="):
            yield f"padding {pad} of part {number}", with_part(part + pad)
        yield f"part {number} empty", with_part("")
        yield f"part {number} in standard base64", with_part(part.replace("-", "+").replace("_", "/") + "+")
        yield f"part {number} in other cases", with_part(part.swapcase())
        yield f"part {number} twice", with_part(part + part)
        yield f"part {number} cut by 1", with_part(part[:-1])
        yield f"part {number} cut by 4", with_part(part[:-4])
        yield f"part {number} with a character more", with_part(part + "A")
        yield f"part {number} reversed", with_part(part[::-1])
        yield f"part {number} missing", ".".join(parts[:number] + parts[number + 1 :])
        yield f"part {number} with a letter that only looks so", with_part("\u0435" + part[1:])
        yield f"part {number} with bits left over", with_part(_left_over(part))
    for length in range(0, len(good) - 1, max(1, len(good) // 20)):
        yield f"cut to {length}", good[:length]
    yield "a part more", good + ".AAAA"
    yield "five parts", good + ".AAAA.AAAA"
    yield "dots doubled", good.replace(".", "..")
    yield "a dot before", "." + good
    yield "a dot after", good + "."
    yield "other dots", good.replace(".", "\uff0e")
    yield "percent", good.replace(".", "%2E")
    yield "quoted", f'"{good}"'
    yield "twice", f"{good},{good}"
    yield "bearer twice", f"Bearer {good}"
    yield "payload first", ".".join([parts[1], parts[0], parts[2]])


def _left_over(part: str) -> str:
    """Set the last bit that base64 does not use; where all are used, use one more character."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    if len(part) % 4 == 0:
        return part + "A"
    return part[:-1] + letters[letters.index(part[-1]) ^ 1]


def _headers(key: PrivateKey, algorithm: str) -> Iterator[tuple[str, str]]:
    others = [name for name in ("EdDSA", "ES256", "RS256") if name != algorithm]
    claims = _json_of(claims_of(SUBJECT))
    wrong: list[tuple[str, object]] = [
        *_each("alg", "none", "None", "NONE", "", "HS256", "HS512", "ES384", "ES256K", "PS256", "RS1"),
        *_each("alg", *others, algorithm.swapcase(), algorithm + " ", 7, None, [algorithm], {}, True),
        *_each("kid", *others, "", " " + algorithm, algorithm + "\0", algorithm.swapcase(), "../x"),
        *_each("kid", 7, None, [algorithm], {algorithm: 1}, True, 0.5),
        *_each("typ", "logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "", 7, None, ["JWT"]),
        *_each("crit", ["exp"], ["b64"], [], "b64", ["x"], None, 7),
        ("b64", False),
    ]
    for name, value in wrong:
        header = _header(algorithm) | {name: value}
        if name == "b64":
            header["crit"] = ["b64"]
        yield f"{name} {value!r}", signed(_json_of(header), claims, key, algorithm)
    for name in ("alg", "kid"):
        header = {other: value for other, value in _header(algorithm).items() if other != name}
        yield f"no {name}", signed(_json_of(header), claims, key, algorithm)
    attacker = ed25519.Ed25519PrivateKey.generate()
    for bring in ({"jwk": public_jwk(attacker)}, {"jku": "https://127.0.0.1/keys"}, {"x5c": ["MIIB"]}):
        header = _header("EdDSA") | {"kid": algorithm} | bring
        yield f"a key of its own by {next(iter(bring))}", signed(_json_of(header), claims, attacker, "EdDSA")


def _each(name: str, *values: object) -> Iterator[tuple[str, object]]:
    return ((name, value) for value in values)


def _claims(key: PrivateKey, algorithm: str) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    strange: tuple[object, ...] = (None, "", str(now + 600), True, [now + 600], {"at": now + 600})
    wrong: list[tuple[str, object]] = [
        *_each("exp", *strange, 0, -1, now - 31, now - 3600, 10**400),
        *_each("nbf", *strange[1:], now + 600, 10**400),
        *_each("iat", *strange[1:], now + 600, 10**400),
        *_each("iss", None, "", ISSUER.upper(), ISSUER + "/", ISSUER + " ", [ISSUER], {ISSUER: 1}, 7),
        *_each("aud", None, "", AUDIENCE.upper(), AUDIENCE + " ", AUDIENCE[:-1], [], [[AUDIENCE]]),
        *_each("aud", {AUDIENCE: 1}, 7, True, [7], [None], ["other"]),
        *_each("sub", None, "", 7, True, [SUBJECT], {SUBJECT: 1}, "x" * 129),
        *_each("cnf", None, "", 7, [], {}, {"jkt": "A" * 43}, {"x5t#S256": "A"}, {"jwk": {}}),
    ]
    for name, value in wrong:
        token = signed(_json_of(_header(algorithm)), _json_of(claims_of(SUBJECT, **{name: value})), key, algorithm)
        yield f"{name} {str(value)[:20]!r} ({type(value).__name__})", token
    for name in ("exp", "iss", "aud", "sub"):
        claims = {other: value for other, value in claims_of(SUBJECT).items() if other != name}
        yield f"no {name}", signed(_json_of(_header(algorithm)), _json_of(claims), key, algorithm)


def _json(key: PrivateKey, algorithm: str) -> Iterator[tuple[str, str]]:
    """Texts that are no JSON object, or that two parsers read differently: each as header and as claims."""
    for place in ("header", "claims"):
        whole = _json_of(_header(algorithm) if place == "header" else claims_of(SUBJECT)).decode()
        first, value = ("kid", algorithm) if place == "header" else ("sub", SUBJECT)
        again = f'"{first}":"{value}"'
        texts: dict[str, bytes] = {
            "repeated": (whole[:-1] + f",{again}}}").encode(),
            "repeated with another before": f'{{"{first}":"eve",{whole[1:]}'.encode(),
            "repeated by an escape": (whole[:-1] + f',"\\u00{ord(first[0]):x}{first[1:]}":"{value}"}}').encode(),
            "repeated within": (whole[:-1] + ',"more":{"a":1,"a":2}}').encode(),
            "a list": f"[{whole}]".encode(),
            "a text": json.dumps(whole).encode(),
            "null": b"null",
            "a number": b"7",
            "nothing": b"",
            "two": (whole + whole).encode(),
            "more behind": (whole + "x").encode(),
            "a null behind": (whole + "\0").encode(),
            "cut": whole[:-1].encode(),
            "a comma too many": (whole[:-1] + ",}").encode(),
            "single quotes": whole.replace('"', "'").encode(),
            "a comment": (whole[:-1] + "/**/}").encode(),
            "a byte order mark": b"\xef\xbb\xbf" + whole.encode(),
            "utf-16": whole.encode("utf-16"),
            "utf-32": whole.encode("utf-32-le"),
            "no utf-8": whole[:-1].encode() + b',"x":"\xff"}',
            "a surrogate in bytes": whole[:-1].encode() + b',"x":"\xed\xa0\x80"}',
            "NaN": (whole[:-1] + ',"x":NaN}').encode(),
            "Infinity": (whole[:-1] + ',"x":-Infinity}').encode(),
            "nested": (whole[:-1] + ',"x":' + "[" * 2500 + "]" * 2500 + "}").encode(),
            "a control character": (whole[:-1] + ',"x":"\n"}').encode(),
        }
        for what, text in texts.items():
            header, claims = _json_of(_header(algorithm)), _json_of(claims_of(SUBJECT))
            both = (text, claims) if place == "header" else (header, text)
            yield f"{place} {what}", signed(*both, key, algorithm)


def _signatures(issuer: Issuer, key: PrivateKey, algorithm: str, good: str) -> Iterator[tuple[str, str]]:
    text, _, last = good.rpartition(".")
    signature = base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))
    wrong: dict[str, bytes] = {
        "zeros": bytes(len(signature)),
        "ones": b"\xff" * len(signature),
        "one zero": b"\0",
        "reversed": signature[::-1],
        "a byte less": signature[:-1],
        "a byte more": signature + b"\0",
        "a byte before": b"\0" + signature,
        "twice": signature * 2,
        "its text": last.encode(),
        "of other claims": jwt.get_algorithm_by_name(algorithm).sign(b"other", key),
    }
    for bit in range(0, len(signature) * 8, max(1, len(signature) * 8 // 32)):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        wrong[f"bit {bit}"] = bytes(flipped)
    for name, other in issuer.keys.items():
        if name != algorithm:
            wrong[f"by the {name} key"] = jwt.get_algorithm_by_name(name).sign(text.encode(), other)
    wrong |= _of_its_kind(key, signature, text.encode())
    for what, content in wrong.items():
        yield what, f"{text}.{_b64(content)}"
    yield "none", tokens.unsigned(SUBJECT)
    for number, secret in enumerate(tokens.public_forms(key)):
        yield f"hmac of public form {number}", tokens.signed_with_public_key(SUBJECT, algorithm, secret)


def _of_its_kind(key: PrivateKey, signature: bytes, text: bytes) -> dict[str, bytes]:
    """Signatures that only a careless verifier of this kind of key takes."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        scalar = int.from_bytes(signature[32:], "little") + ORDER_25519
        return {"S beyond the order": signature[:32] + scalar.to_bytes(32, "little")}
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return {
            "PSS": key.sign(text, pss, hashes.SHA256()),
            "SHA-1": key.sign(text, padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303 # what must be refused
            "SHA-512": key.sign(text, padding.PKCS1v15(), hashes.SHA512()),
        }
    der = key.sign(text, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    raw = [number.to_bytes(32, "big") for number in (r, s)]
    return {
        "DER": der,
        "r without s": raw[0],
        "s before r": raw[1] + raw[0],
        "r zero": bytes(32) + raw[1],
        "s zero": raw[0] + bytes(32),
        "SHA-512": key.sign(text, ec.ECDSA(hashes.SHA512())),
    }


def _json_of(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
