// A plan as the words that native/json/program.h reads.

import { type JsonPlan, type JsonPlanArray, type JsonPlanNode, JsonTypeBit } from '../../json-plan';

const kNodeWords = 18;
const kBounded = 1;
const kOpenLow = 2;
const kOpenHigh = 4;
const kLineKeys = 8;
const kObjectRule = 16;
const kArrayRule = 32;
const kPlainItems = 64;
const kSkip = -1;
const kRefuse = -2;

/** The core compares names as they are written: one that must be written with an escape is left to the slow way. */
export function isPlainName(name: string): boolean {
  return !/[\x00-\x1f"\\]/.test(name) && name.isWellFormed();
}

function hash(bytes: Uint8Array): number {
  const n = bytes.length;
  if (n === 0) return 0;
  const mixed =
    Math.imul(n, 0x9e3779b1) +
    Math.imul(bytes[0] as number, 0x85ebca77) +
    Math.imul(bytes[n - 1] as number, 0xc2b2ae3d);
  return (mixed >>> 0) >>> 15;
}

class Writer {
  readonly words: number[] = [];
  /** Bytes of names go behind the words; where in them a name's offset stands. */
  readonly #texts: { at: number; bytes: Uint8Array }[] = [];

  names(names: readonly string[]): number {
    // large enough that most names which are not in it meet an empty bucket
    let size = 64;
    while (size < names.length * 8) size *= 2;
    const at = this.words.length;
    this.words.push(size - 1, 0, 0);
    // one by one: a spread of more arguments than the stack holds would throw
    for (let i = 0; i < size; i++) this.words.push(-1);
    names.forEach((name, i) => {
      const bytes = Buffer.from(name, 'utf8');
      const bucket = at + 3 + (hash(bytes) & (size - 1));
      const plain = isPlainName(name);
      this.#texts.push({ at: this.words.length + 1, bytes });
      this.words.push(plain ? bytes.length : -1, 0, plain ? (this.words[bucket] as number) : -1);
      if (!plain) return;
      this.words[bucket] = i;
      const lengths = at + 1 + ((bytes.length >> 5) & 1);
      this.words[lengths] = (this.words[lengths] as number) | (1 << (bytes.length & 31));
    });
    return at;
  }

  bounds(low: number, high: number): number {
    if (this.words.length % 2 === 1) this.words.push(0);
    const at = this.words.length;
    this.words.push(...new Int32Array(new Float64Array([low, high]).buffer));
    return at;
  }

  list(items: readonly number[]): number {
    const at = this.words.length;
    for (const item of items) this.words.push(item);
    return at;
  }

  finish(): Int32Array {
    let bytes = this.words.length * 4;
    for (const { at, bytes: text } of this.#texts) {
      this.words[at] = bytes;
      bytes += text.length;
    }
    const whole = new Int32Array((bytes + 3) >>> 2);
    whole.set(this.words);
    const into = new Uint8Array(whole.buffer);
    for (const { at, bytes: text } of this.#texts) into.set(text, this.words[at]);
    return whole;
  }
}

/** Elements of one kind, which JavaScript does not look at again. */
function hasPlainItems({ prefix, items }: JsonPlanArray, nodes: readonly JsonPlanNode[]): boolean {
  return prefix.length === 0 && items !== false && nodes[items]?.check === undefined;
}

function node(writer: Writer, plan: JsonPlanNode, nodes: readonly JsonPlanNode[]): number[] {
  let flags = 0;
  let bounds = 0;
  if (plan.low !== -Infinity || plan.high !== Infinity) {
    flags |= kBounded | (plan.lowOpen ? kOpenLow : 0) | (plan.highOpen ? kOpenHigh : 0);
    bounds = writer.bounds(plan.low, plan.high);
  }
  const { array, object, strings } = plan;
  if (array !== undefined) flags |= kArrayRule | (hasPlainItems(array, nodes) ? kPlainItems : 0);
  if (object !== undefined) flags |= kObjectRule | (object.othersInOneLine ? kLineKeys : 0);
  const members = object?.members ?? [];
  const others = object?.others ?? 'skip';
  return [
    plan.types & (JsonTypeBit.any | JsonTypeBit.integer),
    flags,
    bounds,
    plan.minLength,
    plan.maxLength,
    strings === undefined ? 0 : writer.names(strings),
    array?.minItems ?? 0,
    array?.maxItems ?? 0x7fffffff,
    array === undefined ? 1 : array.items === false ? kRefuse : array.items,
    array?.prefix.length ?? 0,
    array === undefined ? 0 : writer.list(array.prefix),
    members.length === 0 ? 0 : writer.names(members.map(({ name }) => name)),
    members.length,
    members.filter(({ required }) => required).length,
    others === 'skip' ? kSkip : others === 'refuse' ? kRefuse : others,
    writer.list(members.map((member) => member.node ?? kSkip)),
    writer.list(members.map(({ required }) => (required ? 1 : 0))),
    0,
  ];
}

export function programOf(plan: JsonPlan): Int32Array {
  const writer = new Writer();
  writer.words.push(0);
  const nodes = plan.nodes.map((item) => node(writer, item, plan.nodes));
  writer.words[0] = writer.words.length;
  for (const words of nodes) {
    if (words.length !== kNodeWords) throw new RangeError('unreachable');
    writer.words.push(...words);
  }
  return writer.finish();
}
