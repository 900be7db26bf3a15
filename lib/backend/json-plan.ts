// What a schema has become when a backend gets it: part of contract.ts, in a file of its own.

/** What a decoder looks for and what it keeps, as a list of nodes that name each other by index; 0 is the root, 1 takes any value. */
export interface JsonPlan {
  readonly nodes: readonly JsonPlanNode[];
}

/** The types a node takes, or-ed. number includes integer. */
export enum JsonTypeBit {
  null = 1,
  boolean = 2,
  integer = 4,
  number = 8,
  string = 16,
  array = 32,
  object = 64,
  any = 123,
}

/** What stands for each type is about values of that type only. Numbers are finite, but where every type is taken. */
export interface JsonPlanNode {
  readonly types: number;
  readonly low: number;
  readonly lowOpen: boolean;
  readonly high: number;
  readonly highOpen: boolean;
  /** Code points. */
  readonly minLength: number;
  readonly maxLength: number;
  /** The only strings. */
  readonly strings: readonly string[] | undefined;
  readonly array: JsonPlanArray | undefined;
  readonly object: JsonPlanObject | undefined;
  /** Applied to the value that was made: false refuses it. */
  readonly check: ((value: unknown) => boolean) | undefined;
  /** Then to what is left, which gives what is kept. */
  readonly project: ((value: unknown) => unknown) | undefined;
}

export interface JsonPlanArray {
  readonly prefix: readonly number[];
  /** A node, or false: there may be no more. */
  readonly items: number | false;
  readonly minItems: number;
  readonly maxItems: number;
}

export interface JsonPlanObject {
  /** In the order the object gets them. `node` undefined: it must be there and is not kept. */
  readonly members: readonly { name: string; node: number | undefined; required: boolean }[];
  /** All other members: passed over, refused, or kept behind the named ones, as a node. */
  readonly others: 'skip' | 'refuse' | number;
  /** The others that are kept are those whose names have no line end. */
  readonly othersInOneLine: boolean;
}

/** The value of bytes[start, end); kUndecided (shared.ts) for what only the facade's checks can tell. */
export interface JsonDecode {
  (bytes: Uint8Array, start: number, end: number): unknown;
  /**
   * Appends the values of bytes[start, end), lines that end with a newline each, up to the first that it cannot decide on or that
   * is longer than maxLine. One that turns out to be so after it was passed is given to `alone`, in its turn. How many lines those are,
   * blank ones included, and where they end.
   */
  many?(
    bytes: Uint8Array,
    start: number,
    end: number,
    maxLine: number,
    values: unknown[],
    alone: (start: number, end: number, line: number) => void,
  ): { lines: number; end: number };
}

/** Buffer.from(JSON.stringify(value)) for a value that fits; kUndecided for what only the facade's plain way can tell. */
export type JsonEncode = (value: unknown) => Buffer | unknown;
