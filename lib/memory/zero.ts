// Zeroing a small block by stores. Any call (fill, set, copyWithin) takes 12 ns and more before it writes a byte; sixteen
// stores of words take 4. Above that the call is faster.

/** Most words zeroWords() can do. */
export const kMaxZeroedWords = 16;

/** Zeroes 2, 4, … or kMaxZeroedWords words. A chain that is left early: a loop, or a switch over the length, is slower for the smallest. */
export function zeroWords(words: Float64Array): void {
  const count = words.length;
  words[0] = 0;
  words[1] = 0;
  if (count === 2) return;
  words[2] = 0;
  words[3] = 0;
  if (count === 4) return;
  words[4] = 0;
  words[5] = 0;
  if (count === 6) return;
  words[6] = 0;
  words[7] = 0;
  if (count === 8) return;
  words[8] = 0;
  words[9] = 0;
  if (count === 10) return;
  words[10] = 0;
  words[11] = 0;
  if (count === 12) return;
  words[12] = 0;
  words[13] = 0;
  if (count === 14) return;
  words[14] = 0;
  words[15] = 0;
}
