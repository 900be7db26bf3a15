// A key as documents compare it with the bytes of a text, and as an index.

const kQuote = 0x22;

export interface Key {
  readonly text: string;
  /** Of its UTF-8; a lone surrogate counts three, as U+FFFD does, and equals no key that has no escapes. */
  readonly bytes: number;
  readonly ascii: boolean;
  /** Of its UTF-8; of an empty key the quotes around it. */
  readonly firstByte: number;
  readonly lastByte: number;
}

function firstByteOf(text: string): number {
  const c = text.codePointAt(0) ?? kQuote;
  if (c < 0x80) return c;
  if (c < 0x800) return 0xc0 | (c >> 6);
  if (c >= 0xd800 && c < 0xe000) return 0xef;
  return c < 0x10000 ? 0xe0 | (c >> 12) : 0xf0 | (c >> 18);
}

function lastByteOf(text: string): number {
  if (text === '') return kQuote;
  const c = text.charCodeAt(text.length - 1);
  if (c < 0x80) return c;
  // a low surrogate's last six bits are those of its character; a lone one is U+FFFD
  const paired = c >= 0xdc00 && c < 0xe000 && (text.charCodeAt(text.length - 2) & 0xfc00) === 0xd800;
  return c >= 0xd800 && c < 0xe000 && !paired ? 0xbd : 0x80 | (c & 0x3f);
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
  return {
    text,
    bytes,
    ascii: bytes === text.length,
    firstByte: firstByteOf(text),
    lastByte: lastByteOf(text),
  };
}

/** The array index (ECMA-262 6.1.7) that a name is: objects list these first, ascending; -1: none. */
export function arrayIndexOf(name: string): number {
  if (!/^(?:0|[1-9][0-9]{0,9})$/.test(name)) return -1;
  const index = Number(name);
  return index < 0xffff_ffff ? index : -1;
}
