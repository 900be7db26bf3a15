// Encoding by a plan, first half: a value is walked along with its plan and what its JSON text is made of is written down, as
// native/json/encode.h says: constant fragments, integers, doubles, and all strings in one. Both backends start here; what
// makes bytes of it is each one's own.
//
// The walk only takes what it is certain of: plain data that fits the plan. Whatever JSON.stringify treats in a way of its own
// (toJSON, undefined, functions, symbols, bigints, boxed primitives, NaN where a number is wanted) and whatever does not fit
// ends it, and the facade then does all of it the plain way. So no value is ever written that was not checked, and no check
// sees another value than the one that is written.
//
// No code is generated: names of a schema are data here and in the fragments.

import { types } from 'node:util';
import { type JsonPlan, type JsonPlanNode, type JsonPlanObject, JsonTypeBit } from '../json-plan';

export const kNothing = 0;
export const kInteger = 1;
export const kDouble = 2;
export const kString = 3;
export const kText = 4;
export const kIntegers = 5;
export const kShort = 6;

/** Words before the first operation, for whoever takes the tape over. */
export const kHeaderWords = 8;
/** Up to so many units a string goes into the words. */
const kShortUnits = 24;
/** Words that one value (but for lists of integers) takes before it asks for room again. */
const kRoom = kShortUnits + 8;

/** Fragments every plan has, by number. */
const kEmpty = 0;
const kComma = 1;
const kColon = 2;
const kOpen = 3;
const kClose = 4;
const kOpenArray = 5;
const kCloseArray = 6;
const kNull = 7;
const kTrue = 8;
const kFalse = 9;
const kFixed = ['', ',', ':', '{', '}', '[', ']', 'null', 'true', 'false'];

/** Deeper values are left to the plain way; a value that contains itself is one. */
const kMaxNesting = 200;

export interface EncodeTape {
  words: Int32Array;
  doubles: Float64Array;
  /** The header included. */
  wordCount: number;
  doubleCount: number;
  strings: string;
}

export interface EncodeWalk {
  readonly fragments: readonly string[];
  /** false: this value is for the plain way. */
  walk(value: unknown): boolean;
}

type Emit = (value: unknown, fragment: number) => boolean;

const { getPrototypeOf } = Object;
const kObject = Object.prototype;

/** Code points, as JSON Schema counts. */
function lengthFits(text: string, min: number, max: number): boolean {
  // no text has more code points than units, nor fewer than half as many
  if (text.length <= max && text.length >= min * 2) return true;
  if (text.length < min || text.length > max * 2) return false;
  let count = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count >= min && count <= max;
}

export function walkOf(plan: JsonPlan, tape: EncodeTape): EncodeWalk {
  const fragments = [...kFixed];
  let T = tape.words;
  let F = tape.doubles;
  let p = 0;
  let fp = 0;
  let strings = '';
  let nesting = 0;

  function reserve(words: number): void {
    if (p + words <= T.length) return;
    const grown = new Int32Array(Math.max(p + words, T.length * 2));
    grown.set(T);
    T = grown;
  }

  function double(value: number, fragment: number): boolean {
    if (fp === F.length) {
      const grown = new Float64Array(F.length * 2);
      grown.set(F);
      F = grown;
    }
    F[fp++] = value;
    T[p++] = kDouble | (fragment << 3);
    return true;
  }

  function number(value: number, fragment: number): boolean {
    if ((value | 0) !== value) return double(value, fragment);
    T[p++] = kInteger | (fragment << 3);
    T[p++] = value;
    return true;
  }

  function text(value: string, fragment: number, op: number): boolean {
    T[p++] = op | (fragment << 3);
    T[p++] = value.length;
    strings += value;
    return true;
  }

  function string(value: string, fragment: number): boolean {
    const n = value.length;
    if (n > kShortUnits) return text(value, fragment, kString);
    T[p++] = kShort | (fragment << 3);
    T[p++] = n;
    for (let i = 0; i < n; i++) T[p++] = value.charCodeAt(i);
    return true;
  }

  /** What stands for itself: null, true, false. */
  function word(fragment: number, which: number): boolean {
    T[p++] = fragment << 3;
    T[p++] = which << 3;
    return true;
  }

  /** V8 writes it, as it would have as a part of the whole. */
  function whole(value: object, fragment: number): boolean {
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
    const made: string | undefined = JSON.stringify(value);
    return made !== undefined && text(made, fragment, kText);
  }

  const any: Emit = (value, fragment) => {
    reserve(kRoom);
    switch (typeof value) {
      case 'string':
        return string(value, fragment);
      case 'number':
        return Number.isFinite(value) ? number(value, fragment) : word(fragment, kNull);
      case 'boolean':
        return word(fragment, value ? kTrue : kFalse);
      case 'object':
        return value === null ? word(fragment, kNull) : whole(value, fragment);
      default:
        return false;
    }
  };

  const made: Emit[] = [];
  const emitters: Emit[] = plan.nodes.map((_, i) => (value, fragment) => (made[i] as Emit)(value, fragment));

  function scalar(node: JsonPlanNode): Emit {
    const { types: bits, low, lowOpen, high, highOpen, minLength, maxLength, check } = node;
    const allowed = node.strings === undefined ? undefined : new Set(node.strings);
    const fraction = (bits & JsonTypeBit.number) !== 0;
    const numbers = (bits & (JsonTypeBit.number | JsonTypeBit.integer)) !== 0;
    const bounded = low !== -Infinity || high !== Infinity;
    const anyLength = minLength === 0 && maxLength === 0x7fffffff;
    return (value, fragment) => {
      if (check !== undefined && !check(value)) return false;
      switch (typeof value) {
        case 'string':
          if ((bits & JsonTypeBit.string) === 0) return false;
          if (!anyLength && !lengthFits(value, minLength, maxLength)) return false;
          if (allowed !== undefined && !allowed.has(value)) return false;
          return string(value, fragment);
        case 'number':
          if (!numbers || !(fraction ? Number.isFinite(value) : Number.isInteger(value))) return false;
          if (bounded) {
            if (!(lowOpen ? value > low : value >= low)) return false;
            if (!(highOpen ? value < high : value <= high)) return false;
          }
          return number(value, fragment);
        case 'boolean':
          return (bits & JsonTypeBit.boolean) !== 0 && word(fragment, value ? kTrue : kFalse);
        default:
          return value === null && (bits & JsonTypeBit.null) !== 0 && word(fragment, kNull);
      }
    };
  }

  /** The fragment of a name, first in its object; the next one has a comma before it. */
  function fragmentOf(name: string): number {
    const key = `${JSON.stringify(name)}:`;
    fragments.push(key, `,${key}`);
    return fragments.length - 2;
  }

  function object(rule: JsonPlanObject): Emit {
    const { members, others, othersInOneLine } = rule;
    const names = members.map(({ name }) => name);
    const index = new Map(names.map((name, i) => [name, i]));
    const emits = members.map(({ node }) => (node === undefined ? any : (emitters[node] as Emit)));
    const required = members.map((member) => (member.required ? 1 : 0));
    const wanted = required.reduce<number>((sum, one) => sum + one, 0);
    const keys = names.map(fragmentOf);
    const other = typeof others === 'number' ? (emitters[others] as Emit) : any;
    const room = 2 * kRoom;
    return (value, fragment) => {
      let from = value as Record<string, unknown>;
      const prototype = getPrototypeOf(from);
      if (from.toJSON !== undefined) return false;
      if (prototype !== kObject && prototype !== null) {
        if (types.isBoxedPrimitive(from)) return false;
        // an instance of a class: only its own members are written
        from = { ...from };
      }
      reserve(room);
      T[p++] = fragment << 3;
      T[p++] = kOpen << 3;
      let i = 0;
      let found = 0;
      let next = 0; // 1 behind the first member
      for (const name in from) {
        const item = from[name];
        if (name !== names[i]) i = index.get(name) ?? -1;
        if (item === undefined) {
          // left out, so it counts as missing
          i++;
          continue;
        }
        if (i >= 0) {
          if (!(emits[i] as Emit)(item, (keys[i] as number) + next)) return false;
          found += required[i] as number;
        } else {
          if (others === 'refuse') return false;
          if (othersInOneLine && /[\n\r\u2028\u2029]/.test(name)) return false;
          reserve(room);
          string(name, next === 0 ? kEmpty : kComma);
          if (!other(item, kColon)) return false;
          reserve(room);
        }
        next = 1;
        i++;
      }
      reserve(kRoom);
      T[p++] = kClose << 3;
      return found === wanted;
    };
  }

  function array({ prefix, items, minItems, maxItems }: NonNullable<JsonPlanNode['array']>): Emit {
    const first = prefix.map((node) => emitters[node] as Emit);
    const rest = items === false ? undefined : (emitters[items] as Emit);
    const item = typeof items === 'number' ? (plan.nodes[items] as JsonPlanNode) : undefined;
    // a list of integers goes over as it is
    const whole =
      prefix.length === 0 &&
      item !== undefined &&
      item.low === -Infinity &&
      item.high === Infinity &&
      item.check === undefined &&
      (item.types & JsonTypeBit.integer) !== 0;
    return (value, fragment) => {
      const list = value as unknown[];
      const n = list.length;
      if (n < minItems || n > maxItems || (rest === undefined && n > first.length)) return false;
      if ((list as { toJSON?: unknown }).toJSON !== undefined) return false;
      reserve(n * 2 + kRoom);
      if (whole && n > 1) {
        const at = p;
        T[p++] = kIntegers | (fragment << 3);
        T[p++] = n;
        let i = 0;
        for (; i < n; i++) {
          const one = list[i] as number;
          if (typeof one !== 'number' || (one | 0) !== one) break;
          T[p++] = one;
        }
        if (i === n) return true;
        p = at;
      }
      T[p++] = fragment << 3;
      T[p++] = kOpenArray << 3;
      for (let i = 0; i < n; i++) {
        const emit = i < first.length ? (first[i] as Emit) : (rest as Emit);
        if (!emit(list[i], i === 0 ? kEmpty : kComma)) return false;
      }
      reserve(kRoom);
      T[p++] = kCloseArray << 3;
      return true;
    };
  }

  function emitter(node: JsonPlanNode): Emit {
    const simple = scalar(node);
    const lists = node.array === undefined ? undefined : array(node.array);
    const objects = node.object === undefined ? undefined : object(node.object);
    const { types: bits, check } = node;
    return (value, fragment) => {
      if (typeof value !== 'object' || value === null) {
        reserve(kRoom);
        return simple(value, fragment);
      }
      const isArray = Array.isArray(value);
      if ((bits & (isArray ? JsonTypeBit.array : JsonTypeBit.object)) === 0) return false;
      if (check !== undefined) {
        // The check must see what is written: V8 writes it, and it is read back.
        if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
        const json: string | undefined = JSON.stringify(value);
        if (json === undefined) return false;
        const back = JSON.parse(json);
        if (typeof back !== 'object' || back === null || !check(back)) return false;
        // what a plan says beside the check is part of the check: it is that of the whole schema
        return text(json, fragment, kText);
      }
      const emit = isArray ? lists : objects;
      if (emit === undefined) {
        const boxed = isArray || getPrototypeOf(value) === kObject || getPrototypeOf(value) === null;
        return boxed && whole(value, fragment);
      }
      if (++nesting > kMaxNesting) return false;
      const fits = emit(value, fragment);
      nesting--;
      return fits;
    };
  }

  for (let i = plan.nodes.length - 1; i >= 0; i--) {
    made[i] = i === 1 ? any : emitter(plan.nodes[i] as JsonPlanNode);
    emitters[i] = made[i] as Emit;
  }
  const root = made[0] as Emit;

  return {
    fragments,
    walk(value) {
      // members that everything inherits would be taken for everybody's own
      for (const _ in kObject) return false;
      p = kHeaderWords;
      fp = nesting = 0;
      strings = '';
      T = tape.words;
      F = tape.doubles;
      const done = root(value, kEmpty);
      tape.words = T;
      tape.doubles = F;
      tape.wordCount = p;
      tape.doubleCount = fp;
      tape.strings = strings;
      strings = '';
      return done;
    },
  };
}
