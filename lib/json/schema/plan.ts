// The plan: what of a schema a backend can do while it reads the text. A node is planned when its keywords are among those a
// plan can say; one keyword more (a pattern, uniqueItems, not …) is a check of the value that was made; and where neither
// will do, because the check must see members that are not kept, the value is made whole, checked, and projected.

import {
  type JsonPlan,
  type JsonPlanArray,
  type JsonPlanNode,
  type JsonPlanObject,
  JsonTypeBit,
} from '../../backend/json-plan';
import type { Checks } from './check';
import type { SchemaNode } from './model';
import type { Projection } from './project';
import { fits } from './run';
import { typesOf } from './types';

const kMaxCount = 0x7fffffff;
/** What a plan can say; of some only part. */
const kPlanned = new Set([
  ...['type', 'nullable', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'prefixItems', 'items', 'additionalItems'],
  ...['properties', 'required', 'additionalProperties', '$ref', 'allOf'],
]);
/** More strings than this are looked up in a Set, whose hash takes all of a string: a backend's takes its ends. */
const kMostStrings = 1000;
/** Patterns that match every name without a line end. */
const kMatchAll = ['^(.*)$', '^.*$'];

type Draft = { -readonly [K in keyof JsonPlanNode]: JsonPlanNode[K] };

const kAny: JsonPlanNode = {
  types: JsonTypeBit.any | JsonTypeBit.integer,
  low: -Infinity,
  lowOpen: false,
  high: Infinity,
  highOpen: false,
  minLength: 0,
  maxLength: kMaxCount,
  strings: undefined,
  array: undefined,
  object: undefined,
  check: undefined,
  project: undefined,
};

export class Planner {
  readonly #nodes: JsonPlanNode[] = [];
  readonly #indices = new Map<SchemaNode, number>();

  constructor(
    private readonly checks: Checks,
    private readonly projection: Projection,
    /** Members that nothing declares are kept. */
    private readonly keep: boolean,
  ) {}

  plan(root: SchemaNode): JsonPlan {
    // The root stands in place 0 and the node for any value in place 1, whatever the root is.
    this.#nodes.push(kAny, kAny);
    this.#indices.set(root, 0);
    this.#nodes[0] = this.#make(root);
    return { nodes: this.#nodes };
  }

  #index(node: SchemaNode): number {
    if (node.schema === true) return 1;
    const known = this.#indices.get(node);
    if (known !== undefined) return known;
    const index = this.#nodes.length;
    this.#indices.set(node, index);
    this.#nodes.push(kAny);
    this.#nodes[index] = this.#make(node);
    return index;
  }

  #make(node: SchemaNode): JsonPlanNode {
    return this.#planned(node, new Set()) ?? this.#whole(node);
  }

  /** The value as it is, then all of the schema. */
  #whole(node: SchemaNode): JsonPlanNode {
    const check = this.checks.of(node);
    return {
      ...kAny,
      check: (value) => fits(check, value),
      project: this.projection.touches(node) ? this.projection.of(node) : undefined,
    };
  }

  /** undefined: it cannot be planned. `open` holds the nodes it is part of, by $ref and allOf. */
  #planned(node: SchemaNode, open: Set<SchemaNode>): JsonPlanNode | undefined {
    if (node.schema === true) return kAny;
    if (node.schema === false) return { ...kAny, types: 0 };
    if (open.has(node)) return undefined;
    const { keywords } = node;
    let made: JsonPlanNode | undefined = this.#own(node);
    let exact = true;
    for (const keyword of Object.keys(keywords)) {
      if (keywords[keyword] === undefined || kPlanned.has(keyword)) continue;
      const part = this.#further(node, keyword, open);
      if (part === 'residual') exact = false;
      else if (part !== undefined && made !== undefined) made = this.#both(made, part);
      if (made === undefined) return undefined;
    }
    const inner = new Set(open).add(node);
    for (const part of node.ref === undefined ? node.allOf : [node.ref, ...node.allOf]) {
      const other = this.#planned(part, inner);
      // its check would see only what this node keeps, and know nothing of the rest of this node
      if (other?.check !== undefined) exact = false;
      made = made && other && this.#both(made, other);
    }
    if (made === undefined) return undefined;
    if (exact) return made;
    if (this.projection.touches(node)) return undefined;
    const check = this.checks.of(node);
    return { ...made, check: (value) => fits(check, value) };
  }

  /** One keyword that needs a closer look: a plan of it, undefined when it says nothing, or only a check can say it. */
  #further(node: SchemaNode, keyword: string, open: Set<SchemaNode>): JsonPlanNode | undefined | 'residual' {
    const argument = node.keywords[keyword];
    switch (keyword) {
      case 'const':
      case 'enum': {
        const strings = (keyword === 'const' ? [argument] : argument) as unknown[];
        if (strings.length > kMostStrings) return 'residual';
        if (!strings.every((item): item is string => typeof item === 'string')) return 'residual';
        return { ...kAny, types: JsonTypeBit.string, strings };
      }
      case 'anyOf':
      case 'oneOf':
        return this.#union(node[keyword], new Set(open).add(node)) ?? 'residual';
      case 'pattern':
      case 'multipleOf':
      case 'contains':
      case 'not':
      case 'if':
      case 'minProperties':
      case 'maxProperties':
      case 'dependentRequired':
      case 'dependentSchemas':
      case 'unevaluatedProperties':
        return 'residual';
      case 'uniqueItems':
        return argument === true ? 'residual' : undefined;
      case 'format':
        return node.format === undefined ? undefined : 'residual';
      case 'propertyNames': {
        // every name is a string
        const of = node.propertyNames as SchemaNode;
        const said = Object.keys(of.keywords);
        const nothing = of.schema !== false && said.every((name) => name === 'type');
        return nothing && (said.length === 0 || typesOf(of)?.includes('string') === true)
          ? undefined
          : 'residual';
      }
      case 'patternProperties': {
        const { additionalProperties, properties } = node.keywords;
        const alone =
          properties === undefined && (additionalProperties === undefined || additionalProperties === false);
        const plain = node.patterns.length === 1 && kMatchAll.includes(node.patterns[0]?.source as string);
        return alone && plain && !this.keep ? undefined : 'residual';
      }
      default:
        return undefined;
    }
  }

  #own(node: SchemaNode): JsonPlanNode | undefined {
    const { keywords } = node;
    const types = typesOf(node);
    const made: Draft = { ...kAny };
    if (types !== undefined) {
      made.types = types.reduce((bits, type) => bits | JsonTypeBit[type], 0);
      if (made.types & JsonTypeBit.number) made.types |= JsonTypeBit.integer;
    }
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = keywords;
    if (typeof minimum === 'number') {
      made.low = minimum;
      made.lowOpen = exclusiveMinimum === true;
    }
    if (typeof maximum === 'number') {
      made.high = maximum;
      made.highOpen = exclusiveMaximum === true;
    }
    if (typeof exclusiveMinimum === 'number' && exclusiveMinimum >= made.low) {
      made.low = exclusiveMinimum;
      made.lowOpen = true;
    }
    if (typeof exclusiveMaximum === 'number' && exclusiveMaximum <= made.high) {
      made.high = exclusiveMaximum;
      made.highOpen = true;
    }
    made.minLength = Math.min((keywords.minLength as number | undefined) ?? 0, kMaxCount);
    made.maxLength = Math.min((keywords.maxLength as number | undefined) ?? kMaxCount, kMaxCount);
    made.array = this.#array(node);
    const object = this.#object(node);
    if (object === null) return undefined;
    made.object = object;
    return made;
  }

  #array(node: SchemaNode): JsonPlanArray | undefined {
    const { minItems = 0, maxItems = kMaxCount } = node.keywords as { minItems?: number; maxItems?: number };
    if (node.prefix.length === 0 && node.rest === undefined && minItems === 0 && maxItems === kMaxCount)
      return undefined;
    // additionalItems says nothing where items is no array
    return {
      prefix: node.prefix.map((item) => this.#index(item)),
      items: node.rest === undefined ? 1 : node.rest.schema === false ? false : this.#index(node.rest),
      minItems: Math.min(minItems, kMaxCount),
      maxItems: Math.min(maxItems, kMaxCount),
    };
  }

  /** null: cannot be planned. */
  #object(node: SchemaNode): JsonPlanObject | undefined | null {
    const required = new Set((node.keywords.required ?? []) as string[]);
    const additional = node.additionalProperties;
    const pattern = node.patterns[0];
    const declares =
      node.keywords.properties !== undefined || additional !== undefined || pattern !== undefined;
    if (!declares && required.size === 0) return undefined;
    const members: JsonPlanObject['members'][number][] = [...node.properties].map(([name, of]) => ({
      name,
      node: this.#index(of),
      required: required.delete(name),
    }));
    let others: JsonPlanObject['others'] = declares && !this.keep ? 'skip' : 1;
    let inOneLine = false;
    if (additional !== undefined) others = additional.schema === false ? 'refuse' : this.#index(additional);
    if (pattern !== undefined) {
      // #further has seen that it is the only one and that nothing else is declared
      if (others === 'refuse') return null;
      others = this.#index(pattern.node);
      inOneLine = true;
    }
    // A name that must be there and is not declared: kept or not as the others are, in the text's order.
    if (required.size > 0 && others === 'refuse') return null;
    if (required.size > 0 && others !== 'skip') return null;
    for (const name of required) members.push({ name, node: undefined, required: true });
    return { members, others, othersInOneLine: inOneLine };
  }

  /** Both hold. */
  #both(a: JsonPlanNode, b: JsonPlanNode): JsonPlanNode | undefined {
    if (a.project !== undefined || b.project !== undefined) return undefined;
    if (a.array !== undefined && b.array !== undefined) return undefined;
    const object = a.object && b.object ? this.#bothObjects(a.object, b.object) : (a.object ?? b.object);
    if (object === null) return undefined;
    const { strings: some } = b;
    const strings = a.strings && some ? a.strings.filter((text) => some.includes(text)) : (a.strings ?? some);
    const low = a.low > b.low || (a.low === b.low && a.lowOpen) ? a : b;
    const high = a.high < b.high || (a.high === b.high && a.highOpen) ? a : b;
    const { check: first } = a;
    const { check: second } = b;
    return {
      types: a.types & b.types,
      low: low.low,
      lowOpen: low.lowOpen,
      high: high.high,
      highOpen: high.highOpen,
      minLength: Math.max(a.minLength, b.minLength),
      maxLength: Math.min(a.maxLength, b.maxLength),
      strings,
      array: a.array ?? b.array,
      object,
      check: first && second ? (value) => first(value) && second(value) : (first ?? second),
      project: undefined,
    };
  }

  #bothObjects(a: JsonPlanObject, b: JsonPlanObject): JsonPlanObject | null {
    // Each declares its own members and passes over the rest: together they declare both.
    if (a.others !== 'skip' || b.others !== 'skip') return null;
    const members = [...a.members];
    for (const member of b.members) {
      if (a.members.some(({ name }) => name === member.name)) return null;
      members.push(member);
    }
    return { members, others: 'skip', othersInOneLine: false };
  }

  /** At least one holds; undefined when more than the type decides which. */
  #union(parts: readonly SchemaNode[], open: Set<SchemaNode>): JsonPlanNode | undefined {
    let union: JsonPlanNode | undefined;
    for (const part of parts) {
      const made = this.#planned(part, open);
      if (made === undefined || made.project !== undefined || made.check !== undefined) return undefined;
      union = union === undefined ? made : this.#either(union, made);
      if (union === undefined) return undefined;
    }
    return union;
  }

  #either(a: JsonPlanNode, b: JsonPlanNode): JsonPlanNode | undefined {
    if ((a.types & b.types) !== 0) {
      // two lists of strings are one
      const onlyStrings = a.types === JsonTypeBit.string && b.types === JsonTypeBit.string;
      const plain = [a, b].every(({ minLength, maxLength }) => minLength === 0 && maxLength === kMaxCount);
      if (!onlyStrings || !plain || !a.strings || !b.strings) return undefined;
      if (a.strings.length + b.strings.length > kMostStrings) return undefined;
      if (a.strings.some((text) => b.strings?.includes(text))) return undefined;
      return { ...a, strings: [...a.strings, ...b.strings] };
    }
    const has = (node: JsonPlanNode, bits: number) => (node.types & bits) !== 0;
    const numbers = has(a, JsonTypeBit.number | JsonTypeBit.integer) ? a : b;
    const texts = has(a, JsonTypeBit.string) ? a : b;
    return {
      types: a.types | b.types,
      low: numbers.low,
      lowOpen: numbers.lowOpen,
      high: numbers.high,
      highOpen: numbers.highOpen,
      minLength: texts.minLength,
      maxLength: texts.maxLength,
      strings: texts.strings,
      array: has(a, JsonTypeBit.array) ? a.array : b.array,
      object: has(a, JsonTypeBit.object) ? a.object : b.object,
      check: undefined,
      project: undefined,
    };
  }
}
