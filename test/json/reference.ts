// Where a JSON text goes wrong, found in another way than the library does it: by regular expressions over the grammar
// of RFC 8259. Bytes come as a latin1 string, so that units are bytes.

const kSpace = /[ \t\n\r]*/y;
const kString = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const kPartEscape = /\\(?:u[0-9a-fA-F]{0,3})?/y;
const kNumber = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const kPartNumber = /-?(?:(?:0|[1-9][0-9]*)(?:\.(?:[0-9]+(?:[eE][+-]?[0-9]*)?)?|[eE][+-]?[0-9]*)?)?/y;

function matched(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** Length of the longest prefix of the text that begins some valid JSON text; -1 for a valid text. */
export function failureOffset(text: string): number {
  let at = 0;
  const open: string[] = [];
  const space = () => {
    at = matched(kSpace, text, at);
  };
  const string = (): boolean => {
    at = matched(kString, text, at);
    if (text[at] === '"') {
      at++;
      return true;
    }
    at = matched(kPartEscape, text, at);
    return false;
  };
  let wanted: 'value' | 'value or ]' | 'key' | 'key or }' | 'next' = 'value';
  for (;;) {
    space();
    const c = text[at];
    if (wanted === 'next') {
      const inside = open.at(-1);
      if (inside === undefined) return at === text.length ? -1 : at;
      if (c === ',') wanted = inside === '[' ? 'value' : 'key';
      else if (c === (inside === '[' ? ']' : '}')) open.pop();
      else return at;
      at++;
      continue;
    }
    if ((wanted === 'value or ]' && c === ']') || (wanted === 'key or }' && c === '}')) {
      open.pop();
      at++;
      wanted = 'next';
      continue;
    }
    if (wanted === 'key' || wanted === 'key or }') {
      if (c !== '"' || !string()) return at;
      space();
      if (text[at] !== ':') return at;
      at++;
      wanted = 'value';
      continue;
    }
    if (c === undefined) return at;
    if (c === '[' || c === '{') {
      open.push(c);
      at++;
      wanted = c === '[' ? 'value or ]' : 'key or }';
      continue;
    }
    if (c === '"') {
      if (!string()) return at;
    } else if (c === '-' || (c >= '0' && c <= '9')) {
      const whole = matched(kNumber, text, at);
      const part = matched(kPartNumber, text, at);
      at = Math.max(whole, part);
      if (part > whole) return at;
    } else {
      const word = { t: 'true', f: 'false', n: 'null' }[c];
      if (word === undefined) return at;
      for (const letter of word) {
        if (text[at] !== letter) return at;
        at++;
      }
    }
    wanted = 'next';
  }
}
