// Finds the addon and loads it. Two outcomes that look alike to a user are kept apart: *absent* (no binary was built
// or shipped for this platform: the fallback is what this platform gets, quietly) and *broken* (there is a
// binary and it does not load: somebody must hear of it, with the loader's own message).

import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What the addon exports: one object a part, made by native/binding/<part>.cc. lib/backend/native types them. */
export interface NativeAddon {
  readonly [part: string]: unknown;
}

export type LoadResult =
  | { readonly state: 'loaded'; readonly addon: NativeAddon; readonly path: string }
  | { readonly state: 'absent'; readonly reason: string }
  | { readonly state: 'broken'; readonly reason: string; readonly causes: readonly Error[] };

/** The folder of package.json, from dist/lib/backend. */
export const packageRoot = resolve(__dirname, '..', '..', '..');

/** Where a binary may be, the best first. TAILRACE_ADDON names one file and leaves no other choice. */
export function candidates(root: string = packageRoot, env: NodeJS.ProcessEnv = process.env): string[] {
  if (env.TAILRACE_ADDON) return [resolve(env.TAILRACE_ADDON)];
  return [
    join(root, 'build', 'Release', 'tailrace.node'),
    join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'tailrace.node'),
  ];
}

/** Other runtimes load Node-API addons, but have no libuv loop for this one to live in. */
function foreignRuntime(): string | undefined {
  if (process.versions.bun !== undefined) return 'Bun';
  if ((process.versions as Record<string, string | undefined>).deno !== undefined) return 'Deno';
  return undefined;
}

/** Whether this Node was linked with another C library than glibc. Slow (it makes a report): ask only after a failure. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header !== undefined && report.header.glibcVersionRuntime === undefined;
}

/**
 * Throws for an ELF file that ends before its section headers, which stand last: a download or a copy that was cut off. The
 * system would map what is not there, and the process would die of SIGBUS before anybody could say why.
 */
function checkWhole(path: string): void {
  const head = Buffer.alloc(64);
  const fd = openSync(path, 'r');
  try {
    const elf64 = readSync(fd, head, 0, 64, 0) === 64 && head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2;
    if (!elf64) return; // dlopen says what else is wrong
    const end = Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
    const { size } = fstatSync(fd);
    if (size < end) throw new Error(`${path}: the file is cut off: ${size} bytes of ${end}`);
  } finally {
    closeSync(fd);
  }
}

/** What every binary of this package has. */
const kParts = ['json', 'jsonEncode', 'jsonSchema', 'memory', 'net', 'sched', 'server'] as const;

function load(path: string): NativeAddon {
  checkWhole(path);
  // tsc leaves this require alone; the .node extension makes Node call dlopen.
  const addon = require(path) as NativeAddon;
  const missing = kParts.filter((part) => typeof addon?.[part] !== 'object');
  if (missing.length === 0) return addon;
  throw new Error(`${path}: not a binary of this version, it lacks ${missing.join(', ')}`);
}

/** Tries the candidates in order. Throws nothing; does not remember. */
export function loadAddon(paths: readonly string[] = candidates()): LoadResult {
  const foreign = foreignRuntime();
  if (foreign !== undefined) return { state: 'absent', reason: `no native binary for ${foreign}` };
  if (process.platform !== 'linux') {
    return { state: 'absent', reason: `no native binary for ${process.platform}-${process.arch}` };
  }
  const causes: Error[] = [];
  for (const path of paths) {
    if (!existsSync(path)) continue;
    try {
      return { state: 'loaded', addon: load(path), path };
    } catch (error) {
      causes.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  if (causes.length === 0) {
    const where = `${process.platform}-${process.arch}`;
    return {
      state: 'absent',
      reason: `no native binary was built or shipped for ${where} (npm run build:native)`,
    };
  }
  if (isMusl()) return { state: 'absent', reason: 'no native binary for musl libc' };
  const reason = `the native binary does not load: ${causes.map((cause) => cause.message.split('\n')[0]).join('; ')}`;
  return { state: 'broken', reason, causes };
}
