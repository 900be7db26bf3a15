// How a test file says which backend it is about. Call one of these before anything of the package is used (imports
// are fine: the backend is chosen at first use, and that is here, so that V8 does not stand in for it at first).

import { loadAddon } from '../../lib/backend/load';
import { Familiar } from '../../lib/backend/native/json/familiar';
import { selection } from '../../lib/backend/select';

/**
 * Ends this file as skipped, with the reason. The runner accepts it only before any test has run, and where nothing may
 * be skipped only when the reason begins with 'optional: '.
 */
export function skipFile(reason: string): never {
  console.log(`@skip-file ${reason}`);
  process.exit(0);
}

/**
 * This file tests the native backend. Without a binary the file is skipped, unless TAILRACE_TEST_NATIVE=required;
 * a binary that does not load is always a failure.
 */
export function onNative(): void {
  const load = loadAddon();
  if (load.state === 'absent' && process.env.TAILRACE_TEST_NATIVE !== 'required') skipFile(load.reason);
  if (load.state !== 'loaded') throw new Error(load.reason);
  process.env.TAILRACE_BACKEND = 'native';
  selection();
}

/** This file tests the JavaScript fallback. */
export function onFallback(): void {
  process.env.TAILRACE_BACKEND = 'js';
  selection();
}

/** Whether the native backend can be had in this process. */
export function hasNative(): boolean {
  return loadAddon().state === 'loaded';
}

/**
 * From now on the core reads every JSON text and writes every value that it may, also those of kinds that are left to V8 because it has lost with them: a test
 * that means the core would else mostly compare V8 with itself.
 */
export function everyTextIsOurs(): void {
  (require('../../lib/backend/native/json/choice') as { isOurs: () => boolean }).isOurs = () => true;
  Familiar.prototype.isForV8 = () => false;
}
