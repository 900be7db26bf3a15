// The checks of keywords that are about values of one type: numbers, strings, arrays, objects.

import { duplicates } from './equal';
import type { TypeName } from './keywords';
import { type FormatCheck, fragment, type SchemaNode } from './model';
import { below, type Check, type Place, report } from './run';
import { type TypeTests, typesOf } from './types';

/** Keywords by the type they are about, in the order they are checked. */
export const kGroups = {
  number: ['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf'],
  string: ['maxLength', 'minLength', 'pattern', 'format'],
  array: ['maxItems', 'minItems', 'prefixItems', 'additionalItems', 'items', 'contains', 'uniqueItems'],
  object: [
    ...['maxProperties', 'minProperties', 'required', 'propertyNames', 'additionalProperties'],
    ...['properties', 'patternProperties', 'dependentRequired', 'dependentSchemas'],
  ],
} as const;
export type Group = keyof typeof kGroups;
export const kGroupNames = Object.keys(kGroups) as Group[];

export function hasGroup(node: SchemaNode, group: Group): boolean {
  const { format, unevaluatedProperties } = node.keywords;
  // These two are checked elsewhere, but that they are there decides, as in ajv, when a wrong type is told.
  if (group === 'number' && format !== undefined) return true;
  if (group === 'object' && unevaluatedProperties !== undefined) return true;
  return kGroups[group].some((keyword) => node.keywords[keyword] !== undefined);
}

/** Characters as JSON Schema counts them: code points. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}

export function formatFits(format: FormatCheck, value: string): boolean {
  if (typeof format === 'function') return format(value);
  format.lastIndex = 0;
  return format.test(value);
}

export function isMultipleOf(value: number | bigint, of: number): boolean {
  if (typeof value === 'bigint')
    return Number.isInteger(of) ? value % BigInt(of) === 0n : isMultipleOf(Number(value), of);
  const quotient = value / of;
  // As ajv has it, which tells 1e21 from 1.
  return quotient === Number.parseInt(String(quotient), 10);
}

const has = Object.hasOwn;
type Members = Record<string, unknown>;

/** A check that is one comparison. */
export function simple(
  place: Place,
  keyword: string,
  params: Record<string, unknown>,
  message: string,
  fits: (value: never) => boolean,
): Check {
  return (value, run) => fits(value as never) || report(run, place, keyword, params, message);
}

/** Where a part of a schema stands. */
export function placeOf(place: Place, keyword: string, step?: string | number): Place {
  const path = `${place.path}/${keyword}${step === undefined ? '' : `/${fragment(String(step))}`}`;
  return { path, composite: place.composite };
}

/** Of type keywords; `compile` makes the checks of the schemas in them. */
export class TypeChecks {
  constructor(
    private readonly compile: (node: SchemaNode, place: Place) => Check,
    private readonly isType: TypeTests,
  ) {}

  #below(node: SchemaNode, place: Place, keyword: string, step?: string | number): Check {
    return this.compile(node, placeOf(place, keyword, step));
  }

  #part(node: SchemaNode, place: Place, keyword: string): Check {
    return this.#below(node, { path: place.path, composite: true }, keyword);
  }

  /** The checks of one group's keywords, in order. */
  of(node: SchemaNode, group: Group, place: Place): Check[] {
    const checks: Check[] = [];
    for (const keyword of kGroups[group]) {
      if (node.keywords[keyword] === undefined) continue;
      const check = this.#keyword(node, keyword, place);
      if (check !== undefined) checks.push(check);
    }
    return checks;
  }

  #keyword(node: SchemaNode, keyword: (typeof kGroups)[Group][number], place: Place): Check | undefined {
    const argument = node.keywords[keyword];
    const limit = argument as number;
    const bound = (comparison: string, fits: (value: number) => boolean) =>
      simple(place, keyword, { comparison, limit }, `must be ${comparison} ${limit}`, fits);
    const atMost = (of: string, size: (value: never) => number) =>
      simple(place, keyword, { limit }, `must NOT have more than ${limit} ${of}`, (v) => size(v) <= limit);
    const atLeast = (of: string, size: (value: never) => number) =>
      simple(place, keyword, { limit }, `must NOT have fewer than ${limit} ${of}`, (v) => size(v) >= limit);
    const items = (value: unknown[]) => value.length;
    const members = (value: object) => Object.keys(value).length;
    switch (keyword) {
      case 'maximum':
        if (node.keywords.exclusiveMaximum === true) return bound('<', (value) => value < limit);
        return bound('<=', (value) => value <= limit);
      case 'minimum':
        if (node.keywords.exclusiveMinimum === true) return bound('>', (value) => value > limit);
        return bound('>=', (value) => value >= limit);
      case 'exclusiveMaximum':
        return typeof limit === 'boolean' ? undefined : bound('<', (value) => value < limit);
      case 'exclusiveMinimum':
        return typeof limit === 'boolean' ? undefined : bound('>', (value) => value > limit);
      case 'multipleOf':
        return simple(
          place,
          keyword,
          { multipleOf: limit },
          `must be multiple of ${limit}`,
          (value: number | bigint) => isMultipleOf(value, limit),
        );
      case 'maxLength':
        return atMost('characters', codePoints);
      case 'minLength':
        return atLeast('characters', codePoints);
      case 'pattern': {
        const pattern = node.pattern as RegExp;
        const message = `must match pattern "${String(argument)}"`;
        return simple(place, keyword, { pattern: argument }, message, (value: string) => pattern.test(value));
      }
      case 'format': {
        const { format } = node;
        if (format === undefined) return undefined;
        const message = `must match format "${String(argument)}"`;
        return simple(place, keyword, { format: argument }, message, (value: string) =>
          formatFits(format, value),
        );
      }
      case 'maxItems':
        return atMost('items', items);
      case 'minItems':
        return atLeast('items', items);
      case 'uniqueItems':
        return argument === true ? this.#uniqueItems(node, place) : undefined;
      case 'contains':
        return this.#contains(node, place);
      case 'prefixItems':
        return this.#prefix(node, place);
      case 'additionalItems':
        // Without an array of items it says nothing.
        return node.restKeyword === 'additionalItems' ? this.#rest(node, place) : undefined;
      case 'items':
        return node.prefixKeyword === 'items' ? this.#prefix(node, place) : this.#rest(node, place);
      case 'maxProperties':
        return atMost('properties', members);
      case 'minProperties':
        return atLeast('properties', members);
      case 'required':
        return this.#required(argument as string[], place);
      case 'propertyNames':
        return this.#propertyNames(node, place);
      case 'additionalProperties':
        return this.#additionalProperties(node, place);
      case 'properties':
        return this.#properties(node, place);
      case 'patternProperties':
        return this.#patternProperties(node, place);
      case 'dependentRequired':
        return this.#dependentRequired(argument as Record<string, string[]>, place);
      case 'dependentSchemas':
        return this.#dependentSchemas(node, place);
    }
  }

  #uniqueItems(node: SchemaNode, place: Place): Check {
    const itemTypes = node.rest === undefined ? undefined : typesOf(node.rest);
    const scalar =
      itemTypes !== undefined && !itemTypes.some((type) => type === 'object' || type === 'array');
    const among = scalar
      ? (value: unknown) => (itemTypes as TypeName[]).some((type) => this.isType[type](value))
      : () => true;
    return (value, run) => {
      const found = duplicates(value as unknown[], scalar ? 'lower' : 'higher', among);
      if (found === undefined) return true;
      const [i, j] = scalar ? [found[1], found[0]] : found;
      const message = `must NOT have duplicate items (items ## ${j} and ${i} are identical)`;
      return report(run, place, 'uniqueItems', { i, j }, message);
    };
  }

  #contains(node: SchemaNode, place: Place): Check {
    const { minContains = 1, maxContains } = node.keywords as { minContains?: number; maxContains?: number };
    const inner = this.#part(node.contains as SchemaNode, place, 'contains');
    const params = maxContains === undefined ? { minContains } : { minContains, maxContains };
    const message =
      maxContains === undefined
        ? `must contain at least ${minContains} valid item(s)`
        : `must contain at least ${minContains} and no more than ${maxContains} valid item(s)`;
    const enough = maxContains ?? minContains - 1;
    return (value, run) => {
      if (minContains === 0 && maxContains === undefined) return true;
      const before = run.issues?.length ?? 0;
      const list = value as unknown[];
      let found = 0;
      if (maxContains === undefined || minContains <= maxContains) {
        for (let i = 0; i < list.length && found <= enough; i++) if (below(inner, list[i], i, run)) found++;
      }
      const fits = found >= minContains && (maxContains === undefined || found <= maxContains);
      // Why each element does not count is told only where ajv tells it.
      if (run.issues !== undefined && (fits || !(place.composite || run.all))) run.issues.length = before;
      return fits || report(run, place, 'contains', params, message);
    };
  }

  #prefix(node: SchemaNode, place: Place): Check {
    const checks = node.prefix.map((item, i) => this.#below(item, place, node.prefixKeyword, i));
    return (value, run) => {
      const list = value as unknown[];
      let fits = true;
      for (let i = 0; i < checks.length && i < list.length; i++) {
        if (below(checks[i] as Check, list[i], i, run)) continue;
        if (!run.all) return false;
        fits = false;
      }
      return fits;
    };
  }

  #rest(node: SchemaNode, place: Place): Check {
    const rest = node.rest as SchemaNode;
    const from = node.prefix.length;
    const described = node.prefixKeyword === 'items' || node.keywords.prefixItems !== undefined;
    if (rest.schema === false && described) {
      const message = `must NOT have more than ${from} items`;
      return (value, run) =>
        (value as unknown[]).length <= from || report(run, place, node.restKeyword, { limit: from }, message);
    }
    const check = this.#below(rest, place, node.restKeyword);
    return (value, run) => {
      const list = value as unknown[];
      let fits = true;
      for (let i = from; i < list.length; i++) {
        if (below(check, list[i], i, run)) continue;
        if (!run.all) return false;
        fits = false;
      }
      return fits;
    };
  }

  #required(names: readonly string[], place: Place): Check {
    return (value, run) => {
      let fits = true;
      for (const missingProperty of names) {
        if (has(value as object, missingProperty)) continue;
        fits = report(
          run,
          place,
          'required',
          { missingProperty },
          `must have required property '${missingProperty}'`,
        );
        if (!run.all) return false;
      }
      return fits;
    };
  }

  #propertyNames(node: SchemaNode, place: Place): Check {
    const check = this.#part(node.propertyNames as SchemaNode, place, 'propertyNames');
    return (value, run) => {
      let fits = true;
      for (const propertyName of Object.keys(value as object)) {
        const { name, passed } = run;
        run.name = propertyName;
        run.passed = undefined;
        const good = check(propertyName, run);
        run.name = name;
        run.passed = passed;
        if (good) continue;
        fits = report(run, place, 'propertyNames', { propertyName }, 'property name must be valid');
        if (!run.all) return false;
      }
      return fits;
    };
  }

  #additionalProperties(node: SchemaNode, place: Place): Check | undefined {
    const additional = node.additionalProperties as SchemaNode;
    if (additional.schema === true) return undefined;
    const { properties, patterns } = node;
    const check =
      additional.schema === false ? undefined : this.#below(additional, place, 'additionalProperties');
    return (value, run) => {
      let fits = true;
      for (const additionalProperty of Object.keys(value as object)) {
        if (properties.has(additionalProperty)) continue;
        if (patterns.length > 0 && patterns.some(({ pattern }) => pattern.test(additionalProperty))) continue;
        if (check !== undefined) {
          if (below(check, (value as Members)[additionalProperty], additionalProperty, run)) continue;
          fits = false;
        } else {
          const message = 'must NOT have additional properties';
          fits = report(run, place, 'additionalProperties', { additionalProperty }, message);
        }
        if (!run.all) return false;
      }
      return fits;
    };
  }

  /** `check`, all else of the schema, and then the members of which nothing that the value has passed knows. */
  unevaluated(node: SchemaNode, others: SchemaNode, check: Check, place: Place): Check {
    const { schema } = others;
    const inner =
      typeof schema === 'boolean' ? undefined : this.#below(others, place, 'unevaluatedProperties');
    const isKnown = (name: string, by: readonly SchemaNode[]): boolean =>
      by.some(
        (of) =>
          of.properties.has(name) ||
          of.additionalProperties !== undefined ||
          (of !== node && of.unevaluatedProperties !== undefined) ||
          of.patterns.some(({ pattern }) => pattern.test(name)),
      );
    const rest: Check = (value, run) => {
      const by = [...(run.passed as SchemaNode[]), node];
      let fits = true;
      for (const unevaluatedProperty of Object.keys(value as object)) {
        if (isKnown(unevaluatedProperty, by)) continue;
        if (inner !== undefined) {
          if (below(inner, (value as Members)[unevaluatedProperty], unevaluatedProperty, run)) continue;
          fits = false;
        } else {
          const message = 'must NOT have unevaluated properties';
          fits = report(run, place, 'unevaluatedProperties', { unevaluatedProperty }, message);
        }
        if (!run.all) return false;
      }
      return fits;
    };
    return (value, run) => {
      if (schema === true || !this.isType.object(value)) return check(value, run);
      const outer = run.passed;
      run.passed = [];
      const good = check(value, run);
      const fits = (good || run.all) && rest(value, run) && good;
      if (fits) outer?.push(...run.passed);
      run.passed = outer;
      return fits;
    };
  }

  #properties(node: SchemaNode, place: Place): Check {
    const names = [...node.properties.keys()];
    const checks = names.map((name) =>
      this.#below(node.properties.get(name) as SchemaNode, place, 'properties', name),
    );
    return (value, run) => {
      let fits = true;
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        if (!has(value as object, name)) continue;
        if (below(checks[i] as Check, (value as Members)[name], name, run)) continue;
        if (!run.all) return false;
        fits = false;
      }
      return fits;
    };
  }

  #patternProperties(node: SchemaNode, place: Place): Check {
    const checks = node.patterns.map(({ source, node: target }) =>
      this.#below(target, place, 'patternProperties', source),
    );
    return (value, run) => {
      let fits = true;
      for (let i = 0; i < checks.length; i++) {
        const { pattern } = node.patterns[i] as { pattern: RegExp };
        for (const name of Object.keys(value as object)) {
          if (!pattern.test(name) || below(checks[i] as Check, (value as Members)[name], name, run)) continue;
          if (!run.all) return false;
          fits = false;
        }
      }
      return fits;
    };
  }

  #dependentRequired(argument: Record<string, string[]>, place: Place): Check {
    const rules = Object.entries(argument).filter(([, names]) => names.length > 0);
    return (value, run) => {
      let fits = true;
      for (const [property, names] of rules) {
        if (!has(value as object, property)) continue;
        for (const missingProperty of names) {
          if (has(value as object, missingProperty)) continue;
          const deps = names.join(', ');
          const params = { property, missingProperty, depsCount: names.length, deps };
          const what = names.length === 1 ? 'property' : 'properties';
          const message = `must have ${what} ${deps} when property ${property} is present`;
          fits = report(run, place, 'dependentRequired', params, message);
          if (!run.all) return false;
        }
      }
      return fits;
    };
  }

  #dependentSchemas(node: SchemaNode, place: Place): Check {
    const rules = [...node.dependentSchemas].map(
      ([name, target]) => [name, this.#below(target, place, 'dependentSchemas', name)] as const,
    );
    return (value, run) => {
      let fits = true;
      for (const [name, check] of rules) {
        if (!has(value as object, name) || check(value, run)) continue;
        if (!run.all) return false;
        fits = false;
      }
      return fits;
    };
  }
}
