// AbortSignals as a careful handler hears them.

/** Runs `then` when the signal aborts, or now when it has: a client may leave before its handler begins. */
export function whenAborted(signal: AbortSignal, then: () => void): void {
  if (signal.aborted) then();
  else signal.addEventListener('abort', then, { once: true });
}
