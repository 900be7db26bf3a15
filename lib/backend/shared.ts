// What the facade and both backends share at run time (contract.ts has types only): the fixed JSON-RPC
// failures, and the mark for results that are JSON text already.

/** Codes -32700 to -32600 are JSON-RPC 2.0's own (section 5.1); -32000 and -32001 are of its server range. */
export const rpcFailures = {
  parse: { code: -32700, message: 'Parse error' },
  invalidRequest: { code: -32600, message: 'Invalid Request' },
  tooDeep: { code: -32600, message: 'Document too deep' },
  batchTooLarge: { code: -32600, message: 'Batch too large' },
  methodNotFound: { code: -32601, message: 'Method not found' },
  invalidParams: { code: -32602, message: 'Invalid params' },
  forbiddenKey: { code: -32602, message: 'Forbidden member name in params' },
  internal: { code: -32603, message: 'Internal error' },
  overloaded: { code: -32000, message: 'Server overloaded' },
  timeout: { code: -32001, message: 'Request timed out' },
} as const;

/** A method's result that is JSON text already (a worker thread made it): placed into the reply verbatim. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a backend's decoder gives for a text that it cannot decide on: not JSON, not fitting, or merely odd. */
export const kUndecided: unique symbol = Symbol('undecided');
