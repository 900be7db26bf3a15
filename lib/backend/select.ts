// Chooses the backend, once and not before it is needed: requiring the package loads no addon and no part.
//
//   TAILRACE_BACKEND=auto (default)  the addon when it loads; otherwise the fallback, with a reason
//                   =native          the addon, or an error with every cause
//                   =js              the fallback, asked for
//
// A backend's parts are modules of their own, loaded at first use. Each exports
//   lib/backend/native/<part>: create(addon: NativeAddon): <Part>Backend
//   lib/backend/js/<part>:     create(): <Part>Backend

import { InvalidArgument, TailraceError } from '../errors';
import type { Backend } from './contract';
import { type LoadResult, loadAddon } from './load';

/** The backend in use and, for the fallback, why. */
export interface Selection {
  readonly backend: Backend;
  readonly reason: string | undefined;
}

let chosen: Selection | undefined;

function native(load: LoadResult): Backend | undefined {
  if (load.state !== 'loaded') return undefined;
  return (require('./native') as typeof import('./native')).createNativeBackend(load.addon);
}

/** The fallback, whatever is selected: for tests that compare the two. */
export function jsBackend(): Backend {
  return (require('./js') as typeof import('./js')).createJsBackend();
}

/** The native backend, whatever is selected; throws ERR_TAILRACE_NO_NATIVE with every cause. */
export function nativeBackend(load: LoadResult = loadAddon()): Backend {
  const backend = native(load);
  if (backend !== undefined) return backend;
  const failed = load as Exclude<LoadResult, { state: 'loaded' }>;
  const causes = failed.state === 'broken' ? failed.causes : [];
  throw new TailraceError(
    'ERR_TAILRACE_NO_NATIVE',
    `The native backend is not available: ${failed.reason}`,
    causes.length === 0 ? undefined : { cause: causes.length === 1 ? causes[0] : new AggregateError(causes) },
  );
}

/** One selection by the rules above; does not remember. `warn` hears of a binary that is there and does not load. */
export function select(
  wanted: string | undefined,
  load: () => LoadResult,
  warn: (message: string) => void,
): Selection {
  switch (wanted ?? 'auto') {
    case 'js':
      return { backend: jsBackend(), reason: 'TAILRACE_BACKEND=js' };
    case 'native':
      return { backend: nativeBackend(load()), reason: undefined };
    case '':
    case 'auto': {
      const result = load();
      const backend = native(result);
      if (backend !== undefined) return { backend, reason: undefined };
      const { state, reason } = result as Exclude<LoadResult, { state: 'loaded' }>;
      if (state === 'broken') warn(`tailrace runs on its JavaScript fallback: ${reason}`);
      return { backend: jsBackend(), reason };
    }
    default:
      throw new InvalidArgument('TAILRACE_BACKEND', "'native', 'js' or 'auto'", wanted);
  }
}

const kIsas = ['icelake', 'haswell', 'westmere', 'arm64', 'fallback'];

/** A kernel that this CPU cannot run is passed over for the best that it can; a name that is none is a mistake. */
export function checkIsa(wanted: string | undefined): void {
  if (wanted === undefined || wanted === '' || kIsas.includes(wanted)) return;
  throw new InvalidArgument('TAILRACE_ISA', `one of ${kIsas.join(', ')}`, wanted);
}

/** What this process (this thread) runs on. Chosen at the first call. */
export function selection(): Selection {
  if (chosen === undefined) checkIsa(process.env.TAILRACE_ISA);
  chosen ??= select(process.env.TAILRACE_BACKEND, loadAddon, (message) =>
    process.emitWarning(message, { type: 'TailraceWarning', code: 'TAILRACE_BROKEN_ADDON' }),
  );
  return chosen;
}

/** The backend in use. */
export function backend(): Backend {
  return (chosen ?? selection()).backend;
}
