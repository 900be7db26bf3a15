// Memory for large texts and for what is made of them. The system gives new memory page by page, each at the price of a fault:
// for a text of some megabytes that takes as long as to read it, and many times as long where a hypervisor emulates
// page tables. Where it lends huge pages to those who ask (`transparent_hugepage/enabled` is `madvise`), one fault does for 2 MB.
// A backend with native code asks; without one all memory is as the runtime gives it.

const kHugeBytes = 2 << 20;
/** From here on memory is asked for: to have whole huge pages of it takes up to 4 MB more of the address space, which V8 counts. */
const kLargeBytes = 8 << 20;

/** Asks the system for the whole huge pages inside; the offset of the first of them. */
export type PreferHugePages = (memory: Uint8Array) => number;

let prefer: PreferHugePages | undefined;

/** From here on large memory is asked for so. */
export function setPreferHugePages(how: PreferHugePages): void {
  prefer = how;
}

/** Memory that is there already, of a result or of what is shared. */
export function preferHugePages(memory: Uint8Array): void {
  if (memory.length >= kLargeBytes) prefer?.(memory);
}

/** So many bytes of memory of their own, not zeroed. */
export function largeBytes(size: number): Buffer<ArrayBuffer> {
  if (prefer === undefined || size < kLargeBytes) return Buffer.allocUnsafeSlow(size);
  // The last huge page is had whole, and the first is wherever it begins: what is not written is memory by name only.
  const whole = Math.ceil(size / kHugeBytes) * kHugeBytes;
  const memory = Buffer.allocUnsafeSlow(whole + kHugeBytes);
  const from = prefer(memory);
  return memory.subarray(from, from + size);
}

/** Not to be taken for zeroed: only small ones are. */
export function largeWords(count: number): Int32Array<ArrayBuffer> {
  if (count * 4 < kLargeBytes) return new Int32Array(count);
  const { buffer, byteOffset } = largeBytes(count * 4);
  return new Int32Array(buffer, byteOffset, count);
}

/** Not to be taken for zeroed: only small ones are. */
export function largeDoubles(count: number): Float64Array<ArrayBuffer> {
  if (count * 8 < kLargeBytes) return new Float64Array(count);
  const { buffer, byteOffset } = largeBytes(count * 8);
  return new Float64Array(buffer, byteOffset, count);
}

/** As Buffer.concat: pieces that have become longer or shorter are cut, or zeros follow. */
export function joined(pieces: readonly Uint8Array[], size: number): Buffer {
  if (size < kLargeBytes) return Buffer.concat(pieces, size);
  const whole = largeBytes(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece.length > size - at ? piece.subarray(0, size - at) : piece, at);
    at = Math.min(size, at + piece.length);
  }
  return whole.fill(0, at);
}
