// Where messages go: the caller's logger, or stderr. Anything with the four methods will do (console, pino, winston).

import { InvalidArgument } from '../errors';

export interface Logger {
  debug(...args: unknown[]): void;
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
}

const kMethods = ['debug', 'info', 'warn', 'error'] as const;

/** Only what somebody should look at; without a logger, debug and info go nowhere. */
const stderrLog: Logger = {
  debug() {},
  info() {},
  warn: (...args) => console.warn(...args),
  error: (...args) => console.error(...args),
};

export function checkLog(value: Logger | undefined): Logger {
  if (value === undefined) return stderrLog;
  for (const method of kMethods) {
    if (typeof (value as Logger | null)?.[method] !== 'function') {
      throw new InvalidArgument('log', `an object with the methods ${kMethods.join(', ')}`, value);
    }
  }
  return value;
}

/** Logs a failure of a handler. A logger that throws itself costs its line, not the server. */
export function logFailure(log: Logger, what: string, error: unknown): void {
  try {
    log.error(what, error);
  } catch (failure) {
    process.emitWarning(
      `tailrace: the logger failed: ${failure instanceof Error ? failure.stack : typeof failure}`,
    );
  }
}
