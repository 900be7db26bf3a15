// The options of parse, open, validate and lines: their meaning for users, their checks, their defaults.

import { type JsonParseOptions, kJsonNoDepthLimit } from '../backend/contract';
import { InvalidArgument } from '../errors';

/** As JSON.parse's reviver: `this` is the holder; returning undefined leaves the property out. */
// biome-ignore lint/suspicious/noExplicitAny: the type of JSON.parse's own reviver
export type Reviver = (this: any, key: string, value: any, context?: { source?: string }) => any;

/** Every default is JSON.parse's own behaviour. */
export interface ParseOptions {
  /** 'bigint': integers that a double cannot hold exactly become bigints. Default 'number'. */
  integers?: 'number' | 'bigint';
  /** 'error': a second key of the same name in an object is an error. Default 'last': the last one wins. */
  duplicateKeys?: 'last' | 'error';
  /** Arrays and objects that may be open at once: `[]` needs 1. Default Infinity. */
  maxDepth?: number;
  /** What becomes of a key `__proto__`; as in secure-json-parse. Default 'ignore': an ordinary own property. */
  protoAction?: 'ignore' | 'remove' | 'error';
  /** The same for a key `constructor` whose value is an object with a key `prototype`. */
  constructorAction?: 'ignore' | 'remove' | 'error';
  /** Bytes that are not UTF-8: 'replace' (default) by U+FFFD as buf.toString() does, or 'error'. */
  utf8?: 'replace' | 'error';
  /**
   * How strings are kept: 'flat' copies each, 'sliced' lets them share pieces of up to 64 KB and keep them alive, 'auto'
   * (default) shares as long as a kept string never pins more than 2 KB, or 4 KB of a decoder's.
   */
  strings?: 'auto' | 'flat' | 'sliced';
}

const kDefaults: JsonParseOptions = {
  integers: 'number',
  duplicateKeys: 'last',
  maxDepth: kJsonNoDepthLimit,
  protoAction: 'ignore',
  constructorAction: 'ignore',
  utf8: 'replace',
  strings: 'auto',
};

const kChoices: Readonly<Record<string, readonly string[]>> = {
  integers: ['number', 'bigint'],
  duplicateKeys: ['last', 'error'],
  protoAction: ['ignore', 'remove', 'error'],
  constructorAction: ['ignore', 'remove', 'error'],
  utf8: ['replace', 'error'],
  strings: ['auto', 'flat', 'sliced'],
};

/**
 * Checked and filled in; undefined when nothing differs from the defaults, which is what the fast ways ask for.
 * Refuses a name it does not know, but for those in `others` (options of the caller that are not about parsing).
 */
export function parseOptions(options: unknown, others: readonly string[] = []): JsonParseOptions | undefined {
  if (options === undefined || options === null) return undefined;
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw new InvalidArgument('options', 'an object', options);
  }
  const given = options as Record<string, unknown>;
  let result: Record<string, unknown> | undefined;
  for (const name of Object.keys(given)) {
    let value = given[name];
    if (value === undefined || others.includes(name)) continue;
    if (name === 'maxDepth') {
      if (
        typeof value !== 'number' ||
        !(value >= 0) ||
        (value !== Infinity && !Number.isSafeInteger(value))
      ) {
        throw new InvalidArgument('maxDepth', 'an integer from 0, or Infinity', value);
      }
      value = Math.min(value, kJsonNoDepthLimit);
    } else {
      const choices = Object.hasOwn(kChoices, name) ? kChoices[name] : undefined;
      if (choices === undefined) {
        const known = [...Object.keys(kDefaults), ...others].join(', ');
        throw new InvalidArgument(name, `left out: the known options are ${known}`, value);
      }
      if (!choices.includes(value as string)) {
        throw new InvalidArgument(name, choices.map((choice) => `'${choice}'`).join(' or '), value);
      }
    }
    if (value !== kDefaults[name as keyof JsonParseOptions]) {
      result ??= { ...kDefaults };
      result[name] = value;
    }
  }
  return result as JsonParseOptions | undefined;
}
