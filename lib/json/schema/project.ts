// Projection: what a decoder gives of a value that fits. Objects have what their schema declares, in the schema's order, and
// nothing else; where a schema declares nothing about members, values stay whole.
//
// What declares: properties, patternProperties, additionalProperties and unevaluatedProperties (true or a schema, spelled out), in the schema itself and
// in all that applies to the value through $ref, allOf, the branches of anyOf and oneOf that fit, then or else, and
// dependentSchemas. A member that several declare is projected by all of them together.

import type { Checks } from './check';
import type { SchemaNode } from './model';
import { type Check, fits, orTooDeep, quietRun, type Run } from './run';

export type Project = (value: unknown) => unknown;

/** An own property, whatever its name. */
export function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

const prototype = Object.prototype;

export function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key in prototype) define(target, key, value);
  else target[key] = value;
}

const { hasOwn } = Object;

export function declaresMembers(node: SchemaNode): boolean {
  const { properties, patternProperties, additionalProperties, unevaluatedProperties } = node.keywords;
  return (
    properties !== undefined ||
    patternProperties !== undefined ||
    (additionalProperties !== undefined && additionalProperties !== false) ||
    (unevaluatedProperties !== undefined && unevaluatedProperties !== false)
  );
}

/** What else may apply to the same value. */
export function applicable(node: SchemaNode): SchemaNode[] {
  const parts = [...node.allOf, ...node.anyOf, ...node.oneOf, ...node.dependentSchemas.values()];
  for (const part of [node.ref, node.if, node.thenPart, node.elsePart])
    if (part !== undefined) parts.push(part);
  return parts;
}

export class Projection {
  readonly #checks: Checks;
  readonly #made = new Map<SchemaNode, Check>();
  readonly #touches = new Map<SchemaNode, boolean>();
  /** Of the value that is projected: what it has found out about a part is not found out at every level again. */
  #run: Run | undefined;

  constructor(
    checks: Checks,
    /** Keep members that nothing declares. */
    private readonly keep: boolean,
  ) {
    this.#checks = checks;
  }

  of(node: SchemaNode): Project {
    const nodes = [node];
    return (value) => {
      const outer = this.#run;
      this.#run = quietRun();
      try {
        return this.#project(nodes, value);
      } catch (error) {
        throw orTooDeep(error);
      } finally {
        this.#run = outer;
      }
    };
  }

  /** Whether anything is ever left out or reordered below this node. */
  touches(node: SchemaNode): boolean {
    let touches = this.#touches.get(node);
    if (touches === undefined) {
      touches = false;
      const seen = new Set([node]);
      for (const at of seen) {
        touches ||= declaresMembers(at);
        for (const part of [...applicable(at), ...at.prefix]) seen.add(part);
        if (at.rest !== undefined) seen.add(at.rest);
      }
      this.#touches.set(node, touches);
    }
    return touches;
  }

  #fits(node: SchemaNode, value: unknown): boolean {
    let check = this.#made.get(node);
    if (check === undefined) {
      check = this.#checks.of(node);
      this.#made.set(node, check);
    }
    return fits(check, value, this.#run);
  }

  /** All schemas that apply to this value. */
  #gather(node: SchemaNode, value: unknown, into: Set<SchemaNode>): void {
    if (typeof node.schema === 'boolean' || into.has(node)) return;
    into.add(node);
    if (node.ref !== undefined) this.#gather(node.ref, value, into);
    for (const part of node.allOf) this.#gather(part, value, into);
    for (const part of [...node.anyOf, ...node.oneOf]) {
      if (this.touches(part) && this.#fits(part, value)) this.#gather(part, value, into);
    }
    if (node.if !== undefined) {
      if (this.#fits(node.if, value)) {
        this.#gather(node.if, value, into);
        if (node.thenPart !== undefined) this.#gather(node.thenPart, value, into);
      } else if (node.elsePart !== undefined) {
        this.#gather(node.elsePart, value, into);
      }
    }
    // a rule about members: an array has none, though it has an own length
    if (Array.isArray(value)) return;
    for (const [name, part] of node.dependentSchemas) {
      if (hasOwn(value as object, name)) this.#gather(part, value, into);
    }
  }

  #project(nodes: readonly SchemaNode[], value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const all = new Set<SchemaNode>();
    for (const node of nodes) this.#gather(node, value, all);
    return Array.isArray(value) ? this.#array([...all], value) : this.#object([...all], value as never);
  }

  #array(nodes: SchemaNode[], value: unknown[]): unknown[] {
    const inner = nodes.filter((node) => node.prefix.length > 0 || node.rest !== undefined);
    if (!inner.some((node) => [...node.prefix, node.rest].some((item) => item && this.touches(item))))
      return value;
    return value.map((item, i) =>
      this.#project(
        inner.flatMap((node) => node.prefix[i] ?? node.rest ?? []),
        item,
      ),
    );
  }

  #object(nodes: SchemaNode[], value: Record<string, unknown>): Record<string, unknown> {
    const declaring = nodes.filter(declaresMembers);
    if (declaring.length === 0) return value;
    const made: Record<string, unknown> = {};
    const done = new Set<string>();
    for (const node of declaring) {
      for (const name of node.properties.keys()) {
        if (done.has(name) || !hasOwn(value, name)) continue;
        done.add(name);
        put(made, name, this.#project(this.#declared(declaring, name), value[name]));
      }
    }
    for (const name of Object.keys(value)) {
      if (done.has(name)) continue;
      const by = this.#declared(declaring, name);
      if (by.length > 0 || this.keep) put(made, name, this.#project(by, value[name]));
    }
    return made;
  }

  /** The schemas of a member of that name. */
  #declared(nodes: readonly SchemaNode[], name: string): SchemaNode[] {
    const by: SchemaNode[] = [];
    for (const node of nodes) {
      const own = node.properties.get(name);
      const matching = node.patterns.filter(({ pattern }) => pattern.test(name));
      if (own !== undefined) by.push(own);
      for (const { node: target } of matching) by.push(target);
      const rest = node.additionalProperties;
      if (own === undefined && matching.length === 0 && rest !== undefined && rest.schema !== false)
        by.push(rest);
    }
    if (by.length > 0) return by;
    const others = nodes.map((node) => node.unevaluatedProperties);
    return others.filter((rest) => rest !== undefined && rest.schema !== false) as SchemaNode[];
  }
}
