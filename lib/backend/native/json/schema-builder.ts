// Values out of the slots that native/json/program.h describes, by functions made for one plan: an object of a schema is
// built by one literal with all its members, so that it has the same hidden class every time.
//
// The source of generated code holds names only as string literals made by JSON.stringify, and otherwise nothing of the
// schema: no text of it can become code. Where code may not be generated, closures do the same.

import { type JsonPlan, type JsonPlanNode, type JsonPlanObject, JsonTypeBit } from '../../json-plan';

/** What the functions of a plan read; filled for each text. */
export interface Slots {
  words: Int32Array;
  doubles: Float64Array;
  latin: string[];
  utf16: string[];
}

/** Gives the value whose slot is at word p. */
type Read = (p: number) => unknown;

/** Thrown by a check that a value does not pass; the facade finds out what is wrong with it. */
export class Refused extends Error {}
const refused = new Refused('refused');
refused.stack = '';

const prototype = Object.prototype;

function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

let allowed: boolean | undefined;
function mayGenerate(): boolean {
  if (allowed === undefined) {
    try {
      allowed = new Function('return true')() as boolean;
    } catch {
      allowed = false;
    }
  }
  return allowed;
}

const kNumeric = JsonTypeBit.integer | JsonTypeBit.number;
const kAnything = JsonTypeBit.any | JsonTypeBit.integer;

/** More members than this are assigned in a loop: a function of so many lines would not be compiled well. */
const kMostMembers = 200;

/** Longer lists grow from here on. */
const kSlice = 1024;
// by JSON.parse, which leaves no holes as `new Array(n)` would
const list = (value: string) => JSON.parse(`[${`${value},`.repeat(kSlice - 1)}${value}]`);
const anything: unknown[] = list('null');
const numbers: number[] = list('0');
const fractions: number[] = list('0.5');
/** Behind tag 5: an array of doubles has this more than there are. */
const kDoubles = 16;

/** Readers of slots that can only be one thing, or null: small, so that V8 puts them in line. */
interface Scalars {
  readonly string: Read;
  readonly number: Read;
  readonly boolean: Read;
}

function scalars(slots: Slots): Scalars {
  const far: Read = (p) => {
    const { words } = slots;
    const n = (words[p] as number) >>> 3;
    const payload = words[p + 1] as number;
    if (((words[p] as number) & 7) === 5) return n === 0 ? null : '';
    const from = payload & 4095;
    return (slots.utf16[payload >>> 12] as string).substring(from, from + n);
  };
  return {
    string(p) {
      const { words } = slots;
      const head = words[p] as number;
      if ((head & 7) !== 3) return far(p);
      const payload = words[p + 1] as number;
      const from = payload & 4095;
      return (slots.latin[payload >>> 12] as string).substring(from, from + (head >>> 3));
    },
    number(p) {
      const { words } = slots;
      const tag = (words[p] as number) & 7;
      const payload = words[p + 1] as number;
      return tag === 1 ? payload : tag === 2 ? slots.doubles[payload] : null;
    },
    boolean(p) {
      const n = (slots.words[p] as number) >>> 3;
      return n === 0 ? null : n === 1;
    },
  };
}

/** A list that came as doubles, one behind the other. */
function doublesAt(slots: Slots, p: number): number[] {
  const { words, doubles } = slots;
  const n = ((words[p] as number) >>> 3) - kDoubles;
  const from = words[p + 1] as number;
  const made = n <= kSlice ? fractions.slice(0, n) : [];
  for (let i = 0; i < n; i++) made[i] = doubles[from + i] as number;
  return made;
}

/** Lists whose elements are all numbers. */
function numberList(slots: Slots): Read {
  return (p) => {
    const { words, doubles } = slots;
    if (((words[p] as number) & 7) === 5) return doublesAt(slots, p);
    const n = (words[p] as number) >>> 3;
    let at = words[p + 1] as number;
    const made = n <= kSlice ? numbers.slice(0, n) : [];
    for (let i = 0; i < n; i++, at += 2) {
      const payload = words[at + 1] as number;
      made[i] = ((words[at] as number) & 7) === 1 ? payload : (doubles[payload] as number);
    }
    return made;
  };
}

/** Lists whose elements are all read alike. */
function evenList(slots: Slots, read: Read): Read {
  return (p) => {
    const { words } = slots;
    if (((words[p] as number) & 7) === 5) return doublesAt(slots, p);
    const n = (words[p] as number) >>> 3;
    let at = words[p + 1] as number;
    const made = n <= kSlice ? anything.slice(0, n) : [];
    for (let i = 0; i < n; i++, at += 2) made[i] = read(at);
    return made;
  };
}

/** Reads any slot; `strings`, `lists` and `objects` are the node's own. */
function reader(slots: Slots, strings: readonly string[], lists: Read, objects: Read | undefined): Read {
  const members = (p: number, n: number) => {
    const target: Record<string, unknown> = {};
    for (let i = 0; i < n; i++, p += 4) {
      const key = any(slots, p) as string;
      const value = any(slots, p + 2);
      if (key in prototype) define(target, key, value);
      else target[key] = value;
    }
    return target;
  };
  return (p) => {
    const { words } = slots;
    const head = words[p] as number;
    const n = head >>> 3;
    const payload = words[p + 1] as number;
    switch (head & 7) {
      case 1:
        return payload;
      case 2:
        return slots.doubles[payload];
      case 3: {
        const from = payload & 4095;
        return (slots.latin[payload >>> 12] as string).substring(from, from + n);
      }
      case 4: {
        const from = payload & 4095;
        return (slots.utf16[payload >>> 12] as string).substring(from, from + n);
      }
      case 5:
        if (n >= kDoubles) return doublesAt(slots, p);
        return n === 0 ? null : n === 1 ? true : n === 2 ? false : n === 3 ? strings[payload] : '';
      case 6:
        return lists(p);
      default:
        return objects === undefined ? members(payload, n) : objects(payload);
    }
  };
}

let anyOf: { slots: Slots; read: Read } | undefined;
function any(slots: Slots, p: number): unknown {
  if (anyOf?.slots !== slots) anyOf = { slots, read: readAny(slots) };
  return anyOf.read(p);
}
function readAny(slots: Slots): Read {
  const lists = evenList(slots, (p) => read(p));
  const read: Read = reader(slots, [], lists, undefined);
  return read;
}

interface Member {
  name: string;
  /** Word of its slot, from the object's first. */
  at: number;
  read: Read;
  required: boolean;
}

function membersOf(object: JsonPlanObject, readers: readonly Read[]): Member[] {
  return object.members.flatMap(({ name, node, required }, i) =>
    node === undefined ? [] : [{ name, at: i * 2, read: readers[node] as Read, required }],
  );
}

/** The object whose named slots begin at word p. */
function namedMembers(slots: Slots, members: readonly Member[]): Read {
  if (mayGenerate() && members.length <= kMostMembers) return generated(slots, members);
  return (p) => {
    const target: Record<string, unknown> = {};
    const { words } = slots;
    for (const { name, at, read } of members) {
      if (words[p + at] === 0) continue;
      if (name in prototype) define(target, name, read(p + at));
      else target[name] = read(p + at);
    }
    return target;
  };
}

function generated(slots: Slots, members: readonly Member[]): Read {
  const key = (name: string) => (name === '__proto__' ? '["__proto__"]' : JSON.stringify(name));
  // The literal takes what is always there; from the first optional member on, each is added when it is.
  const first = members.findIndex(({ required }) => !required);
  const always = first < 0 ? members : members.slice(0, first);
  const literal = always.map(({ name, at }, i) => `${key(name)}:r${i}(p+${at})`).join(',');
  const later = members.slice(always.length).map(({ name, at, required }, i) => {
    const read = `r${always.length + i}(p+${at})`;
    // a name that everything has, now or later, is defined: assigned, it could call somebody's setter
    const text = JSON.stringify(name);
    const add = `if(${text} in P)d(o,${text},${read});else o[${text}]=${read};`;
    return required ? add : `if(w[p+${at}]!==0)${add}`;
  });
  const body =
    later.length === 0
      ? `return p=>({${literal}})`
      : `return p=>{const o={${literal}};const w=s.words;${later.join('')}return o}`;
  const readers = members.map((_, i) => `r${i}=r[${i}]`);
  const source = `"use strict";${readers.length > 0 ? `const ${readers.join(',')};` : ''}${body}`;
  return new Function('s', 'd', 'P', 'r', source)(
    slots,
    define,
    prototype,
    members.map(({ read }) => read),
  ) as Read;
}

/** Named members, then the others that are kept. */
function objectReader(slots: Slots, object: JsonPlanObject, readers: readonly Read[]): Read {
  const named = namedMembers(slots, membersOf(object, readers));
  if (typeof object.others !== 'number') return named;
  const rest = object.members.length * 2;
  const other = object.others;
  return (p) => {
    const target = named(p) as Record<string, unknown>;
    const { words } = slots;
    const n = (words[p + rest] as number) >>> 3;
    const read = readers[other] as Read;
    for (let i = 0, at = words[p + rest + 1] as number; i < n; i++, at += 4) {
      const key = any(slots, at) as string;
      const value = read(at + 2);
      if (key in prototype) define(target, key, value);
      else target[key] = value;
    }
    return target;
  };
}

function checked(read: Read, { check, project }: JsonPlanNode): Read {
  if (check === undefined) return read;
  return (p) => {
    const value = read(p);
    if (!check(value)) throw refused;
    return project === undefined ? value : project(value);
  };
}

export function builderOf(plan: JsonPlan, slots: Slots): Read {
  // Nodes may name each other in circles: each is first a name for what it will be.
  const made: Read[] = [];
  const readers: Read[] = plan.nodes.map((_, i) => (p) => (made[i] as Read)(p));
  const plain = readAny(slots);
  const scalar = scalars(slots);
  const numeric = numberList(slots);

  function listReader(array: JsonPlanNode['array']): Read {
    if (array === undefined) return evenList(slots, plain);
    const rest = array.items;
    const items = rest === false ? plain : (readers[rest] as Read);
    if (array.prefix.length === 0) {
      const one = rest === false ? undefined : (plan.nodes[rest] as JsonPlanNode);
      const bare = one !== undefined && one.check === undefined && (one.types & ~kNumeric) === 0;
      return bare ? numeric : evenList(slots, items);
    }
    const prefix = array.prefix.map((index) => readers[index] as Read);
    return (p) => {
      const { words } = slots;
      const n = (words[p] as number) >>> 3;
      const made: unknown[] = [];
      for (let i = 0, at = words[p + 1] as number; i < n; i++, at += 2) made.push((prefix[i] ?? items)(at));
      return made;
    };
  }

  function bareReader({ types, array, object, strings }: JsonPlanNode): Read {
    if (strings === undefined) {
      const bits = types & ~JsonTypeBit.null;
      if (bits === JsonTypeBit.string) return scalar.string;
      if ((bits & ~kNumeric) === 0 && bits !== 0) return scalar.number;
      if (bits === JsonTypeBit.boolean) return scalar.boolean;
    }
    const lists = listReader(array);
    if (types === JsonTypeBit.array) return lists;
    const objects = object === undefined ? undefined : objectReader(slots, object, readers);
    return reader(slots, strings ?? [], lists, objects);
  }

  // Parts mostly stand behind what they are part of: from the end, few are called by their name.
  for (let i = plan.nodes.length - 1; i >= 0; i--) {
    const node = plan.nodes[i] as JsonPlanNode;
    const anything = node.types === kAnything && node.array === undefined && node.object === undefined;
    const bare = anything && node.strings === undefined ? plain : bareReader(node);
    made[i] = checked(bare, node);
    readers[i] = made[i];
  }
  return made[0] as Read;
}
