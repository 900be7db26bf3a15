// Values to UTF-8, faster than JSON.stringify where a value is plain data: it is walked and what its text is made of is written
// to a tape (lib/backend/json/encode-tape.ts) that the core makes bytes of. Keys that come again are fragments: a trie of the
// keys that follow one another, at each place of a value, makes most of them one comparison.
//
// Plain data is what a literal or JSON.parse makes. A value inside that has rules of its own (toJSON, a box, a class) is
// written by JSON.stringify and joined in. Whatever throws there throws here. What contains itself, is very deep or very large,
// or has more than a few values with rules, is left to V8 as a whole, or the rest of each list where somebody's code has been
// called already; so is everything where V8 writes plain data faster, and values whose keys never come again (familiar.ts).

import { types } from 'node:util';
import {
  grow,
  kClose,
  kCloseArray,
  kColon,
  kComma,
  kEmpty,
  kFalse,
  kFixed,
  kHeaderWords,
  kMaxNesting,
  kNoItems,
  kNoMembers,
  kNull,
  kOpen,
  kOpenArray,
  kRoom,
  kShortUnits,
  kText,
  kTrue,
  putDouble,
  putNumbers,
  putString,
  putText,
  putWord,
} from '../../json/encode-tape';
import { isRawJson } from '../../json/raw-json';
import type { NativeAddon } from '../../load';
import { type FragmentTable, tapeOf, utf8Write } from './encode-crossing';
import { Familiar } from './familiar';

/** Larger texts are left to V8: the strings are held twice. */
const kMostUnits = 8 << 20;
/** Keys that are remembered, and bytes of them; so many values after there is no more room, all are forgotten, and twice as many the next time. */
const kMostPlaces = 8192;
const kWait = 64;
const kLongestWait = 1 << 13;
const kFragments = 4096;
const kFragmentBytes = 1 << 16;
const kLongestKey = 64;
/** Different keys behind one key; further ones are all the same place. */
const kMostBranches = 16;
/** Members of an object whose values are each of its own kind; more of them, and it is a map of one kind. */
const kMostInners = 48;
/** Seen so often a key becomes a fragment. */
const kSeen = 2;
/** Values with rules of their own in one; each costs as much as a small text. */
const kMostByRules = 4;
/** Values in a row that are left to V8 at once, at most, when those before had too many such. */
const kMostPassed = 63;
/** Units of a text that is put where small results stand together. */
const kMostPooled = 1 << 12;

/** Keys that a value may bring that had no fragment yet, however small it is; and words of the tape, or units of strings, for each that make up for it. */
const kMostStrange = 8;
const kWordsForStrange = 20;
const kUnitsForStrange = 48;
/** So many values are looked at closely after one whose keys were strange. */
const kDoubtful = 4096;

/** V8's JSON.stringify writes plain data two to four times as fast since 13.8 (v8.dev/blog/json-stringify), and lists of next to nothing since 13. */
const [major = 0, minor = 0] = (process.versions.v8 ?? '').split('.').map(Number);
const kV8IsFaster = major * 100 + minor >= 1308;
const kV8IsFasterAtLists = major >= 13;

function hasKey(value: object): boolean {
  for (const _ in value) return true;
  return false;
}

/** A short string of Latin-1, `null`, `true`, `[]`, `{}` or a list that begins so: nothing in it that the core is fast at. */
function isSlight(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return value.length <= kShortUnits && !(value.charCodeAt(0) > 0xff);
  if (typeof value === 'boolean' || value === null) return true;
  // of a proxy nothing is asked, not even whether it is a list: that throws when it has been revoked
  if (typeof value !== 'object' || depth > 3 || types.isProxy(value)) return false;
  if (!Array.isArray(value)) return getPrototypeOf(value) === Object.prototype && !hasKey(value);
  return value.length === 0 || isSlight(value[0], depth + 1);
}

/** A key at a place: behind the same key, in an object that stands in the same place. */
interface Place {
  key: string | undefined;
  /** Behind a brace, and one more behind a comma; 0: it has none. */
  fragment: number;
  seen: number;
  /** The one that came last behind it. */
  next: Place | undefined;
  branches: Map<string, Place> | undefined;
  /** Keys behind it that have no place of their own. */
  others: Place | undefined;
  /** Where the keys of its value begin. */
  inner: Place | undefined;
  /** For the beginning of an object: keys in it whose values have such a place of their own, and the place of the others. */
  inners: number;
  innerOfOthers: Place | undefined;
}

const place = (key: string | undefined): Place => ({
  key,
  fragment: 0,
  seen: 0,
  next: undefined,
  branches: undefined,
  others: undefined,
  inner: undefined,
  inners: 0,
  innerOfOthers: undefined,
});

const { toJSON: toJSONOfDate, toISOString } = Date.prototype;

/** Whether whoever writes a value by its rules may call somebody's code: not for a Date of the language's own methods. */
function mayRunCode(value: unknown): boolean {
  if (typeof value !== 'object')
    return typeof (value as { toJSON?: unknown } | undefined)?.toJSON === 'function';
  return !(types.isDate(value) && value.toJSON === toJSONOfDate && value.toISOString === toISOString);
}

/** `key` and value by V8, which knows all rules; undefined where it leaves the member out. */
function byRules(key: string, value: unknown): string | undefined {
  // under this name V8 would ask it
  if (key === 'toJSON' && typeof value === 'function') return undefined;
  const text = JSON.stringify({ [key]: value });
  return text === '{}' ? undefined : text.slice(text.indexOf(':', JSON.stringify(key).length) + 1, -1);
}

/** `item`, which is element `from`, and those behind it by V8, each asked with its own index. */
function restByRules(list: unknown[], item: unknown, from: number, n: number): string {
  const rest: unknown[] = new Array(from).fill(null);
  rest.push(item);
  for (let i = from + 1; i < n; i++) rest.push(list[i]);
  return JSON.stringify(rest).slice(1 + from * 'null,'.length, -1);
}

/** Whether somebody has given all objects something that JSON would show or ask. */
function prototypesAreBare(): boolean {
  if ('toJSON' in Object.prototype || 'toJSON' in Array.prototype) return false;
  for (const _ in Array.prototype) return false;
  return true;
}

const { getPrototypeOf } = Object;
const kObject = Object.prototype;
const kArray = Array.prototype;

export function createEncode(addon: NativeAddon): (value: unknown) => Buffer | undefined {
  const tape = tapeOf(addon);

  function whole(value: unknown): Buffer | undefined {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) return undefined;
    // somebody else's result is begun where the next one would stand
    if (text.length > kMostPooled || tape.busy) return Buffer.from(text, 'utf8');
    const bytes = tape.slab(text.length * 3);
    return tape.cut(tape.used + utf8Write.call(bytes, text, tape.used, text.length * 3));
  }
  if (kV8IsFaster) return whole;

  const table: FragmentTable = tape.table(kFragments, kFragmentBytes, kFixed);
  let places = 0;
  let waited = 0;
  let wait = kWait;
  let root = place(undefined);
  let byRulesLeft = 0;
  /** Somebody's code was called: nothing is left to V8 as a whole, which would call it again. */
  let asked = false;
  let passed = 0;
  let toPass = 0;
  const familiar = new Familiar();
  /** Keys of this value that had no fragment: to make one takes as long as to do without it. */
  let strange = 0;
  let doubts = 0;

  function forget(): void {
    places = waited = 0;
    wait = Math.min(2 * wait, kLongestWait);
    root = place(undefined);
    table.reset();
  }

  /** The place of a key behind another, which is not the one that came last. */
  function placeBehind(before: Place, key: string): Place {
    const { next } = before;
    let found = before.branches?.get(key);
    if (found === undefined) {
      if (places >= kMostPlaces || (before.branches?.size ?? 0) >= kMostBranches) {
        before.others ??= place(undefined);
        return before.others;
      }
      places++;
      found = place(key);
      if (next !== undefined) {
        before.branches ??= new Map();
        if (next.key !== undefined) before.branches.set(next.key, next);
        before.branches.set(key, found);
      }
    }
    before.next = found;
    return found;
  }

  function innerOf(at: Place, site: Place): Place {
    if (site.inners < kMostInners) {
      site.inners++;
      at.inner = place(undefined);
    } else {
      site.innerOfOthers ??= place(undefined);
      at.inner = site.innerOfOthers;
    }
    return at.inner;
  }

  /** The fragment of a place that has none yet; 0: it gets none. */
  function fragmentOf(at: Place): number {
    const { key } = at;
    strange++;
    if (key === undefined || key.length > kLongestKey || ++at.seen < kSeen) return 0;
    at.fragment = table.add(`${JSON.stringify(key)}:`);
    return at.fragment;
  }

  function array(list: unknown[], fragment: number, p: number, site: Place): number {
    const n = list.length;
    // a proxy's may be anything
    if ((n | 0) !== n || n < 0) return kByRules;
    if (n === 0) return putWord(tape, fragment, kNoItems, p);
    if (n > 1 && typeof list[0] === 'number') {
      const at = putNumbers(tape, list, false, fragment, p);
      if (at >= 0) return at;
    }
    tape.words[p++] = fragment << 3;
    for (let i = 0; i < n; i++) {
      const item = list[i];
      const before = i === 0 ? kOpenArray : kComma;
      const at = put(item, before, p, site);
      if (at !== kByRules) {
        if (at < 0) return at;
        p = at;
        continue;
      }
      asked ||= mayRunCode(item);
      if (--byRulesLeft < 0) {
        if (!asked) return kNotThis;
        p = putText(tape, restByRules(list, item, i, n), before, kText, p);
        break;
      }
      const text = byRules(`${i}`, item);
      p = text === undefined ? putWord(tape, before, kNull, p) : putText(tape, text, before, kText, p);
    }
    if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
    tape.words[p] = kCloseArray << 3;
    return p + 1;
  }

  function object(value: Record<string, unknown>, fragment: number, p: number, site: Place): number {
    tape.words[p++] = fragment << 3;
    let at = site;
    let c = 0;
    let strings = '';
    for (const key in value) {
      const item = value[key];
      if (item === undefined) continue;
      const { next } = at;
      at = next !== undefined && next.key === key ? next : placeBehind(at, key);
      let before = at.fragment === 0 ? fragmentOf(at) : at.fragment;
      if (p + 2 * kRoom > tape.words.length) grow(tape, p + 2 * kRoom);
      const start = p;
      if (before === 0) {
        strings = tape.strings;
        p = putString(tape, key, c === 0 ? kOpen : kComma, p);
        before = kColon;
      } else {
        before += c;
      }
      if (typeof item === 'string') {
        p = putString(tape, item, before, p);
      } else if (typeof item === 'number' && (item | 0) === item) {
        const { words } = tape;
        words[p] = (before << 3) | 1;
        words[p + 1] = item;
        p += 2;
      } else {
        const after = put(item, before, p, at.inner ?? innerOf(at, site));
        if (after === kByRules) {
          asked ||= mayRunCode(item);
          if (--byRulesLeft < 0 && !asked) return kNotThis;
          const text = byRules(key, item);
          if (text === undefined) {
            // a long key is among the strings already
            if (before === kColon) tape.strings = strings;
            p = start;
            continue;
          }
          p = putText(tape, text, before, kText, p);
        } else if (after < 0) {
          return after;
        } else {
          p = after;
        }
      }
      c = 1;
    }
    if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
    tape.words[p] = (c === 0 ? kNoMembers : kClose) << 3;
    return p + 1;
  }

  /** All as a whole is for V8; or this value alone. */
  const kNotThis = -1;
  const kByRules = -2;

  function put(value: unknown, fragment: number, p: number, site: Place): number {
    if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
    switch (typeof value) {
      case 'string':
        return putString(tape, value, fragment, p);
      case 'number':
        if ((value | 0) === value) {
          const { words } = tape;
          words[p] = (fragment << 3) | 1;
          words[p + 1] = value;
          return p + 2;
        }
        return value - value === 0 ? putDouble(tape, value, fragment, p) : putWord(tape, fragment, kNull, p);
      case 'boolean':
        return putWord(tape, fragment, value ? kTrue : kFalse, p);
      case 'object': {
        if (value === null) return putWord(tape, fragment, kNull, p);
        let next = kByRules;
        if (byRulesLeft < 0) return kByRules;
        if (tape.nesting >= kMaxNesting || tape.strings.length > kMostUnits)
          return asked ? kByRules : kNotThis;
        tape.nesting++;
        const prototype = getPrototypeOf(value);
        if (Array.isArray(value)) {
          if (prototype === kArray && (value as { toJSON?: unknown }).toJSON === undefined)
            next = array(value, fragment, p, site);
        } else if (
          (prototype === kObject || (prototype === null && !isRawJson(value))) &&
          (value as { toJSON?: unknown }).toJSON === undefined
        ) {
          next = object(value as Record<string, unknown>, fragment, p, site);
        }
        tape.nesting--;
        return next;
      }
      default:
        return kByRules;
    }
  }

  /** After a walk of so many words: whether others of its kind are for V8, which writes keys that nobody knows faster. */
  function judge(value: object, words: number): void {
    if (
      strange > kMostStrange &&
      strange * kWordsForStrange > words &&
      tape.strings.length < strange * kUnitsForStrange
    ) {
      familiar.notWorthIt(value);
      doubts = kDoubtful;
    } else if (doubts > 0) {
      doubts--;
      // or small maps would take the places of what comes again
      if (strange === 0) familiar.worthIt(value);
    }
  }

  return (value) => {
    if (typeof value !== 'object' || value === null || tape.busy) return whole(value);
    if (kV8IsFasterAtLists && Array.isArray(value) && isSlight(value, 0)) return whole(value);
    if (doubts > 0 && familiar.isForV8(value)) {
      doubts--;
      return whole(value);
    }
    if (!prototypesAreBare()) return whole(value);
    for (const _ in kObject) return whole(value);
    if (toPass > 0) {
      toPass--;
      return whole(value);
    }
    tape.busy = true;
    try {
      if ((places >= kMostPlaces || table.full) && ++waited > wait) forget();
      tape.start();
      byRulesLeft = kMostByRules;
      asked = false;
      strange = 0;
      const end = put(value, kEmpty, kHeaderWords, root);
      const made = end >= 0 ? tape.finish(table.id, end) : undefined;
      if (byRulesLeft < 0) toPass = passed = Math.min(2 * passed + 1, kMostPassed);
      else if (made !== undefined) passed = 0;
      if (made !== undefined) {
        judge(value, end - kHeaderWords);
        return made;
      }
    } finally {
      tape.busy = false;
      tape.clear();
    }
    return whole(value);
  };
}
