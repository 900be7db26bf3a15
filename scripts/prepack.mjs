// npm runs this before it packs: a clean build of the library, and the addon, without debug information, into
// prebuilds/<platform>-<arch>/. A tarball without a binary would be a silent loss, so here everything is required.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { glibcFloor, glibcLimit, olderOrEqual } from './support/glibc.mjs';
import { addonPath } from './support/native-build.mjs';
import { findProgram, root } from './support/tools.mjs';

rmSync(join(root, 'dist'), { recursive: true, force: true });
const build = spawnSync(process.execPath, [join(root, 'scripts', 'prepare.mjs')], {
  env: { ...process.env, TAILRACE_BUILD: 'required' },
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (build.status !== 0) process.exit(1);

const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
const target = join(folder, 'tailrace.node');
mkdirSync(folder, { recursive: true });
copyFileSync(addonPath, target);
if (findProgram('strip') !== undefined) spawnSync('strip', ['--strip-debug', target]);

const floor = glibcFloor(target);
if (floor === undefined) {
  console.log('tailrace: objdump is not installed, so the GLIBC floor of the binary was not looked at');
} else {
  console.log(`tailrace: the binary needs GLIBC ${floor} or newer`);
  if (!olderOrEqual(floor, glibcLimit)) {
    console.error(`tailrace: that is newer than GLIBC ${glibcLimit}, the floor this package promises`);
    process.exit(1);
  }
}
