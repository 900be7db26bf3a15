// tailrace/memory on the JavaScript fallback.

import * as assert from 'node:assert/strict';
import { suite } from 'uvu';
import { coreHeap } from '../../lib/memory';
import { onFallback } from '../support/backends';
import { conformance } from './conformance';
import { decays } from './decay';
import { decaysInWorkers } from './decay-worker';
import { front } from './front';
import { guarded } from './guard';
import { misuse } from './misuse';
import { spares } from './spares';

onFallback();
conformance('fallback').run();
decays('fallback').run();
decaysInWorkers('fallback').run();
front('fallback').run();
guarded('fallback').run();
misuse('fallback').run();
spares('fallback').run();

const test = suite('memory, fallback only');

test("the core's heap: there is none", () => {
  assert.equal(coreHeap(), undefined);
});

test.run();
