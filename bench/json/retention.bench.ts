// What a kept string keeps: of each of 1,000 documents of 1 MB one string of 20 characters, by JSON.parse and by json.parse under
// each policy. Each in a process of its own, after a full collection; the sum is what a bar may be set on.
//
//   npm run bench -- json/retention

import { spawnSync } from 'node:child_process';
import * as json from '../../lib/json';
import { seeded } from '../support/stats';

const policies = ['v8', 'auto', 'flat', 'sliced'] as const;
type Policy = (typeof policies)[number];
type Row = { key: string; text: string };

function documents(): Buffer[] {
  const random = seeded(5);
  const word = (length: number) =>
    Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join('');
  return [0, 1].map(() =>
    Buffer.from(
      JSON.stringify(Array.from({ length: 8000 }, (_, i) => ({ id: i, key: word(20), text: word(68) }))),
    ),
  );
}

function measure(policy: Policy): void {
  const parse = (bytes: Buffer): Row[] =>
    policy === 'v8' ? JSON.parse(bytes.toString('utf8')) : json.parse<Row[]>(bytes, { strings: policy });
  const texts = documents();
  const kept: string[] = [];
  for (let i = 0; i < 1000; i++) kept.push((parse(texts[i & 1] as Buffer)[(i * 7) % 8000] as Row).key);
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  const mb = (bytes: number) => (bytes / 1e6).toFixed(2).padStart(8);
  console.log(
    `${policy.padEnd(8)}${mb(heapUsed)} MB heap${mb(external)} MB external${mb(heapUsed + external)} MB together, ${kept.length} strings`,
  );
}

const mine = process.argv[2] as Policy | undefined;
if (mine !== undefined) {
  measure(mine);
} else {
  for (const policy of policies)
    spawnSync(process.execPath, ['--expose-gc', __filename, policy], { stdio: 'inherit' });
}
