// The files of the checkout, for tests about its structure.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths';

const generated = new Set(['node_modules', 'dist', 'build', 'prebuilds', '.git', '.cache', 'corpus']);

/** Paths below `folder`, relative to the checkout, generated folders left out; sorted. */
export function filesBelow(folder: string, suffixes: readonly string[]): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        return generated.has(entry.name) || entry.name.startsWith('build-cmake')
          ? []
          : filesBelow(path, suffixes);
      }
      return suffixes.some((suffix) => entry.name.endsWith(suffix)) ? [path] : [];
    })
    .sort();
}

/** Names of the folders in `folder`. */
export function foldersIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** C++ and JavaScript comments replaced by nothing; strings stay. */
export function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/ \/\/ .*$/gm, '');
}
