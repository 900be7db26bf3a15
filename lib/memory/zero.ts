// Zeroing a small block by stores. Any call (fill, set, copyWithin) takes 12 ns and more before it writes a byte; sixteen
// stores of words take 4. Above that the call is faster.

/** Most words zeroWords() can do. */
export const kMaxZeroedWords = 16;

/**
 * Zeroes the first 2, 4, … or kMaxZeroedWords words: as many as `bytes` need. A chain that is left early: a loop, or a switch, is
 * slower for the smallest. By what was asked for and not by the length of the array: most callers ask for the same all the time,
 * and the comparisons go where V8 knows it.
 */
export function zeroWords(words: Float64Array, bytes: number): void {
  words[0] = 0;
  words[1] = 0;
  if (bytes <= 16) return;
  words[2] = 0;
  words[3] = 0;
  if (bytes <= 32) return;
  words[4] = 0;
  words[5] = 0;
  if (bytes <= 48) return;
  words[6] = 0;
  words[7] = 0;
  if (bytes <= 64) return;
  words[8] = 0;
  words[9] = 0;
  if (bytes <= 80) return;
  words[10] = 0;
  words[11] = 0;
  if (bytes <= 96) return;
  words[12] = 0;
  words[13] = 0;
  if (bytes <= 112) return;
  words[14] = 0;
  words[15] = 0;
}
