// What isolates() and its worker threads say to each other.

/** The first message names the module by its URL; workerData is the user's own. */
export type ToIsolate = { module: string } | { run: number; name: string; args: unknown[] };

export type FromIsolate =
  | { ready: true; names: string[] }
  | { failed: SentError }
  | { run: number; value: unknown }
  | { run: number; error: SentError };

/** An error on its way: structured clone keeps message and stack of the built-in classes, but drops own properties. */
export interface SentError {
  error: unknown;
  name?: string;
  code?: unknown;
}
