// What a decoder or an encoder says of a value.

import { JsonSchemaError } from '../../../lib/json';

/** Whether it takes the value; any error but a JsonSchemaError passes through. */
export function takes(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof JsonSchemaError) return false;
    throw error;
  }
}
