// Text of the Unicode charsets in which JSON has been sent: RFC 7159, section 8.1, allowed UTF-8, UTF-16 and UTF-32; RFC 8259
// leaves UTF-8. A byte order mark is dropped; without one, 'utf-16' and 'utf-32' are told apart by where the zeros are.

const kReplacement = 0xfffd;

export type Decode = (bytes: Buffer) => string;

const withoutMark = (text: string): string => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);

const utf8: Decode = (bytes) => withoutMark(bytes.toString('utf8'));
const utf16le: Decode = (bytes) => withoutMark(bytes.toString('utf16le'));
const utf16be: Decode = (bytes) => {
  const even = bytes.length & ~1;
  return withoutMark(Buffer.from(bytes.subarray(0, even)).swap16().toString('utf16le'));
};

function utf32(bytes: Buffer, little: boolean): string {
  const parts: string[] = [];
  const points: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    points.push(point > 0x10ffff ? kReplacement : point);
    // a spread of more arguments than the stack holds would throw
    if (points.length === 4096) parts.push(String.fromCodePoint(...points.splice(0)));
  }
  // bytes that are left over are half a character
  if (bytes.length % 4 !== 0) points.push(kReplacement);
  parts.push(String.fromCodePoint(...points));
  return withoutMark(parts.join(''));
}
const utf32le: Decode = (bytes) => utf32(bytes, true);
const utf32be: Decode = (bytes) => utf32(bytes, false);

/** JSON begins with an ASCII character, so one of its first bytes is not zero and says which end comes first. */
const utf16: Decode = (bytes) => {
  const [a, b] = bytes;
  if (a === 0xfe && b === 0xff) return utf16be(bytes);
  return a === 0 && b !== 0 ? utf16be(bytes) : utf16le(bytes);
};
const utf32any: Decode = (bytes) => {
  const [a, b, c, d] = bytes;
  const big = a === 0 && b === 0 && ((c === 0xfe && d === 0xff) || (c === 0 && d !== 0));
  return big ? utf32be(bytes) : utf32le(bytes);
};

const kDecoders: Readonly<Record<string, Decode>> = {
  utf8,
  utf16,
  utf16le,
  utf16be,
  utf32: utf32any,
  utf32le,
  utf32be,
};

/** The decoder of a charset's name, or undefined. */
export function decoderOf(charset: string): Decode | undefined {
  if (charset === 'utf-8') return utf8;
  const name = charset.toLowerCase().replace(/[^0-9a-z]/g, '');
  return Object.hasOwn(kDecoders, name) ? kDecoders[name] : undefined;
}

/** Where the text begins behind a UTF-8 byte order mark. */
export function markLength(bytes: Uint8Array): number {
  return bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
