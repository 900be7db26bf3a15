// Where things are, seen from the compiled tests (dist/test/support).

import { resolve } from 'node:path';

/** The folder of package.json. */
export const root = resolve(__dirname, '..', '..', '..');
