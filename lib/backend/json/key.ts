// A key as documents compare it with the bytes of a text.

export interface Key {
  readonly text: string;
  /** Of its UTF-8; a lone surrogate counts three, as U+FFFD does, and equals no key that has no escapes. */
  readonly bytes: number;
  readonly ascii: boolean;
}

export function keyOf(text: string): Key {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x80) continue;
    if (c < 0x800) {
      bytes++;
    } else {
      bytes += 2;
      if (c >= 0xd800 && c < 0xdc00) {
        const low = text.charCodeAt(i + 1);
        if (low >= 0xdc00 && low < 0xe000) i++;
      }
    }
  }
  return { text, bytes, ascii: bytes === text.length };
}
