// npm runs this before it packs: the library, and the addon, without debug information, into
// prebuilds/<platform>-<arch>/. A tarball without a binary would be a silent loss, so here everything is required.
// TAILRACE_PACK_BUILT=1 packs what has been built already.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { glibcFloor, glibcLimit, olderOrEqual } from './support/glibc.mjs';
import { addonPath } from './support/native-build.mjs';
import { filesBelow, findProgram, root } from './support/tools.mjs';

if (process.env.TAILRACE_PACK_BUILT !== '1') {
  const build = spawnSync(process.execPath, [join(root, 'scripts', 'prepare.mjs')], {
    env: { ...process.env, TAILRACE_BUILD: 'required' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (build.status !== 0) process.exit(1);
}

// What an older build left in dist/lib has no source any more and is not packed.
for (const path of filesBelow('dist/lib', '').filter((name) => /\.(d\.ts|js)$/.test(name))) {
  const source = path.replace(/^dist\//, '').replace(/\.(d\.ts|js)$/, '.ts');
  if (!existsSync(join(root, source))) rmSync(join(root, path));
}

const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
const target = join(folder, 'tailrace.node');
mkdirSync(folder, { recursive: true });
copyFileSync(addonPath, target);
if (findProgram('strip') !== undefined) spawnSync('strip', ['--strip-debug', target]);

// On stderr: `npm pack --json` and its like own stdout.
const floor = glibcFloor(target);
if (floor === undefined) {
  console.error('tailrace: objdump is not installed, so the GLIBC floor of the binary was not looked at');
} else {
  console.error(`tailrace: the binary needs GLIBC ${floor} or newer`);
  if (!olderOrEqual(floor, glibcLimit)) {
    console.error(`tailrace: that is newer than GLIBC ${glibcLimit}, the floor this package promises`);
    process.exit(1);
  }
}
