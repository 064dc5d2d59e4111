/** A name that nobody else gives. crypto.randomUUID is only there under https. */
export const unique = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
