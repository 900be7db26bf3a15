// One run of checks over one value: what is asked for, where it has come to, and what was found wrong.

import { type JsonSchemaIssue, JsonSyntaxError } from '../../errors';
import { pointerStep, type SchemaNode } from './model';

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
  /** Checks of schemas that refer to themselves so far, and verdicts of those that took many of them: by value, then by schema. */
  calls: number;
  known: Map<unknown, Map<object, boolean>> | undefined;
  /** The schemas that the value looked at has passed so far; kept only inside one with unevaluatedProperties. */
  passed: SchemaNode[] | undefined;
  /** The member whose name is looked at, inside propertyNames. */
  name: string | undefined;
}

export type Check = (value: unknown, run: Run) => boolean;

/** So deep a value is followed through $ref. Each level takes several frames of the stack. */
export const kMaxReferences = 1000;
/** Issues told of one value when all are asked for: a hostile value may have a million. */
const kMaxIssues = 100;

export interface Place {
  /** Of the schema, for schemaPath. */
  path: string;
  /** Inside anyOf, oneOf, not, contains, if or propertyNames, where ajv goes on after a failure. */
  composite: boolean;
}

export function report(
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
export function sequence(checks: readonly Check[]): Check {
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
export function quietly(check: Check): Check {
  return (value, run) => {
    const { issues } = run;
    run.issues = undefined;
    const fits = check(value, run);
    run.issues = issues;
    return fits;
  };
}

/** Checks what stands one step further down. */
export function below(check: Check, value: unknown, step: string | number, run: Run): boolean {
  if (run.issues === undefined && run.passed === undefined) return check(value, run);
  const { passed } = run;
  run.passed = undefined;
  run.path.push(step);
  const fits = check(value, run);
  run.path.pop();
  run.passed = passed;
  return fits;
}

/**
 * Notes that a value has come to a schema. What does not fit it does not fit either what has it by allOf or $ref, and that
 * its members are unknown would be no news: ajv does not tell it.
 */
export function noting(node: SchemaNode, check: Check): Check {
  return (value, run) => {
    const fits = check(value, run);
    run.passed?.push(node);
    return fits;
  };
}

/** A part that need not fit: what was noted inside one that does not is forgotten. */
export function tentative(node: SchemaNode, check: Check): Check {
  if (!node.tracked) return check;
  return (value, run) => {
    const { passed } = run;
    const before = passed?.length ?? 0;
    const fits = check(value, run);
    if (!fits && passed !== undefined) passed.length = before;
    return fits;
  };
}

/** A check that has led to more others than this is not made twice in one run. */
const kManyCalls = 256;

/**
 * The verdict of a check that was made before and took long. Branches that each lead to the same part of a value, level after
 * level, would otherwise look at it a number of times that doubles with every level.
 */
export function verdictOf(schema: object, value: unknown, run: Run): boolean | undefined {
  const verdict = run.known?.get(value)?.get(schema);
  // what a schema has passed, and why it does not fit, is for somebody who listens
  if (verdict === undefined || run.passed !== undefined) return undefined;
  return verdict || run.issues === undefined || run.issues.length >= kMaxIssues ? verdict : undefined;
}

/** `calls` as they were when the check began. */
export function remember(schema: object, value: unknown, run: Run, calls: number, verdict: boolean): void {
  if (run.calls - calls <= kManyCalls) return;
  run.known ??= new Map();
  const known = run.known.get(value);
  if (known === undefined) run.known.set(value, new Map([[schema, verdict]]));
  else known.set(schema, verdict);
}

export function tooDeep(): JsonSyntaxError {
  const code = 'ERR_TAILRACE_JSON_DEPTH';
  return new JsonSyntaxError('JSON is nested too deeply for its schema', {
    code,
    offset: 0,
    line: 1,
    column: 1,
  });
}

/** A value can be too deep for the stack before it has come to the limit, where a schema takes many frames a level. */
export function orTooDeep(error: unknown): unknown {
  const full = error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
  return full ? tooDeep() : error;
}

function newRun(issues: JsonSchemaIssue[] | undefined, all: boolean): Run {
  return { issues, all, path: [], depth: 0, calls: 0, known: undefined, passed: undefined, name: undefined };
}

/** A run for verdicts alone, of one value and its parts as long as nobody changes them. */
export const quietRun = (): Run => newRun(undefined, false);

/** The verdict of a check that was made by Checks. */
export function fits(check: Check, value: unknown, run: Run = quietRun()): boolean {
  try {
    return check(value, run);
  } catch (error) {
    throw orTooDeep(error);
  }
}

/** What is wrong with a value: nothing, the first of it, or (`all`) up to a hundred issues. */
export function issuesOf(check: Check, value: unknown, all: boolean): JsonSchemaIssue[] {
  const issues: JsonSchemaIssue[] = [];
  try {
    return check(value, newRun(issues, all)) ? [] : issues;
  } catch (error) {
    throw orTooDeep(error);
  }
}
