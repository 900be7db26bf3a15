// The checks against ajv 8 on random schemas and values: the same verdict, the same errors in the same order, the first only
// and all of them.
// @timeout 240

import Ajv from 'ajv';
import Ajv2020 from 'ajv/dist/2020';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Checks } from '../../../lib/json/schema/check';
import { modelOf } from '../../../lib/json/schema/model';
import { fits, issuesOf } from '../../../lib/json/schema/run';
import { schemas, values } from './arbitrary';

const test = suite('json schema against ajv');

/** ajv looks for inherited members unless told not to; we never do. */
const kOptions = { strict: false, ownProperties: true, validateFormats: false, logger: false } as const;
const kRuns = Number(process.env.SCHEMA_RUNS ?? 120);

function property(dialect: 2020 | 7, allErrors: boolean): void {
  const make = dialect === 2020 ? Ajv2020 : Ajv;
  fc.assert(
    fc.property(
      schemas(dialect, false),
      fc.array(values(false), { minLength: 1, maxLength: 6 }),
      (schema, items) => {
        const peer = new make({ ...kOptions, allErrors });
        let validate: ReturnType<typeof peer.compile>;
        try {
          validate = peer.compile(schema as object);
        } catch (error) {
          // what ajv refuses to compile (equal items in an enum) is no question
          fc.pre(false);
          throw error;
        }
        const check = new Checks().of(modelOf(schema).root);
        for (const item of items) {
          // ajv keeps what `contains` found in the array before an empty one
          if (JSON.stringify(schema).includes('"contains"') && JSON.stringify(item).includes('[]')) continue;
          let wanted: boolean;
          try {
            wanted = validate(item) as boolean;
          } catch (error) {
            // a reference that goes round for ever; code of ajv's own making that does not run
            if (error instanceof RangeError || error instanceof ReferenceError) return;
            throw error;
          }
          const shown = `${JSON.stringify(schema)} on ${JSON.stringify(item)}`;
          assert.is(fits(check, item), wanted, shown);
          const errors = (wanted ? [] : (validate.errors ?? [])).map((error) => JSON.stringify(error));
          // ours end at a hundred, those inside a combination that fits after all included
          if (errors.length >= 50) continue;
          const ours = issuesOf(check, item, allErrors).map((issue) => JSON.stringify(issue));
          assert.is(ours[0], errors[0], shown);
          assert.is(ours.at(-1), errors.at(-1), shown);
          // Inside a combination ajv for 2020 goes on with the members of a pattern behind the first that is wrong.
          let at = 0;
          for (const error of errors) if (error === ours[at]) at++;
          assert.is(at, ours.length, shown);
          const goesOn = dialect === 2020 && JSON.stringify(schema).includes('"patternProperties"');
          if (errors.length === 1 || allErrors || !goesOn) assert.equal(ours, errors, shown);
        }
      },
    ),
    {
      includeErrorInReport: true,
      numRuns: kRuns,
      interruptAfterTimeLimit: 20_000,
      endOnFailure: process.env.SCHEMA_SHRINK === undefined,
    },
  );
}

for (const dialect of [2020, 7] as const) {
  test(`draft ${dialect}, the first error`, () => property(dialect, false));
  test(`draft ${dialect}, all errors`, () => property(dialect, true));
}

/** What only these texts tell apart, whatever else random schemas come upon. */
const kCases: [schema: object, value: unknown][] = [
  [
    {
      anyOf: [
        { type: 'string', enum: ['a'] },
        { type: 'integer', const: 1 },
      ],
    },
    true,
  ],
  [{ anyOf: [{ type: 'object', oneOf: [{ type: 'array' }, { type: 'number' }] }, { type: 'null' }] }, 'a'],
  [
    {
      oneOf: [
        { type: ['object', 'array'], multipleOf: 2 },
        { type: 'boolean', minimum: 5 },
      ],
    },
    -1,
  ],
  [
    {
      anyOf: [
        { type: 'number', format: 'float', enum: [1] },
        { type: 'integer', format: 'int32' },
      ],
    },
    'a',
  ],
  [{ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { title: 'b', type: 'string' } } }, 1],
  [
    {
      $ref: '#/$defs/a',
      $defs: { a: { $ref: '#/$defs/b', title: 'a' }, b: { items: { $ref: '#/$defs/b' }, type: 'array' } },
    },
    [1],
  ],
];

for (const allErrors of [false, true]) {
  test(`cases by hand, ${allErrors ? 'all errors' : 'the first error'}`, () => {
    for (const [schema, value] of kCases) {
      const validate = new Ajv2020({ ...kOptions, allErrors }).compile(schema);
      assert.not(validate(value));
      const ours = issuesOf(new Checks().of(modelOf(schema).root), value, allErrors);
      assert.equal(ours, JSON.parse(JSON.stringify(validate.errors)), JSON.stringify(schema));
    }
  });
}

test.run();
