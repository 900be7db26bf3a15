// Encoding of small values by a plan, without a crossing: a function made for the plan writes their bytes, keys as constants, to
// where the result will be. A crossing costs as much as writing some hundred bytes. Only what is most common is done so; all else
// ends it, and the value is walked again for the tape (lib/backend/json/encode-walk.ts), whose rules hold here, too.
//
// What a schema says gets into the source as numbers only: keys as their bytes, names as places of a list.

import { kAnyBoolean, kAnyInteger, kAnyNumber, kAnyString, kindOf, lengthFits } from '../../json/encode-walk';
import { isRawJson } from '../../json/raw-json';
import { type JsonPlan, type JsonPlanNode, JsonTypeBit } from '../../json-plan';
import { utf8Write } from './encode-crossing';

/** Bytes of a result: what is longer, the core writes faster. */
export const kMostBytes = 1024;
/** Units from which on a string without escapes is written by Buffer. */
const kLongUnits = 48;
/** A number, a word or a bracket, and what closes it. */
const kRoom = 32;
/** What closes a value is written without asking for room. */
export const kSlack = 64;
/** Of objects in each other, the outermost one included; each is closed by one byte. */
const kMostNesting = 16;
/** Of a schema; a larger one would be a large function. */
const kMostMembers = 48;
const kMostKeyBytes = 40;

/** Writes a value to bytes from p on, not far beyond the end, and gives the place behind it; -1: by the tape. */
export type WriteSmall = (value: unknown, p: number, bytes: Uint8Array, end: number) => number;

/** Behind a backslash; 1: as six characters; 0: it stands for itself. */
const kEscapes = new Uint8Array(128);
kEscapes.fill(1, 0, 0x20);
for (const [at, letter] of ['""', '\\\\', '\bb', '\ff', '\nn', '\rr', '\tt'] as const)
  kEscapes[at?.charCodeAt(0) as number] = letter?.charCodeAt(0) as number;

/** What JSON.stringify escapes: RFC 8259's characters, and halves of surrogate pairs; whole pairs are among them here. */
const kOdd = /["\\\u0000-\u001f\ud800-\udfff]/;

function ascii(letters: string, p: number, bytes: Uint8Array): number {
  for (let i = 0; i < letters.length; i++) bytes[p++] = letters.charCodeAt(i);
  return p;
}

function text(value: string, p: number, bytes: Uint8Array, end: number): number {
  const n = value.length;
  // three bytes a unit are the most but for escapes of six, which ask again when they come
  if (p + n * 3 + kRoom > end) return -1;
  bytes[p++] = 0x22;
  if (n >= kLongUnits && bytes.length > 0 && !kOdd.test(value)) {
    p += utf8Write.call(bytes, value, p, n * 3);
    bytes[p] = 0x22;
    return p + 1;
  }
  for (let i = 0; i < n; i++) {
    const c = value.charCodeAt(i);
    if (c < 0x80) {
      const letter = kEscapes[c] as number;
      if (letter === 0) {
        bytes[p++] = c;
      } else if (letter !== 1) {
        bytes[p++] = 0x5c;
        bytes[p++] = letter;
      } else {
        if (p + (n - i) * 6 + kRoom > end) return -1;
        p = ascii(`\\u00${c < 0x10 ? '0' : ''}${c.toString(16)}`, p, bytes);
      }
    } else if (c < 0x800) {
      bytes[p++] = 0xc0 | (c >> 6);
      bytes[p++] = 0x80 | (c & 0x3f);
    } else if ((c & 0xf800) === 0xd800) {
      const pair = value.codePointAt(i) as number;
      if (c < 0xdc00 && pair > 0xffff) {
        i++;
        bytes[p++] = 0xf0 | (pair >> 18);
        bytes[p++] = 0x80 | ((pair >> 12) & 0x3f);
        bytes[p++] = 0x80 | ((pair >> 6) & 0x3f);
        bytes[p++] = 0x80 | (pair & 0x3f);
      } else {
        if (p + (n - i) * 6 + kRoom > end) return -1;
        p = ascii(`\\u${c.toString(16)}`, p, bytes);
      }
    } else {
      bytes[p++] = 0xe0 | (c >> 12);
      bytes[p++] = 0x80 | ((c >> 6) & 0x3f);
      bytes[p++] = 0x80 | (c & 0x3f);
    }
  }
  bytes[p] = 0x22;
  return p + 1;
}

/** The two digits of each number below 100, the first one in the low byte. */
const kPairs = Uint16Array.from({ length: 100 }, (_, i) => 0x3030 | ((i / 10) | 0) | ((i % 10) << 8));

/** Decimal digits of an integer from 0 to 2^31 - 1. */
function digitsOf(value: number): number {
  if (value < 100) return value < 10 ? 1 : 2;
  if (value < 10_000) return value < 1000 ? 3 : 4;
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  if (value < 100_000_000) return value < 10_000_000 ? 7 : 8;
  return value < 1_000_000_000 ? 9 : 10;
}

/** A finite number. */
function number(value: number, p: number, bytes: Uint8Array): number {
  if ((value | 0) !== value || value === -0x80000000) return ascii(`${value}`, p, bytes);
  let rest = value;
  if (rest < 0) {
    bytes[p++] = 0x2d;
    rest = -rest;
  }
  const end = p + digitsOf(rest);
  // from the last two on
  let at = end;
  while (rest >= 100) {
    const hundreds = (rest / 100) | 0;
    const pair = kPairs[rest - hundreds * 100] as number;
    at -= 2;
    bytes[at] = pair;
    bytes[at + 1] = pair >> 8;
    rest = hundreds;
  }
  const pair = kPairs[rest] as number;
  if (rest >= 10) bytes[at - 2] = pair;
  bytes[at - 1] = pair >> 8;
  return end;
}

/** Whatever is no object and has rules of its own. */
function scalarOf(node: JsonPlanNode): WriteSmall {
  const { types: bits, low, lowOpen, high, highOpen, minLength, maxLength } = node;
  const allowed = node.strings === undefined ? undefined : new Set(node.strings);
  const fraction = (bits & JsonTypeBit.number) !== 0;
  const numbers = (bits & (JsonTypeBit.number | JsonTypeBit.integer)) !== 0;
  const bounded = low !== -Infinity || high !== Infinity;
  const anyLength = minLength === 0 && maxLength === 0x7fffffff;
  return (value, p, bytes, end) => {
    if (typeof value === 'string') {
      if ((bits & JsonTypeBit.string) === 0) return -1;
      if (!anyLength && !lengthFits(value, minLength, maxLength)) return -1;
      return allowed === undefined || allowed.has(value) ? text(value, p, bytes, end) : -1;
    }
    if (typeof value === 'number') {
      if (!numbers || !(fraction ? Number.isFinite(value) : Number.isInteger(value))) return -1;
      if (bounded) {
        if (!(lowOpen ? value > low : value >= low)) return -1;
        if (!(highOpen ? value < high : value <= high)) return -1;
      }
      return number(value, p, bytes);
    }
    if (typeof value === 'boolean' && (bits & JsonTypeBit.boolean) !== 0) {
      for (const letter of value ? kTrue : kFalse) bytes[p++] = letter;
      return p;
    }
    return -1;
  };
}

const kNull = Buffer.from('null');
const kTrue = Buffer.from('true');
const kFalse = Buffer.from('false');

/** Stores of constants from p on, which is then behind them. */
const stores = (constant: Uint8Array): string =>
  `${[...constant].map((byte, i) => `b[p+${i}]=${byte};`).join('')}p+=${constant.length};`;

/** What writes `it`, of a node. */
function valueSource(node: JsonPlanNode, i: number): string {
  const { types: bits, check } = node;
  // the node that takes anything, and those with more to check: by the tape
  if (i === 1 || check !== undefined) return 'return -1;';
  const kind = kindOf(node);
  const isNull = (bits & JsonTypeBit.null) === 0 ? '' : `if(it===null){${stores(kNull)}}else `;
  if (kind === kAnyString)
    return `${isNull}{if(typeof it!=='string')return -1;p=text(it,p,b,end);if(p<0)return -1;}`;
  if (kind === kAnyInteger)
    return `${isNull}{if(typeof it!=='number'||(it|0)!==it&&!isInteger(it))return -1;p=number(it,p,b);}`;
  if (kind === kAnyNumber) return `${isNull}{if(typeof it!=='number'||it-it!==0)return -1;p=number(it,p,b);}`;
  if (kind === kAnyBoolean)
    return `${isNull}{if(it===true){${stores(kTrue)}}else if(it===false){${stores(kFalse)}}else return -1;}`;
  const nested = (kind: string) =>
    `{if(++deep>${kMostNesting})return -1;p=${kind}${i}(it,p,b,end);deep--;if(p<0)return -1;}`;
  const list = node.array !== undefined && (bits & JsonTypeBit.array) !== 0 ? nested('a') : 'return -1;';
  const record = node.object !== undefined && (bits & JsonTypeBit.object) !== 0 ? nested('o') : 'return -1;';
  const none = isNull === '' ? 'if(it===null)return -1;' : isNull;
  return `if(typeof it==='object'){${none}if(isArray(it)){${list}}else{${record}}}else{p=s[${i}](it,p,b,end);if(p<0)return -1;}`;
}

/** The function of a node's arrays. */
function arraySource(plan: JsonPlan, i: number): string {
  const { prefix, items, minItems, maxItems } = (plan.nodes[i] as JsonPlanNode).array as NonNullable<
    JsonPlanNode['array']
  >;
  if (prefix.length > 0) return `function a${i}(v,p,b,end){return -1;}`;
  const item = items === false ? 'return -1;' : valueSource(plan.nodes[items] as JsonPlanNode, items);
  return `function a${i}(v,p,b,end){
if(v.toJSON!==undefined||getPrototypeOf(v)!==kArray)return -1;
const n=v.length,from=p;
if(n<${minItems}||n>${maxItems})return -1;
for(let i=0;i<n;i++){const it=v[i];if(p+${kRoom}>end)return -1;b[p++]=44;${item}}
if(p===from)p++;
b[from]=91;b[p]=93;return p+1;}`;
}

/** The function of a node's objects; in `names` go the places of its members by name. */
function objectSource(plan: JsonPlan, i: number, names: Map<string, number>[]): string {
  const { members } = (plan.nodes[i] as JsonPlanNode).object as NonNullable<JsonPlanNode['object']>;
  const at = names.push(new Map(members.map(({ name }, k) => [name, k]))) - 1;
  const cases = members.map(({ name, node = 1, required }, k) => {
    const key = Buffer.from(`,${JSON.stringify(name)}:`);
    const found = required ? 'found++;' : '';
    return `case ${k}:if(p+${key.length + kRoom}>end)return -1;${stores(key)}${found}${valueSource(plan.nodes[node] as JsonPlanNode, node)}break;`;
  });
  const wanted = members.filter(({ required }) => required).length;
  // follow[k + 1] is the member that came behind member k last
  return `const index${at}=names[${at}],list${at}=[...index${at}.keys(),undefined],follow${at}=new Int32Array(${members.length + 1}).map((_,k)=>k);
function o${i}(v,p,b,end){
if(v.toJSON!==undefined)return -1;
const proto=getPrototypeOf(v);
if(proto!==kObject&&(proto!==null||isRawJson(v)))return -1;
const from=p;let found=0,last=0;
for(const name in v){
const it=v[name];
let k=follow${at}[last];
if(list${at}[k]!==name){k=index${at}.get(name);if(k===undefined)return -1;follow${at}[last]=k;}
if(it===undefined)continue;
last=k+1;
switch(k){${cases.join('\n')}}}
if(found!==${wanted})return -1;
if(p===from)p++;
b[from]=123;b[p]=125;return p+1;}`;
}

/** Undefined: the plan is large, or no code may be made. */
export function smallWriterOf(plan: JsonPlan): WriteSmall | undefined {
  const all = plan.nodes.flatMap(({ object }) => object?.members ?? []);
  if (all.length > kMostMembers || all.some(({ name }) => JSON.stringify(name).length > kMostKeyBytes))
    return undefined;
  const names: Map<string, number>[] = [];
  const source = plan.nodes.map((node, i) => {
    if (i === 1 || node.check !== undefined) return '';
    const list = node.array === undefined ? '' : arraySource(plan, i);
    return list + (node.object === undefined ? '' : objectSource(plan, i, names));
  });
  const root = plan.nodes[0] as JsonPlanNode;
  const make = `'use strict';
const {getPrototypeOf}=Object,{isArray}=Array,{isInteger}=Number,kObject=Object.prototype,kArray=Array.prototype;
let deep=0;
${source.join('\n')}
return function write(it,p,b,end){
if(typeof it!=='object'||it===null)return -1;
// members that everything inherits would be taken for everybody's own
for(const _ in kObject)return -1;
deep=0;
${valueSource(root, 0)}
return p;};`;
  try {
    return new Function('text', 'number', 's', 'names', 'isRawJson', make)(
      text,
      number,
      plan.nodes.map(scalarOf),
      names,
      isRawJson,
    ) as WriteSmall;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
