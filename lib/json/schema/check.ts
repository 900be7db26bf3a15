// Checks: a schema as functions of a value. Keywords run in ajv's order and report in ajv's words, so that what a client of
// an API sees does not change with the validator.
//
// The order, in ajv's terms: a `type` that no keyword of its own group follows comes first; then $ref, const, enum and the
// combinations; then the groups of numbers, strings, arrays and objects, each only for values of its type.

import { type JsonSchemaIssue, JsonSyntaxError } from '../../errors';
import { duplicates, oneOfValues } from './equal';
import { isRecord, type TypeName } from './keywords';
import { type FormatCheck, fragment, pointerStep, type SchemaNode } from './model';

/** One run over one value. */
export interface Run {
  /** undefined: only the verdict is wanted. */
  issues: JsonSchemaIssue[] | undefined;
  /** All that is wrong, not only the first of it. */
  all: boolean;
  /** Steps to the value that is looked at; kept only while there are issues to tell. */
  path: (string | number)[];
  /** Schemas that refer to themselves: how deep they have gone into the value. */
  depth: number;
  /** The member whose name is looked at, inside propertyNames. */
  name: string | undefined;
}

export type Check = (value: unknown, run: Run) => boolean;

/** So deep a value is followed through $ref. Each level takes several frames of the stack. */
export const kMaxReferences = 1000;
/** Issues told of one value when all are asked for: a hostile value may have a million. */
const kMaxIssues = 100;

interface Place {
  /** Of the schema, for schemaPath. */
  path: string;
  /** Inside anyOf, oneOf, not, contains, if or propertyNames, where ajv goes on after a failure. */
  composite: boolean;
}

export function typeOf(value: unknown): TypeName {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as TypeName;
}

const kIsType: Record<TypeName, (value: unknown) => boolean> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  // An overflown number (1e999) is none, as in ajv.
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: Number.isInteger,
  string: (value) => typeof value === 'string',
  array: Array.isArray,
  object: isRecord,
};

/** Keywords by the type they are about, in the order they are checked. */
const kGroups = {
  number: ['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf'],
  string: ['maxLength', 'minLength', 'pattern', 'format'],
  array: ['maxItems', 'minItems', 'prefixItems', 'additionalItems', 'items', 'contains', 'uniqueItems'],
  object: [
    ...['maxProperties', 'minProperties', 'required', 'propertyNames', 'additionalProperties'],
    ...['properties', 'patternProperties', 'dependentRequired', 'dependentSchemas'],
  ],
} as const;
type Group = keyof typeof kGroups;
const kGroupNames = Object.keys(kGroups) as Group[];

function hasGroup(node: SchemaNode, group: Group): boolean {
  return kGroups[group].some((keyword) => node.keywords[keyword] !== undefined);
}

/** The types a schema names; undefined when it names none. */
export function typesOf(node: SchemaNode): TypeName[] | undefined {
  const { type, nullable } = node.keywords;
  if (type === undefined) return undefined;
  const types = (Array.isArray(type) ? type : [type]) as TypeName[];
  return nullable === true && !types.includes('null') ? [...types, 'null'] : types;
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

function report(
  run: Run,
  place: Place,
  keyword: string,
  params: Record<string, unknown>,
  message: string,
): false {
  if (run.issues !== undefined && run.issues.length < kMaxIssues) {
    const steps = run.path.map((step) => `/${typeof step === 'number' ? step : pointerStep(step)}`);
    const issue: JsonSchemaIssue & { propertyName?: string } = {
      instancePath: steps.join(''),
      schemaPath: `${place.path}/${keyword}`,
      keyword,
      params,
      message,
    };
    if (run.name !== undefined) issue.propertyName = run.name;
    run.issues.push(issue);
  }
  return false;
}

/** All of them in turn; stops at the first failure unless all are asked for. */
function sequence(checks: readonly Check[]): Check {
  const [a, b, c] = checks;
  if (a === undefined) return () => true;
  if (b === undefined) return a;
  if (c === undefined) {
    return (value, run) => (run.all ? +a(value, run) + +b(value, run) === 2 : a(value, run) && b(value, run));
  }
  return (value, run) => {
    let fits = true;
    for (let i = 0; i < checks.length; i++) {
      if ((checks[i] as Check)(value, run)) continue;
      if (!run.all) return false;
      fits = false;
    }
    return fits;
  };
}

/** The verdict alone. */
function quietly(check: Check): Check {
  return (value, run) => {
    const { issues } = run;
    run.issues = undefined;
    const fits = check(value, run);
    run.issues = issues;
    return fits;
  };
}

/** Checks what stands one step further down. */
function below(check: Check, value: unknown, step: string | number, run: Run): boolean {
  if (run.issues === undefined) return check(value, run);
  run.path.push(step);
  const fits = check(value, run);
  run.path.pop();
  return fits;
}

export function formatFits(format: FormatCheck, value: string): boolean {
  if (typeof format === 'function') return format(value);
  format.lastIndex = 0;
  return format.test(value);
}

export function isMultipleOf(value: number, of: number): boolean {
  const quotient = value / of;
  // As ajv has it, which tells 1e21 from 1.
  return quotient === Number.parseInt(String(quotient), 10);
}

const has = Object.hasOwn;
type Members = Record<string, unknown>;

/** Makes the checks of one model. */
export class Checks {
  /** Schemas that others refer to and that refer to others: one function each, made once. */
  readonly #called = new Map<SchemaNode, { check: Check | undefined }>();

  /** The check of a node by itself: its schemaPaths begin at '#'. */
  of(node: SchemaNode, composite = false): Check {
    return this.#compile(node, { path: '#', composite });
  }

  #compile(node: SchemaNode, place: Place): Check {
    if (node.schema === true) return () => true;
    if (node.schema === false) {
      return (_value, run) => report(run, place, 'false schema', {}, 'boolean schema is false');
    }
    const types = typesOf(node);
    const checks: Check[] = [];
    const alone = types?.length === 1 ? (types[0] as TypeName) : undefined;
    const inGroup = kGroupNames.find((group) => group === alone && hasGroup(node, group));
    const isOfType = types === undefined ? undefined : this.#type(node, types, place);
    if (isOfType !== undefined && inGroup === undefined) checks.push(isOfType);
    checks.push(...this.#any(node, place));
    for (const group of kGroupNames) {
      if (!hasGroup(node, group)) continue;
      const inner = sequence(this.#group(node, group, place));
      const belongs = kIsType[group];
      if (group === inGroup && isOfType !== undefined) {
        checks.push((value, run) => (belongs(value) ? inner(value, run) : isOfType(value, run)));
      } else {
        checks.push((value, run) => !belongs(value) || inner(value, run));
      }
    }
    return sequence(checks);
  }

  #below(node: SchemaNode, place: Place, keyword: string, step?: string | number): Check {
    const path = `${place.path}/${keyword}${step === undefined ? '' : `/${fragment(String(step))}`}`;
    return this.#compile(node, { path, composite: place.composite });
  }

  #part(node: SchemaNode, place: Place, keyword: string, step?: number): Check {
    return this.#below(node, { path: place.path, composite: true }, keyword, step);
  }

  #type(node: SchemaNode, types: TypeName[], place: Place): Check {
    const { type } = node.keywords;
    const message = `must be ${String(type)}`;
    const tests = types.map((name) => kIsType[name]);
    const [only] = tests;
    return (value, run) => {
      if (tests.length === 1 ? (only as (value: unknown) => boolean)(value) : tests.some((is) => is(value)))
        return true;
      return report(run, place, 'type', { type }, message);
    };
  }

  /** A check that is one comparison. */
  #simple(
    place: Place,
    keyword: string,
    params: Record<string, unknown>,
    message: string,
    fits: (value: never) => boolean,
  ): Check {
    return (value, run) => fits(value as never) || report(run, place, keyword, params, message);
  }

  // ---- for values of every type

  #any(node: SchemaNode, place: Place): Check[] {
    const { keywords } = node;
    const checks: Check[] = [];
    if (node.ref !== undefined) checks.push(this.#reference(node.ref, keywords.$ref as string, place));
    if (keywords.const !== undefined) {
      const params = { allowedValue: keywords.const };
      checks.push(
        this.#simple(place, 'const', params, 'must be equal to constant', oneOfValues([keywords.const])),
      );
    }
    if (keywords.enum !== undefined) {
      const allowedValues = keywords.enum as unknown[];
      const message = 'must be equal to one of the allowed values';
      checks.push(this.#simple(place, 'enum', { allowedValues }, message, oneOfValues(allowedValues)));
    }
    if (node.not !== undefined) {
      const inner = quietly(this.#part(node.not, place, 'not'));
      checks.push(
        (value, run) => !inner(value, run) || report(run, place, 'not', {}, 'must NOT be valid'),
      );
    }
    if (node.anyOf.length > 0) checks.push(this.#anyOf(node, place));
    if (node.oneOf.length > 0) checks.push(this.#oneOf(node, place));
    for (let i = 0; i < node.allOf.length; i++) {
      checks.push(this.#below(node.allOf[i] as SchemaNode, place, 'allOf', i));
    }
    if (node.if !== undefined) checks.push(this.#if(node, place));
    return checks;
  }

  #reference(target: SchemaNode, ref: string, place: Place): Check {
    // As in ajv: what refers to nothing further counts as written here, the rest is a function of its own.
    if (!target.refers) return this.#compile(target, { path: ref, composite: place.composite });
    let called = this.#called.get(target);
    if (called === undefined) {
      called = { check: undefined };
      this.#called.set(target, called);
      called.check = this.of(target);
    }
    const entry = called;
    return (value, run) => {
      if (++run.depth > kMaxReferences) throw tooDeep();
      const { name } = run;
      run.name = undefined;
      const fits = (entry.check as Check)(value, run);
      run.name = name;
      run.depth--;
      return fits;
    };
  }

  #anyOf(node: SchemaNode, place: Place): Check {
    const parts = node.anyOf.map((part, i) => this.#part(part, place, 'anyOf', i));
    return (value, run) => {
      const before = run.issues?.length ?? 0;
      for (let i = 0; i < parts.length; i++) {
        if (!(parts[i] as Check)(value, run)) continue;
        if (run.issues !== undefined) run.issues.length = before;
        return true;
      }
      return report(run, place, 'anyOf', {}, 'must match a schema in anyOf');
    };
  }

  #oneOf(node: SchemaNode, place: Place): Check {
    const parts = node.oneOf.map((part, i) => this.#part(part, place, 'oneOf', i));
    return (value, run) => {
      const before = run.issues?.length ?? 0;
      let passing: number | undefined;
      for (let i = 0; i < parts.length; i++) {
        if (!(parts[i] as Check)(value, run)) continue;
        if (passing === undefined) {
          passing = i;
          continue;
        }
        const params = { passingSchemas: [passing, i] };
        return report(run, place, 'oneOf', params, 'must match exactly one schema in oneOf');
      }
      if (passing === undefined) {
        const params = { passingSchemas: null };
        return report(run, place, 'oneOf', params, 'must match exactly one schema in oneOf');
      }
      if (run.issues !== undefined) run.issues.length = before;
      return true;
    };
  }

  #if(node: SchemaNode, place: Place): Check {
    const condition = quietly(this.#part(node.if as SchemaNode, place, 'if'));
    const branch = (keyword: 'then' | 'else'): Check => {
      const target = node[keyword];
      if (target === undefined) return () => true;
      const inner = this.#below(target, place, keyword);
      return (value, run) => {
        if (inner(value, run)) return true;
        if (!place.composite && !run.all) return false;
        return report(run, place, 'if', { failingKeyword: keyword }, `must match "${keyword}" schema`);
      };
    };
    const yes = branch('then');
    const no = branch('else');
    return (value, run) => (condition(value, run) ? yes(value, run) : no(value, run));
  }

  // ---- for values of one type

  #group(node: SchemaNode, group: Group, place: Place): Check[] {
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
      this.#simple(place, keyword, { comparison, limit }, `must be ${comparison} ${limit}`, fits);
    const atMost = (of: string, size: (value: never) => number) =>
      this.#simple(
        place,
        keyword,
        { limit },
        `must NOT have more than ${limit} ${of}`,
        (v) => size(v) <= limit,
      );
    const atLeast = (of: string, size: (value: never) => number) =>
      this.#simple(
        place,
        keyword,
        { limit },
        `must NOT have fewer than ${limit} ${of}`,
        (v) => size(v) >= limit,
      );
    const items = (value: unknown[]) => value.length;
    const members = (value: object) => Object.keys(value).length;
    switch (keyword) {
      case 'maximum':
        return bound('<=', (value) => value <= limit);
      case 'minimum':
        return bound('>=', (value) => value >= limit);
      case 'exclusiveMaximum':
        return bound('<', (value) => value < limit);
      case 'exclusiveMinimum':
        return bound('>', (value) => value > limit);
      case 'multipleOf':
        return this.#simple(
          place,
          keyword,
          { multipleOf: limit },
          `must be multiple of ${limit}`,
          (value: number) => isMultipleOf(value, limit),
        );
      case 'maxLength':
        return atMost('characters', codePoints);
      case 'minLength':
        return atLeast('characters', codePoints);
      case 'pattern': {
        const pattern = node.pattern as RegExp;
        const message = `must match pattern "${String(argument)}"`;
        return this.#simple(place, keyword, { pattern: argument }, message, (value: string) =>
          pattern.test(value),
        );
      }
      case 'format': {
        const { format } = node;
        if (format === undefined) return undefined;
        const message = `must match format "${String(argument)}"`;
        return this.#simple(place, keyword, { format: argument }, message, (value: string) =>
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
    const scalar = itemTypes !== undefined && !itemTypes.some((type) => type === 'object' || type === 'array');
    const among = scalar
      ? (value: unknown) => (itemTypes as TypeName[]).some((type) => kIsType[type](value))
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
    const params =
      maxContains === undefined
        ? { minContains }
        : { minContains, maxContains };
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
        for (let i = 0; i < list.length && found <= enough; i++)
          if (below(inner, list[i], i, run)) found++;
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
        (value as unknown[]).length <= from ||
        report(run, place, node.restKeyword, { limit: from }, message);
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
        const { name } = run;
        run.name = propertyName;
        const good = check(propertyName, run);
        run.name = name;
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

function tooDeep(): JsonSyntaxError {
  const code = 'ERR_TAILRACE_JSON_DEPTH';
  return new JsonSyntaxError('JSON is nested too deeply for its schema', {
    code,
    offset: 0,
    line: 1,
    column: 1,
  });
}

function newRun(issues: JsonSchemaIssue[] | undefined, all: boolean): Run {
  return { issues, all, path: [], depth: 0, name: undefined };
}

/** The verdict of a check that was made by Checks. */
export function fits(check: Check, value: unknown): boolean {
  return check(value, newRun(undefined, false));
}

/** What is wrong with a value: nothing, the first of it, or (`all`) up to a hundred issues. */
export function issuesOf(check: Check, value: unknown, all: boolean): JsonSchemaIssue[] {
  const issues: JsonSchemaIssue[] = [];
  return check(value, newRun(issues, all)) ? [] : issues;
}
