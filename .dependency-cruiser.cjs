// The layers of lib/, held by test/structure/layers.test.ts:
//   errors <- backend <- { memory, pool, net, json, sched } <- server <- rpc <- adapters <- index, cli
// A lower layer never knows a higher one; parts of one layer never know each other.
const parts = ['memory', 'pool', 'net', 'json', 'sched'];
const above = (names) => `^lib/(${names.join('|')})(/|\\.ts$)`;

/** Files of `from` may not import anything of `to`. */
const never = (name, from, to) => ({ name, severity: 'error', from: { path: from }, to: { path: to } });

const everythingAbove = {
  errors: ['backend', ...parts, 'server', 'rpc', 'adapters', 'index', 'cli'],
  backend: [...parts, 'server', 'rpc', 'adapters', 'index', 'cli'],
  server: ['rpc', 'adapters', 'index', 'cli'],
  rpc: ['adapters', 'index', 'cli'],
  adapters: ['index', 'cli'],
};

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: { path: '^lib/' },
      // Types may know each other.
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    ...Object.entries(everythingAbove).map(([low, high]) =>
      never(`${low}-knows-nothing-above`, `^lib/${low}(/|\\.ts$)`, above(high)),
    ),
    ...parts.map((part) =>
      never(
        `${part}-knows-nothing-beside-or-above`,
        `^lib/${part}/`,
        above([...parts.filter((other) => other !== part), 'server', 'rpc', 'adapters', 'index', 'cli']),
      ),
    ),
    // The native backend may use what the fallback has where it has nothing better; never the other way.
    never('fallback-knows-no-native', '^lib/backend/js/', '^lib/backend/(native/|load.ts$)'),
    {
      name: 'no-dependency-at-run-time',
      severity: 'error',
      from: { path: '^lib/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'] },
    },
    {
      name: 'only-what-exists',
      severity: 'error',
      from: { path: '^lib/' },
      // package.json is named as it lies from dist/lib.
      to: { couldNotResolve: true, pathNot: 'package\\.json$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    moduleSystems: ['cjs', 'es6'],
  },
};
