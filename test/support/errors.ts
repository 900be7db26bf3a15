// Predicates for errors, as assert.throws and assert.rejects take them.

export const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted;
export const invalid = (argument: string) => (error: unknown) =>
  error instanceof TypeError &&
  (error as { code?: string }).code === 'ERR_TAILRACE_INVALID_ARG' &&
  error.message.includes(`"${argument}"`);
