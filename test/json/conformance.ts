// What tailrace/json owes its users, as a function of the backend in use: the same on each.

import type * as Json from '../../lib/json';
import { acceptSuite } from './suites/accept';
import { documentsSuite } from './suites/documents';
import { encodeSuite } from './suites/encode';
import { hostileSuite } from './suites/hostile';
import { linesSuite } from './suites/lines';
import { linesAheadSuite } from './suites/lines-ahead';
import { optionsSuite } from './suites/options';
import { prototypesSuite } from './suites/prototypes';
import { sharedSuite } from './suites/shared';
import { streamsSuite } from './suites/streams';

export function conformance(name: string, json: typeof Json): { run(): void } {
  const suites = [
    acceptSuite,
    optionsSuite,
    documentsSuite,
    encodeSuite,
    streamsSuite,
    linesSuite,
    linesAheadSuite,
    hostileSuite,
    prototypesSuite,
    sharedSuite,
  ];
  const made = suites.map((make) => make(name, json));
  return {
    run() {
      for (const suite of made) suite.run();
    },
  };
}
