// Finds the addon and loads it. Two outcomes that look alike to a user are kept apart: *absent* (no binary was built
// or shipped for this platform: the fallback is what this platform gets, quietly) and *broken* (there is a
// binary and it does not load: somebody must hear of it, with the loader's own message).

import { existsSync } from 'node:fs';
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
      // tsc leaves this require alone; the .node extension makes Node call dlopen.
      return { state: 'loaded', addon: require(path) as NativeAddon, path };
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
