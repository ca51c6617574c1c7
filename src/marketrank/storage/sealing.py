"""Encryption of what a row tells of a buyer: AES-256-GCM (NIST SP 800-38D).

A sealed text is a random nonce of 12 bytes, the ciphertext and its tag of 16. What it belongs to
(`about`: the table and the pseudonym) is authenticated with it, so that a text that was moved to
another row does not open. Nonces are random: a key may seal 2^32 texts, which no buyer reaches.
Texts are filled up to whole blocks first (ISO/IEC 7816-4): the length of one word can tell which
word it is.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
DIGEST_SIZE = 16
_NONCE_SIZE = 12
_BLOCK = 128
_END = b"\x80"


def new_key() -> bytes:
    return os.urandom(KEY_SIZE)


def seal(key: bytes, text: bytes, about: bytes) -> bytes:
    """Only whoever has the key can open it, or make another one."""
    nonce = os.urandom(_NONCE_SIZE)
    filled = text + _END + bytes(-(len(text) + 1) % _BLOCK)
    return nonce + AESGCM(key).encrypt(nonce, filled, about)


def unseal(key: bytes, sealed: bytes, about: bytes) -> bytes | None:
    """The text; None where the key is another (an older one, say) or the row was changed."""
    try:
        filled = AESGCM(key).decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], about)
    except InvalidTag:
        return None
    return filled[: filled.rindex(_END)]


def digest(key: bytes, what: str, text: str) -> bytes:
    """What stands for an id where it is looked up but must not be read: HMAC-SHA256, cut to 16
    bytes. `what` keeps digests of different things apart."""
    whole = hmac.new(key, f"{what}\0{text}".encode(), hashlib.sha256).digest()
    return whole[:DIGEST_SIZE]
