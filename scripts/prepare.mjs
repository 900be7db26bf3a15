// npm runs this after `npm ci` in a checkout: TypeScript, then the addon. What the addon's build misses is no error: one
// line says what it is, and the package works on its JavaScript fallback. A build that was possible and failed is one.
//
// TAILRACE_BUILD=skip leaves the addon out; =required makes a missing tool an error (CI, packing).
// TAILRACE_PREPARE_TS=skip leaves TypeScript out (what is in dist/ stays): for tests and for packing what they tested.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { addonPath, buildAddon, isCheckout, missingForBuild } from './support/native-build.mjs';
import { binOf, root } from './support/tools.mjs';

function fail(message) {
  console.error(`tailrace: ${message}`);
  process.exit(1);
}

function buildTypeScript() {
  if (process.env.TAILRACE_PREPARE_TS === 'skip') return;
  const tsc = binOf('typescript', 'bin/tsc');
  if (!existsSync(tsc)) fail('TypeScript is not installed: a checkout needs its development dependencies');
  const run = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, encoding: 'utf8' });
  if (run.status !== 0) fail(`the TypeScript sources do not compile\n${run.stdout}${run.stderr}`);
}

function buildNative() {
  const wanted = process.env.TAILRACE_BUILD ?? 'auto';
  if (wanted === 'skip') return console.log('tailrace: native core left out (TAILRACE_BUILD=skip)');
  const missing = missingForBuild();
  if (missing.length > 0) {
    const line = `native core not built, missing: ${missing.join(', ')}; the JavaScript fallback is used`;
    if (wanted === 'required') fail(line);
    return console.log(`tailrace: ${line}`);
  }
  const { ok, log } = buildAddon();
  if (!ok) {
    const tail = log.split('\n').slice(-60).join('\n');
    fail(`the native core does not build (TAILRACE_BUILD=skip leaves it out)\n${tail}`);
  }
  console.log(`tailrace: native core built: ${addonPath.slice(root.length + 1)}`);
}

if (isCheckout()) {
  buildTypeScript();
  buildNative();
}
