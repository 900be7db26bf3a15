// Reading many lines in one step: what a backend or a decoder does when it can, for lines().

/**
 * Appends the values of the lines of bytes[start, end), each of which ends with a newline, up to one that must be read by
 * itself: it is at fault, too long, or merely odd. A line that turns out to be one after it was passed goes to `alone`, in its
 * turn. Returns the lines passed, blank ones included, and where the first that was not passed begins; undefined: not to be asked
 * again.
 */
export type Many = (
  bytes: Uint8Array,
  start: number,
  end: number,
  maxLine: number,
  values: unknown[],
  alone: (start: number, end: number, line: number) => void,
) => Passed | undefined;

export interface Passed {
  lines: number;
  end: number;
}

/** By the method parse() of a decoder: one that was put in its place has none. */
export const manyOf = new WeakMap<object, Many>();
