// Texts of all kinds that JSON has in practice, and some it should not have, made from a seed: what json/sweep and json/mixed read.

type Random = () => number;
const int = (random: Random, below: number): number => Math.floor(random() * below);
const word = (random: Random, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(97 + int(random, 26))).join('');
const from = (random: Random, low: number, high: number, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(low + int(random, high - low))).join('');
const names = Array.from({ length: 40 }, (_, i) => `field_${i.toString(36)}${'x'.repeat(i % 7)}`);

const scalar = (random: Random): unknown =>
  [int(random, 1e6), random() * 1e3, word(random, 4 + int(random, 30)), random() < 0.5, null][int(random, 5)];
const flat = (random: Random, keys: string[]): Record<string, unknown> =>
  Object.fromEntries(keys.map((key) => [key, scalar(random)]));
const record = (random: Random, i: number) => ({
  id: i,
  name: word(random, 12),
  at: '2024-05-01T12:00:00Z',
  score: random() * 100,
  ok: random() < 0.5,
  tags: [word(random, 5), word(random, 6)],
});
/** Some of the names, in an order of its own. */
const drifting = (random: Random) => {
  const start = int(random, 30);
  const keys = names.slice(start, start + 3 + int(random, 8));
  return flat(random, random() < 0.3 ? keys.reverse() : keys);
};
const point = (random: Random) => [random() * 360 - 180, random() * 180 - 90];

/** An element of a list of its kind. */
const lists: Record<string, (random: Random, i: number) => unknown> = {
  records: record,
  'records, shapes drift': drifting,
  'records, new keys': (random) => flat(random, [word(random, 8), word(random, 9), word(random, 7)]),
  'records of 60 keys': (random) =>
    flat(
      random,
      Array.from({ length: 60 }, (_, i) => `${names[i % 40]}${i}`),
    ),
  'records, years': (random, i) => ({
    id: i,
    '2023': int(random, 1e4),
    '2024': int(random, 1e4),
    '7': random() < 0.5,
  }),
  'points, GeoJSON': (random, i) => ({
    type: 'Feature',
    id: i,
    properties: { name: word(random, 8), kind: null },
    geometry: { type: 'Point', coordinates: point(random) },
  }),
  'polygons, GeoJSON': (random, i) => ({
    type: 'Feature',
    properties: { id: i },
    geometry: {
      type: 'Polygon',
      coordinates: [Array.from({ length: 5 + int(random, 40) }, () => point(random))],
    },
  }),
  Japanese: (random, i) => ({
    id: i,
    text: from(random, 0x3041, 0x3096, 20),
    more: from(random, 0x4e00, 0x9000, 30),
  }),
  'Latin-1': (random, i) => ({ id: i, text: from(random, 0xc0, 0xff, 12) + word(random, 20) }),
  emoji: (random, i) => ({ id: i, text: `${word(random, 10)}😀${word(random, 5)}🎉` }),
  escapes: (random, i) => ({ id: i, text: `"${word(random, 5)}"\n\t\\${word(random, 4)}\u0001` }),
  'long strings': (random) => word(random, 3000),
  'short strings': (random) => word(random, 3 + int(random, 6)),
  'small integers': (random) => int(random, 1000),
  'large integers': (random) => int(random, 2 ** 53),
  doubles: (random) => random() * 1000,
  exponents: (random) => (random() - 0.5) * 10 ** int(random, 300),
  decimals: (random) => int(random, 1e5) / 100,
  literals: (random) => [true, false, null][int(random, 3)],
  'all kinds': (random, i) => [scalar(random), [], {}, [i, 'x'], { a: scalar(random) }][int(random, 5)],
  'empty objects': () => ({}),
  'lists of lists': (random) => [[int(random, 9)], [word(random, 3), [null]]],
  pairs: (random) => [int(random, 1e6), int(random, 1e6)],
  'pairs of doubles': point,
  'a string and a number': (random) => [word(random, 6), int(random, 1e6)],
  'empty lists': () => [],
  'short Japanese': (random) => from(random, 0x4e00, 0x9000, 10),
  nulls: () => null,
};
/** A member of an object whose keys are data. */
const maps: Record<string, (random: Random, i: number) => [string, unknown]> = {
  'map of numbers': (random) => [word(random, 10), int(random, 1e6)],
  'map of strings': (random) => [word(random, 10), word(random, 15)],
  'map of records': (random, i) => [`${word(random, 6)}${i}`, record(random, i)],
  'map by ids': (random, i) => [String(1e6 + i * 7), drifting(random)],
};
export const kinds = [
  ...Object.keys(lists),
  ...Object.keys(maps),
  'deep',
  'records, pretty',
  'records, shapes drift, pretty',
];

/** A text of the kind, of about `size` bytes. */
export function textOf(kind: string, size: number, random: Random): Buffer {
  const pretty = kind.endsWith(', pretty');
  const base = pretty ? kind.slice(0, -', pretty'.length) : kind;
  if (kind === 'deep') {
    const one = `{"a":[1,${'{"b":['.repeat(20)}${']}'.repeat(20)}]}`;
    const count = Math.max(1, Math.round(size / (one.length + 1)));
    return Buffer.from(`[${Array.from({ length: count }, () => one).join(',')}]`);
  }
  const map = maps[base];
  const list = lists[base];
  let text = '';
  for (let i = 0; text.length < size || i === 0; i++) {
    const value = map === undefined ? list?.(random, i) : map(random, i);
    const [key, item] = map === undefined ? ['', value] : (value as [string, unknown]);
    const shown = pretty ? JSON.stringify(item, null, 2) : JSON.stringify(item);
    text += `${i > 0 ? (pretty ? ',\n  ' : ',') : ''}${map === undefined ? '' : `${JSON.stringify(key)}:`}${shown}`;
  }
  return Buffer.from(map === undefined ? `[${text}]` : `{${text}}`);
}
