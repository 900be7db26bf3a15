// tailrace/pool: a bounded pool of things that are costly to make: connections, workers, parsers.
//
//   const connections = pool({ create: () => connect(url), destroy: (c) => c.close(), max: 100 });
//   const reply = await connections.use((c) => c.get('key'));
//
// Pure JavaScript, the same on both backends.

import { type PoolOptions, poolSettings } from './options';
import { Pool } from './pool';

export type { PoolOptions } from './options';
export type { AcquireOptions, Pool } from './pool';

/** Makes a pool. Throws InvalidArgument with the option's name. */
export function pool<T>(options: PoolOptions<T>): Pool<T> {
  return new Pool(poolSettings(options));
}
