/** How a receiver knows that a call is ours; a test runs it on a real one. */
export const PYTHON = `import hashlib, hmac

def is_genuine(secret: str, body: bytes, signature: str) -> bool:
    """Whether a call is from MiniRAG: its raw body, and its header X-MiniRAG-Signature."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)
`;
