// A schema as a graph: every schema object once, its references followed, its arguments checked. All that is made from a
// schema (checks, projection, native program, encoder) starts here, so what a keyword means is read in one place.

import { JsonSchemaDefinitionError } from '../../errors';
import {
  badSchema,
  checkKeywords,
  isRecord,
  kReadKeywords,
  type Schema,
  type SchemaObject,
} from './keywords';
import { isSameSchema } from './same';

/** Says whether a string has a format. */
export type FormatCheck = RegExp | ((value: string) => boolean);

export interface SchemaNode {
  /** true accepts everything, false nothing; an object has its keywords. */
  readonly schema: Schema;
  /** A copy of the same for an object, {} for booleans: so that keywords can be read without asking. */
  readonly keywords: SchemaObject;
  /** Where it stands in the whole schema: '#/properties/a'. */
  readonly path: string;
  /** Has a $ref somewhere below (its own included). */
  readonly refers: boolean;
  /** Some schema of the whole has unevaluatedProperties: which schemas a value has passed must be known. */
  readonly tracked: boolean;
  ref: SchemaNode | undefined;
  readonly properties: ReadonlyMap<string, SchemaNode>;
  readonly patterns: readonly PatternSchema[];
  readonly additionalProperties: SchemaNode | undefined;
  readonly unevaluatedProperties: SchemaNode | undefined;
  readonly propertyNames: SchemaNode | undefined;
  readonly dependentSchemas: ReadonlyMap<string, SchemaNode>;
  /** Elements by position: prefixItems, or items where that is an array. */
  readonly prefix: readonly SchemaNode[];
  readonly prefixKeyword: 'prefixItems' | 'items';
  /** The other elements: items, or additionalItems where items is an array. */
  readonly rest: SchemaNode | undefined;
  readonly restKeyword: 'items' | 'additionalItems';
  readonly contains: SchemaNode | undefined;
  readonly not: SchemaNode | undefined;
  readonly anyOf: readonly SchemaNode[];
  readonly oneOf: readonly SchemaNode[];
  readonly allOf: readonly SchemaNode[];
  readonly if: SchemaNode | undefined;
  readonly thenPart: SchemaNode | undefined;
  readonly elsePart: SchemaNode | undefined;
  readonly pattern: RegExp | undefined;
  /** The checker that was given for its format. */
  readonly format: FormatCheck | undefined;
}

export interface PatternSchema {
  readonly source: string;
  readonly pattern: RegExp;
  readonly node: SchemaNode;
}

export interface SchemaModel {
  readonly root: SchemaNode;
}

/** A name as a step of a pointer in an URI fragment, as ajv writes schemaPath. */
export function fragment(name: string): string {
  return encodeURIComponent(pointerStep(name).replace(/\p{Surrogate}/gu, '\ufffd'));
}

/** A name as a step of an RFC 6901 pointer. */
export function pointerStep(name: string): string {
  return name.includes('~') || name.includes('/') ? name.replace(/~/g, '~0').replace(/\//g, '~1') : name;
}

/** A value of JSON; what is no object or array stays as it is. */
function copyOfValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOfValue);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, copyOfValue(each)]));
}

/** Keywords whose arguments are no schemas, which are copied one by one, and hold more than scalars. */
const kOfValues: ReadonlySet<string> = new Set(['const', 'enum', 'dependentRequired']);

/**
 * Its keywords as they are now: what is made of them later must not see what its owner has changed meanwhile. Inherited ones
 * too, and those of a class's accessors: what is left out here would be a check that silently never happens.
 */
function copyOf(schema: SchemaObject): SchemaObject {
  const copy: Record<string, unknown> = { ...schema };
  for (const keyword of kReadKeywords) {
    if (copy[keyword] === undefined && schema[keyword] !== undefined) copy[keyword] = schema[keyword];
  }
  for (const [keyword, value] of Object.entries(copy)) {
    if (kOfValues.has(keyword)) copy[keyword] = copyOfValue(value);
    else if (Array.isArray(value)) copy[keyword] = [...value];
  }
  return copy;
}

/** A schema resource: what '#' means inside it. */
interface Resource {
  readonly id: string;
  readonly node: SchemaNode;
  readonly schema: Schema;
  readonly anchors: Map<string, SchemaNode>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Builder {
  readonly #made = new Map<SchemaObject, SchemaNode>();
  readonly #open = new Set<SchemaObject>();
  /** Several of one $id: copies of a schema, or definitions of several modules. */
  readonly #resources = new Map<string, Resource[]>();
  /** Where an $id is that of another schema too. */
  #conflict: string | undefined;
  /** Schemas with references that stand in several places: what they name is the same in all of them. */
  readonly #shared = new Set<SchemaNode>();
  /** References of which several schemas have the name, and the scope whose schema was taken: '' when none is around them. */
  readonly #chosen: { path: string; scope: string }[] = [];
  readonly #resourceOf = new Map<SchemaNode, Resource>();
  readonly #refs: { node: SchemaNode; ref: string; resource: Resource }[] = [];

  constructor(private readonly formats: Readonly<Record<string, FormatCheck>>) {}

  root(schema: Schema): SchemaNode {
    const root = this.#node(schema, '#', undefined);
    // New ones may come up: what a pointer names need not be where schemas are looked for.
    for (let i = 0; i < this.#refs.length; i++) {
      const { node, ref, resource } = this.#refs[i] as { node: SchemaNode; ref: string; resource: Resource };
      node.ref = this.#resolve(ref, resource, node.path);
    }
    for (const { path: shared } of this.#shared) {
      const outside = ({ path, scope }: { path: string; scope: string }) =>
        `${path}/`.startsWith(`${shared}/`) && scope.length < shared.length;
      if (this.#chosen.some(outside)) twice(this.#conflict as string);
    }
    const made = [...this.#made.values()] as Mutable<SchemaNode>[];
    if (made.some((node) => node.unevaluatedProperties !== undefined))
      for (const node of made) node.tracked = true;
    return root;
  }

  #regexp(source: string, path: string): RegExp {
    try {
      return new RegExp(source, 'u');
    } catch (error) {
      return badSchema(path, `must be a regular expression: ${(error as Error).message}`);
    }
  }

  #node(schema: Schema, path: string, within: Resource | undefined): SchemaNode {
    if (typeof schema !== 'boolean' && !isRecord(schema)) badSchema(path, 'must be an object or a boolean');
    const known = typeof schema === 'object' ? this.#made.get(schema) : undefined;
    if (known !== undefined) {
      if (this.#open.has(schema as SchemaObject)) badSchema(path, 'contains itself: use $ref');
      if (known.refers) this.#shared.add(known);
      return known;
    }
    const keywords: SchemaObject = typeof schema === 'object' ? copyOf(schema) : {};
    checkKeywords(keywords, path);
    const node: Mutable<SchemaNode> = {
      schema,
      keywords,
      path,
      refers: false,
      tracked: false,
      ref: undefined,
      properties: new Map(),
      patterns: [],
      additionalProperties: undefined,
      unevaluatedProperties: undefined,
      propertyNames: undefined,
      dependentSchemas: new Map(),
      prefix: [],
      prefixKeyword: 'prefixItems',
      rest: undefined,
      restKeyword: 'items',
      contains: undefined,
      not: undefined,
      anyOf: [],
      oneOf: [],
      allOf: [],
      if: undefined,
      thenPart: undefined,
      elsePart: undefined,
      pattern: undefined,
      format: undefined,
    };
    if (typeof schema === 'boolean') return node;
    this.#made.set(schema, node);
    this.#open.add(schema);
    const resource = this.#enter(node, within);
    this.#fill(node, keywords, path, resource);
    this.#open.delete(schema);
    return node;
  }

  /** The resource this node is in: a new one when it has an $id. */
  #enter(node: SchemaNode, within: Resource | undefined): Resource {
    const { $id, $anchor } = node.keywords;
    let resource = within;
    if (resource === undefined || (typeof $id === 'string' && !$id.startsWith('#'))) {
      const id = typeof $id === 'string' ? resolveUri($id, within?.id ?? '') : '';
      resource = { id: withoutFragment(id), node, schema: node.schema, anchors: new Map() };
      const others = this.#resources.get(resource.id);
      const first = others?.[0];
      // Builders of schemas copy them: the same schema twice is one.
      if (first !== undefined && !isSameSchema(first.schema, resource.schema)) {
        if (scopeOf(node.path) === undefined || scopeOf(first.node.path) === undefined) twice(node.path);
        this.#conflict ??= node.path;
      }
      if (others === undefined) this.#resources.set(resource.id, [resource]);
      else others.push(resource);
    }
    if (typeof $anchor === 'string') resource.anchors.set($anchor, node);
    if (typeof $id === 'string' && $id.startsWith('#')) resource.anchors.set($id.slice(1), node);
    this.#resourceOf.set(node, resource);
    return resource;
  }

  #fill(node: Mutable<SchemaNode>, keywords: SchemaObject, path: string, resource: Resource): void {
    let refers = typeof keywords.$ref === 'string';
    const child = (schema: unknown, ...steps: (string | number)[]): SchemaNode => {
      const at = [path, ...steps.map((step) => fragment(String(step)))].join('/');
      const made = this.#node(schema as Schema, at, resource);
      refers ||= made.refers;
      return made;
    };
    const one = (keyword: string) =>
      keywords[keyword] === undefined ? undefined : child(keywords[keyword], keyword);
    const list = (keyword: string) =>
      ((keywords[keyword] ?? []) as Schema[]).map((schema, i) => child(schema, keyword, i));
    const named = (keyword: string) =>
      new Map(
        Object.entries((keywords[keyword] ?? {}) as Record<string, Schema>).map(([name, schema]) => [
          name,
          child(schema, keyword, name),
        ]),
      );
    node.properties = named('properties');
    node.patterns = [...named('patternProperties')].map(([source, made]) => ({
      source,
      pattern: this.#regexp(source, `${path}/patternProperties`),
      node: made,
    }));
    node.additionalProperties = one('additionalProperties');
    node.unevaluatedProperties = one('unevaluatedProperties');
    node.propertyNames = one('propertyNames');
    node.dependentSchemas = named('dependentSchemas');
    if (Array.isArray(keywords.items)) {
      if (keywords.prefixItems !== undefined)
        badSchema(`${path}/items`, 'must be a schema beside prefixItems');
      node.prefixKeyword = 'items';
      node.prefix = list('items');
      node.restKeyword = 'additionalItems';
      node.rest = one('additionalItems');
    } else {
      node.prefix = list('prefixItems');
      node.rest = one('items');
    }
    node.contains = one('contains');
    node.not = one('not');
    node.anyOf = list('anyOf');
    node.oneOf = list('oneOf');
    node.allOf = list('allOf');
    node.if = one('if');
    node.thenPart = one('then');
    node.elsePart = one('else');
    named('$defs');
    named('definitions');
    if (typeof keywords.pattern === 'string') {
      node.pattern = this.#regexp(keywords.pattern, `${path}/pattern`);
    }
    if (typeof keywords.format === 'string' && Object.hasOwn(this.formats, keywords.format)) {
      node.format = this.formats[keywords.format];
    }
    node.refers = refers;
    if (typeof keywords.$ref === 'string') this.#refs.push({ node, ref: keywords.$ref, resource });
  }

  #resolve(ref: string, from: Resource, path: string): SchemaNode {
    const hash = ref.indexOf('#');
    const name = hash < 0 ? ref : ref.slice(0, hash);
    const rest = hash < 0 ? '' : ref.slice(hash + 1);
    const resource =
      name === ''
        ? from
        : (this.#named(name, path) ?? this.#named(withoutFragment(resolveUri(name, from.id)), path));
    const found = resource === undefined ? undefined : this.#within(resource, rest);
    if (found === undefined) {
      throw new JsonSchemaDefinitionError(
        'ERR_TAILRACE_JSON_SCHEMA_REF',
        `${path}/$ref`,
        `names no schema inside this one: ${ref}`,
      );
    }
    return found;
  }

  /** The resource of that $id; of several that of the innermost $defs around the reference, as TypeBox's modules have them. */
  #named(id: string, path: string): Resource | undefined {
    const all = this.#resources.get(id);
    if (all === undefined || this.#conflict === undefined) return all?.[0];
    let found: Resource | undefined;
    let inner = '';
    for (const resource of all) {
      const scope = scopeOf(resource.node.path);
      if (scope === undefined || scope.length <= inner.length || !`${path}/`.startsWith(`${scope}/`))
        continue;
      found = resource;
      inner = scope;
    }
    const first = all[0] as Resource;
    if (found === undefined && !all.every((other) => isSameSchema(other.schema, first.schema)))
      twice((all[1] as Resource).node.path);
    if (all.length > 1) this.#chosen.push({ path, scope: inner });
    return found ?? first;
  }

  #within(resource: Resource, rest: string): SchemaNode | undefined {
    if (rest === '' || rest === '/') return resource.node;
    if (!rest.startsWith('/')) return resource.anchors.get(rest);
    let at: unknown = resource.schema;
    let within = resource;
    for (const raw of rest.slice(1).split('/')) {
      const step = decode(raw).replace(/~1/g, '/').replace(/~0/g, '~');
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
      at = (at as Record<string, unknown>)[step];
      const made = isRecord(at) ? this.#made.get(at) : undefined;
      within = (made && this.#resourceOf.get(made)) ?? within;
    }
    if (typeof at !== 'boolean' && !isRecord(at)) return undefined;
    return (isRecord(at) ? this.#made.get(at) : undefined) ?? this.#node(at, `#${rest}`, within);
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function twice(path: string): never {
  return badSchema(`${path}/$id`, 'is the $id of another schema too');
}

/** What a definition is a definition in; undefined: the schema at this place is none. */
function scopeOf(path: string): string | undefined {
  return /^(.*)\/(?:%24defs|definitions)\/[^/]*$/.exec(path)?.[1];
}

function resolveUri(uri: string, base: string): string {
  try {
    return new URL(uri, base === '' ? undefined : base).href;
  } catch {
    return uri;
  }
}

function withoutFragment(uri: string): string {
  const hash = uri.indexOf('#');
  return hash < 0 ? uri : uri.slice(0, hash);
}

/** @throws JsonSchemaDefinitionError for keywords that are not known, wrong arguments, references that lead nowhere */
export function modelOf(schema: unknown, formats: Readonly<Record<string, FormatCheck>> = {}): SchemaModel {
  return { root: new Builder(formats).root(schema as Schema) };
}
