// Encoding by a plan, second half, without native code: the text of a tape. The same as native/json/encode.cc.

import {
  type EncodeTape,
  kDouble,
  kDoubles,
  kHeaderWords,
  kInteger,
  kIntegers,
  kShort,
  kString,
  kText,
} from './encode-tape';

export function textOf(
  { words, doubles, strings }: EncodeTape,
  wordCount: number,
  fragments: readonly string[],
): string {
  let text = '';
  let from = 0;
  let double = 0;
  for (let p = kHeaderWords; p < wordCount; ) {
    const word = words[p++] as number;
    text += fragments[word >>> 3];
    switch (word & 7) {
      case kInteger:
        text += words[p++];
        break;
      case kDouble:
        text += doubles[double++];
        break;
      case kString:
      case kText: {
        const to = from + (words[p++] as number);
        const piece = strings.substring(from, to);
        text += (word & 7) === kString ? JSON.stringify(piece) : piece;
        from = to;
        break;
      }
      case kShort: {
        const n = words[p++] as number;
        let piece = '';
        for (let i = 0; i < n; i++)
          piece += String.fromCharCode(((words[p + (i >> 1)] as number) >>> ((i & 1) << 4)) & 0xffff);
        text += JSON.stringify(piece);
        p += (n + 1) >> 1;
        break;
      }
      case kDoubles: {
        const n = words[p++] as number;
        text += JSON.stringify(Array.from(doubles.subarray(double, double + n)));
        double += n;
        break;
      }
      case kIntegers: {
        const n = words[p++] as number;
        text += `[${words.subarray(p, p + n).join(',')}]`;
        p += n;
        break;
      }
    }
  }
  return text;
}
