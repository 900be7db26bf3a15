// Encoding by a plan, first half: a value is walked along with its plan and what its JSON text is made of is written down
// (encode-tape.ts). Both backends start here; what makes bytes of it is each one's own.
//
// The walk only takes what it is certain of: plain data that fits the plan. Whatever JSON.stringify treats in a way of its own
// (toJSON, undefined, functions, symbols, bigints, boxed primitives, NaN where a number is wanted) and whatever does not fit
// ends it, and the facade then does all of it the plain way. So no value is ever written that was not checked, and no check
// sees another value than the one that is written.
//
// One function walks the objects of all schemas. Functions generated for each were tried: they are no faster once V8 has
// compiled them, and a schema of many objects is slow for as long as that takes. (What writes bytes at once is another matter:
// lib/backend/native/json/encode-small.ts.)

import { types } from 'node:util';
import { type JsonPlan, type JsonPlanNode, type JsonPlanObject, JsonTypeBit } from '../json-plan';
import {
  type EncodeTape,
  grow,
  kClose,
  kCloseArray,
  kColon,
  kComma,
  kEmpty,
  kFalse,
  kFixed,
  kHeaderWords,
  kInteger,
  kMaxNesting,
  kNoItems,
  kNoMembers,
  kNull,
  kOpen,
  kOpenArray,
  kRoom,
  kText,
  kTrue,
  putDouble,
  putNumber,
  putNumbers,
  putString,
  putText,
  putWord,
} from './encode-tape';
import { isRawJson } from './raw-json';

export interface EncodeWalk {
  readonly fragments: readonly string[];
  /** Where the tape's words end; -1: this value is for the plain way. */
  walk(value: unknown): number;
}

/** Writes a value at p behind a fragment. Gives the place of the next word; -1: not by this plan. */
export type Emit = (value: unknown, fragment: number, p: number) => number;

const { getPrototypeOf } = Object;
const kObject = Object.prototype;

/** Members whose value is written in line: one type, or null too, and no further rule. */
const kCall = 0;
export const kAnyString = 1;
export const kAnyInteger = 2;
export const kAnyNumber = 3;
export const kAnyBoolean = 4;

interface Member {
  readonly name: string;
  /** Behind an opening brace, and one more behind a comma. */
  readonly fragment: number;
  readonly required: 0 | 1;
  readonly kind: number;
  readonly nullable: boolean;
  readonly emit: Emit;
  /** The one that came behind it last. */
  next: Member | undefined;
}

export function kindOf(node: JsonPlanNode): number {
  const { types: bits, low, high, minLength, maxLength, strings, check } = node;
  if (check !== undefined) return kCall;
  switch (bits & ~JsonTypeBit.null) {
    case JsonTypeBit.string:
      return minLength === 0 && maxLength === 0x7fffffff && strings === undefined ? kAnyString : kCall;
    case JsonTypeBit.integer:
      return low === -Infinity && high === Infinity ? kAnyInteger : kCall;
    case JsonTypeBit.integer | JsonTypeBit.number:
      return low === -Infinity && high === Infinity ? kAnyNumber : kCall;
    case JsonTypeBit.boolean:
      return kAnyBoolean;
    default:
      return kCall;
  }
}

/** Code points, as JSON Schema counts. */
export function lengthFits(text: string, min: number, max: number): boolean {
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

  /** V8 writes it, as it would have as a part of the whole. */
  function whole(value: object, fragment: number, p: number): number {
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return -1;
    const made: string | undefined = JSON.stringify(value);
    return made === undefined ? -1 : putText(tape, made, fragment, kText, p);
  }

  const any: Emit = (value, fragment, p) => {
    if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
    switch (typeof value) {
      case 'string':
        return putString(tape, value, fragment, p);
      case 'number':
        return Number.isFinite(value)
          ? putNumber(tape, value, fragment, p)
          : putWord(tape, fragment, kNull, p);
      case 'boolean':
        return putWord(tape, fragment, value ? kTrue : kFalse, p);
      case 'object':
        return value === null ? putWord(tape, fragment, kNull, p) : whole(value, fragment, p);
      default:
        return -1;
    }
  };

  const made: Emit[] = [];
  const emitters: Emit[] = plan.nodes.map(
    (_, i) => (value, fragment, p) => (made[i] as Emit)(value, fragment, p),
  );

  function scalar(node: JsonPlanNode): Emit {
    const { types: bits, low, lowOpen, high, highOpen, minLength, maxLength, check } = node;
    const allowed = node.strings === undefined ? undefined : new Set(node.strings);
    const fraction = (bits & JsonTypeBit.number) !== 0;
    const numbers = (bits & (JsonTypeBit.number | JsonTypeBit.integer)) !== 0;
    const bounded = low !== -Infinity || high !== Infinity;
    const anyLength = minLength === 0 && maxLength === 0x7fffffff;
    return (value, fragment, p) => {
      if (check !== undefined && !check(value)) return -1;
      switch (typeof value) {
        case 'string':
          if ((bits & JsonTypeBit.string) === 0) return -1;
          if (!anyLength && !lengthFits(value, minLength, maxLength)) return -1;
          if (allowed !== undefined && !allowed.has(value)) return -1;
          return putString(tape, value, fragment, p);
        case 'number':
          if (!numbers || !(fraction ? Number.isFinite(value) : Number.isInteger(value))) return -1;
          if (bounded) {
            if (!(lowOpen ? value > low : value >= low)) return -1;
            if (!(highOpen ? value < high : value <= high)) return -1;
          }
          return putNumber(tape, value, fragment, p);
        case 'boolean':
          return (bits & JsonTypeBit.boolean) !== 0 ? putWord(tape, fragment, value ? kTrue : kFalse, p) : -1;
        default:
          return value === null && (bits & JsonTypeBit.null) !== 0 ? putWord(tape, fragment, kNull, p) : -1;
      }
    };
  }

  /** Two fragments: a name with the brace that opens its object, then with the comma before it. */
  function fragmentsOf(name: string): number {
    const key = `${JSON.stringify(name)}:`;
    fragments.push(`{${key}`, `,${key}`);
    return fragments.length - 2;
  }

  function member(name: string, node: number | undefined, required: boolean): Member {
    const of = node === undefined ? undefined : (plan.nodes[node] as JsonPlanNode);
    return {
      name,
      fragment: fragmentsOf(name),
      required: required ? 1 : 0,
      kind: of === undefined ? kCall : kindOf(of),
      nullable: of !== undefined && (of.types & JsonTypeBit.null) !== 0,
      emit: node === undefined ? any : (emitters[node] as Emit),
      next: undefined,
    };
  }

  function object({ members, others, othersInOneLine }: JsonPlanObject): Emit {
    const list = members.map(({ name, node, required }) => member(name, node, required));
    const index = new Map(list.map((one) => [one.name, one]));
    const wanted = list.reduce((sum, one) => sum + one.required, 0);
    // As the members stand in the schema, until it is seen how they come.
    const head = { next: list[0] } as Member;
    list.forEach((one, i) => {
      one.next = list[i + 1];
    });
    const other = typeof others === 'number' ? (emitters[others] as Emit) : any;

    function undeclared(name: string, item: unknown, before: number, p: number): number {
      if (others === 'refuse') return -1;
      if (othersInOneLine && /[\n\r\u2028\u2029]/.test(name)) return -1;
      return other(item, kColon, putString(tape, name, before, p));
    }

    // V8 reads members fastest in a loop over an object that is never another.
    return function walk(value, fragment, p): number {
      const from = value as Record<string, unknown>;
      // in this order: V8 has seen the object's class by then, and knows the prototype without a call
      if (from.toJSON !== undefined) return -1;
      const prototype = getPrototypeOf(from);
      if (prototype !== kObject && prototype !== null) {
        // an instance of a class: only its own members are written
        return types.isBoxedPrimitive(from) ? -1 : walk({ ...from }, fragment, p);
      }
      if (prototype === null && isRawJson(from)) return -1;
      if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
      tape.words[p++] = fragment << 3;
      let found = 0;
      let c = 0; // 1 behind the first member
      let at = head;
      for (const name in from) {
        const item = from[name];
        let one = at.next;
        if (one === undefined || one.name !== name) {
          one = index.get(name);
          if (one !== undefined) at.next = one;
        }
        // left out, so it counts as missing
        if (item === undefined) continue;
        if (p + 2 * kRoom > tape.words.length) grow(tape, p + 2 * kRoom);
        if (one === undefined) {
          p = undeclared(name, item, c === 0 ? kOpen : kComma, p);
          if (p < 0) return -1;
          c = 1;
          continue;
        }
        at = one;
        found += one.required;
        const before = one.fragment + c;
        c = 1;
        switch (one.kind) {
          case kAnyString:
            if (typeof item === 'string') {
              p = putString(tape, item, before, p);
              continue;
            }
            break;
          case kAnyInteger:
          case kAnyNumber:
            if (typeof item === 'number') {
              if ((item | 0) === item) {
                const { words } = tape;
                words[p] = (before << 3) | kInteger;
                words[p + 1] = item;
                p += 2;
                continue;
              }
              if (one.kind === kAnyNumber ? item - item !== 0 : !Number.isInteger(item)) return -1;
              p = putDouble(tape, item, before, p);
              continue;
            }
            break;
          case kAnyBoolean:
            if (typeof item === 'boolean') {
              p = putWord(tape, before, item ? kTrue : kFalse, p);
              continue;
            }
            break;
          default:
            p = one.emit(item, before, p);
            if (p < 0) return -1;
            continue;
        }
        if (item !== null || !one.nullable) return -1;
        p = putWord(tape, before, kNull, p);
      }
      if (found !== wanted) return -1;
      if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
      tape.words[p] = (c === 0 ? kNoMembers : kClose) << 3;
      return p + 1;
    };
  }

  function array({ prefix, items, minItems, maxItems }: NonNullable<JsonPlanNode['array']>): Emit {
    const first = prefix.map((node) => emitters[node] as Emit);
    const rest = items === false ? undefined : (emitters[items] as Emit);
    const item = typeof items === 'number' ? (plan.nodes[items] as JsonPlanNode) : undefined;
    // a list of numbers goes over as it is
    const numbers =
      prefix.length === 0 &&
      item !== undefined &&
      item.low === -Infinity &&
      item.high === Infinity &&
      item.check === undefined &&
      (item.types & JsonTypeBit.integer) !== 0;
    const integersOnly = item === undefined || (item.types & JsonTypeBit.number) === 0;
    return (value, fragment, p) => {
      const list = value as unknown[];
      const n = list.length;
      if (n < minItems || n > maxItems || (rest === undefined && n > first.length)) return -1;
      if ((list as { toJSON?: unknown }).toJSON !== undefined) return -1;
      if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
      if (n === 0) return putWord(tape, fragment, kNoItems, p);
      if (numbers && n > 1 && typeof list[0] === 'number') {
        const at = putNumbers(tape, list, integersOnly, fragment, p);
        if (at >= 0) return at;
      }
      tape.words[p++] = fragment << 3;
      for (let i = 0; i < n; i++) {
        const emit = i < first.length ? (first[i] as Emit) : (rest as Emit);
        p = emit(list[i], i === 0 ? kOpenArray : kComma, p);
        if (p < 0) return -1;
      }
      if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
      tape.words[p] = kCloseArray << 3;
      return p + 1;
    };
  }

  function emitter(node: JsonPlanNode): Emit {
    const simple = scalar(node);
    const lists = node.array === undefined ? undefined : array(node.array);
    const objects = node.object === undefined ? undefined : object(node.object);
    const { types: bits, check } = node;
    return (value, fragment, p) => {
      if (typeof value !== 'object' || value === null) {
        if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
        return simple(value, fragment, p);
      }
      const isArray = Array.isArray(value);
      if ((bits & (isArray ? JsonTypeBit.array : JsonTypeBit.object)) === 0) return -1;
      if (check !== undefined) {
        // The check must see what is written: V8 writes it, and it is read back.
        if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return -1;
        const json: string | undefined = JSON.stringify(value);
        if (json === undefined) return -1;
        const back = JSON.parse(json);
        if (typeof back !== 'object' || back === null || !check(back)) return -1;
        if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
        // what a plan says beside the check is part of the check: it is that of the whole schema
        return putText(tape, json, fragment, kText, p);
      }
      const emit = isArray ? lists : objects;
      if (emit === undefined) {
        const prototype = getPrototypeOf(value);
        const plain = isArray || prototype === kObject || (prototype === null && !isRawJson(value));
        if (p + kRoom > tape.words.length) grow(tape, p + kRoom);
        return plain ? whole(value, fragment, p) : -1;
      }
      if (++tape.nesting > kMaxNesting) return -1;
      const next = emit(value, fragment, p);
      tape.nesting--;
      return next;
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
      for (const _ in kObject) return -1;
      tape.doubleCount = tape.nesting = 0;
      tape.strings = '';
      return root(value, kEmpty, kHeaderWords);
    },
  };
}
