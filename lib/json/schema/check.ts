// Checks: a schema as functions of a value. Keywords run in ajv's order and report in ajv's words, so that what a client of
// an API sees does not change with the validator.
//
// The order, in ajv's terms: a `type` that no keyword of its own group follows comes first; then $ref, const, enum and the
// combinations; then the groups of numbers, strings, arrays and objects, each only for values of its type.

import { oneOfValues } from './equal';
import { isRuleBesideRef, type TypeName } from './keywords';
import type { SchemaNode } from './model';
import {
  type Check,
  kMaxReferences,
  noting,
  type Place,
  quietly,
  remember,
  report,
  sequence,
  tentative,
  tooDeep,
  verdictOf,
} from './run';
import { hasGroup, kGroupNames, placeOf, simple, TypeChecks } from './type-checks';
import { kIsType, type TypeTests, typesOf } from './types';

/** Inside a composite ajv goes on after a wrong `type` with the keywords that are for every type. */
function typeAndMore(isOfType: Check, more: Check): Check {
  return (value, run) => {
    if (isOfType(value, run)) return more(value, run);
    if (run.issues !== undefined) more(value, run);
    return false;
  };
}

/** A schema that is nothing but a reference is another name of the one it refers to, and no step of its own in ajv's paths. */
function behindNames(node: SchemaNode): SchemaNode {
  const seen = new Set<SchemaNode>();
  let at = node;
  while (at.ref !== undefined && !seen.has(at) && !Object.keys(at.keywords).some(isRuleBesideRef)) {
    seen.add(at);
    at = at.ref;
  }
  return at;
}

/** Makes the checks of one model. */
export class Checks {
  /** Schemas that others refer to and that refer to others: one function each, made once. */
  readonly #called = new Map<SchemaNode, { check: Check | undefined }>();

  readonly #typed: TypeChecks;
  readonly #isType: TypeTests;

  constructor(isType: TypeTests = kIsType) {
    this.#isType = isType;
    this.#typed = new TypeChecks((node, place) => this.#compile(node, place), isType);
  }

  /** The check of a node by itself: its schemaPaths begin at '#'. */
  of(node: SchemaNode, composite = false): Check {
    return this.#compile(node, { path: '#', composite });
  }

  #compile(node: SchemaNode, place: Place): Check {
    const check = this.#alone(node, place);
    if (!node.tracked) return check;
    const { unevaluatedProperties } = node;
    if (unevaluatedProperties === undefined) return noting(node, check);
    return noting(node, this.#typed.unevaluated(node, unevaluatedProperties, check, place));
  }

  /** All but unevaluatedProperties. */
  #alone(node: SchemaNode, place: Place): Check {
    if (node.schema === true) return () => true;
    if (node.schema === false) {
      return (_value, run) => report(run, place, 'false schema', {}, 'boolean schema is false');
    }
    const types = typesOf(node);
    const checks: Check[] = [];
    const alone = types?.length === 1 ? (types[0] as TypeName) : undefined;
    const inGroup = kGroupNames.find((group) => group === alone && hasGroup(node, group));
    const isOfType = types === undefined ? undefined : this.#type(node, types, place);
    const any = sequence(this.#any(node, place));
    if (isOfType === undefined || inGroup !== undefined) checks.push(any);
    else if (place.composite) checks.push(typeAndMore(isOfType, any));
    else checks.push(isOfType, any);
    for (const group of kGroupNames) {
      if (!hasGroup(node, group)) continue;
      const inner = sequence(this.#typed.of(node, group, place));
      const belongs = this.#isType[group];
      if (group === inGroup && isOfType !== undefined) {
        checks.push((value, run) => (belongs(value) ? inner(value, run) : isOfType(value, run)));
      } else {
        checks.push((value, run) => !belongs(value) || inner(value, run));
      }
    }
    return sequence(checks);
  }

  #below(node: SchemaNode, place: Place, keyword: string, step?: string | number): Check {
    return this.#compile(node, placeOf(place, keyword, step));
  }

  #part(node: SchemaNode, place: Place, keyword: string, step?: number): Check {
    return tentative(node, this.#below(node, { path: place.path, composite: true }, keyword, step));
  }

  #type(node: SchemaNode, types: TypeName[], place: Place): Check {
    const { type } = node.keywords;
    const message = `must be ${String(type)}`;
    const tests = types.map((name) => this.#isType[name]);
    const [only] = tests;
    return (value, run) => {
      if (tests.length === 1 ? (only as (value: unknown) => boolean)(value) : tests.some((is) => is(value)))
        return true;
      return report(run, place, 'type', { type }, message);
    };
  }

  // ---- for values of every type

  #any(node: SchemaNode, place: Place): Check[] {
    const { keywords } = node;
    const checks: Check[] = [];
    if (node.ref !== undefined) checks.push(this.#reference(node.ref, keywords.$ref as string, place));
    if (keywords.const !== undefined) {
      const params = { allowedValue: keywords.const };
      checks.push(simple(place, 'const', params, 'must be equal to constant', oneOfValues([keywords.const])));
    }
    if (keywords.enum !== undefined) {
      const allowedValues = keywords.enum as unknown[];
      const message = 'must be equal to one of the allowed values';
      checks.push(simple(place, 'enum', { allowedValues }, message, oneOfValues(allowedValues)));
    }
    if (node.not !== undefined) {
      const inner = quietly(this.#part(node.not, place, 'not'));
      checks.push((value, run) => {
        const { passed } = run;
        run.passed = undefined; // what `not` looks at says nothing about members
        const fits = inner(value, run);
        run.passed = passed;
        return !fits || report(run, place, 'not', {}, 'must NOT be valid');
      });
    }
    if (keywords.anyOf !== undefined) checks.push(this.#anyOf(node, place));
    if (keywords.oneOf !== undefined) checks.push(this.#oneOf(node, place));
    for (let i = 0; i < node.allOf.length; i++) {
      checks.push(this.#below(node.allOf[i] as SchemaNode, place, 'allOf', i));
    }
    if (node.if !== undefined) checks.push(this.#if(node, place));
    return checks;
  }

  #reference(named: SchemaNode, ref: string, place: Place): Check {
    const target = behindNames(named);
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
      const calls = run.calls++;
      const verdict = verdictOf(entry, value, run);
      if (verdict !== undefined) return verdict;
      if (++run.depth > kMaxReferences) throw tooDeep();
      const { name } = run;
      run.name = undefined;
      const fits = (entry.check as Check)(value, run);
      run.name = name;
      run.depth--;
      remember(entry, value, run, calls, fits);
      return fits;
    };
  }

  #anyOf(node: SchemaNode, place: Place): Check {
    const parts = node.anyOf.map((part, i) => this.#part(part, place, 'anyOf', i));
    return (value, run) => {
      const before = run.issues?.length ?? 0;
      let fits = false;
      for (let i = 0; i < parts.length; i++) {
        if (!(parts[i] as Check)(value, run)) continue;
        fits = true;
        if (run.passed === undefined) break; // else each that fits tells of other members
      }
      if (!fits) return report(run, place, 'anyOf', {}, 'must match a schema in anyOf');
      if (run.issues !== undefined) run.issues.length = before;
      return true;
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
      const target = keyword === 'then' ? node.thenPart : node.elsePart;
      if (target === undefined) return () => true;
      const inner = tentative(target, this.#below(target, place, keyword));
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
}
