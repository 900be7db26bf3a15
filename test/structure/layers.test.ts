// The layers of design: lib/ by dependency-cruiser (rules in .dependency-cruiser.cjs), native/ by what its files include.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { root } from '../support/paths';
import { filesBelow, foldersIn, textOf, withoutComments } from '../support/tree';

const test = suite('layers');

/** What a part of native/ may include, itself left out. net, http and json never know each other. */
const mayKnow: Record<string, readonly string[]> = {
  base: [],
  memory: ['base'],
  net: ['base', 'memory'],
  http: ['base', 'memory'],
  json: ['base', 'memory'],
  sched: ['base', 'memory', 'net'],
  server: ['base', 'memory', 'net', 'http', 'json', 'sched'],
  rpc: ['base', 'memory', 'net', 'http', 'json', 'sched', 'server'],
  binding: ['base', 'memory', 'net', 'http', 'json', 'sched', 'server', 'rpc'],
};

/** The headers by which a program talks to the system and its clock. */
const systemHeaders =
  /^(sys\/|netinet\/|arpa\/|linux\/|net\/|unistd\.h|fcntl\.h|poll\.h|pthread\.h|signal\.h|time\.h|sched\.h|netdb\.h|chrono$|thread$|mutex$|condition_variable$|future$|filesystem$|fstream$)/;
/** Of these, the ones that are wanted for constants and for forms of addresses. */
const constantHeaders = new Set(['sys/epoll.h', 'poll.h', 'arpa/inet.h', 'netinet/in.h']);
/** System calls by their global names. */
const systemCalls =
  /(?<![\w>])::(epoll_\w+|poll|ppoll|read|write|readv|writev|recv\w*|send\w*|accept4?|socket|bind|listen|connect|close|shutdown|mmap|munmap|madvise|mprotect|eventfd|timerfd_\w+|clock_\w+|syscall|ioctl|fcntl|nanosleep|usleep|pthread_\w+|getsockopt|setsockopt|getsockname|getpeername)\(/;
/** base/os, the last words before an abort, and the forwarding of the C library's symbols. */
const isOsSeam = (path: string) =>
  /^native\/(base\/(os|check)[a-z_]*|binding\/glibc_floor)\.(h|cc)$/.test(path);

const nativeFiles = filesBelow('native', ['.h', '.cc', '.inc']);
const includes = nativeFiles.flatMap((path) =>
  [...withoutComments(textOf(path)).matchAll(/^\s*#\s*include\s*([<"])([^>"]+)[>"]/gm)].map((match) => ({
    path,
    part: path.split('/')[1] as string,
    own: match[1] === '"',
    target: match[2] as string,
  })),
);

test('lib keeps its layers', () => {
  const program = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const run = spawnSync(process.execPath, [program, '--config', '.dependency-cruiser.cjs', 'lib'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.is(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /\d+ modules, \d+ dependencies cruised/);
});

test('native parts include only what is below them', () => {
  assert.ok(includes.length > 100);
  const wrong = includes.filter(({ part, own, target }) => {
    const other = target.split('/')[0] as string;
    return own && other !== part && other in mayKnow && !mayKnow[part]?.includes(other);
  });
  assert.equal(wrong, []);
});

test('every include of our own names its part and exists', () => {
  const wrong = includes.filter(({ own, target }) => own && !existsSync(join(root, 'native', target)));
  assert.equal(wrong, []);
});

test('napi.h and uv.h stand in the binding only', () => {
  const wrong = includes.filter(
    ({ part, target }) =>
      part !== 'binding' && /^(napi|uv|node_api|js_native_api|node|v8)\b.*\.h$/.test(target),
  );
  assert.equal(wrong, []);
});

test('base/os is the only caller of the system and the clock', () => {
  const wrong = includes.filter(
    ({ path, own, target }) =>
      !own && systemHeaders.test(target) && !constantHeaders.has(target) && !isOsSeam(path),
  );
  assert.equal(wrong, []);
  const calls = nativeFiles.filter(
    (path) => !isOsSeam(path) && systemCalls.test(withoutComments(textOf(path))),
  );
  assert.equal(calls, []);
});

test('only lib/backend touches the addon', () => {
  const wrong = filesBelow('lib', ['.ts']).filter(
    (path) =>
      !path.startsWith('lib/backend/') && /\.node['"`]|process\.dlopen/.test(withoutComments(textOf(path))),
  );
  assert.equal(wrong, []);
});

test('native has the parts of the design and no other', () => {
  assert.equal(foldersIn('native'), Object.keys(mayKnow).sort());
});

test('no static object in the core that has a destructor by way of the standard library', () => {
  const pattern =
    /^(?:static\s+)?(?:std::(?:string|vector|map|unordered_map|set|function|thread|mutex)\b)[^()]*;/m;
  const wrong = nativeFiles.filter((path) => pattern.test(withoutComments(textOf(path))));
  assert.equal(wrong, []);
});

test.run();
