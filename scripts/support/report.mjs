// The report of a bench run: what each bench printed, and a plot of it. A bench tells its rows by printing them, as stats.ts and
// compare.h do: a label, `1.23x [1.10, 1.40]` (median and 95 % interval of a ratio), after it maybe the ratio of the peer
// against itself. A label that begins with a space belongs to the row above. Nothing else is asked of a bench.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

const ratio = String.raw`(\d+\.\d+)x \[(\d+\.\d+), (\d+\.\d+)\]`;
const rowOf = new RegExp(`^(\\s*\\S.*?)\\s+${ratio}(?:\\s*${ratio})?`);

/** @returns {{ label: string, under: boolean, ratio: number[], noise?: number[] }[]} ratios as [median, low, high] */
export function rowsOf(output) {
  return output.split('\n').flatMap((line) => {
    const found = rowOf.exec(line);
    if (found === null) return [];
    const [, label, ...texts] = found;
    const [middle, low, high, ...noise] = texts.filter((text) => text !== undefined).map(Number);
    return [
      {
        label: label.trim(),
        under: label.startsWith(' '),
        ratio: [middle, low, high],
        ...(noise.length === 3 ? { noise } : {}),
      },
    ];
  });
}

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const steps = [0.1, 0.2, 0.5, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000];
const kRow = 20;
const kLeft = 280;
const kWidth = 560;
const kRight = 90;
const kTop = 64;

/** The ticks of an axis from `low` to `high`, no two closer than a label is wide. */
function ticksOf(low, high, x) {
  const inside = steps.filter((step) => step >= low && step <= high);
  const kept = inside.includes(1) ? [1] : [];
  for (const step of inside) if (kept.every((other) => Math.abs(x(step) - x(other)) >= 34)) kept.push(step);
  return kept;
}

/** An SVG of the rows on a logarithmic axis: a dot and its 95 % interval each, the noise as a grey bar behind. */
export function plotOf(title, rows) {
  // what is drawn at all: a ratio of 0 has no place on the axis
  const shown = (value) => Math.min(1000, Math.max(0.05, value));
  const all = rows.flatMap(({ ratio, noise = [] }) => [...ratio, ...noise]).map(shown);
  const low = Math.min(0.8, ...all) / 1.06;
  const high = Math.max(1.25, ...all) * 1.06;
  const x = (value) => kLeft + (kWidth * Math.log(shown(value) / low)) / Math.log(high / low);
  const at = (value) => x(value).toFixed(1);
  const bottom = kTop + rows.length * kRow;
  const grid = ticksOf(low, high, x).map(
    (step) =>
      `<line class="${step === 1 ? 'one' : 'grid'}" x1="${at(step)}" x2="${at(step)}" y1="${kTop - 6}" y2="${bottom}"/>` +
      `<text class="tick" x="${at(step)}" y="${bottom + 16}">${step}</text>`,
  );
  const drawn = rows.map(({ label, under, ratio: [middle, from, to], noise }, i) => {
    const y = kTop + i * kRow + kRow / 2;
    const kind = to < 1 ? 'slower' : from > 1 ? 'faster' : 'even';
    return [
      `<text class="label${under ? ' under' : ''}" x="${kLeft - 12}" y="${y + 4}">${escaped(label)}</text>`,
      noise === undefined
        ? ''
        : `<rect class="noise" x="${at(noise[1])}" width="${Math.max(1, x(noise[2]) - x(noise[1])).toFixed(1)}" y="${y - 6}" height="12"/>`,
      `<g class="${kind}"><line x1="${at(from)}" x2="${at(to)}" y1="${y}" y2="${y}"/>`,
      `<line x1="${at(from)}" x2="${at(from)}" y1="${y - 4}" y2="${y + 4}"/><line x1="${at(to)}" x2="${at(to)}" y1="${y - 4}" y2="${y + 4}"/>`,
      `<circle cx="${at(middle)}" cy="${y}" r="3.5"/></g>`,
      `<text class="value" x="${kLeft + kWidth + 10}" y="${y + 4}">${middle.toFixed(2)}</text>`,
    ].join('');
  });
  const width = kLeft + kWidth + kRight;
  const height = bottom + 48;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title).replaceAll('"', '&quot;')}">
<style>
  svg { font: 12px system-ui, sans-serif; color: #1b1f24 } .paper { fill: #fff }
  text { fill: currentColor } .title { font-weight: 600; font-size: 13px } .note { fill: #59636e }
  .label { text-anchor: end } .under { fill: #59636e } .tick { text-anchor: middle } .value { font-variant-numeric: tabular-nums }
  .grid { stroke: #d1d9e0 } .one { stroke: #1b1f24; stroke-width: 1.5 } .noise { fill: #d1d9e0 }
  g line { stroke: currentColor; stroke-width: 2 } g circle { fill: currentColor }
  .faster { color: #1a7f37 } .even { color: #59636e } .slower { color: #cf222e }
  @media (prefers-color-scheme: dark) {
    svg { color: #e6edf3 } .paper { fill: #0d1117 } .note, .under { fill: #9198a1 } .grid { stroke: #2a313c } .one { stroke: #e6edf3 }
    .noise { fill: #30363d } .faster { color: #3fb950 } .even { color: #9198a1 } .slower { color: #f85149 }
  }
</style>
<rect class="paper" width="100%" height="100%"/>
<text class="title" x="12" y="22">${escaped(title)}</text>
<text class="note" x="12" y="40">dot: median; line: its 95 % interval; grey: the peer against itself</text>
${[...grid, ...drawn].join('\n')}
<text class="note tick" x="${kLeft + kWidth / 2}" y="${bottom + 36}">ratio to the peer, logarithmic; right of 1: better than the peer</text>
</svg>
`;
}

/** Writes report.md and a plot for each bench that printed rows. `benches`: { name, output }. Returns the report's path. */
export function writeReport(folder, benches) {
  mkdirSync(folder, { recursive: true });
  const parts = benches.map(({ name, output }) => {
    const rows = rowsOf(output);
    const title = output.split('\n').find((line) => line.trim() !== '') ?? name;
    const file = `${name.replace(/^bench\//, '').replaceAll(/[^\w]+/g, '-')}.svg`;
    if (rows.length > 0) writeFileSync(join(folder, file), plotOf(title, rows));
    const plot = rows.length > 0 ? `![${title}](${file})\n\n` : '';
    return `## ${name}\n\n${plot}\`\`\`\n${output.trim()}\n\`\`\`\n`;
  });
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}, Node ${process.version}`;
  const path = join(folder, 'report.md');
  writeFileSync(path, `# Benches\n\n${machine}; ${new Date().toISOString()}\n\n${parts.join('\n')}`);
  return path;
}
