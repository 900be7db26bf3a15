// Sizes of the slab's blocks: multiples of 16 up to 128, then eight steps a doubling, so that a block is at most 12.5 %
// larger than what was asked for (16 bytes' rounding aside). Computed, not looked up: four integer operations.

/** Largest buffer that shares an arena with others; larger ones have an ArrayBuffer of their own. */
export const kMaxPooledBytes = 1 << 20;

/** Class of a size from 0 to kMaxPooledBytes. */
export function sizeClassOf(bytes: number): number {
  if (bytes <= 128) return bytes <= 16 ? 0 : (bytes - 1) >> 4;
  // bytes - 1 has its highest bit at `top` (7 or more); its three bits below that choose the step.
  const top = 31 - Math.clz32(bytes - 1);
  return ((top - 6) << 3) + (((bytes - 1) >> (top - 3)) & 7);
}

/** Block size of a class. */
export function sizeOfClass(sizeClass: number): number {
  if (sizeClass < 8) return (sizeClass + 1) << 4;
  const top = (sizeClass >> 3) + 6;
  return (1 << top) + (((sizeClass & 7) + 1) << (top - 3));
}

export const kSizeClasses = sizeClassOf(kMaxPooledBytes) + 1;
